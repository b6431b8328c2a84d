-- Capacity of a plant in a week: that of a day (dim_plants) × working days. A working day is one on which the plant is
-- open and operating, outside any policy ban. The New Year is no ban: sites ask for little then, and a plant that could
-- deliver counts as able to.
with

weeks as (
    select
        dates.week_start,
        dates.date_on,
        dates.is_policy_ban as is_shut
    from {{ ref('dim_dates') }} as dates
    inner join {{ ref('int_deliveries_spanned') }} as span
        on dates.week_start between span.first_week and span.last_week
),

-- The record of a plant that holds at the end of the week.
plants as (
    select
        weeks.week_start,
        versions.*,
        weeks.week_start + 6 as week_end
    from (select distinct week_start from weeks) as weeks
    inner join {{ ref('dim_plants') }} as versions
        on
            versions.valid_from <= weeks.week_start + 6
            and (versions.valid_to is null or versions.valid_to > weeks.week_start + 6)
    where not versions.is_candidate
),

worked as (
    select
        plants.plant_id,
        plants.week_start,
        count(*) filter (
            where not weeks.is_shut
            and plants.status = 'operating'
            and weeks.date_on >= coalesce(plants.opened_on, weeks.date_on)
            and weeks.date_on < coalesce(plants.closed_on, date '9999-12-31')
        ) as open_days
    from plants
    inner join weeks on plants.week_start = weeks.week_start
    group by plants.plant_id, plants.week_start
),

delivered as (
    select
        plant_id,
        week_start,
        {{ exact_sum('delivered_m3') }} as delivered_m3
    from {{ ref('fct_deliveries') }}
    where week_start is not null
    group by plant_id, week_start
),

available as (
    select
        plants.plant_id,
        plants.week_start,
        plants.week_end,
        round(plants.capacity_m3_per_day * least(plants.working_days_per_week, worked.open_days), 3) as available_m3
    from plants
    inner join worked on plants.plant_id = worked.plant_id and plants.week_start = worked.week_start
)

select
    available.plant_id,
    available.week_start,
    available.available_m3,
    cast(coalesce(delivered.delivered_m3, 0) as double) as delivered_m3,
    case
        when available.available_m3 > 0
            then round(cast(coalesce(delivered.delivered_m3, 0) as double) / available.available_m3, 6)
    end as utilisation,
    available.week_end <= span.data_through_on as is_complete
from available
cross join {{ ref('int_deliveries_spanned') }} as span
left join delivered on available.plant_id = delivered.plant_id and available.week_start = delivered.week_start
order by available.plant_id, available.week_start
