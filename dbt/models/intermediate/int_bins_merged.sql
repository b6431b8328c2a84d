-- Hexagon bins of each district and the demand cell that each belongs to: a bin with enough of its district's ordered
-- volume, or the district's centre, is a cell; any other joins the nearest cell of its district.
{{ config(materialized='table') }}

with

placed as (
    select
        district_code,
        hex_q,
        hex_r,
        sum(ordered_m3) as ordered_m3,
        sum(case when has_site then ordered_m3 else 0 end) as sited_m3,
        sum(case when has_site then ordered_m3 * cast(site_lon as decimal(9, 6)) else 0 end) as lon_m3,
        sum(case when has_site then ordered_m3 * cast(site_lat as decimal(9, 6)) else 0 end) as lat_m3
    from {{ ref('int_orders_located') }}
    where district_code <> 'unknown'
    group by district_code, hex_q, hex_r
),

centres as (
    select
        districts.district_code,
        sites.hex_q,
        sites.hex_r,
        districts.center_lon,
        districts.center_lat
    from {{ ref('districts') }} as districts
    inner join {{ ref('int_sites_binned') }} as sites
        on districts.center_lon = sites.lon and districts.center_lat = sites.lat
),

bins as (
    select
        district_code,
        hex_q,
        hex_r,
        centres.center_lon is not null as is_centre,
        coalesce(placed.ordered_m3, 0) as ordered_m3,
        coalesce(placed.sited_m3, 0) as sited_m3,
        coalesce(placed.lon_m3, 0) as lon_m3,
        coalesce(placed.lat_m3, 0) as lat_m3,
        sum(coalesce(placed.ordered_m3, 0)) over (partition by district_code) as district_ordered_m3
    from placed
    full outer join centres using (district_code, hex_q, hex_r)
),

cells as (
    select *
    from bins
    where is_centre or ordered_m3 >= {{ assumption('cell_min_share_of_district') }} * district_ordered_m3
)

select
    bins.district_code,
    bins.hex_q,
    bins.hex_r,
    bins.is_centre,
    bins.sited_m3,
    bins.lon_m3,
    bins.lat_m3,
    concat(cells.district_code, '-q', cells.hex_q, 'r', cells.hex_r) as cell_id
from bins
inner join cells on bins.district_code = cells.district_code
qualify
    row_number() over (
        partition by bins.district_code, bins.hex_q, bins.hex_r
        order by
            abs(bins.hex_q - cells.hex_q)
            + abs(bins.hex_r - cells.hex_r)
            + abs(bins.hex_q + bins.hex_r - cells.hex_q - cells.hex_r) asc,
            cells.ordered_m3 desc,
            cells.hex_q asc,
            cells.hex_r asc
    ) = 1
