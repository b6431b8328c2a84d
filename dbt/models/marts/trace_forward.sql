-- From a ticket to its batches, their weighings, the lots weighed and the receipts and test reports behind them; and to
-- the order, part, project and permit that it served. A view: facts are kept once. Each join names what the tables are
-- sorted by, so that one ticket's rows are found without reading the others.
{{ config(materialized='view') }}

select
    batches.ticket_id,
    deliveries.order_id,
    deliveries.project_id,
    orders.structure_part,
    orders.permit_no,
    batches.plant_id,
    batches.batch_id,
    batches.mixed_at,
    batches.batch_m3,
    batches.mix_id,
    batches.has_filed_mix,
    weighings.weighing_no,
    weighings.material,
    weighings.lot_no,
    weighings.target_kg,
    weighings.actual_kg,
    weighings.filed_kg,
    weighings.deviation_from_target_pct,
    weighings.deviation_from_filed_pct,
    coalesce(lots.lot_state, 'lot_not_recorded') as lot_state,
    lots.supplier_ids,
    lots.first_received_at,
    lots.test_report_nos
from {{ published_ref('fct_batches') }} as batches
inner join {{ published_ref('fct_batch_materials') }} as weighings
    on
        batches.plant_id = weighings.plant_id
        and batches.batch_id = weighings.batch_id
        and batches.mixed_at = weighings.mixed_at
left join {{ published_ref('fct_deliveries') }} as deliveries on batches.ticket_id = deliveries.ticket_id
left join {{ published_ref('fct_orders') }} as orders on deliveries.order_id = orders.order_id
left join {{ published_ref('dim_lots') }} as lots
    on
        weighings.plant_id = lots.plant_id
        and weighings.material = lots.material
        and weighings.lot_no = lots.lot_no
