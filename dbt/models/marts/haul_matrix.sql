-- Great circle × detour ÷ speed, calibrated per district of destination and hour band; a supplied road matrix wins.
-- Feasible: what the limit leaves after the median wait and discharge.
with

margin as (
    select
        limits.value
        - coalesce(
            (
                select median(deliveries.wait_min + deliveries.discharge_min)
                from {{ ref('fct_deliveries') }} as deliveries
            ),
            {{ assumption('wait_and_discharge_min') }}
        ) as haul_limit_min
    from {{ ref('standard_limits') }} as limits
    where limits.name = 'batched_to_discharged_min'
    qualify row_number() over (order by limits.valid_from desc) = 1
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
