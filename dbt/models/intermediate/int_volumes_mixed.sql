-- The volume that was mixed with what was weighed, once per plant, day and grade class.
select distinct
    plant_id,
    mixed_on,
    grade_class,
    mixed_m3
from {{ ref('int_materials_used') }}
