-- From a lot to every ticket that it reached, and to the order, part, project and permit of each. A view: facts are
-- kept once. The lot's plant and days find its weighings, which lie plant by plant in the order of time.
{{ config(materialized='view') }}

with

reached as (
    select
        lots.plant_id,
        lots.material,
        lots.lot_no,
        weighings.ticket_id,
        count(distinct weighings.batch_id) as batches,
        min(weighings.mixed_at) as first_mixed_at,
        {{ exact_sum('weighings.actual_kg') }} as actual_kg
    from {{ published_ref('lot_use_daily') }} as lots
    inner join {{ published_ref('fct_batch_materials') }} as weighings
        on
            lots.mixed_on = weighings.mixed_on
            and lots.plant_id = weighings.plant_id
            and lots.material = weighings.material
            and lots.lot_no = weighings.lot_no
    group by lots.plant_id, lots.material, lots.lot_no, weighings.ticket_id
)

select
    reached.plant_id,
    reached.material,
    reached.lot_no,
    reached.ticket_id,
    reached.batches,
    reached.first_mixed_at,
    cast(reached.actual_kg as double) as actual_kg,
    deliveries.grade,
    deliveries.delivered_m3,
    deliveries.delivered_on,
    deliveries.order_id,
    deliveries.project_id,
    projects.project_name,
    orders.structure_part,
    orders.permit_no
from reached
left join {{ published_ref('fct_deliveries') }} as deliveries on reached.ticket_id = deliveries.ticket_id
left join {{ published_ref('fct_orders') }} as orders on deliveries.order_id = orders.order_id
left join {{ published_ref('dim_projects') }} as projects on deliveries.project_id = projects.project_id
