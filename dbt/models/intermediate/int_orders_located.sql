-- Newest orders under the ids that are ours, with district checked, grade classed and the hexagon of their site;
-- without a believable site, that of the district's centre.
{{ config(materialized='table') }}

with

orders as (
    select
        newest.* replace (
            {{ resolved('plant', 'newest.plant_id') }} as plant_id,
            {{ resolved('project', 'newest.project_id') }} as project_id
        ),
        coalesce(districts.district_code, 'unknown') as known_district_code,
        districts.center_lon,
        districts.center_lat,
        coalesce(
            {{ great_circle_km('newest.site_lon', 'newest.site_lat', 'districts.center_lon', 'districts.center_lat') }}
            <= {{ assumption('site_ceiling_km') }},
            false
        ) as has_site
    from {{ ref('stg_orders') }} as newest
    left join {{ ref('districts') }} as districts on newest.district_code = districts.district_code
    {{ join_codes('plant', 'newest.plant_id', 'newest.placed_on') }}
    {{ join_codes('project', 'newest.project_id', 'newest.placed_on') }}
)

select
    orders.order_id,
    orders.plant_id,
    plants.plant_id is not null as has_known_plant,
    orders.project_id,
    orders.project_name,
    orders.permit_no,
    orders.known_district_code as district_code,
    orders.has_site,
    orders.site_lon,
    orders.site_lat,
    sites.hex_q,
    sites.hex_r,
    orders.structure_part,
    orders.grade,
    coalesce(grades.grade_class, 'unknown') as grade_class,
    orders.slump_mm,
    cast(orders.ordered_m3 as decimal(18, 3)) as ordered_m3,
    orders.placed_at,
    orders.placed_on,
    orders.pour_from_at,
    orders.pour_to_at,
    orders.pour_on,
    {{ week_start('orders.pour_on') }} as week_start,
    orders.pour_method,
    orders.unit_price_cny_per_m3,
    orders.status,
    orders.status = 'cancelled' as is_cancelled,
    orders.flags,
    orders._source_file,
    orders._source_row
from orders
left join {{ ref('int_grades_classified') }} as grades on orders.grade = grades.grade
left join {{ ref('int_sites_binned') }} as sites
    on
        case when orders.has_site then orders.site_lon else orders.center_lon end = sites.lon
        and case when orders.has_site then orders.site_lat else orders.center_lat end = sites.lat
left join {{ ref('stg_plants') }} as plants on orders.plant_id = plants.plant_id
