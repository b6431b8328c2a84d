-- What the districts share is the capacity of the plants that reach any of them, week by week.
with

shared as (
    select
        week_start,
        sum(reach_share_m3) as shared_m3
    from {{ ref('supply_demand_balance_weekly') }}
    group by week_start
),

available as (
    select
        week_start,
        sum(available_m3) as available_m3
    from {{ ref('capacity_weekly') }}
    where plant_id in (select reach.plant_id from {{ ref('plant_reach') }} as reach)
    group by week_start
)

select
    shared.week_start,
    shared.shared_m3,
    available.available_m3
from shared
inner join available on shared.week_start = available.week_start
where abs(shared.shared_m3 - available.available_m3) > 0.01
