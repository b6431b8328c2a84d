select
    orders.order_id,
    orders.plant_id,
    orders.has_known_plant,
    orders.project_id,
    orders.permit_no,
    orders.district_code,
    coalesce(bins.cell_id, 'unknown') as cell_id,
    orders.has_site,
    orders.site_lon,
    orders.site_lat,
    orders.structure_part,
    orders.grade,
    orders.grade_class,
    orders.slump_mm,
    cast(orders.ordered_m3 as double) as ordered_m3,
    orders.placed_at,
    orders.placed_on,
    orders.pour_from_at,
    orders.pour_to_at,
    orders.pour_on,
    orders.week_start,
    orders.pour_method,
    orders.unit_price_cny_per_m3,
    orders.status,
    orders.is_cancelled,
    orders.flags,
    orders._source_file,
    orders._source_row
from {{ ref('int_orders_located') }} as orders
left join {{ ref('int_bins_merged') }} as bins
    on
        orders.district_code = bins.district_code
        and orders.hex_q = bins.hex_q
        and orders.hex_r = bins.hex_r
