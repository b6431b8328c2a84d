-- Plant by plant in the order of days, so that a reader of a plant's days passes by all others.
with

limits as (
    {{ limits_in_force(['batched_to_discharged_min'], ref('int_deliveries_measured'), 'delivered_on') }}
)

select
    tickets.ticket_id,
    tickets.order_id,
    tickets.plant_id,
    plants.plant_id is not null as has_known_plant,
    orders.order_id is not null as has_known_order,
    orders.project_id,
    coalesce(orders.district_code, 'unknown') as district_code,
    coalesce(orders.cell_id, 'unknown') as cell_id,
    tickets.truck_id,
    tickets.grade,
    coalesce(grades.grade_class, 'unknown') as grade_class,
    tickets.load_m3,
    tickets.returned_m3,
    cast(tickets.delivered_m3 as double) as delivered_m3,
    tickets.delivered_on,
    tickets.week_start,
    tickets.batched_at,
    tickets.departed_at,
    tickets.arrived_at,
    tickets.discharge_started_at,
    tickets.discharged_at,
    tickets.returned_at,
    tickets.haul_min,
    tickets.wait_min,
    tickets.discharge_min,
    tickets.cycle_min,
    tickets.compliance_min,
    limits.batched_to_discharged_min as limit_min,
    tickets.compliance_min > limits.batched_to_discharged_min as is_over_limit,
    tickets.has_contradicting_times,
    tickets.haul_km,
    orders.unit_price_cny_per_m3,
    tickets.slump_plant_mm,
    tickets.slump_site_mm,
    tickets.water_added_l,
    tickets.status,
    tickets.rejected_reason,
    tickets.known_at,
    tickets.flags,
    tickets._source_file,
    tickets._source_row
from {{ ref('int_deliveries_measured') }} as tickets
left join {{ ref('fct_orders') }} as orders on tickets.order_id = orders.order_id
left join {{ ref('stg_plants') }} as plants on tickets.plant_id = plants.plant_id
left join {{ ref('int_grades_classified') }} as grades on tickets.grade = grades.grade
left join limits on tickets.delivered_on = limits.delivered_on
order by tickets.plant_id, tickets.delivered_on, tickets.ticket_id
