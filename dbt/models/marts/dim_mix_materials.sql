-- What a mix holds of each material; several parts of one material (two sizes of stone) are summed.
select
    mixes.plant_id,
    mixes.mix_id,
    mixes.valid_from,
    parts.part['material'] as material,
    cast(sum(cast(parts.part['kg_per_m3'] as decimal(18, 3))) as double) as kg_per_m3
from {{ ref('int_mixes_spanned') }} as mixes
cross join unnest(mixes.materials) as parts (part)
group by mixes.plant_id, mixes.mix_id, mixes.valid_from, parts.part['material']
order by mixes.plant_id, mixes.mix_id, mixes.valid_from, parts.part['material']
