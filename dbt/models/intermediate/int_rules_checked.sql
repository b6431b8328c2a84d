-- What the rules of alert_rules look at: one value per rule, subject and period, within the threshold or not, so that
-- an alert can be seen to end. What has no period without a breach (a ticket, a code) is listed when it breaches.
with

hauls as (
    select
        plant_id,
        {{ month_start('delivered_on') }} as period_start,
        sum(tickets_timed) as cases,
        1 - sum(tickets_within_limit) / nullif(sum(tickets_timed), 0) as value
    from {{ ref('haul_compliance_daily') }}
    group by all
),

sampled as (
    select
        plant_id,
        {{ quarter_start('month_start') }} as period_start,
        sum(cast(groups_due as decimal(18, 6))) as cases,
        sum(groups) / cast(sum(cast(groups_due as decimal(18, 6))) as double) as value
    from {{ ref('int_sampling_monthly') }}
    where is_complete
    group by all
),

-- The lot of a month that fell farthest short of either of its limits.
lots as (
    select
        plant_id,
        grade,
        month_start,
        count(*) as cases,
        min(least(mean_mpa / mean_limit_mpa, min_mpa / min_limit_mpa)) as value
    from {{ ref('strength_acceptance') }}
    where verdict <> 'not_assessable'
    group by plant_id, grade, month_start
),

silences as (
    select
        plant_id,
        {{ month_start('date_on') }} as period_start,
        max(silent_days) as value
    from {{ ref('submission_calendar_daily') }}
    where cadence = 'daily' and is_expected
    group by all
)

select
    'haul_over_limit' as rule,
    plant_id,
    'plant' as subject_kind,
    plant_id as subject,
    period_start,
    last_day(period_start) as period_end,
    cast(cases as bigint) as cases,
    cast(value as double) as value
from hauls
union all
select
    'weighing_out_of_tolerance' as rule,
    plant_id,
    'material' as subject_kind,
    material as subject,
    month_start as period_start,
    last_day(month_start) as period_end,
    weighings_against_target as cases,
    share_within_target as value
from {{ ref('weighing_compliance_monthly') }}
union all
select
    'scale_drifting' as rule,
    plant_id,
    'material' as subject_kind,
    material as subject,
    month_start as period_start,
    last_day(month_start) as period_end,
    weighings_against_target as cases,
    share_trucks_within_target as value
from {{ ref('weighing_compliance_monthly') }}
union all
select
    'cement_below_filed' as rule,
    plant_id,
    'material' as subject_kind,
    material as subject,
    month_start as period_start,
    last_day(month_start) as period_end,
    weighings_against_filed as cases,
    deviation_from_filed_pct as value
from {{ ref('weighing_compliance_monthly') }}
where material = 'cement'
union all
select
    'undersampling' as rule,
    plant_id,
    'plant' as subject_kind,
    plant_id as subject,
    period_start,
    last_day(period_start + interval 2 month) as period_end,
    cast(floor(cases) as bigint) as cases,
    value
from sampled
union all
select
    'failed_lot' as rule,
    plant_id,
    'grade' as subject_kind,
    grade as subject,
    month_start as period_start,
    last_day(month_start) as period_end,
    cases,
    value
from lots
union all
select
    'lab_too_regular' as rule,
    plant_id,
    'lab' as subject_kind,
    lab_id as subject,
    quarter_start as period_start,
    last_day(quarter_start + interval 2 month) as period_end,
    groups as cases,
    signals as value
from {{ ref('lab_grading_quarterly') }}
where lab_grade <> 'unrated'
union all
select
    'load_over_drum' as rule,
    tickets.plant_id,
    'ticket' as subject_kind,
    tickets.ticket_id as subject,
    tickets.delivered_on as period_start,
    tickets.delivered_on as period_end,
    1 as cases,
    tickets.load_m3 as value
from {{ ref('fct_deliveries') }} as tickets
inner join {{ ref('alert_rules') }} as rules on rules.rule = 'load_over_drum' and tickets.load_m3 > rules.threshold
where tickets.delivered_on is not null
union all
select
    'unresolved_code' as rule,
    null as plant_id,
    kind as subject_kind,
    code as subject,
    min(first_on) as period_start,
    max(last_on) as period_end,
    cast(sum(code_rows) as bigint) as cases,
    sum(code_rows) as value
from {{ ref('codes_unresolved') }}
where first_on is not null
group by kind, code
union all
select
    'silent_plant' as rule,
    plant_id,
    'plant' as subject_kind,
    plant_id as subject,
    period_start,
    last_day(period_start) as period_end,
    1 as cases,
    value
from silences
