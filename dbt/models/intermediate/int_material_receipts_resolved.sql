-- Newest receipts under the ids that are ours, by the day of receipt.
select
    receipts.* replace (
        {{ resolved('plant', 'receipts.plant_id') }} as plant_id,
        {{ resolved('supplier', 'receipts.supplier_id') }} as supplier_id
    )
from {{ ref('stg_material_receipts') }} as receipts
{{ join_codes('plant', 'receipts.plant_id', 'receipts.received_on') }}
{{ join_codes('supplier', 'receipts.supplier_id', 'receipts.received_on') }}
