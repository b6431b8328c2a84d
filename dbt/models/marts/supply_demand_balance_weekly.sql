-- A district's demand against the capacity within its reach: gross counts a plant fully in every district it reaches
-- (and so sums beyond the city), shared divides it among them (and so sums to the city).
with

reached as (
    select
        reach.district_code,
        capacity.week_start,
        {{ exact_sum('capacity.available_m3') }} as reach_gross_m3,
        sum(cast(capacity.available_m3 * reach.share_of_capacity as decimal(18, 6))) as reach_share_m3
    from {{ ref('capacity_weekly') }} as capacity
    inner join {{ ref('plant_reach') }} as reach on capacity.plant_id = reach.plant_id
    group by reach.district_code, capacity.week_start
),

demanded as (
    select
        district_code,
        week_start,
        {{ exact_sum('delivered_m3') }} as demand_m3,
        bool_and(is_complete) as is_complete
    from {{ ref('demand_weekly') }}
    group by district_code, week_start
)

select
    demanded.district_code,
    demanded.week_start,
    cast(demanded.demand_m3 as double) as demand_m3,
    cast(coalesce(reached.reach_gross_m3, 0) as double) as reach_gross_m3,
    cast(coalesce(reached.reach_share_m3, 0) as double) as reach_share_m3,
    cast(coalesce(reached.reach_gross_m3, 0) - demanded.demand_m3 as double) as surplus_gross_m3,
    cast(coalesce(reached.reach_share_m3, 0) - demanded.demand_m3 as double) as surplus_share_m3,
    demanded.is_complete
from demanded
left join reached on demanded.district_code = reached.district_code and demanded.week_start = reached.week_start
order by demanded.district_code, demanded.week_start
