-- Carbon of a cubic metre: A1 materials and A2 their haul from what was weighed, A3 mixing, A4 the haul to the site
-- from the tickets. A1 to A3 are those of the volume that weighings cover, given beside its share of the deliveries.
with

weighed as (
    select
        plant_id,
        {{ month_start('mixed_on') }} as month_start,
        cast({{ exact_sum('batch_m3') }} as double) as weighed_m3
    from {{ ref('fct_batches') }}
    group by all
),

tickets as (
    select
        tickets.plant_id,
        {{ month_start('tickets.delivered_on') }} as month_start,
        grades.strength_mpa,
        {{ exact_sum('tickets.delivered_m3') }} as delivered_m3,
        {{ exact_sum('tickets.load_m3') }} as load_m3,
        {{ exact_sum('case when tickets.haul_km is not null then tickets.load_m3 end') }} as load_with_km_m3,
        sum(cast(tickets.load_m3 * tickets.haul_km as decimal(18, 3))) as m3_km
    from {{ ref('fct_deliveries') }} as tickets
    left join {{ ref('int_grades_classified') }} as grades on tickets.grade = grades.grade
    where tickets.delivered_on is not null
    group by all
),

months as (
    select month_start from weighed
    union
    select month_start from tickets
),

factors as (
    {{ rules_in_force('carbon_factors', ['kind', 'subject'], 'months', 'month_start') }}
),

concrete as (
    select
        month_start,
        try_cast(subject as integer) as strength_mpa,
        value
    from factors
    where kind = 'concrete'
),

-- The default of a grade is that of the strongest listed one it reaches.
defaults as (
    select
        tickets.plant_id,
        tickets.month_start,
        cast(sum(tickets.delivered_m3) as double) as delivered_m3,
        cast(sum(tickets.load_m3) as double) as load_m3,
        cast(sum(tickets.load_with_km_m3) as double) as load_with_km_m3,
        cast(sum(tickets.m3_km) as double) as m3_km,
        sum(cast(tickets.delivered_m3 * concrete.value as decimal(38, 3))) as default_kgco2e,
        sum(tickets.delivered_m3) filter (where concrete.value is not null) as default_m3
    from tickets
    asof left join concrete
        on tickets.month_start = concrete.month_start and tickets.strength_mpa >= concrete.strength_mpa
    group by tickets.plant_id, tickets.month_start
),

constants as (
    select
        month_start,
        max(value) filter (where kind = 'production') as production_kgco2e_per_m3,
        max(value) filter (where kind = 'concrete_haul') as default_haul_km,
        max(value) filter (
            where kind = 'truck' and try_cast(subject as double) = {{ assumption('mixer_payload_t') }}
        ) as mixer_kgco2e_per_t_km,
        max(value) filter (
            where kind = 'truck' and try_cast(subject as double) = {{ assumption('material_payload_t') }}
        ) as material_kgco2e_per_t_km
    from factors
    group by month_start
),

materials as (
    select
        used.plant_id,
        used.month_start,
        sum(cast(used.actual_t * factors.value as decimal(38, 6))) filter (
            where factors.kind = 'material'
        ) as materials_kgco2e,
        sum(cast(used.actual_t * factors.value as decimal(38, 6))) filter (
            where factors.kind = 'material_haul'
        ) as materials_t_km,
        {{ exact_sum('used.actual_t') }} filter (where factors.kind = 'material') as materials_t,
        {{ exact_sum('used.actual_t') }} filter (
            where factors.kind = 'material' and materials.material_class = 'aggregate'
        ) as aggregate_t,
        {{ exact_sum('used.actual_t') }} filter (
            where factors.kind = 'material' and materials.is_recycled
        ) as recycled_t
    from {{ ref('weighing_compliance_monthly') }} as used
    inner join factors
        on
            used.month_start = factors.month_start
            and used.material = factors.subject
            and factors.kind in ('material', 'material_haul')
    left join {{ ref('dim_materials') }} as materials on used.material = materials.material
    group by used.plant_id, used.month_start
),

stages as (
    select
        coalesce(defaults.plant_id, weighed.plant_id) as plant_id,
        coalesce(defaults.month_start, weighed.month_start) as month_start,
        coalesce(defaults.delivered_m3, 0) as delivered_m3,
        coalesce(weighed.weighed_m3, 0) as weighed_m3,
        case
            when defaults.load_m3 > 0
                then least(round(coalesce(weighed.weighed_m3, 0) / defaults.load_m3, 6), 1)
        end as weighed_share,
        cast(materials.materials_kgco2e as double) / weighed.weighed_m3 as materials_kgco2e_per_m3,
        cast(materials.materials_t_km as double) * constants.material_kgco2e_per_t_km
        / weighed.weighed_m3 as material_haul_kgco2e_per_m3,
        constants.production_kgco2e_per_m3,
        coalesce(defaults.m3_km, 0)
        + (defaults.load_m3 - coalesce(defaults.load_with_km_m3, 0)) * constants.default_haul_km as m3_km,
        coalesce(defaults.load_with_km_m3, 0) / nullif(defaults.load_m3, 0) as haul_km_share,
        coalesce(
            cast(materials.materials_t as double) / weighed.weighed_m3,
            {{ plan_parameter('concrete_density_t_per_m3') }}
        ) as density_t_per_m3,
        constants.mixer_kgco2e_per_t_km,
        cast(defaults.default_kgco2e as double) / cast(defaults.default_m3 as double) as default_kgco2e_per_m3,
        cast(materials.recycled_t as double) as recycled_t,
        cast(materials.aggregate_t as double) as aggregate_t
    from defaults
    full outer join weighed on defaults.plant_id = weighed.plant_id and defaults.month_start = weighed.month_start
    inner join constants on coalesce(defaults.month_start, weighed.month_start) = constants.month_start
    left join materials on weighed.plant_id = materials.plant_id and weighed.month_start = materials.month_start
),

summed as (
    select
        *,
        materials_kgco2e_per_m3 + material_haul_kgco2e_per_m3 + production_kgco2e_per_m3 as a1_a3_kgco2e_per_m3,
        m3_km * density_t_per_m3 * mixer_kgco2e_per_t_km / nullif(delivered_m3, 0) as a4_kgco2e_per_m3
    from stages
)

select
    plant_id,
    month_start,
    delivered_m3,
    weighed_m3,
    weighed_share,
    round(materials_kgco2e_per_m3, 3) as a1_kgco2e_per_m3,
    round(material_haul_kgco2e_per_m3, 3) as a2_kgco2e_per_m3,
    case when a1_a3_kgco2e_per_m3 is not null then production_kgco2e_per_m3 end as a3_kgco2e_per_m3,
    round(a1_a3_kgco2e_per_m3, 3) as a1_a3_kgco2e_per_m3,
    round(a4_kgco2e_per_m3, 3) as a4_kgco2e_per_m3,
    round(a1_a3_kgco2e_per_m3 + a4_kgco2e_per_m3, 3) as a1_a4_kgco2e_per_m3,
    round(haul_km_share, 6) as haul_km_share,
    round(m3_km * density_t_per_m3, 3) as haul_t_km,
    round(default_kgco2e_per_m3, 3) as default_kgco2e_per_m3,
    round(100 * (a1_a3_kgco2e_per_m3 / default_kgco2e_per_m3 - 1), 3) as above_default_pct,
    round(coalesce(recycled_t, 0) / nullif(aggregate_t, 0), 6) as recycled_share
from summed
order by plant_id, month_start
