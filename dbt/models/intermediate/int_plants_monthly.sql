-- The record of each plant that holds at the end of each month of deliveries.
{{ config(materialized='table') }}

with

months as (
    select distinct
        dates.month_start,
        last_day(dates.month_start) as month_end
    from {{ ref('dim_dates') }} as dates
    inner join {{ ref('int_deliveries_spanned') }} as span
        on dates.month_start between {{ month_start('span.first_week') }} and span.last_week
)

select
    plants.plant_id,
    months.month_start,
    plants.enterprise_id,
    plants.district_code,
    plants.lines,
    plants.rated_m3_per_h,
    plants.rent_and_fixed_cny_per_year,
    plants.status = 'operating'
    and coalesce(plants.opened_on <= months.month_end, true)
    and coalesce(plants.closed_on > months.month_end, true) as is_operating
from months
inner join {{ ref('dim_plants') }} as plants
    on
        months.month_end >= plants.valid_from
        and (plants.valid_to is null or months.month_end < plants.valid_to)
where not plants.is_candidate
