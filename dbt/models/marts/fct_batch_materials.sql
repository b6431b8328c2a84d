-- One weighing. What the filed mix asks of a batch is asked per material: where several scales weigh one material (two
-- sizes of stone), each bears its part of that in proportion to the set points, so that the parts add up. Plant by
-- plant in the order of time, so that a reader of a plant's days passes by all others.
{{ kept_by_parts('int_batches_fingerprinted', ['plant_id', 'mixed_on']) }}

with

batches as (
    select mixed.*
    from {{ ref('int_batches_mixed') }} as mixed
    {{- only_changed_parts('mixed') }}
),

listed as (
    select
        plant_id,
        batch_id,
        ticket_id,
        mixed_at,
        mixed_on,
        batch_m3,
        mix_no,
        [
            {
                'scale': own,
                'siblings_kg': [
                    coalesce(other['target_kg'], other['actual_kg'], 0)
                    for other in materials if other['material'] = own['material']
                ]
            } for own in materials
        ] as weighings
    from batches
),

weighings as (
    select
        * exclude (weighings),
        generate_subscripts(weighings, 1) as weighing_no,
        unnest(weighings) as weighing
    from listed
),

measured as (
    select
        * exclude (weighing),
        weighing['scale']['material'] as material,
        weighing['scale']['lot_no'] as lot_no,
        weighing['scale']['target_kg'] as target_kg,
        weighing['scale']['actual_kg'] as actual_kg,
        list_sum(weighing['siblings_kg']) as siblings_kg,
        len(weighing['siblings_kg']) as siblings
    from weighings
),

parts as (
    select
        mixes.mix_no,
        parts.material,
        parts.kg_per_m3
    from {{ ref('int_mixes_spanned') }} as mixes
    inner join {{ ref('dim_mix_materials') }} as parts
        on mixes.plant_id = parts.plant_id and mixes.mix_id = parts.mix_id and mixes.valid_from = parts.valid_from
),

compared as (
    select
        measured.*,
        round(
            parts.kg_per_m3 * measured.batch_m3 * case
                when measured.siblings = 1 then 1
                when measured.siblings_kg > 0
                    then coalesce(measured.target_kg, measured.actual_kg, 0) / measured.siblings_kg
                else 1 / measured.siblings
            end,
            3
        ) as filed_kg
    from measured
    left join parts on measured.mix_no = parts.mix_no and measured.material = parts.material
)

select
    plant_id,
    batch_id,
    cast(weighing_no as integer) as weighing_no,
    ticket_id,
    mixed_at,
    mixed_on,
    material,
    lot_no,
    target_kg,
    actual_kg,
    filed_kg,
    case when target_kg > 0 then round(100 * (actual_kg - target_kg) / target_kg, 3) end as deviation_from_target_pct,
    case when filed_kg > 0 then round(100 * (actual_kg - filed_kg) / filed_kg, 3) end as deviation_from_filed_pct
from compared
order by plant_id, mixed_at, batch_id, weighing_no
