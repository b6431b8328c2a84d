-- Each line of a plant's monthly statement beside its tickets: plant, month and grade. A line that is off by a slip of
-- units has the factor of that slip. Only months that anybody in the city has stated.
with

stated as (
    select
        plant_id,
        month_start,
        grade,
        cast(delivered_m3 as decimal(18, 3)) as stated_m3,
        cast(cement_t as decimal(18, 3)) as cement_t
    from {{ ref('int_statements_resolved') }}
),

months as (
    select distinct month_start
    from stated
),

ticketed as (
    select
        plant_id,
        {{ month_start('delivered_on') }} as month_start,
        grade,
        {{ exact_sum('delivered_m3') }} as tickets_m3,
        {{ exact_sum('load_m3') }} as loaded_m3
    from {{ ref('fct_deliveries') }}
    where delivered_on is not null
    group by plant_id, month_start, grade
),

-- What the filed mixes of a grade ask of cement; where a plant has filed none, what the city's statements say.
filed as (
    select
        mixes.plant_id,
        months.month_start,
        mixes.grade,
        median(parts.kg_per_m3) as cement_kg_per_m3
    from months
    inner join {{ ref('dim_mixes') }} as mixes
        on
            last_day(months.month_start) >= mixes.valid_from
            and (mixes.valid_to is null or months.month_start < mixes.valid_to)
    inner join {{ ref('dim_mix_materials') }} as parts
        on
            mixes.plant_id = parts.plant_id
            and mixes.mix_id = parts.mix_id
            and mixes.valid_from = parts.valid_from
            and parts.material = 'cement'
    where mixes.status is distinct from 'withdrawn'
    group by mixes.plant_id, months.month_start, mixes.grade
),

usual as (
    select
        stated.grade,
        median(1000 * cast(stated.cement_t as double) / cast(ticketed.tickets_m3 as double)) as cement_kg_per_m3
    from stated
    inner join ticketed using (plant_id, month_start, grade)
    where ticketed.tickets_m3 > 0
    group by stated.grade
),

lines as (
    select
        plant_id,
        month_start,
        grade,
        stated.stated_m3,
        stated.cement_t,
        ticketed.tickets_m3,
        ticketed.loaded_m3,
        cast(stated.stated_m3 as double) / nullif(cast(ticketed.tickets_m3 as double), 0) as stated_to_tickets,
        {{ assumption('reconciliation_tolerance') }} as tolerance
    from stated
    full outer join ticketed using (plant_id, month_start, grade)
    where month_start in (select months.month_start from months)
)

select
    lines.plant_id,
    lines.month_start,
    lines.grade,
    lines.stated_m3,
    lines.tickets_m3,
    lines.loaded_m3,
    lines.cement_t,
    coalesce(filed.cement_kg_per_m3, usual.cement_kg_per_m3) as cement_kg_per_m3,
    slips.factor as unit_factor
from lines
left join filed
    on lines.plant_id = filed.plant_id and lines.month_start = filed.month_start and lines.grade = filed.grade
left join usual on lines.grade = usual.grade
left join {{ ref('unit_slips') }} as slips on abs(lines.stated_to_tickets / slips.factor - 1) <= lines.tolerance
