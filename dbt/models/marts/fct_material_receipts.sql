-- Plant by plant in the order of time, so that a reader of a plant's lots passes by all others.
select
    receipts.receipt_id,
    receipts.plant_id,
    plants.plant_id is not null as has_known_plant,
    receipts.material,
    receipts.lot_no,
    receipts.supplier_id,
    suppliers.canonical_id is not null as has_known_supplier,
    receipts.received_at,
    receipts.received_on,
    receipts.net_t,
    receipts.unit_price_cny_per_t,
    receipts.test_report_no,
    receipts.test_result,
    receipts.known_at,
    receipts.flags,
    receipts._source_file,
    receipts._source_row
from {{ ref('int_material_receipts_resolved') }} as receipts
left join {{ ref('stg_plants') }} as plants on receipts.plant_id = plants.plant_id
left join {{ ref('int_codes_known') }} as suppliers
    on suppliers.kind = 'supplier' and receipts.supplier_id = suppliers.canonical_id
order by receipts.plant_id, receipts.received_at, receipts.receipt_id
