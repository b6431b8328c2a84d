-- An alert is a run of periods in which one rule is broken by one subject. Its id is the rule, the plant, the subject
-- and the first period, so that it stays the same while the run goes on. A period within the threshold clears it, and
-- so does silence: nothing seen of it for the rule's open_days.
with

checked as (
    select
        values.*,
        rules.threshold,
        rules.open_days,
        rules.unit,
        rules.label_zh,
        rules.label_en,
        rules.sentence_zh,
        rules.sentence_en,
        span.data_through_on,
        least(values.period_end, span.data_through_on) as seen_on,
        case rules.breached_when
            when 'above' then values.value > rules.threshold
            else values.value < rules.threshold
        end as is_breached
    from {{ ref('int_rules_checked') }} as values
    inner join {{ ref('alert_rules') }} as rules on values.rule = rules.rule and values.cases >= rules.min_cases
    cross join {{ ref('int_deliveries_spanned') }} as span
    where values.value is not null
),

-- Breached periods between the same two that kept the rule are one run.
numbered as (
    select
        *,
        count(*) filter (where not is_breached) over so_far as run_no,
        min(case when not is_breached then seen_on end) over afterwards as kept_again_on
    from checked
    window
        so_far as (partition by rule, plant_id, subject_kind, subject order by period_start),
        afterwards as (
            partition by rule, plant_id, subject_kind, subject
            order by period_start
            rows between 1 following and unbounded following
        )
),

runs as (
    select
        rule,
        plant_id,
        subject_kind,
        subject,
        min(period_start) as first_period_start,
        max(period_start) as last_period_start,
        arg_max(period_end, period_start) as last_period_end,
        count(*) as periods,
        min(seen_on) as first_seen_on,
        max(seen_on) as last_seen_on,
        min(kept_again_on) as kept_again_on,
        arg_max(value, period_start) as value,
        any_value(threshold) as threshold,
        any_value(unit) as unit,
        any_value(open_days) as open_days,
        any_value(data_through_on) as data_through_on,
        any_value(label_zh) as label_zh,
        any_value(label_en) as label_en,
        any_value(sentence_zh) as sentence_zh,
        any_value(sentence_en) as sentence_en
    from numbered
    where is_breached
    group by rule, plant_id, subject_kind, subject, run_no
),

told as (
    select
        runs.*,
        coalesce(materials.label_zh, runs.subject) as subject_zh,
        coalesce(lower(materials.label_en), runs.subject) as subject_en,
        {{ shown('runs.value', 'runs.unit') }} as value_shown,
        {{ shown('runs.threshold', 'runs.unit') }} as threshold_shown,
        case
            when runs.last_period_end = runs.last_period_start then strftime(runs.last_period_end, '%Y-%m-%d')
            when runs.last_period_end = last_day(runs.last_period_start) then strftime(runs.last_period_start, '%Y-%m')
            else strftime(runs.last_period_start, '%Y Q') || quarter(runs.last_period_start)
        end as period_shown
    from runs
    left join {{ ref('materials') }} as materials
        on runs.subject_kind = 'material' and runs.subject = materials.material
)

select
    rule || '/' || coalesce(plant_id, '-') || '/' || subject || '/' || first_period_start as alert_id,
    rule,
    label_zh,
    label_en,
    plant_id,
    subject_kind,
    subject,
    case when subject_kind = 'ticket' then subject end as ticket_id,
    value,
    threshold,
    unit,
    first_seen_on,
    last_seen_on,
    cast(periods as bigint) as periods,
    case
        when kept_again_on is not null or last_seen_on < data_through_on - open_days then 'cleared'
        else 'open'
    end as state,
    kept_again_on as cleared_on,
    {{ filled('sentence_zh', {
        'plant': "coalesce(plant_id, '')", 'subject': 'subject_zh', 'period': 'period_shown', 'value': 'value_shown',
        'threshold': 'threshold_shown',
    }) }} as sentence_zh,
    {{ filled('sentence_en', {
        'plant': "coalesce(plant_id, '')", 'subject': 'subject_en', 'period': 'period_shown', 'value': 'value_shown',
        'threshold': 'threshold_shown',
    }) }} as sentence_en
from told
order by rule, first_seen_on, alert_id
