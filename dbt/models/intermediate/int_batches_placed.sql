-- Which version stands for each batch, and the stretch of its mix that was in force when it was mixed: on file by then
-- and not withdrawn. A narrow table, so that millions of lists are read once, by who needs them (int_batches_mixed),
-- and only those of the days that changed. input_hash: what the batch's row follows from.
{{ config(materialized='table') }}

select
    batches.plant_id,
    batches.batch_id,
    batches.mixed_on,
    batches.version_row,
    mixes.mix_no,
    hash(
        batches.plant_id,
        batches.content_hash,
        batches.version_at,
        batches.known_at,
        batches.flags,
        batches._source_file,
        batches._source_row,
        mixes.valid_from,
        mixes.grade,
        mixes.materials,
        plants.plant_id
    ) as input_hash
from {{ ref('int_batches_resolved') }} as batches
left join {{ ref('int_mixes_spanned') }} as mixes
    on
        batches.plant_id = mixes.plant_id
        and batches.mix_id = mixes.mix_id
        and mixes.status <> 'withdrawn'
        and batches.mixed_on >= mixes.valid_from
        and batches.mixed_on < coalesce(mixes.valid_to, date '9999-12-31')
left join {{ ref('stg_plants') }} as plants on batches.plant_id = plants.plant_id
