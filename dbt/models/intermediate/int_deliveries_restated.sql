-- What each ticket was known to have delivered, where and when, and from which day to which (known_until exclusive;
-- null: still). The rows that still hold are fct_deliveries; the earlier ones were corrected.
with

amended as (
    select ticket_id
    from {{ ref('stg_deliveries_versions') }}
    group by ticket_id
    having min(known_date) < max(known_date)
),

versions as (
    select
        *,
        row_number() over (partition by ticket_id order by version_at, content_hash) as version_rank
    from {{ ref('stg_deliveries_versions') }}
    where ticket_id in (select amended.ticket_id from amended)
),

days as (
    select distinct
        ticket_id,
        known_date
    from versions
),

-- The state at the end of each day on which a version arrived: the newest known value of every column.
states as (
    select
        days.ticket_id,
        days.known_date,
        arg_max(versions.order_id, versions.version_rank) as order_id,
        arg_max(versions.grade, versions.version_rank) as grade,
        arg_max(versions.load_m3, versions.version_rank) as load_m3,
        arg_max(versions.returned_m3, versions.version_rank) as returned_m3,
        arg_max(versions.status, versions.version_rank) as status,
        arg_max(versions.batched_at, versions.version_rank) as batched_at,
        arg_max(versions.departed_at, versions.version_rank) as departed_at,
        arg_max(versions.arrived_at, versions.version_rank) as arrived_at,
        arg_max(versions.discharged_at, versions.version_rank) as discharged_at
    from days
    inner join versions on days.ticket_id = versions.ticket_id and days.known_date >= versions.known_date
    group by days.ticket_id, days.known_date
    union all
    -- A ticket that arrived on one day has one state: the newest.
    select
        ticket_id,
        known_date,
        order_id,
        grade,
        load_m3,
        returned_m3,
        status,
        batched_at,
        departed_at,
        arrived_at,
        discharged_at
    from {{ ref('stg_deliveries') }}
    where ticket_id not in (select amended.ticket_id from amended)
),

judged as (
    select
        states.*,
        coalesce(statuses.is_delivered, true) as is_delivered
    from states
    left join {{ ref('delivery_statuses') }} as statuses on states.status = statuses.status
    where states.load_m3 is not null  -- until its own row comes, a ticket's events are no delivery
),

tickets as (
    select
        states.ticket_id,
        states.order_id,
        states.grade,
        states.known_date,
        lead(states.known_date) over (partition by states.ticket_id order by states.known_date) as known_until,
        {{ business_date(delivered_at('states')) }} as delivered_on,
        {{ delivered_m3('states.load_m3', 'states.returned_m3', 'states.is_delivered') }} as delivered_m3
    from judged as states
)

select
    tickets.ticket_id,
    tickets.delivered_on,
    {{ week_start('tickets.delivered_on') }} as week_start,
    tickets.delivered_m3,
    coalesce(orders.district_code, 'unknown') as district_code,
    coalesce(grades.grade_class, 'unknown') as grade_class,
    greatest(tickets.known_date, orders.known_date) as known_date,
    least(tickets.known_until, orders.known_until) as known_until
from tickets
left join {{ ref('int_orders_redistricted') }} as orders
    on
        tickets.order_id = orders.order_id
        and tickets.known_date < coalesce(orders.known_until, date '9999-12-31')
        and orders.known_date < coalesce(tickets.known_until, date '9999-12-31')
left join {{ ref('int_grades_classified') }} as grades on tickets.grade = grades.grade
