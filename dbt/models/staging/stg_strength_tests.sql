with

versions as (
    select
        specimen_id,
        plant_id,
        ticket_id,
        batch_id,
        lab_id,
        grade,
        cast_on,
        tested_on,
        age_d,
        cube_1_mpa,
        cube_2_mpa,
        cube_3_mpa,
        size_mm,
        curing,
        result,
        known_at,
        {{ business_date('known_at') }} as known_date,
        _version_at as version_at,
        _content_hash as content_hash,
        _flags as flags,
        _source_file,
        _source_row
    from {{ source('raw', 'strength_tests') }}
)

{{ newest_version('versions', 'specimen_id') }}
