-- What was reported of each plant and day (statements: of each month, under its first day), feed by feed, and how much
-- of it was late: known after the days allowed. Orders and tickets go on changing, so their first version counts.
{{ config(materialized='table') }}

with

first_tickets as (
    select
        ticket_id,
        min(known_date) as known_on
    from {{ ref('stg_deliveries_versions') }}
    group by ticket_id
),

first_orders as (
    select
        order_id,
        min(known_date) as known_on
    from {{ ref('stg_orders_versions') }}
    group by order_id
),

reports as (
    select
        'deliveries' as feed,
        tickets.plant_id,
        tickets.delivered_on as date_on,
        first_tickets.known_on
    from {{ ref('fct_deliveries') }} as tickets
    inner join first_tickets on tickets.ticket_id = first_tickets.ticket_id
    union all
    select
        'orders' as feed,
        orders.plant_id,
        orders.placed_on as date_on,
        first_orders.known_on
    from {{ ref('fct_orders') }} as orders
    inner join first_orders on orders.order_id = first_orders.order_id
    union all
    select
        'batches' as feed,
        plant_id,
        mixed_on as date_on,
        {{ business_date('known_at') }} as known_on
    from {{ ref('fct_batches') }}
    union all
    select
        'material_receipts' as feed,
        plant_id,
        received_on as date_on,
        {{ business_date('known_at') }} as known_on
    from {{ ref('fct_material_receipts') }}
    union all
    select
        'strength_tests' as feed,
        plant_id,
        tested_on as date_on,
        {{ business_date('known_at') }} as known_on
    from {{ ref('fct_strength_tests') }}
    union all
    select
        'statements' as feed,
        plant_id,
        month_start as date_on,
        known_date as known_on
    from {{ ref('int_statements_resolved') }}
)

select
    reports.feed,
    schedules.reporter,
    schedules.cadence,
    reports.plant_id,
    reports.date_on,
    count(*) as rows_received,
    count(*) filter (
        where reports.known_on
        > case when schedules.cadence = 'monthly' then last_day(reports.date_on) else reports.date_on end
        + cast(schedules.late_after_d as integer)
    ) as rows_late
from reports
inner join {{ ref('feed_schedules') }} as schedules on reports.feed = schedules.feed
where reports.plant_id is not null and reports.date_on is not null
group by reports.feed, schedules.reporter, schedules.cadence, reports.plant_id, reports.date_on
