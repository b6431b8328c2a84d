-- Batches with their weighings and the mix in force when they were mixed.
with

mixed as (
    select
        versions.* replace (placed.plant_id as plant_id),
        placed.mix_no,
        mixes.valid_from as mix_valid_from,
        mixes.grade as mix_grade
    from {{ ref('int_batches_placed') }} as placed
    inner join {{ ref('stg_batches_versions') }} as versions on placed.version_row = versions.version_row
    left join {{ ref('int_mixes_spanned') }} as mixes on placed.mix_no = mixes.mix_no
)

select * exclude (version_row)
from mixed
