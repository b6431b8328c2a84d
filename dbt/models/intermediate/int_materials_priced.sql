-- What a tonne of a material cost a plant in a month: by weight, of its own receipts; in a month without, the city's.
{{ config(materialized='table') }}

with

receipts as (
    select
        plant_id,
        {{ month_start('received_on') }} as month_start,
        material,
        {{ exact_sum('net_t') }} as net_t,
        {{ exact_sum('net_t * unit_price_cny_per_t') }} as paid_cny
    from {{ ref('fct_material_receipts') }}
    where unit_price_cny_per_t is not null
    group by plant_id, month_start, material
),

city as (
    select
        month_start,
        material,
        cast(sum(paid_cny) as double) / cast(sum(net_t) as double) as city_price_cny_per_t
    from receipts
    group by month_start, material
)

select
    plants.plant_id,
    city.month_start,
    city.material,
    coalesce(
        cast(receipts.paid_cny as double) / cast(receipts.net_t as double), city.city_price_cny_per_t
    ) as price_cny_per_t
from city
inner join {{ ref('int_plants_monthly') }} as plants on city.month_start = plants.month_start
left join receipts
    on
        plants.plant_id = receipts.plant_id
        and city.month_start = receipts.month_start
        and city.material = receipts.material
