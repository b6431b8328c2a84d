with

versions as (
    select
        zone_id,
        zone_name,
        kind,
        geometry,
        source_document,
        known_at,
        _version_at as version_at,
        _content_hash as content_hash
    from {{ source('raw', 'zones') }}
)

select *
from versions
qualify row_number() over (partition by zone_id order by version_at desc, content_hash desc) = 1
