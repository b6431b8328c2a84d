-- A group's value by GB/T 50081: cubes of another size are converted to 150 mm; the mean of the three, or the middle
-- one where the largest or the smallest differs from it by more than the limit, or none where both do.
with

tests as (
    select
        newest.*,
        grades.grade_class,
        grades.strength_mpa as grade_strength_mpa,
        coalesce(newest.size_mm, 150) as cube_size_mm
    from {{ ref('int_strength_tests_resolved') }} as newest
    left join {{ ref('int_grades_classified') }} as grades on newest.grade = grades.grade
),

-- The factors and the limit in force on the day of the test.
factors as (
    {{ rules_in_force('cube_size_factors', ['size_mm'], 'tests', 'tested_on') }}
),

limits as (
    {{ limits_in_force(['cube_group_deviation_share'], 'tests', 'tested_on') }}
),

-- Decimals, so that a cube on the limit is on it.
ordered as (
    select
        tests.*,
        cast(factors.factor as decimal(4, 3)) as size_factor,
        cast(limits.cube_group_deviation_share as decimal(4, 3)) as deviation_share,
        list_sort([
            cast(tests.cube_1_mpa as decimal(9, 3)),
            cast(tests.cube_2_mpa as decimal(9, 3)),
            cast(tests.cube_3_mpa as decimal(9, 3))
        ]) as cubes_mpa
    from tests
    inner join limits on tests.tested_on = limits.tested_on
    left join factors
        on
            tests.tested_on = factors.tested_on
            and tests.cube_size_mm = factors.size_mm
            and tests.grade_strength_mpa between factors.min_strength_mpa and factors.max_strength_mpa
),

compared as (
    select
        *,
        cubes_mpa[3] - cubes_mpa[2] > deviation_share * cubes_mpa[2] as is_high_off,
        cubes_mpa[2] - cubes_mpa[1] > deviation_share * cubes_mpa[2] as is_low_off
    from ordered
),

ruled as (
    select
        *,
        case
            when is_high_off and is_low_off then 'invalid'
            when is_high_off or is_low_off then 'middle'
            else 'mean'
        end as group_rule
    from compared
),

valued as (
    select
        *,
        {{ half_to_even("size_factor * case group_rule
            when 'mean' then (cubes_mpa[1] + cubes_mpa[2] + cubes_mpa[3]) / 3
            when 'middle' then cubes_mpa[2]
        end", 1) }} as group_mpa
    from ruled
)

select
    tests.specimen_id,
    tests.plant_id,
    plants.plant_id is not null as has_known_plant,
    tests.ticket_id,
    tests.batch_id,
    tests.lab_id,
    labs.canonical_id is not null as has_known_lab,
    tests.grade,
    coalesce(tests.grade_class, 'unknown') as grade_class,
    tests.grade_strength_mpa,
    tests.cast_on,
    tests.tested_on,
    tests.age_d,
    tests.curing,
    tests.size_mm,
    cast(tests.size_factor as double) as size_factor,
    tests.cube_1_mpa,
    tests.cube_2_mpa,
    tests.cube_3_mpa,
    tests.group_rule,
    tests.group_mpa,
    round(tests.group_mpa / tests.grade_strength_mpa, 4) as share_of_grade,
    tests.result,
    tests.known_at,
    tests.flags,
    tests._source_file,
    tests._source_row
from valued as tests
left join {{ ref('stg_plants') }} as plants on tests.plant_id = plants.plant_id
left join {{ ref('int_codes_known') }} as labs on labs.kind = 'lab' and tests.lab_id = labs.canonical_id
order by tests.plant_id, tests.cast_on, tests.specimen_id
