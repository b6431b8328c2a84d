{{ newest_version(ref('stg_orders_versions'), 'order_id') }}
