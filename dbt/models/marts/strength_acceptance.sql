-- GB/T 50107: is a lot accepted, and by which numbers. Every case is the same two inequalities with other factors,
-- which stand in strength_acceptance_rules:
--     mean >= mean_grade_factor * f_k + mean_sigma_factor * sigma
--     min  >= max(min_grade_factor * f_k, f_k - min_sigma_factor * sigma)
-- A grade that was delivered and never tested has a row too: not assessable, which is not passed.
with

lots as (
    select
        plant_id,
        grade,
        month_start,
        inspection_lot,
        is_sigma_known,
        any_value(grade_strength_mpa) as grade_strength_mpa,
        count(group_mpa) as groups,
        count(*) - count(group_mpa) as invalid_groups,
        min(cast_on) as first_cast_on,
        max(cast_on) as last_cast_on,
        {{ mean_mpa('group_mpa') }} as mean_mpa,
        {{ stddev_mpa('group_mpa') }} as stddev_mpa,
        min(group_mpa) as min_mpa,
        any_value(reference_groups) as reference_groups,
        any_value(reference_stddev_mpa) as reference_stddev_mpa
    from {{ ref('int_strength_groups_lotted') }}
    group by plant_id, grade, month_start, inspection_lot, is_sigma_known
),

rules as (
    {{ rules_in_force('strength_acceptance_rules', ['method'], 'lots', 'month_start') }}
),

limits as (
    {{ limits_in_force(['strength_sigma_floor_mpa'], 'lots', 'month_start') }}
),

-- Few groups unless a standard deviation is known, or the lot has groups enough for its own.
ruled as (
    select
        lots.*,
        rules.method,
        rules.mean_grade_factor,
        rules.mean_sigma_factor,
        rules.min_grade_factor,
        rules.min_sigma_factor,
        rules.source,
        rules.clause,
        rules.issuer,
        rules.status as rule_status,
        case rules.method
            when 'sigma_known' then greatest(lots.reference_stddev_mpa, limits.strength_sigma_floor_mpa)
            when 'sigma_unknown' then greatest(lots.stddev_mpa, limits.strength_sigma_floor_mpa)
        end as sigma_mpa
    from lots
    left join limits on lots.month_start = limits.month_start
    left join rules
        on
            lots.month_start = rules.month_start
            and lots.is_sigma_known = (rules.method = 'sigma_known')
            and lots.groups >= rules.groups_from
            and lots.grade_strength_mpa >= rules.grade_from_mpa
    qualify row_number() over (
        partition by lots.plant_id, lots.grade, lots.month_start, lots.inspection_lot
        order by rules.groups_from desc nulls last, rules.grade_from_mpa desc nulls last
    ) = 1
),

limited as (
    select
        *,
        round(mean_grade_factor * grade_strength_mpa + mean_sigma_factor * coalesce(sigma_mpa, 0), 3) as mean_limit_mpa,
        round(
            greatest(
                min_grade_factor * grade_strength_mpa,
                grade_strength_mpa - nullif(min_sigma_factor, 0) * sigma_mpa
            ),
            3
        ) as min_limit_mpa
    from ruled
),

judged as (
    select
        *,
        mean_mpa >= mean_limit_mpa as is_mean_met,
        min_mpa >= min_limit_mpa as is_min_met,
        case
            when mean_mpa >= mean_limit_mpa and min_mpa >= min_limit_mpa then 'passed'
            when mean_mpa < mean_limit_mpa or min_mpa < min_limit_mpa then 'failed'
            else 'not_assessable'
        end as verdict,
        case
            when groups = 0 then 'all_invalid'
            when method is null then 'no_rule'
        end as not_assessable_because
    from limited
)

select
    coalesce(judged.plant_id, delivered.plant_id) as plant_id,
    coalesce(judged.grade, delivered.grade) as grade,
    coalesce(judged.month_start, delivered.month_start) as month_start,
    coalesce(judged.inspection_lot, 1) as inspection_lot,
    judged.grade_strength_mpa,
    delivered.delivered_m3 as month_m3,
    judged.first_cast_on,
    judged.last_cast_on,
    coalesce(judged.groups, 0) as groups,
    coalesce(judged.invalid_groups, 0) as invalid_groups,
    judged.mean_mpa,
    judged.stddev_mpa,
    judged.min_mpa,
    judged.reference_groups,
    judged.method,
    judged.sigma_mpa,
    judged.mean_grade_factor,
    judged.mean_sigma_factor,
    judged.min_grade_factor,
    judged.min_sigma_factor,
    judged.mean_limit_mpa,
    judged.min_limit_mpa,
    judged.is_mean_met,
    judged.is_min_met,
    coalesce(judged.verdict, 'not_assessable') as verdict,
    case
        when judged.plant_id is not null then judged.not_assessable_because
        when delivered.is_complete then 'not_sampled'
        else 'not_due'
    end as not_assessable_because,
    judged.source as standard,
    judged.clause,
    judged.issuer,
    judged.rule_status
from judged
full outer join {{ ref('int_sampling_monthly') }} as delivered
    on
        judged.plant_id = delivered.plant_id
        and judged.grade = delivered.grade
        and judged.month_start = delivered.month_start
order by plant_id, grade, month_start, inspection_lot
