-- The 28-day, standard-cured groups in their inspection lots. A lot is what a plant cast of one grade in one month:
-- one grade, one age, one way of curing, one plant's materials. Where the 90 days before the month hold 45 groups or
-- more, sigma is known, and the month's groups form lots of three in a row; the one or two that are left form a lot
-- that is judged as few groups. Cubes of any size take part: their strength is already that of the 150 mm cube.
with

tests as (
    select
        *,
        {{ month_start('cast_on') }} as month_start
    from {{ ref('fct_strength_tests') }}
    where coalesce(curing, 'standard') = 'standard' and grade_strength_mpa is not null
),

limits as (
    {{ limits_in_force(
        ['strength_age_d', 'known_sigma_days', 'known_sigma_groups', 'known_sigma_lot_groups'], 'tests', 'month_start'
    ) }}
),

-- A group without a value (invalid by GB/T 50081) stays in its lot to be counted there.
groups as (
    select
        tests.specimen_id,
        tests.plant_id,
        tests.grade,
        tests.grade_strength_mpa,
        tests.month_start,
        tests.cast_on,
        tests.group_mpa,
        limits.known_sigma_days,
        limits.known_sigma_groups,
        cast(limits.known_sigma_lot_groups as integer) as lot_groups,
        count(tests.group_mpa) over (partition by tests.plant_id, tests.grade, tests.month_start) as month_groups,
        count(tests.group_mpa) over (
            partition by tests.plant_id, tests.grade, tests.month_start order by tests.cast_on, tests.specimen_id
        ) as place
    from tests
    inner join limits on tests.month_start = limits.month_start and tests.age_d = limits.strength_age_d
),

months as (
    select distinct
        plant_id,
        grade,
        month_start,
        known_sigma_days
    from groups
),

preceding as (
    select
        months.plant_id,
        months.grade,
        months.month_start,
        count(groups.group_mpa) as reference_groups,
        {{ stddev_mpa('groups.group_mpa') }} as reference_stddev_mpa
    from months
    inner join groups
        on
            months.plant_id = groups.plant_id
            and months.grade = groups.grade
            and months.month_start > groups.cast_on
            and months.month_start - cast(months.known_sigma_days as integer) <= groups.cast_on
    group by months.plant_id, months.grade, months.month_start
),

regimes as (
    select
        groups.*,
        coalesce(preceding.reference_groups, 0) as reference_groups,
        preceding.reference_stddev_mpa,
        coalesce(preceding.reference_groups, 0) >= groups.known_sigma_groups
        and groups.month_groups >= groups.lot_groups as is_sigma_known
    from groups
    left join preceding
        on
            groups.plant_id = preceding.plant_id
            and groups.grade = preceding.grade
            and groups.month_start = preceding.month_start
)

select
    specimen_id,
    plant_id,
    grade,
    grade_strength_mpa,
    month_start,
    case when is_sigma_known then (greatest(place, 1) - 1) // lot_groups + 1 else 1 end as inspection_lot,
    is_sigma_known and (greatest(place, 1) - 1) // lot_groups < month_groups // lot_groups as is_sigma_known,
    cast_on,
    group_mpa,
    reference_groups,
    reference_stddev_mpa
from regimes
