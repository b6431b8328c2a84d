-- Over all days of knowledge the revisions of a week add up to that week, series by series.
with

revised as (
    select
        district_code,
        grade_class,
        week_start,
        {{ exact_sum('delta_delivered_m3') }} as revised_m3
    from {{ ref('demand_weekly_revisions') }}
    group by district_code, grade_class, week_start
)

select
    demand.*,
    revised.revised_m3
from {{ ref('demand_weekly') }} as demand
full outer join revised using (district_code, grade_class, week_start)
where coalesce(revised.revised_m3, 0) <> coalesce(cast(demand.delivered_m3 as decimal(18, 3)), 0)
