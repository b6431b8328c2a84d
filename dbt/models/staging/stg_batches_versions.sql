select
    plant_id,
    batch_id,
    ticket_id,
    line_no,
    mixed_at,
    {{ business_date('mixed_at') }} as mixed_on,
    batch_m3,
    mix_id,
    mixing_s,
    materials,
    known_at,
    {{ business_date('known_at') }} as known_date,
    _version_at as version_at,
    _content_hash as content_hash,
    _flags as flags,
    _source_file,
    _source_row
from {{ source('raw', 'batches') }}
