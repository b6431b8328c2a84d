-- What a cubic metre costs at the plant's gate: its material, and its share of the fixed cost of the year up to the
-- month. The haul is a matter of each site (int_sales_costed).
with

sold as (
    select
        plant_id,
        {{ month_start('delivered_on') }} as month_start,
        grade_class,
        {{ exact_sum('delivered_m3') }} as sold_m3
    from {{ ref('fct_deliveries') }}
    where delivered_on is not null
    group by plant_id, month_start, grade_class
    having sold_m3 > 0
),

plant_months as (
    select
        plant_id,
        month_start,
        sum(sold_m3) as sold_m3
    from sold
    group by plant_id, month_start
),

-- A plant younger than the window spreads the fixed cost of its own months.
windowed as (
    select
        months.plant_id,
        months.month_start,
        cast(sum(earlier.sold_m3) as double) as window_m3,
        date_diff('month', min(earlier.month_start), months.month_start) + 1 as window_months
    from plant_months as months
    inner join plant_months as earlier
        on
            months.plant_id = earlier.plant_id
            and date_diff('month', earlier.month_start, months.month_start)
            between 0 and {{ assumption('cost_window_months') }} - 1
    group by months.plant_id, months.month_start
),

fixed as (
    select
        windowed.plant_id,
        windowed.month_start,
        coalesce(
            plants.rent_and_fixed_cny_per_year,
            {{ plan_parameter('fixed_cost_cny_per_m3_per_h') }} * plants.lines * plants.rated_m3_per_h
        ) * windowed.window_months / 12 / windowed.window_m3 as fixed_cny_per_m3,
        case when plants.rent_and_fixed_cny_per_year is null then 'assumed' else 'reported' end as fixed_source
    from windowed
    inner join {{ ref('int_plants_monthly') }} as plants
        on windowed.plant_id = plants.plant_id and windowed.month_start = plants.month_start
),

-- As weighed where the plant's weighings and prices tell, else as usual.
material as (
    select
        sold.plant_id,
        sold.month_start,
        sold.grade_class,
        coalesce(recipes.material_cny_per_m3, usual.cny_per_m3) as material_cny_per_m3,
        coalesce(recipes.material_source, 'assumed') as material_source
    from sold
    left join {{ ref('int_recipes_costed') }} as recipes
        on
            sold.plant_id = recipes.plant_id
            and sold.month_start = recipes.month_start
            and sold.grade_class = recipes.grade_class
    left join {{ ref('material_costs') }} as usual on sold.grade_class = usual.grade_class
)

select
    sold.plant_id,
    sold.month_start,
    sold.grade_class,
    cast(sold.sold_m3 as double) as sold_m3,
    material.material_cny_per_m3,
    material.material_source,
    round(fixed.fixed_cny_per_m3, 2) as fixed_cny_per_m3,
    fixed.fixed_source,
    round(material.material_cny_per_m3 + fixed.fixed_cny_per_m3, 2) as gate_cost_cny_per_m3
from sold
inner join material using (plant_id, month_start, grade_class)
left join fixed on sold.plant_id = fixed.plant_id and sold.month_start = fixed.month_start
order by sold.plant_id, sold.month_start, sold.grade_class
