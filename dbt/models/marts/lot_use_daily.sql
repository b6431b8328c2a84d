-- In the order of lots, so that a reader of one lot passes by all others; its days then find its weighings.
select
    plant_id,
    material,
    lot_no,
    mixed_on,
    cast(count(*) as integer) as weighings,
    cast({{ exact_sum('target_kg') }} as double) as target_kg,
    cast({{ exact_sum('actual_kg') }} as double) as actual_kg,
    cast({{ exact_sum('filed_kg') }} as double) as filed_kg
from {{ ref('fct_batch_materials') }}
group by plant_id, material, lot_no, mixed_on
order by lot_no, plant_id, material, mixed_on
