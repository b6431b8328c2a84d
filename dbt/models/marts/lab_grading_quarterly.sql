-- A laboratory's grade in a quarter. An indicator scores 0 at its worst and 100 at its best, in between in proportion;
-- the score is their weighted mean. An indicator without a value (nobody visited, too few cases) gives its weight to
-- the others, and weight_assessed says how much was left. Too regular results are signals to look into, no findings;
-- with more of them than a grade allows the laboratory gets a lower one, so that someone looks.
with

scored as (
    select
        measured.lab_id,
        measured.quarter_start,
        measured.indicator,
        measured.value,
        indicators.weight,
        indicators.is_signal,
        100 * least(
            greatest((measured.value - indicators.worst) / (indicators.best - indicators.worst), 0), 1
        ) as points,
        {{ shown('measured.value', 'indicators.unit') }} as shown,
        indicators.concern_zh,
        indicators.concern_en
    from {{ ref('int_lab_indicators_quarterly') }} as measured
    inner join {{ ref('lab_indicators') }} as indicators
        on measured.indicator = indicators.indicator and measured.cases >= indicators.min_cases
),

-- What an indicator that scores below half costs, dearest first.
concerns as (
    select
        lab_id,
        quarter_start,
        count(*) filter (where is_signal) as signals,
        string_agg(replace(concern_zh, '{value}', shown), '；' order by weight * (100 - points) desc, indicator)
            as pulled_down_zh,
        string_agg(replace(concern_en, '{value}', shown), '; ' order by weight * (100 - points) desc, indicator)
            as pulled_down_en
    from scored
    where points < 50
    group by lab_id, quarter_start
),

weighted as (
    select
        lab_id,
        quarter_start,
        sum(cast(weight * points as decimal(18, 6))) / sum(cast(weight as decimal(18, 6))) as score,
        sum(cast(weight as decimal(18, 6)))
        / (
            select sum(cast(indicators.weight as decimal(18, 6))) from {{ ref('lab_indicators') }} as indicators
        ) as weight_assessed
    from scored
    group by lab_id, quarter_start
),

tested as (
    select
        lab_id,
        {{ quarter_start('tested_on') }} as quarter_start,
        count(*) as groups
    from {{ ref('fct_strength_tests') }}
    where lab_id is not null
    group by all
),

measured as (
    select
        lab_id,
        quarter_start,
        max(value) filter (where indicator = 'sampling_share') as sampling_share,
        max(value) filter (where indicator = 'invalid_share') as invalid_share,
        max(value) filter (where indicator = 'within_group_range') as within_group_range,
        max(value) filter (where indicator = 'on_time_share') as on_time_share,
        max(value) filter (where indicator = 'early_late_correlation') as early_late_correlation,
        max(value) filter (where indicator = 'too_regular_share') as too_regular_share,
        max(value) filter (where indicator = 'group_sigma_mpa') as group_sigma_mpa,
        max(value) filter (where indicator = 'equal_cubes_share') as equal_cubes_share,
        max(value) filter (where indicator = 'last_digit_share') as last_digit_share,
        max(value) filter (where indicator = 'site_score') as site_score
    from {{ ref('int_lab_indicators_quarterly') }}
    group by lab_id, quarter_start
),

rated as (
    select
        tested.lab_id,
        tested.quarter_start,
        tested.groups,
        round(weighted.score, 1) as score,
        round(coalesce(weighted.weight_assessed, 0), 4) as weight_assessed,
        case
            when
                tested.groups >= {{ assumption('lab_groups_to_grade') }}
                and weighted.weight_assessed >= {{ assumption('lab_weight_to_grade') }}
                then round(weighted.score, 1)
        end as graded_score
    from tested
    left join weighted on tested.lab_id = weighted.lab_id and tested.quarter_start = weighted.quarter_start
)

select
    rated.lab_id,
    rated.quarter_start,
    coalesce(labs.is_plant_lab, false) as is_plant_lab,
    labs.plant_id,
    rated.groups,
    coalesce(grades.lab_grade, 'unrated') as lab_grade,
    rated.score,
    rated.weight_assessed,
    coalesce(concerns.signals, 0) as signals,
    concerns.pulled_down_zh,
    concerns.pulled_down_en,
    measured.sampling_share,
    measured.invalid_share,
    measured.within_group_range,
    measured.on_time_share,
    measured.early_late_correlation,
    measured.too_regular_share,
    measured.group_sigma_mpa,
    measured.equal_cubes_share,
    measured.last_digit_share,
    measured.site_score,
    last_day(rated.quarter_start + interval 2 month) <= span.data_through_on as is_complete
from rated
cross join {{ ref('int_deliveries_spanned') }} as span
left join {{ ref('dim_labs') }} as labs on rated.lab_id = labs.lab_id
left join measured on rated.lab_id = measured.lab_id and rated.quarter_start = measured.quarter_start
left join concerns on rated.lab_id = concerns.lab_id and rated.quarter_start = concerns.quarter_start
left join {{ ref('lab_grades') }} as grades
    on rated.graded_score >= grades.min_score and coalesce(concerns.signals, 0) <= grades.max_signals
qualify
    row_number() over (partition by rated.lab_id, rated.quarter_start order by grades.min_score desc nulls last) = 1
order by rated.lab_id, rated.quarter_start
