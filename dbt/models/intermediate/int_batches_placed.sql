-- Which version stands for each batch, and the stretch of its mix that was in force when it was mixed: on file by then
-- and not withdrawn. A narrow table, so that millions of lists are read once, by who needs them (int_batches_mixed),
-- and only those of the days that changed. input_hash: what the batch's row follows from.
{{ config(materialized='table') }}

with

mixes as (
    select
        plant_id,
        mix_id,
        mix_no,
        valid_from,
        valid_to,
        hash(valid_from, grade, materials) as filed_hash  -- once per stretch: what is filed is a list
    from {{ ref('int_mixes_spanned') }}
    where status <> 'withdrawn'
)

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
        mixes.filed_hash,
        plants.plant_id
    ) as input_hash
from {{ ref('int_batches_resolved') }} as batches
left join mixes
    on
        batches.plant_id = mixes.plant_id
        and batches.mix_id = mixes.mix_id
        and batches.mixed_on >= mixes.valid_from
        and batches.mixed_on < coalesce(mixes.valid_to, date '9999-12-31')
left join {{ ref('stg_plants') }} as plants on batches.plant_id = plants.plant_id
