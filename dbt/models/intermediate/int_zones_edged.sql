-- The edges of every polygon (outer rings and holes alike) of every zone, from its GeoJSON text.
with

shapes as (
    select
        zone_id,
        kind,
        json_extract_string(geometry, '$.type') as shape,
        json_extract(geometry, '$.coordinates') as coordinates
    from {{ ref('stg_zones') }}
    where json_valid(geometry)
),

polygons as (
    select
        zone_id,
        kind,
        unnest(from_json(coordinates, '[[[["DOUBLE"]]]]')) as rings
    from shapes
    where shape = 'MultiPolygon'
    union all
    select
        zone_id,
        kind,
        from_json(coordinates, '[[["DOUBLE"]]]') as rings
    from shapes
    where shape = 'Polygon'
),

rings as (
    select
        zone_id,
        kind,
        unnest(rings) as ring
    from polygons
),

corners as (
    select
        zone_id,
        kind,
        ring,
        unnest(generate_series(1, len(ring) - 1)) as corner
    from rings
)

select
    zone_id,
    kind,
    ring[corner][1] as lon_1,
    ring[corner][2] as lat_1,
    ring[corner + 1][1] as lon_2,
    ring[corner + 1][2] as lat_2
from corners
