-- What is measured of a laboratory in a quarter of testing, one row per indicator, with the number of cases behind it.
-- The signals of invented results rest on what honest cubes cannot avoid: three cubes of one batch scatter, batches
-- differ, strength at 7 days foretells that at 28, the last digit is anyone's.
{{ config(materialized='table') }}

with

tests as (
    select
        *,
        {{ quarter_start('tested_on') }} as quarter_start,
        tested_on - cast_on as tested_at_d,
        coalesce(curing, 'standard') = 'standard' as is_standard_cured,
        list_sort([cube_1_mpa, cube_2_mpa, cube_3_mpa]) as cubes_mpa
    from {{ ref('fct_strength_tests') }}
    where lab_id is not null
),

limits as (
    {{ limits_in_force(['strength_age_d', 'strength_age_tolerance_d'], 'tests', 'quarter_start') }}
),

scattered as (
    select
        tests.*,
        limits.strength_age_d,
        limits.strength_age_tolerance_d,
        (tests.cubes_mpa[3] - tests.cubes_mpa[1]) / tests.cubes_mpa[2] as range_share,
        tests.is_standard_cured
        and tests.tested_at_d between 0.5 * limits.strength_age_d and 1.5 * limits.strength_age_d as is_due_at_age
    from tests
    inner join limits on tests.quarter_start = limits.quarter_start
),

counted as (
    select
        lab_id,
        quarter_start,
        count(*) as groups,
        count(*) filter (where group_rule = 'invalid') as invalid_groups,
        median(range_share) as median_range,
        count(*) filter (where range_share <= {{ assumption('too_regular_range') }}) as too_regular_groups,
        count(*) filter (
            where cubes_mpa[1] = cubes_mpa[2] or cubes_mpa[2] = cubes_mpa[3]
        ) as groups_with_equal_cubes,
        count(*) filter (where is_due_at_age) as due_at_age,
        count(*) filter (
            where is_due_at_age and abs(tested_at_d - strength_age_d) <= strength_age_tolerance_d
        ) as on_time
    from scattered
    group by lab_id, quarter_start
),

-- Within one plant's grade, so that what plants and grades differ in says nothing about the laboratory.
squares as (
    select
        lab_id,
        quarter_start,
        count(*) as groups,
        cast(sum(cast(group_mpa as decimal(9, 3)) * cast(group_mpa as decimal(9, 3))) as double)
        - pow(cast(sum(cast(group_mpa as decimal(9, 3))) as double), 2) / count(*) as sum_of_squares
    from scattered
    where is_standard_cured and age_d = strength_age_d and group_mpa is not null
    group by lab_id, quarter_start, plant_id, grade
),

spread as (
    select
        lab_id,
        quarter_start,
        sum(groups - 1) as degrees,
        sqrt(greatest(sum(cast(sum_of_squares as decimal(18, 3))), 0) / nullif(sum(groups - 1), 0)) as sigma_mpa
    from squares
    group by lab_id, quarter_start
),

-- Cubes of one truck at 7 days and at full age, both tested by this laboratory, as shares of the grade's strength.
pairs as (
    select
        late.lab_id,
        late.quarter_start,
        count(*) as pairs,
        corr(early.share_of_grade, late.share_of_grade) as correlation
    from scattered as late
    inner join scattered as early
        on
            late.lab_id = early.lab_id
            and late.ticket_id = early.ticket_id
            and early.age_d = 7
            and early.is_standard_cured
    where late.is_standard_cured and late.age_d = late.strength_age_d
    group by late.lab_id, late.quarter_start
),

digits as (
    select
        lab_id,
        quarter_start,
        cast(round(10 * unnest(cubes_mpa)) as bigint) % 10 as last_digit
    from scattered
),

digit_counts as (
    select
        lab_id,
        quarter_start,
        last_digit,
        count(*) as cubes
    from digits
    group by lab_id, quarter_start, last_digit
),

crowded as (
    select
        lab_id,
        quarter_start,
        sum(cubes) as cubes,
        max(cubes) as commonest
    from digit_counts
    group by lab_id, quarter_start
),

-- A plant's own laboratory answers for the plant's sampling, whoever tests the cubes.
sampled as (
    select
        labs.lab_id,
        {{ quarter_start('sampling.month_start') }} as quarter_start,
        sum(sampling.groups) as groups,
        sum(cast(sampling.groups_due as decimal(18, 6))) as groups_due
    from {{ ref('dim_labs') }} as labs
    inner join {{ ref('int_sampling_monthly') }} as sampling on labs.plant_id = sampling.plant_id
    where sampling.is_complete
    group by all
),

indicators as (
    select
        counted.lab_id,
        counted.quarter_start,
        unnest([
            struct_pack(
                indicator := 'invalid_share',
                cases := counted.groups,
                value := counted.invalid_groups / counted.groups
            ),
            struct_pack(indicator := 'within_group_range', cases := counted.groups, value := counted.median_range),
            struct_pack(
                indicator := 'too_regular_share',
                cases := counted.groups,
                value := counted.too_regular_groups / counted.groups
            ),
            struct_pack(
                indicator := 'equal_cubes_share',
                cases := counted.groups,
                value := counted.groups_with_equal_cubes / counted.groups
            ),
            struct_pack(
                indicator := 'on_time_share',
                cases := counted.due_at_age,
                value := counted.on_time / nullif(counted.due_at_age, 0)
            ),
            struct_pack(indicator := 'group_sigma_mpa', cases := spread.degrees, value := spread.sigma_mpa),
            struct_pack(indicator := 'early_late_correlation', cases := pairs.pairs, value := pairs.correlation),
            struct_pack(
                indicator := 'last_digit_share',
                cases := crowded.cubes,
                value := crowded.commonest / crowded.cubes
            ),
            struct_pack(
                indicator := 'sampling_share',
                cases := sampled.groups_due,
                value := sampled.groups / nullif(cast(sampled.groups_due as double), 0)
            ),
            struct_pack(indicator := 'site_score', cases := 1, value := visits.score)
        ]) as measured
    from counted
    left join spread using (lab_id, quarter_start)
    left join pairs using (lab_id, quarter_start)
    left join crowded using (lab_id, quarter_start)
    left join sampled using (lab_id, quarter_start)
    left join {{ ref('lab_site_scores') }} as visits using (lab_id, quarter_start)
)

select
    lab_id,
    quarter_start,
    measured['indicator'] as indicator,
    cast(measured['cases'] as bigint) as cases,
    round(cast(measured['value'] as double), 4) as value
from indicators
where not isnan(cast(measured['value'] as double))
