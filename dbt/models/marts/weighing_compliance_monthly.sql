-- GB/T 14902: how much of what was weighed kept its tolerance, held against the recipe's set point and against the
-- filed mix. Per batch each weighing counts; cumulative is the sum over a truck's batches, as the standard has it.
-- The deviation of a whole month has no limit of its own, but a well-kept scale has none.
{{ kept_by_parts('int_weighings_fingerprinted', ['plant_id', 'month_start']) }}

with

weighings as (
    select
        weighed.plant_id,
        weighed.material,
        {{ month_start('weighed.mixed_on') }} as month_start,
        weighed.ticket_id,
        weighed.actual_kg,
        case when weighed.actual_kg is not null then weighed.target_kg end as target_kg,
        case when weighed.actual_kg is not null then weighed.filed_kg end as filed_kg,
        weighed.deviation_from_target_pct,
        weighed.deviation_from_filed_pct
    from {{ ref('fct_batch_materials') }} as weighed
    {{- only_changed_parts('weighed', {'month_start': month_start('weighed.mixed_on')}) }}
),

months as (
    select distinct month_start
    from weighings
),

tolerances as (
    select
        month_start,
        material,
        round(100 * batch_tolerance, 3) as batch_tolerance_pct,
        round(100 * cumulative_tolerance, 3) as cumulative_tolerance_pct,
        source as standard,
        clause,
        issuer,
        status as rule_status
    from ({{ rules_in_force('weighing_tolerances', ['material'], 'months', 'month_start') }})
),

trucks as (
    select
        weighings.plant_id,
        weighings.material,
        weighings.month_start,
        weighings.ticket_id,
        any_value(tolerances.cumulative_tolerance_pct) as cumulative_tolerance_pct,
        count(*) as weighings,
        count(weighings.deviation_from_target_pct) as against_target,
        count(*) filter (
            where abs(weighings.deviation_from_target_pct) <= tolerances.batch_tolerance_pct
        ) as within_target,
        count(weighings.deviation_from_filed_pct) as against_filed,
        count(*) filter (
            where abs(weighings.deviation_from_filed_pct) <= tolerances.batch_tolerance_pct
        ) as within_filed,
        {{ exact_sum('weighings.actual_kg') }} as actual_kg,
        {{ exact_sum('weighings.target_kg') }} as target_kg,
        {{ exact_sum('weighings.filed_kg') }} as filed_kg,
        sum(cast(weighings.actual_kg - weighings.target_kg as decimal(18, 3))) as above_target_kg,
        sum(cast(weighings.actual_kg - weighings.filed_kg as decimal(18, 3))) as above_filed_kg
    from weighings
    left join tolerances
        on weighings.month_start = tolerances.month_start and weighings.material = tolerances.material
    group by weighings.plant_id, weighings.material, weighings.month_start, weighings.ticket_id
),

-- Of one truck: by how many percent all its batches together miss.
missed as (
    select
        *,
        round(100 * cast(above_target_kg as double) / nullif(cast(target_kg as double), 0), 3) as above_target_pct,
        round(100 * cast(above_filed_kg as double) / nullif(cast(filed_kg as double), 0), 3) as above_filed_pct
    from trucks
),

totals as (
    select
        plant_id,
        material,
        month_start,
        sum(weighings) as weighings,
        sum(against_target) as against_target,
        sum(within_target) as within_target,
        count(above_target_pct) as trucks_against_target,
        count(*) filter (where abs(above_target_pct) <= cumulative_tolerance_pct) as trucks_within_target,
        sum(against_filed) as against_filed,
        sum(within_filed) as within_filed,
        count(above_filed_pct) as trucks_against_filed,
        count(*) filter (where abs(above_filed_pct) <= cumulative_tolerance_pct) as trucks_within_filed,
        cast(sum(actual_kg) as double) as actual_kg,
        cast(sum(target_kg) as double) as target_kg,
        cast(sum(filed_kg) as double) as filed_kg,
        cast(sum(above_target_kg) as double) as above_target_kg,
        cast(sum(above_filed_kg) as double) as above_filed_kg
    from missed
    group by plant_id, material, month_start
)

select
    totals.plant_id,
    totals.material,
    totals.month_start,
    cast(totals.weighings as integer) as weighings,
    round(totals.actual_kg / 1000, 3) as actual_t,
    tolerances.batch_tolerance_pct,
    tolerances.cumulative_tolerance_pct,
    cast(totals.against_target as bigint) as weighings_against_target,
    case
        when tolerances.material is not null
            then round(totals.within_target / nullif(totals.against_target, 0), 6)
    end as share_within_target,
    case
        when tolerances.material is not null
            then round(totals.trucks_within_target / nullif(totals.trucks_against_target, 0), 6)
    end as share_trucks_within_target,
    round(100 * totals.above_target_kg / nullif(totals.target_kg, 0), 3) as deviation_from_target_pct,
    cast(totals.against_filed as bigint) as weighings_against_filed,
    case
        when tolerances.material is not null
            then round(totals.within_filed / nullif(totals.against_filed, 0), 6)
    end as share_within_filed,
    case
        when tolerances.material is not null
            then round(totals.trucks_within_filed / nullif(totals.trucks_against_filed, 0), 6)
    end as share_trucks_within_filed,
    round(100 * totals.above_filed_kg / nullif(totals.filed_kg, 0), 3) as deviation_from_filed_pct,
    tolerances.standard,
    tolerances.clause,
    tolerances.issuer,
    tolerances.rule_status
from totals
left join tolerances on totals.month_start = tolerances.month_start and totals.material = tolerances.material
order by totals.plant_id, totals.material, totals.month_start
