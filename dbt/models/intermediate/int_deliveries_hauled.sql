-- Delivered hauls that can teach a travel time: both ends located, a believable duration. Two thirds, by the ticket's
-- own hash, are fitted; the last third judges. Materialized, so that each distance and hash is computed once.
{{ config(materialized='table') }}

with

hauls as materialized (
    select
        tickets.ticket_id,
        orders.district_code,
        bands.hour_band,
        tickets.haul_min,
        tickets.haul_km as reported_km,
        {{ great_circle_km('plants.lon', 'plants.lat', 'orders.site_lon', 'orders.site_lat') }} as great_circle_km,
        md5_number_lower(tickets.ticket_id) % 3 = 0 as is_held_out
    from {{ ref('int_deliveries_measured') }} as tickets
    inner join {{ ref('int_orders_located') }} as orders on tickets.order_id = orders.order_id and orders.has_site
    inner join {{ ref('stg_plants') }} as plants on tickets.plant_id = plants.plant_id
    inner join {{ ref('hour_bands') }} as bands on {{ business_hour('tickets.departed_at') }} = bands.hour
    where orders.district_code <> 'unknown' and not tickets.has_contradicting_times
)

select
    ticket_id,
    district_code,
    hour_band,
    haul_min,
    is_held_out,
    cast(great_circle_km as decimal(18, 6)) as great_circle_km,
    cast(
        case when reported_km >= great_circle_km then reported_km end as decimal(18, 6)
    ) as reported_km
from hauls
where
    great_circle_km > 0
    and haul_min > 0
    and haul_min <= {{ assumption('haul_ceiling_min') }}
    and great_circle_km / (haul_min / 60) <= {{ assumption('haul_ceiling_km_per_h') }}
