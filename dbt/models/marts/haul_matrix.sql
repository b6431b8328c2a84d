-- Great circle × detour ÷ speed, calibrated per district of destination and hour band; a supplied road matrix wins.
-- Feasible: what the limit leaves after the median wait and discharge.
with

-- The limit in force on the last day of deliveries; before any, the newest.
days as (
    select coalesce(data_through_on, date '9999-12-31') as date_on
    from {{ ref('int_deliveries_spanned') }}
),

limits as (
    {{ limits_in_force(['batched_to_discharged_min'], 'days', 'date_on') }}
),

margin as (
    select
        limits.batched_to_discharged_min
        - coalesce(
            (
                select median(deliveries.wait_min + deliveries.discharge_min)
                from {{ ref('fct_deliveries') }} as deliveries
            ),
            {{ assumption('wait_and_discharge_min') }}
        ) as haul_limit_min
    from limits
),

arcs as (
    select
        plants.plant_id,
        cells.cell_id,
        calibration.hour_band,
        {{ great_circle_km('plants.lon', 'plants.lat', 'cells.cell_lon', 'cells.cell_lat') }}
        * calibration.detour_factor as haul_km,
        calibration.speed_km_per_h,
        calibration.source
    from {{ ref('dim_plants') }} as plants
    cross join {{ ref('dim_demand_cells') }} as cells
    inner join {{ ref('haul_calibration') }} as calibration on cells.district_code = calibration.district_code
    where plants.is_current and plants.lon is not null and plants.lat is not null
),

resolved as (
    select
        arcs.plant_id,
        arcs.cell_id,
        arcs.hour_band,
        round(coalesce(supplied.haul_km, arcs.haul_km), 3) as haul_km,
        round(coalesce(supplied.haul_min, arcs.haul_km / arcs.speed_km_per_h * 60), 2) as haul_min,
        case when supplied.plant_id is null then arcs.source else 'supplied' end as source
    from arcs
    left join {{ ref('supplied_hauls') }} as supplied
        on
            arcs.plant_id = supplied.plant_id
            and arcs.cell_id = supplied.cell_id
            and arcs.hour_band = supplied.hour_band
)

select
    resolved.plant_id,
    resolved.cell_id,
    resolved.hour_band,
    resolved.haul_km,
    resolved.haul_min,
    resolved.haul_min <= margin.haul_limit_min as is_feasible,
    resolved.source
from resolved
cross join margin
order by resolved.plant_id, resolved.cell_id, resolved.hour_band
