-- What the material of a cubic metre cost a plant: what it weighed of each material × that month's price. Months
-- without weighings take what the plant weighed in all others. Water is not bought; a bought material without any price
-- leaves the cost unknown.
{{ config(materialized='table') }}

with

used as (
    select
        plant_id,
        grade_class,
        {{ month_start('mixed_on') }} as month_start,
        material,
        sum(used_kg) as used_kg
    from {{ ref('int_materials_used') }}
    where material in (select rules.material from {{ ref('procurement_rules') }} as rules)
    group by plant_id, grade_class, {{ month_start('mixed_on') }}, material
),

mixed as (
    select
        plant_id,
        grade_class,
        {{ month_start('mixed_on') }} as month_start,
        sum(mixed_m3) as mixed_m3
    from {{ ref('int_volumes_mixed') }}
    group by plant_id, grade_class, {{ month_start('mixed_on') }}
),

mixed_in_all as (
    select
        plant_id,
        grade_class,
        sum(mixed_m3) as mixed_m3
    from {{ ref('int_volumes_mixed') }}
    group by plant_id, grade_class
),

-- A recipe of each month, and one of all months.
recipes as (
    select
        used.plant_id,
        used.grade_class,
        used.month_start as weighed_in,
        used.material,
        cast(used.used_kg as double) / cast(mixed.mixed_m3 as double) as kg_per_m3
    from used
    inner join mixed
        on
            used.plant_id = mixed.plant_id
            and used.grade_class = mixed.grade_class
            and used.month_start = mixed.month_start
    union all
    select
        used.plant_id,
        used.grade_class,
        null as weighed_in,
        used.material,
        cast(sum(used.used_kg) as double) / cast(mixed_in_all.mixed_m3 as double) as kg_per_m3
    from used
    inner join mixed_in_all on used.plant_id = mixed_in_all.plant_id and used.grade_class = mixed_in_all.grade_class
    group by used.plant_id, used.grade_class, used.material, mixed_in_all.mixed_m3
),

costed as (
    select
        recipes.plant_id,
        plants.month_start,
        recipes.grade_class,
        recipes.weighed_in,
        cast({{ exact_sum('recipes.kg_per_m3 * prices.price_cny_per_t / 1000') }} as double) as material_cny_per_m3
    from recipes
    inner join {{ ref('int_plants_monthly') }} as plants
        on
            recipes.plant_id = plants.plant_id
            and plants.month_start = coalesce(recipes.weighed_in, plants.month_start)
    left join {{ ref('int_materials_priced') }} as prices
        on
            recipes.plant_id = prices.plant_id
            and plants.month_start = prices.month_start
            and recipes.material = prices.material
    group by recipes.plant_id, plants.month_start, recipes.grade_class, recipes.weighed_in
    having count(prices.price_cny_per_t) = count(*)
)

select
    plant_id,
    month_start,
    grade_class,
    round(material_cny_per_m3, 2) as material_cny_per_m3,
    case when weighed_in is null then 'weighed_in_other_months' else 'weighed' end as material_source
from costed
qualify row_number() over (
    partition by plant_id, month_start, grade_class order by weighed_in is null
) = 1
