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
    where plant_id in (select plant_id from {{ ref('plant_reach') }})
    group by week_start
)

select *
from shared
inner join available using (week_start)
where abs(shared_m3 - available_m3) > 0.01
