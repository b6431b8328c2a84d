-- Orders that are neither done nor cancelled (the live store says the same), whose pour is not over on the last day of
-- data, with what is still to be delivered. The end of that day stands for the present, never the clock.
{{ config(materialized='table') }}

with

awaited as (
    select
        orders.*,
        greatest(orders.pour_on, span.data_through_on + 1) as open_from_on,
        {{ business_date('coalesce(orders.pour_to_at, orders.pour_from_at)') }} as open_to_on
    from {{ ref('fct_orders') }} as orders
    cross join {{ ref('int_deliveries_spanned') }} as span
    where
        orders.status not in ('done', 'cancelled')
        and {{ business_date('coalesce(orders.pour_to_at, orders.pour_from_at)') }} > span.data_through_on
),

delivered as (
    select
        order_id,
        {{ exact_sum('delivered_m3') }} as delivered_m3
    from {{ ref('fct_deliveries') }}
    where order_id in (select awaited.order_id from awaited)
    group by order_id
)

select
    awaited.order_id,
    awaited.plant_id,
    awaited.district_code,
    awaited.cell_id,
    awaited.grade,
    awaited.grade_class,
    grades.strength_mpa,
    bands.hour_band,
    awaited.open_from_on,
    awaited.open_to_on,
    awaited.open_to_on - awaited.open_from_on + 1 as open_days,
    cast(awaited.ordered_m3 as decimal(18, 3)) - coalesce(delivered.delivered_m3, 0) as open_m3
from awaited
inner join {{ ref('hour_bands') }} as bands on {{ business_hour('awaited.pour_from_at') }} = bands.hour
left join delivered on awaited.order_id = delivered.order_id
left join {{ ref('int_grades_classified') }} as grades on awaited.grade = grades.grade
where cast(awaited.ordered_m3 as decimal(18, 3)) > coalesce(delivered.delivered_m3, 0)
