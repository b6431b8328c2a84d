-- What was sold, at what price, and what it cost: an order's deliveries from one plant in one month. The price is the
-- order's, at the site, so the haul belongs to its cost. A table: prices, structure and policy all read it.
{{ config(materialized='table') }}

with

sales as (
    select
        tickets.order_id,
        tickets.plant_id,
        {{ month_start('tickets.delivered_on') }} as month_start,
        tickets.district_code,
        tickets.grade,
        tickets.grade_class,
        max(tickets.unit_price_cny_per_m3) as unit_price_cny_per_m3,
        {{ exact_sum('tickets.delivered_m3') }} as sold_m3,
        {{ exact_sum('tickets.delivered_m3 * coalesce(tickets.haul_km, hauls.haul_km)') }} as m3_km
    from {{ ref('fct_deliveries') }} as tickets
    left join {{ ref('haul_matrix') }} as hauls
        on tickets.plant_id = hauls.plant_id and tickets.cell_id = hauls.cell_id and hauls.hour_band = 'all'
    where tickets.delivered_on is not null
    group by
        tickets.order_id, tickets.plant_id, month_start, tickets.district_code, tickets.grade, tickets.grade_class
    having sold_m3 > 0
),

hauled as (
    select
        *,
        cast(m3_km as double) / cast(sold_m3 as double)
        * {{ plan_parameter('haul_cost_cny_per_m3_km') }} as haul_cny_per_m3
    from sales
)

select
    sales.order_id,
    sales.plant_id,
    coalesce(plants.enterprise_id, sales.plant_id) as enterprise_id,
    sales.month_start,
    sales.district_code,
    sales.grade,
    sales.grade_class,
    sales.sold_m3,
    sales.unit_price_cny_per_m3,
    round(sales.haul_cny_per_m3, 2) as haul_cny_per_m3,
    round(lines.gate_cost_cny_per_m3 + sales.haul_cny_per_m3, 2) as cost_cny_per_m3,
    sales.unit_price_cny_per_m3 < round(lines.gate_cost_cny_per_m3 + sales.haul_cny_per_m3, 2) as is_below_cost
from hauled as sales
left join {{ ref('cost_lines_monthly') }} as lines
    on
        sales.plant_id = lines.plant_id
        and sales.month_start = lines.month_start
        and sales.grade_class = lines.grade_class
left join {{ ref('int_plants_monthly') }} as plants
    on sales.plant_id = plants.plant_id and sales.month_start = plants.month_start
