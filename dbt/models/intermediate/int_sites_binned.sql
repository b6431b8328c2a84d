-- The hexagon (axial q, r; pointy top) of every building site and district centre. The plane is local, equirectangular
-- around the median of the districts' centres.
{{ config(materialized='table') }}

with

sites as (
    select
        site_lon as lon,
        site_lat as lat
    from {{ ref('stg_orders') }}
    where site_lon is not null and site_lat is not null
    union
    select
        center_lon as lon,
        center_lat as lat
    from {{ ref('districts') }}
),

frame as (
    select
        median(center_lon) as origin_lon,
        median(center_lat) as origin_lat,
        {{ assumption('cell_across_km') }} / sqrt(3) as radius_km
    from {{ ref('districts') }}
),

planar as (
    select
        sites.lon,
        sites.lat,
        frame.radius_km,
        6371.0088 * radians(sites.lon - frame.origin_lon) * cos(radians(frame.origin_lat)) as x_km,
        6371.0088 * radians(sites.lat - frame.origin_lat) as y_km
    from sites
    cross join frame
),

axial as (
    select
        lon,
        lat,
        (sqrt(3) / 3 * x_km - y_km / 3) / radius_km as q,
        (2 * y_km / 3) / radius_km as r
    from planar
),

-- Cube rounding: q + r + s = 0, so the coordinate that moved most when rounded is replaced by minus the other two.
rounded as (
    select
        lon,
        lat,
        round(q) as q_rounded,
        round(r) as r_rounded,
        abs(round(q) - q) as q_moved,
        abs(round(r) - r) as r_moved,
        round(-q - r) as s_rounded,
        abs(round(-q - r) + q + r) as s_moved
    from axial
)

select
    lon,
    lat,
    cast(
        case when q_moved > r_moved and q_moved > s_moved then -r_rounded - s_rounded else q_rounded end as integer
    ) as hex_q,
    cast(
        case
            when (q_moved <= r_moved or q_moved <= s_moved) and r_moved > s_moved then -q_rounded - s_rounded
            else r_rounded
        end as integer
    ) as hex_r
from rounded
