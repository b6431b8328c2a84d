-- The zones in which each place of a plant lies. Even-odd rule: a ray to the east crosses the boundary an odd number of
-- times from inside, and holes undo what their outer ring did.
with

places as (
    select distinct
        lon,
        lat
    from {{ ref('stg_plants_versions') }}
    where lon is not null and lat is not null
)

select
    places.lon,
    places.lat,
    edges.zone_id,
    edges.kind
from places
inner join {{ ref('int_zones_edged') }} as edges
    on
        (places.lat < edges.lat_1) <> (places.lat < edges.lat_2)
        and places.lon
        < edges.lon_1 + (edges.lon_2 - edges.lon_1) * (places.lat - edges.lat_1) / (edges.lat_2 - edges.lat_1)
group by places.lon, places.lat, edges.zone_id, edges.kind
having count(*) % 2 = 1
