with

versions as (
    select
        plant_id,
        month as month_start,
        grade,
        m3_delivered as delivered_m3,
        m3_ordered as ordered_m3,
        cement_t,
        cny_sales as sales_cny,
        known_at,
        {{ business_date('known_at') }} as known_date,
        _version_at as version_at,
        _content_hash as content_hash,
        _flags as flags,
        _source_file,
        _source_row
    from {{ source('raw', 'statements') }}
)

{{ newest_version('versions', 'plant_id, month_start, grade') }}
