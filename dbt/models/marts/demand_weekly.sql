-- A week is complete when the data reach its Sunday.
select
    district_code,
    grade_class,
    week_start,
    cast({{ exact_sum('ordered_m3') }} as double) as ordered_m3,
    cast({{ exact_sum('delivered_m3') }} as double) as delivered_m3,
    cast({{ exact_sum('cancelled_m3') }} as double) as cancelled_m3,
    cast(sum(tickets) as bigint) as tickets,
    bool_and(is_complete) as is_complete
from {{ ref('demand_daily') }}
group by district_code, grade_class, week_start
order by district_code, grade_class, week_start
