-- In the order of lots, so that a reader of one lot passes by all others; its days then find its weighings.
{{ kept_by_parts('int_batches_fingerprinted', ['plant_id', 'mixed_on']) }}

select
    weighings.plant_id,
    weighings.material,
    weighings.lot_no,
    weighings.mixed_on,
    cast(count(*) as integer) as weighings,
    cast({{ exact_sum('weighings.target_kg') }} as double) as target_kg,
    cast({{ exact_sum('weighings.actual_kg') }} as double) as actual_kg,
    cast({{ exact_sum('weighings.filed_kg') }} as double) as filed_kg
from {{ ref('fct_batch_materials') }} as weighings
{{- only_changed_parts('weighings') }}
group by weighings.plant_id, weighings.material, weighings.lot_no, weighings.mixed_on
order by weighings.lot_no, weighings.plant_id, weighings.material, weighings.mixed_on
