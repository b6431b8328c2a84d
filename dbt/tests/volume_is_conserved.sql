-- The volume on the tickets is the volume of every demand table, to the litre.
with

totals as (
    select
        (
            select coalesce({{ exact_sum('delivered_m3') }}, 0)
            from {{ ref('fct_deliveries') }}
            where delivered_on is not null
        ) as tickets_m3,
        (select coalesce({{ exact_sum('delivered_m3') }}, 0) from {{ ref('demand_daily') }}) as daily_m3,
        (select coalesce({{ exact_sum('delivered_m3') }}, 0) from {{ ref('demand_weekly') }}) as weekly_m3
)

select *
from totals
where daily_m3 <> tickets_m3 or weekly_m3 <> tickets_m3
