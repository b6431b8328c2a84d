-- Planning grain inside districts. A cell stands at the mean site of its orders, by volume; a cell without sites at its
-- district's centre.
with

cells as (
    select
        district_code,
        cell_id,
        bool_or(is_centre) as is_centre,
        cast(sum(lon_m3) as double) / nullif(cast(sum(sited_m3) as double), 0) as mean_lon,
        cast(sum(lat_m3) as double) / nullif(cast(sum(sited_m3) as double), 0) as mean_lat
    from {{ ref('int_bins_merged') }}
    group by district_code, cell_id
),

trailing_52w as (
    select
        deliveries.cell_id,
        {{ exact_sum('deliveries.delivered_m3') }} as delivered_m3
    from {{ ref('fct_deliveries') }} as deliveries
    inner join {{ ref('int_deliveries_spanned') }} as span
        on
            deliveries.delivered_on > span.data_through_on - 364
            and deliveries.delivered_on <= span.data_through_on
    group by deliveries.cell_id
),

weighed as (
    select
        cells.*,
        coalesce(trailing_52w.delivered_m3, 0) as delivered_m3,
        sum(coalesce(trailing_52w.delivered_m3, 0)) over (partition by cells.district_code) as district_m3
    from cells
    left join trailing_52w on cells.cell_id = trailing_52w.cell_id
)

select
    weighed.cell_id,
    weighed.district_code,
    round(coalesce(weighed.mean_lon, districts.center_lon), 6) as cell_lon,
    round(coalesce(weighed.mean_lat, districts.center_lat), 6) as cell_lat,
    weighed.is_centre,
    cast(weighed.delivered_m3 as double) as delivered_m3_52w,
    case
        when weighed.district_m3 > 0 then cast(weighed.delivered_m3 as double) / cast(weighed.district_m3 as double)
        when weighed.is_centre then 1.0
        else 0.0
    end as share_of_district
from weighed
inner join {{ ref('districts') }} as districts on weighed.district_code = districts.district_code
order by weighed.cell_id
