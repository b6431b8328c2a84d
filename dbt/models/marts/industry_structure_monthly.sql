-- Competition in figures. A market is where concrete is poured: a plant belongs to every district that it delivers to
-- in the month, and to the city. Only utilisation is counted where plants stand. A plant that is on no record counts as
-- an enterprise of its own.
with

months as (
    select
        {{ month_start('first_week') }} as first_month,
        data_through_on,
        {{ month_start('data_through_on + 1') }} - interval 1 month as last_full_month,
        cast({{ assumption('entry_exit_months') }} as integer) as gap_months
    from {{ ref('int_deliveries_spanned') }}
),

plant_sales as (
    select
        areas.area_code,
        sales.month_start,
        sales.enterprise_id,
        sales.plant_id,
        sum(sales.sold_m3) as sold_m3,
        sum(case when sales.is_below_cost is not null then sales.sold_m3 end) as costed_m3,
        sum(case when sales.is_below_cost then sales.sold_m3 end) as below_cost_m3
    from {{ ref('int_sales_costed') }} as sales
    cross join unnest([sales.district_code, 'city']) as areas (area_code)
    group by areas.area_code, sales.month_start, sales.enterprise_id, sales.plant_id
),

enterprise_sales as (
    select
        area_code,
        month_start,
        enterprise_id,
        count(*) as plants,
        cast(sum(sold_m3) as decimal(18, 3)) as sold_m3,
        sum(costed_m3) as costed_m3,
        sum(below_cost_m3) as below_cost_m3,
        row_number() over (partition by area_code, month_start order by sum(sold_m3) desc, enterprise_id) as size_rank
    from plant_sales
    group by area_code, month_start, enterprise_id
),

-- Shares are taken of exact sums, and squares are summed before they are divided: the order of terms changes nothing.
concentration as (
    select
        area_code,
        month_start,
        sum(sold_m3) as sold_m3,
        count(*) as enterprises_active,
        sum(plants) as plants_active,
        1e4 * cast(sum(sold_m3 * sold_m3) as double) / pow(cast(sum(sold_m3) as double), 2) as hhi,
        cast(sum(case when size_rank <= 4 then sold_m3 end) as double) / cast(sum(sold_m3) as double) as cr4_share,
        cast(sum(case when size_rank <= 8 then sold_m3 end) as double) / cast(sum(sold_m3) as double) as cr8_share,
        cast(sum(costed_m3) as double) as costed_m3,
        cast(sum(below_cost_m3) as double) as below_cost_m3
    from enterprise_sales
    group by area_code, month_start
),

-- Months of a plant in an area, each with its neighbours.
presence as (
    select
        area_code,
        month_start,
        lag(month_start) over plant_in_area as month_before,
        lead(month_start) over plant_in_area as month_after
    from plant_sales
    window plant_in_area as (partition by area_code, plant_id order by month_start)
),

-- In, when it had delivered nothing for so many months; out, from the month after its last delivery, when it then
-- delivers nothing for so many.
turnover as (
    select
        presence.area_code,
        presence.month_start,
        1 as entries,
        0 as exits
    from presence
    cross join months
    where
        presence.month_before is null
        or date_diff('month', presence.month_before, presence.month_start) > months.gap_months
    union all
    select
        presence.area_code,
        cast(presence.month_start + interval 1 month as date) as month_start,
        0 as entries,
        1 as exits
    from presence
    cross join months
    where
        presence.month_after is null
        or date_diff('month', presence.month_start, presence.month_after) > months.gap_months
),

turned as (
    select
        area_code,
        month_start,
        sum(entries) as plants_entered,
        sum(exits) as plants_left
    from turnover
    group by area_code, month_start
),

-- Grades weigh by their volume.
priced as (
    select
        area_code,
        month_start,
        {{ exact_sum('sold_m3 * dispersion') }} as spread_m3,
        {{ exact_sum('sold_m3') }} as priced_m3,
        {{ exact_sum('sold_m3 * change_in_a_year') }} as changed_m3,
        {{ exact_sum('case when change_in_a_year is not null then sold_m3 end') }} as compared_m3
    from {{ ref('prices_monthly') }}
    group by area_code, month_start
),

-- Plants, and the enterprises behind them, that could have served a cell within the limit.
cell_rivals as (
    select
        hauls.cell_id,
        plants.month_start,
        count(*) as plants_in_reach,
        count(distinct coalesce(plants.enterprise_id, plants.plant_id)) as enterprises_in_reach
    from {{ ref('int_plants_monthly') }} as plants
    inner join {{ ref('haul_matrix') }} as hauls on plants.plant_id = hauls.plant_id
    where plants.is_operating and hauls.hour_band = 'all' and hauls.is_feasible
    group by hauls.cell_id, plants.month_start
),

cell_sales as (
    select
        district_code,
        cell_id,
        {{ month_start('delivered_on') }} as month_start,
        cast({{ exact_sum('delivered_m3') }} as decimal(18, 3)) as sold_m3
    from {{ ref('fct_deliveries') }}
    where delivered_on is not null and cell_id <> 'unknown'
    group by district_code, cell_id, month_start
),

overlap as (
    select
        areas.area_code,
        cells.month_start,
        cast(sum(cells.sold_m3 * coalesce(rivals.plants_in_reach, 0)) as double)
        / nullif(cast(sum(cells.sold_m3) as double), 0) as plants_in_reach,
        cast(sum(cells.sold_m3 * coalesce(rivals.enterprises_in_reach, 0)) as double)
        / nullif(cast(sum(cells.sold_m3) as double), 0) as enterprises_in_reach
    from cell_sales as cells
    left join cell_rivals as rivals on cells.cell_id = rivals.cell_id and cells.month_start = rivals.month_start
    cross join unnest([cells.district_code, 'city']) as areas (area_code)
    group by areas.area_code, cells.month_start
),

-- Of the whole weeks that begin in the month.
plant_utilisation as (
    select
        capacity.plant_id,
        plants.district_code,
        plants.month_start,
        cast({{ exact_sum('capacity.delivered_m3') }} as double)
        / nullif(cast({{ exact_sum('capacity.available_m3') }} as double), 0) as utilisation
    from {{ ref('capacity_weekly') }} as capacity
    inner join {{ ref('int_plants_monthly') }} as plants
        on capacity.plant_id = plants.plant_id and {{ month_start('capacity.week_start') }} = plants.month_start
    where capacity.is_complete
    group by capacity.plant_id, plants.district_code, plants.month_start
),

utilised as (
    select
        areas.area_code,
        plants.month_start,
        count(*) as plants_measured,
        quantile_cont(plants.utilisation, 0.1) as utilisation_p10,
        quantile_cont(plants.utilisation, 0.5) as utilisation_p50,
        quantile_cont(plants.utilisation, 0.9) as utilisation_p90,
        count(*) filter (where plants.utilisation < {{ assumption('low_utilisation') }}) as plants_under_used
    from plant_utilisation as plants
    cross join unnest([plants.district_code, 'city']) as areas (area_code)
    where plants.utilisation is not null
    group by areas.area_code, plants.month_start
)

select
    concentration.area_code,
    concentration.month_start,
    last_day(concentration.month_start) <= months.data_through_on as is_complete,
    cast(concentration.sold_m3 as double) as sold_m3,
    concentration.enterprises_active,
    cast(concentration.plants_active as bigint) as plants_active,
    case
        when date_diff('month', months.first_month, concentration.month_start) >= months.gap_months
            then cast(coalesce(turned.plants_entered, 0) as bigint)
    end as plants_entered,
    case
        when date_diff('month', concentration.month_start, months.last_full_month) >= months.gap_months - 1
            then cast(coalesce(turned.plants_left, 0) as bigint)
    end as plants_left,
    round(concentration.hhi, 1) as hhi,
    round(concentration.cr4_share, 6) as cr4_share,
    round(concentration.cr8_share, 6) as cr8_share,
    round(cast(priced.spread_m3 as double) / nullif(cast(priced.priced_m3 as double), 0), 4) as price_dispersion,
    round(cast(priced.changed_m3 as double) / nullif(cast(priced.compared_m3 as double), 0), 4)
        as price_change_in_a_year,
    round(concentration.costed_m3 / cast(concentration.sold_m3 as double), 6) as share_costed,
    round(coalesce(concentration.below_cost_m3, 0) / concentration.costed_m3, 6) as share_below_cost,
    round(overlap.plants_in_reach, 2) as plants_in_reach,
    round(overlap.enterprises_in_reach, 2) as enterprises_in_reach,
    round(utilised.utilisation_p10, 4) as utilisation_p10,
    round(utilised.utilisation_p50, 4) as utilisation_p50,
    round(utilised.utilisation_p90, 4) as utilisation_p90,
    round(utilised.plants_under_used / utilised.plants_measured, 4) as share_under_used
from concentration
cross join months
left join turned using (area_code, month_start)
left join priced using (area_code, month_start)
left join overlap using (area_code, month_start)
left join utilised using (area_code, month_start)
order by concentration.area_code, concentration.month_start
