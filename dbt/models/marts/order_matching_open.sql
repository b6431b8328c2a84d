-- Which plants could pour each open order, best first: within the haul limit at the hour of the pour, able and
-- qualified to make the grade, with capacity to spare on the days left. Among those the cheapest is first, material and
-- haul counted and carbon priced in as in the plan. The order's own plant is always listed, with what stands in its
-- way. An order whose place is not known has no rows.
with

plants as (
    select
        plants.plant_id,
        plants.status = 'operating' as is_operating,
        plants.capacity_m3_per_day,
        try_cast(regexp_extract(plants.max_grade, '(\d{2,3})', 1) as integer) as max_strength_mpa,
        qualifications.max_strength_mpa as qualified_strength_mpa
    from {{ ref('dim_plants') }} as plants
    left join {{ ref('plant_qualifications') }} as qualifications
        on plants.qualification = qualifications.qualification
    where plants.is_current and not plants.is_candidate
),

-- An order is taken to be poured evenly over the days that are left.
order_days as (
    select
        order_id,
        plant_id,
        cast(unnest(generate_series(open_from_on, open_to_on, interval 1 day)) as date) as pour_on,
        cast(open_m3 / open_days as decimal(18, 3)) as open_m3
    from {{ ref('int_orders_opened') }}
),

booked as (
    select
        plant_id,
        pour_on,
        sum(open_m3) as booked_m3
    from order_days
    group by plant_id, pour_on
),

in_reach as (
    select
        orders.order_id,
        hauls.plant_id,
        hauls.haul_km,
        hauls.haul_min,
        hauls.is_feasible as is_in_reach
    from {{ ref('int_orders_opened') }} as orders
    inner join {{ ref('haul_matrix') }} as hauls
        on orders.cell_id = hauls.cell_id and orders.hour_band = hauls.hour_band
    inner join plants on hauls.plant_id = plants.plant_id
    where (hauls.is_feasible and plants.is_operating) or hauls.plant_id = orders.plant_id
),

-- What a plant has left for an order: its capacity less what is booked by all others.
spare as (
    select
        in_reach.order_id,
        in_reach.plant_id,
        {{ exact_sum("case
            when plants.is_operating and not dates.is_policy_ban
                then greatest(
                    plants.capacity_m3_per_day - coalesce(booked.booked_m3, 0)
                    + case when order_days.plant_id = in_reach.plant_id then order_days.open_m3 else 0 end,
                    0
                )
            else 0
        end") }} as spare_m3
    from in_reach
    inner join order_days on in_reach.order_id = order_days.order_id
    inner join plants on in_reach.plant_id = plants.plant_id
    inner join {{ ref('dim_dates') }} as dates on order_days.pour_on = dates.date_on
    left join booked on in_reach.plant_id = booked.plant_id and order_days.pour_on = booked.pour_on
    group by in_reach.order_id, in_reach.plant_id
),

material as (
    select
        plant_id,
        grade_class,
        arg_max(material_cny_per_m3, month_start) as material_cny_per_m3
    from {{ ref('cost_lines_monthly') }}
    group by plant_id, grade_class
),

-- The default of the strongest listed grade that an order's grade reaches, and how far a plant last was from it.
factors as (
    {{ rules_in_force('carbon_factors', ['kind', 'subject'], ref('int_orders_opened'), 'open_from_on') }}
),

default_carbon as (
    select
        orders.order_id,
        max_by(factors.value, try_cast(factors.subject as integer)) as kgco2e_per_m3
    from {{ ref('int_orders_opened') }} as orders
    inner join factors
        on
            orders.open_from_on = factors.open_from_on
            and factors.kind = 'concrete'
            and orders.strength_mpa >= try_cast(factors.subject as integer)
    group by orders.order_id
),

plant_carbon as (
    select
        plant_id,
        max_by(above_default_pct, month_start) as above_default_pct
    from {{ ref('carbon_monthly') }}
    where above_default_pct is not null
    group by plant_id
),

judged as (
    select
        orders.order_id,
        plants.plant_id,
        coalesce(plants.plant_id = orders.plant_id, false) as is_own_plant,
        orders.district_code,
        orders.cell_id,
        orders.grade,
        orders.open_from_on,
        orders.open_to_on,
        cast(orders.open_m3 as double) as open_m3,
        in_reach.haul_km,
        in_reach.haul_min,
        cast(spare.spare_m3 as double) as spare_m3,
        round(
            coalesce(material.material_cny_per_m3, usual.cny_per_m3)
            + in_reach.haul_km * {{ plan_parameter('haul_cost_cny_per_m3_km') }},
            2
        ) as cost_cny_per_m3,
        round(
            default_carbon.kgco2e_per_m3 * (1 + coalesce(plant_carbon.above_default_pct, 0) / 100), 1
        ) as concrete_kgco2e_per_m3,
        plant_carbon.plant_id is not null as has_own_carbon,
        round(
            in_reach.haul_km * {{ plan_parameter('concrete_density_t_per_m3') }}
            * {{ plan_parameter('truck_kgco2e_per_t_km') }},
            3
        ) as haul_kgco2e_per_m3,
        not plants.is_operating as is_shut,
        not in_reach.is_in_reach as is_beyond_limit,
        coalesce(orders.strength_mpa > plants.max_strength_mpa, false) as is_above_its_grades,
        coalesce(orders.strength_mpa > plants.qualified_strength_mpa, false) as is_above_its_qualification,
        spare.spare_m3 < orders.open_m3 as is_short,
        plants.qualified_strength_mpa is not null as has_known_qualification
    from in_reach
    inner join {{ ref('int_orders_opened') }} as orders on in_reach.order_id = orders.order_id
    inner join plants on in_reach.plant_id = plants.plant_id
    inner join spare on in_reach.order_id = spare.order_id and in_reach.plant_id = spare.plant_id
    left join material on in_reach.plant_id = material.plant_id and orders.grade_class = material.grade_class
    left join {{ ref('material_costs') }} as usual on orders.grade_class = usual.grade_class
    left join default_carbon on orders.order_id = default_carbon.order_id
    left join plant_carbon on in_reach.plant_id = plant_carbon.plant_id
),

priced as (
    select
        *,
        not is_shut
        and not is_beyond_limit
        and not is_above_its_grades
        and not is_above_its_qualification
        and not is_short as is_feasible,
        round(
            cost_cny_per_m3
            + (coalesce(concrete_kgco2e_per_m3, 0) + haul_kgco2e_per_m3)
            * {{ plan_parameter('carbon_price_cny_per_t') }} / 1000,
            2
        ) as ranked_by_cny_per_m3
    from judged
),

ranked as (
    select
        *,
        row_number() over best_first as match_rank,
        first(ranked_by_cny_per_m3) over best_first as best_cny_per_m3,
        lead(ranked_by_cny_per_m3) over best_first as next_cny_per_m3,
        count(case when is_feasible then 1 end) over (partition by order_id) as plants_feasible
    from priced
    window best_first as (
        partition by order_id order by is_feasible desc, ranked_by_cny_per_m3 asc, haul_min asc, plant_id asc
    )
),

explained as (
    select
        *,
        concat_ws(
            ',',
            case when is_shut then 'not_operating' end,
            case when is_beyond_limit then 'haul' end,
            case when is_above_its_grades then 'grade' end,
            case when is_above_its_qualification then 'qualification' end,
            case when is_short then 'capacity' end
        ) as blocked_by,
        concat_ws(
            '、',
            case when is_shut then '未在产' end,
            case when is_beyond_limit then '超出运输时限' end,
            case when is_above_its_grades then '强度等级超出能力' end,
            case when is_above_its_qualification then '资质不及' end,
            case when is_short then '余量不足' end
        ) as obstacles_zh,
        concat_ws(
            ', ',
            case when is_shut then 'not operating' end,
            case when is_beyond_limit then 'beyond the haul limit' end,
            case when is_above_its_grades then 'cannot make the grade' end,
            case when is_above_its_qualification then 'not qualified for the grade' end,
            case when is_short then 'not enough capacity to spare' end
        ) as obstacles_en,
        next_cny_per_m3 - ranked_by_cny_per_m3 as ahead_by_cny_per_m3,
        ranked_by_cny_per_m3 - best_cny_per_m3 as behind_by_cny_per_m3
    from ranked
)

select
    order_id,
    cast(match_rank as integer) as match_rank,
    plant_id,
    is_own_plant,
    is_feasible,
    blocked_by,
    district_code,
    cell_id,
    grade,
    open_from_on,
    open_to_on,
    open_m3,
    spare_m3,
    haul_km,
    haul_min,
    has_known_qualification,
    cost_cny_per_m3,
    concrete_kgco2e_per_m3,
    has_own_carbon,
    haul_kgco2e_per_m3,
    ranked_by_cny_per_m3,
    plants_feasible,
    case
        when not is_feasible then '不可行：' || obstacles_zh
        when match_rank > 1 then format('可行，每方比首选多 {:.2f} 元', behind_by_cny_per_m3)
        when plants_feasible = 1 then '唯一可行的站'
        else format('{} 座可行站中最省：每方比次选少 {:.2f} 元', plants_feasible, ahead_by_cny_per_m3)
    end as reason_zh,
    case
        when not is_feasible then 'not feasible: ' || obstacles_en
        when match_rank > 1 then format('feasible, {:.2f} CNY/m³ more than the first', behind_by_cny_per_m3)
        when plants_feasible = 1 then 'the only feasible plant'
        else format(
            'cheapest of {} feasible plants: {:.2f} CNY/m³ less than the next', plants_feasible, ahead_by_cny_per_m3
        )
    end as reason_en
from explained
where match_rank <= {{ assumption('matches_per_order') }} or is_own_plant
order by order_id, match_rank
