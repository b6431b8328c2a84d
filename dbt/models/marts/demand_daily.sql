-- Dense: a day without deliveries is a zero. Orders count on the day of their planned pour.
with

days as (
    select cast(unnest(generate_series(first_week, last_week + interval 6 day, interval 1 day)) as date) as demand_on
    from {{ ref('int_deliveries_spanned') }}
),

delivered as (
    select
        district_code,
        grade_class,
        delivered_on as demand_on,
        {{ exact_sum('delivered_m3') }} as delivered_m3,
        count(*) as tickets
    from {{ ref('fct_deliveries') }}
    where delivered_on is not null
    group by district_code, grade_class, delivered_on
),

ordered as (
    select
        district_code,
        grade_class,
        pour_on as demand_on,
        {{ exact_sum('ordered_m3') }} as ordered_m3,
        {{ exact_sum('case when is_cancelled then ordered_m3 end') }} as cancelled_m3
    from {{ ref('fct_orders') }}
    group by district_code, grade_class, pour_on
),

-- 'unknown' joins the districts and classes only where it has volume, so that volume conserves.
series as (
    select
        districts.district_code,
        grades.grade_class
    from {{ ref('dim_districts') }} as districts
    cross join {{ ref('dim_grades') }} as grades
    union
    select
        district_code,
        grade_class
    from delivered
    union
    select
        ordered.district_code,
        ordered.grade_class
    from ordered
    inner join days on ordered.demand_on = days.demand_on
)

select
    series.district_code,
    series.grade_class,
    days.demand_on,
    {{ week_start('days.demand_on') }} as week_start,
    cast(coalesce(ordered.ordered_m3, 0) as double) as ordered_m3,
    cast(coalesce(delivered.delivered_m3, 0) as double) as delivered_m3,
    cast(coalesce(ordered.cancelled_m3, 0) as double) as cancelled_m3,
    coalesce(delivered.tickets, 0) as tickets,
    days.demand_on <= span.data_through_on as is_complete
from series
cross join days
cross join {{ ref('int_deliveries_spanned') }} as span
left join delivered using (district_code, grade_class, demand_on)
left join ordered using (district_code, grade_class, demand_on)
order by series.district_code, series.grade_class, days.demand_on
