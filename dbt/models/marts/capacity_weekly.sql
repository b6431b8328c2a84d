-- Capacity of a plant in a week: that of its open days (int_plants_opened_daily), of which it works no more than its
-- working days. A plant that opens, closes or grows within the week counts with the days that it had.
with

-- Plants on record at the end of the week, able to work or not.
plants as (
    select
        weeks.week_start,
        versions.plant_id
    from (select distinct dates.week_start from {{ ref('dim_dates') }} as dates) as weeks
    inner join {{ ref('int_deliveries_spanned') }} as span
        on weeks.week_start between span.first_week and span.last_week
    inner join {{ ref('dim_plants') }} as versions
        on
            versions.valid_from <= weeks.week_start + 6
            and (versions.valid_to is null or versions.valid_to > weeks.week_start + 6)
    where not versions.is_candidate
),

opened as (
    select
        plant_id,
        week_start,
        count(*) as open_days,
        max(working_days_per_week) as working_days,
        cast({{ exact_sum('capacity_m3_per_day') }} as double) as open_m3
    from {{ ref('int_plants_opened_daily') }}
    group by plant_id, week_start
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
        plants.week_start + 6 as week_end,
        round(
            coalesce(opened.open_m3 * least(opened.working_days / opened.open_days, 1), 0), 3
        ) as available_m3
    from plants
    left join opened on plants.plant_id = opened.plant_id and plants.week_start = opened.week_start
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
