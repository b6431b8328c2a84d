-- Batches with the stretch of their mix that was in force when they were mixed: on file by then and not withdrawn.
select
    batches.*,
    mixes.mix_no,
    mixes.valid_from as mix_valid_from,
    mixes.grade as mix_grade
from {{ ref('int_batches_resolved') }} as batches
left join {{ ref('int_mixes_spanned') }} as mixes
    on
        batches.plant_id = mixes.plant_id
        and batches.mix_id = mixes.mix_id
        and mixes.status <> 'withdrawn'
        and batches.mixed_on >= mixes.valid_from
        and batches.mixed_on < coalesce(mixes.valid_to, date '9999-12-31')
