-- Minutes of haul per great-circle km: fitted (total minutes ÷ total km) on two thirds of the tickets of a district and
-- hour band, judged on the last third. Too few tickets: the city's fit of that band; none there either: the priors.
with

priors as (
    select
        bands.hour_band,
        avg(hours.prior_speed_km_per_h) as speed_km_per_h,
        {{ assumption('detour_factor') }} as detour_factor,
        {{ assumption('calibration_tickets') }} as least_tickets
    from {{ ref('hour_bands') }} as hours
    cross join unnest([hours.hour_band, 'all']) as bands (hour_band)
    group by bands.hour_band
),

summed as (
    select
        district_code,
        hour_band,
        count(*) as tickets,
        sum(cast(haul_min as decimal(18, 2))) as haul_min,
        sum(great_circle_km) as great_circle_km,
        sum(reported_km) as reported_km,
        sum(case when reported_km is not null then great_circle_km end) as reported_great_circle_km
    from {{ ref('int_deliveries_hauled') }}
    where not is_held_out
    group by district_code, hour_band
),

-- Each sum counts for its district and the city, in its band and in all.
fitted as (
    select
        places.district_code,
        bands.hour_band,
        sum(summed.tickets) as tickets,
        cast(sum(summed.haul_min) as double) / cast(sum(summed.great_circle_km) as double) as min_per_km,
        cast(sum(summed.reported_km) as double)
        / cast(sum(summed.reported_great_circle_km) as double) as detour_factor
    from summed
    cross join unnest([summed.district_code, 'city']) as places (district_code)
    cross join unnest([summed.hour_band, 'all']) as bands (hour_band)
    group by places.district_code, bands.hour_band
),

chosen as (
    select
        districts.district_code,
        priors.hour_band,
        case
            when own.tickets >= priors.least_tickets then 'calibrated'
            when city.tickets >= priors.least_tickets then 'calibrated_city'
            else 'prior'
        end as source,
        coalesce(own.tickets, 0) as tickets,
        coalesce(
            case when own.tickets >= priors.least_tickets then own.detour_factor end,
            case when city.tickets >= priors.least_tickets then city.detour_factor end,
            priors.detour_factor
        ) as detour_factor,
        coalesce(
            case when own.tickets >= priors.least_tickets then own.min_per_km end,
            case when city.tickets >= priors.least_tickets then city.min_per_km end,
            60 * priors.detour_factor / priors.speed_km_per_h
        ) as min_per_km
    from {{ ref('districts') }} as districts
    cross join priors
    left join fitted as own on districts.district_code = own.district_code and priors.hour_band = own.hour_band
    left join fitted as city on city.district_code = 'city' and priors.hour_band = city.hour_band
),

errors as (
    select
        hauls.district_code,
        bands.hour_band,
        hauls.haul_min,
        hauls.great_circle_km * chosen.min_per_km - hauls.haul_min as error_min
    from {{ ref('int_deliveries_hauled') }} as hauls
    cross join unnest([hauls.hour_band, 'all']) as bands (hour_band)
    inner join chosen on hauls.district_code = chosen.district_code and bands.hour_band = chosen.hour_band
    where hauls.is_held_out
),

judged as (
    select
        district_code,
        hour_band,
        count(*) as tickets_held_out,
        median(abs(error_min)) as median_abs_error_min,
        median(error_min) as median_error_min,
        cast(avg(cast(abs(error_min) / haul_min as decimal(18, 6))) as double) as mape
    from errors
    group by district_code, hour_band
)

select
    chosen.district_code,
    chosen.hour_band,
    chosen.source,
    cast(chosen.tickets as bigint) as tickets,
    coalesce(judged.tickets_held_out, 0) as tickets_held_out,
    round(chosen.detour_factor, 4) as detour_factor,
    round(60 * chosen.detour_factor / chosen.min_per_km, 3) as speed_km_per_h,
    round(judged.median_abs_error_min, 2) as median_abs_error_min,
    round(judged.median_error_min, 2) as median_error_min,
    round(judged.mape, 4) as mape
from chosen
left join judged on chosen.district_code = judged.district_code and chosen.hour_band = judged.hour_band
order by chosen.district_code, chosen.hour_band
