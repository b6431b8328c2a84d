-- How many of a plant's tickets of a day were discharged within the limit of that day. A ticket without both instants,
-- or whose instants contradict each other, says nothing about the limit: it is counted apart and is in no share.
select
    plant_id,
    delivered_on,
    week_start,
    count(*) as tickets,
    count(is_over_limit) as tickets_timed,
    count(*) - count(is_over_limit) as tickets_untimed,
    count(*) filter (where not is_over_limit) as tickets_within_limit,
    round(count(*) filter (where not is_over_limit) / nullif(count(is_over_limit), 0), 6) as share_within_limit,
    median(compliance_min) as median_compliance_min,
    max(compliance_min) as max_compliance_min,
    max(limit_min) as limit_min
from {{ ref('fct_deliveries') }}
where delivered_on is not null
group by plant_id, delivered_on, week_start
order by plant_id, delivered_on
