-- Mixes, type 2 from their versions: one row per plant, mix and stretch of days in which it stayed the same. The first
-- stretch begins on the day of filing, since a mix is filed before its record arrives; where the first record that came
-- says that it is withdrawn, it was in use until then. mix_no numbers the stretches.
{{ config(materialized='table') }}

with

versions as (
    select
        versions.* replace ({{ resolved('plant', 'versions.plant_id') }} as plant_id)
    from {{ ref('stg_mixes_versions') }} as versions
    {{ join_codes('plant', 'versions.plant_id', 'versions.version_on') }}
),

-- The last version of each day.
daily as (
    select *
    from versions
    qualify
        row_number() over (
            partition by plant_id, mix_id, version_on order by version_at desc, content_hash desc
        ) = 1
),

attributed as (
    select
        *,
        row(grade, filed_on, water_binder_ratio, sand_ratio, slump_mm, materials, status) as attributes
    from daily
),

changed as (
    select *
    from attributed
    qualify coalesce(attributes <> lag(attributes) over (partition by plant_id, mix_id order by version_on), true)
),

ranged as (
    select
        *,
        row_number() over (partition by plant_id, mix_id order by version_on) as version_rank,
        lead(version_on) over (partition by plant_id, mix_id order by version_on) as valid_to
    from changed
),

spanned as (
    select
        *,
        coalesce(status, 'active') as stated_status,
        version_rank = 1 and filed_on < version_on as is_filed_earlier
    from ranged
),

stretches as (
    select
        * replace (
            case when is_filed_earlier and stated_status <> 'withdrawn' then filed_on else version_on end as version_on
        )
    from spanned
    union all
    select * replace (filed_on as version_on, version_on as valid_to, 'active' as stated_status)
    from spanned
    where is_filed_earlier and stated_status = 'withdrawn'
)

select
    row_number() over (order by plant_id, mix_id, version_on) as mix_no,
    plant_id,
    mix_id,
    grade,
    filed_on,
    water_binder_ratio,
    sand_ratio,
    slump_mm,
    materials,
    stated_status as status,
    version_on as valid_from,
    valid_to,
    flags,
    _source_file,
    _source_row
from stretches
