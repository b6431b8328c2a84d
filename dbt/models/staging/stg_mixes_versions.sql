select
    plant_id,
    mix_id,
    grade,
    filed_on,
    water_binder_ratio,
    sand_ratio,
    slump_mm,
    materials,
    status,
    known_at,
    {{ business_date('known_at') }} as known_date,
    _version_at as version_at,
    {{ business_date('_version_at') }} as version_on,
    _content_hash as content_hash,
    _flags as flags,
    _source_file,
    _source_row
from {{ source('raw', 'mixes') }}
