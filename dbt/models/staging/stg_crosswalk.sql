with

versions as (
    select
        kind,
        system,
        code,
        canonical_id,
        valid_from,
        valid_to as valid_through,
        known_at,
        {{ business_date('known_at') }} as known_date,
        _version_at as version_at,
        _content_hash as content_hash,
        _flags as flags,
        _source_file,
        _source_row
    from {{ source('raw', 'crosswalk') }}
)

{{ newest_version('versions', 'kind, system, code, valid_from') }}
