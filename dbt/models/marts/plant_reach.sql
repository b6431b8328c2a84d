-- Two-step floating catchment: a plant's capacity is divided over the demand cells that it reaches within the limit, by
-- their demand, so that a plant's shares sum to one and the city's capacity is conserved.
with

reached as (
    select
        haul.plant_id,
        cells.district_code,
        cast(
            greatest(cells.delivered_m3_52w, {{ assumption('cell_weight_floor_m3') }}) as decimal(18, 3)
        ) as weight_m3
    from {{ ref('haul_matrix') }} as haul
    inner join {{ ref('dim_demand_cells') }} as cells on haul.cell_id = cells.cell_id
    where haul.hour_band = 'all' and haul.is_feasible
)

select
    plant_id,
    district_code,
    count(*) as cells_reached,
    cast(sum(weight_m3) / sum(sum(weight_m3)) over (partition by plant_id) as double) as share_of_capacity
from reached
group by plant_id, district_code
order by plant_id, district_code
