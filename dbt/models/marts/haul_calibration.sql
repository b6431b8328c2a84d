-- Minutes of haul per great-circle km: fitted (total minutes ÷ total km) on two thirds of the tickets of a district and
-- hour band, judged on the last third. Too few tickets: the city's fit of that band; none there either: the priors.
with

bands as (
    select
        hour_band,
        avg(prior_speed_km_per_h) as prior_speed_km_per_h
    from {{ ref('hour_bands') }}
    group by grouping sets ((hour_band), ())
),

priors as (
    select
        {{ assumption('detour_factor') }} as detour_factor,
        {{ assumption('calibration_tickets') }} as least_tickets
),

hauls as (
    select * from {{ ref('int_deliveries_hauled') }}
    union all
    select * replace ('all' as hour_band) from {{ ref('int_deliveries_hauled') }}
),

fitted as (
    select
        coalesce(district_code, 'city') as district_code,
        hour_band,
        count(*) filter (where not is_held_out) as tickets,
        count(*) filter (where is_held_out) as tickets_held_out,
        cast(
            sum(cast(haul_min as decimal(18, 2))) filter (where not is_held_out) as double
        ) / nullif(cast(sum(great_circle_km) filter (where not is_held_out) as double), 0) as min_per_km,
        cast(sum(reported_km) filter (where not is_held_out) as double)
        / nullif(
            cast(sum(great_circle_km) filter (where not is_held_out and reported_km is not null) as double), 0
        ) as detour_factor
    from hauls
    group by grouping sets ((district_code, hour_band), (hour_band))
),

chosen as (
    select
        districts.district_code,
        coalesce(bands.hour_band, 'all') as hour_band,
        coalesce(own.tickets, 0) as tickets,
        coalesce(own.tickets_held_out, 0) as tickets_held_out,
        case
            when own.tickets >= priors.least_tickets then 'calibrated'
            when city.tickets >= priors.least_tickets then 'calibrated_city'
            else 'prior'
        end as source,
        coalesce(
            case when own.tickets >= priors.least_tickets then own.detour_factor end,
            city.detour_factor,
            priors.detour_factor
        ) as detour_factor,
        coalesce(
            case when own.tickets >= priors.least_tickets then own.min_per_km end,
            case when city.tickets >= priors.least_tickets then city.min_per_km end,
            60 * priors.detour_factor / bands.prior_speed_km_per_h
        ) as min_per_km
    from {{ ref('districts') }} as districts
    cross join bands
    cross join priors
    left join fitted as own
        on districts.district_code = own.district_code and coalesce(bands.hour_band, 'all') = own.hour_band
    left join fitted as city
        on city.district_code = 'city' and coalesce(bands.hour_band, 'all') = city.hour_band
),

judged as (
    select
        hauls.district_code,
        hauls.hour_band,
        median(abs(hauls.great_circle_km * chosen.min_per_km - hauls.haul_min)) as median_abs_error_min,
        median(hauls.great_circle_km * chosen.min_per_km - hauls.haul_min) as median_error_min,
        cast(
            avg(
                cast(abs(hauls.great_circle_km * chosen.min_per_km - hauls.haul_min) / hauls.haul_min as decimal(18, 6))
            ) as double
        ) as mape
    from hauls
    inner join chosen on hauls.district_code = chosen.district_code and hauls.hour_band = chosen.hour_band
    where hauls.is_held_out
    group by hauls.district_code, hauls.hour_band
)

select
    chosen.district_code,
    chosen.hour_band,
    chosen.source,
    chosen.tickets,
    chosen.tickets_held_out,
    round(chosen.detour_factor, 4) as detour_factor,
    round(60 * chosen.detour_factor / chosen.min_per_km, 3) as speed_km_per_h,
    round(judged.median_abs_error_min, 2) as median_abs_error_min,
    round(judged.median_error_min, 2) as median_error_min,
    round(judged.mape, 4) as mape
from chosen
left join judged on chosen.district_code = judged.district_code and chosen.hour_band = judged.hour_band
order by chosen.district_code, chosen.hour_band
