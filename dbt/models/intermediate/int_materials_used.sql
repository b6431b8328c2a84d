-- What was weighed, by plant, day, grade class and material, beside the volume that was mixed with it. The class is the
-- ticket's; where the ticket is not there, the mix's. A table: costs and procurement read it, not the weighings.
{{ kept_by_parts('int_materials_fingerprinted', ['plant_id', 'mixed_on']) }}

with

classed as (
    select batches.*
    from {{ ref('int_batches_classed') }} as batches
    {{- only_changed_parts('batches') }}
),

mixed as (
    select
        plant_id,
        mixed_on,
        grade_class,
        {{ exact_sum('batch_m3') }} as mixed_m3
    from classed
    group by plant_id, mixed_on, grade_class
),

weighings as (
    select weighings.*
    from {{ ref('fct_batch_materials') }} as weighings
    {{- only_changed_parts('weighings') }}
),

weighed as (
    select
        classed.plant_id,
        classed.mixed_on,
        classed.grade_class,
        weighings.material,
        {{ exact_sum('weighings.actual_kg') }} as used_kg
    from weighings
    inner join classed
        on
            weighings.plant_id = classed.plant_id
            and weighings.mixed_on = classed.mixed_on
            and weighings.batch_id = classed.batch_id
    group by classed.plant_id, classed.mixed_on, classed.grade_class, weighings.material
)

select
    weighed.plant_id,
    weighed.mixed_on,
    weighed.grade_class,
    weighed.material,
    weighed.used_kg,
    mixed.mixed_m3
from weighed
inner join mixed
    on
        weighed.plant_id = mixed.plant_id
        and weighed.mixed_on = mixed.mixed_on
        and weighed.grade_class = mixed.grade_class
