-- What each day of knowledge added to, or took from, a week: summed up to any day it gives demand_weekly as it would
-- have stood on the evening of that day, and over all days demand_weekly itself.
with

restated as (
    select
        district_code,
        grade_class,
        week_start,
        known_date,
        known_until,
        sum(delivered_m3) as delivered_m3
    from {{ ref('int_deliveries_restated') }}
    where week_start is not null
    group by district_code, grade_class, week_start, known_date, known_until
),

signed as (
    select
        district_code,
        grade_class,
        week_start,
        known_date,
        delivered_m3 as delta_m3
    from restated
    union all
    select
        district_code,
        grade_class,
        week_start,
        known_until as known_date,
        -delivered_m3 as delta_m3
    from restated
    where known_until is not null
)

select
    district_code,
    grade_class,
    week_start,
    known_date,
    cast(sum(delta_m3) as double) as delta_delivered_m3
from signed
group by district_code, grade_class, week_start, known_date
having sum(delta_m3) <> 0
order by district_code, grade_class, week_start, known_date
