-- Prices by grade where they were paid: quartiles by volume, so that one large contract weighs as much as it carries.
with

sold as (
    select
        areas.area_code,
        sales.month_start,
        sales.grade,
        sales.grade_class,
        sales.unit_price_cny_per_m3 as price_cny_per_m3,
        count(*) as orders,
        sum(sales.sold_m3) as sold_m3
    from {{ ref('int_sales_costed') }} as sales
    cross join unnest([sales.district_code, 'city']) as areas (area_code)
    where sales.unit_price_cny_per_m3 is not null
    group by areas.area_code, sales.month_start, sales.grade, sales.grade_class, sales.unit_price_cny_per_m3
),

-- The volume sold at this price or a lower one.
stacked as (
    select
        *,
        sum(sold_m3) over (partition by area_code, month_start, grade order by price_cny_per_m3) as sold_up_to_m3,
        sum(sold_m3) over (partition by area_code, month_start, grade) as all_m3
    from sold
),

quartiles as (
    select
        area_code,
        month_start,
        grade,
        grade_class,
        cast(sum(orders) as bigint) as orders,
        sum(sold_m3) as sold_m3,
        min(price_cny_per_m3) filter (where 4 * sold_up_to_m3 >= all_m3) as lower_quartile_cny_per_m3,
        min(price_cny_per_m3) filter (where 2 * sold_up_to_m3 >= all_m3) as median_cny_per_m3,
        min(price_cny_per_m3) filter (where 4 * sold_up_to_m3 >= 3 * all_m3) as upper_quartile_cny_per_m3,
        {{ exact_sum('sold_m3 * price_cny_per_m3') }} as sales_cny
    from stacked
    group by area_code, month_start, grade, grade_class
)

select
    quartiles.area_code,
    quartiles.month_start,
    quartiles.grade,
    quartiles.grade_class,
    quartiles.orders,
    cast(quartiles.sold_m3 as double) as sold_m3,
    round(cast(quartiles.sales_cny as double) / cast(quartiles.sold_m3 as double), 2) as mean_cny_per_m3,
    quartiles.lower_quartile_cny_per_m3,
    quartiles.median_cny_per_m3,
    quartiles.upper_quartile_cny_per_m3,
    round(
        (quartiles.upper_quartile_cny_per_m3 - quartiles.lower_quartile_cny_per_m3) / quartiles.median_cny_per_m3, 6
    ) as dispersion,
    round(quartiles.median_cny_per_m3 / a_year_before.median_cny_per_m3 - 1, 6) as change_in_a_year
from quartiles
left join quartiles as a_year_before
    on
        quartiles.area_code = a_year_before.area_code
        and quartiles.grade = a_year_before.grade
        and quartiles.month_start = a_year_before.month_start + interval 12 month
order by quartiles.area_code, quartiles.month_start, quartiles.grade
