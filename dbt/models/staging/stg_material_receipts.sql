with

versions as (
    select
        receipt_id,
        plant_id,
        material,
        lot_no,
        supplier_id,
        received_at,
        {{ business_date('received_at') }} as received_on,
        net_t,
        unit_price_cny_per_t,
        test_report_no,
        test_result,
        known_at,
        {{ business_date('known_at') }} as known_date,
        _version_at as version_at,
        _content_hash as content_hash,
        _flags as flags,
        _source_file,
        _source_row
    from {{ source('raw', 'material_receipts') }}
)

{{ newest_version('versions', 'receipt_id') }}
