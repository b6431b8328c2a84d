-- What a plant delivered of a grade in a month, the groups that asks for, and the groups that were cast. A month is
-- complete when its last cubes are old enough and their results had time to come in.
{{ config(materialized='table') }}

with

delivered as (
    select
        plant_id,
        grade,
        {{ month_start('delivered_on') }} as month_start,
        {{ exact_sum('delivered_m3') }} as delivered_m3
    from {{ ref('fct_deliveries') }}
    where delivered_on is not null
    group by all
    having {{ exact_sum('delivered_m3') }} > 0
),

limits as (
    {{ limits_in_force(
        ['sampling_m3_per_group', 'sampling_groups_per_month', 'strength_age_d'], 'delivered', 'month_start'
    ) }}
),

cast_groups as (
    select
        plant_id,
        grade,
        month_start,
        count(*) as groups
    from {{ ref('int_strength_groups_lotted') }}
    group by plant_id, grade, month_start
)

select
    delivered.plant_id,
    delivered.grade,
    delivered.month_start,
    cast(delivered.delivered_m3 as double) as delivered_m3,
    greatest(
        limits.sampling_groups_per_month, cast(delivered.delivered_m3 as double) / limits.sampling_m3_per_group
    ) as groups_due,
    coalesce(cast_groups.groups, 0) as groups,
    last_day(delivered.month_start) + cast(limits.strength_age_d + {{ assumption('strength_report_lag_d') }} as integer)
    <= span.data_through_on as is_complete
from delivered
inner join limits on delivered.month_start = limits.month_start
cross join {{ ref('int_deliveries_spanned') }} as span
left join cast_groups
    on
        delivered.plant_id = cast_groups.plant_id
        and delivered.grade = cast_groups.grade
        and delivered.month_start = cast_groups.month_start
