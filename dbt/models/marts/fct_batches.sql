-- Plant by plant in the order of time, so that a reader of a plant's days passes by all others.
{{ kept_by_parts('int_batches_fingerprinted', ['plant_id', 'mixed_on']) }}

with

batches as (
    select mixed.*
    from {{ ref('int_batches_mixed') }} as mixed
    {{- only_changed_parts('mixed') }}
),

summed as (
    select
        *,
        len(materials) as weighings,
        list_sum([weighing['target_kg'] for weighing in materials]) as target_kg,
        list_sum([weighing['actual_kg'] for weighing in materials]) as actual_kg
    from batches
)

select
    batches.plant_id,
    plants.plant_id is not null as has_known_plant,
    batches.batch_id,
    batches.ticket_id,
    batches.line_no,
    batches.mixed_at,
    batches.mixed_on,
    batches.batch_m3,
    batches.mix_id,
    batches.mix_no is not null as has_filed_mix,
    batches.mix_valid_from,
    batches.mix_grade as grade,
    batches.mixing_s,
    cast(batches.weighings as integer) as weighings,
    batches.target_kg,
    batches.actual_kg,
    batches.known_at,
    batches.flags,
    batches._source_file,
    batches._source_row
from summed as batches
left join {{ ref('stg_plants') }} as plants on batches.plant_id = plants.plant_id
order by batches.plant_id, batches.mixed_at, batches.batch_id
