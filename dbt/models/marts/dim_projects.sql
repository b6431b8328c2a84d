-- A project as its permits describe it; a project without a permit as its orders do.
with

permitted as (
    select
        project_id,
        arg_max(project_name, row(issued_on, permit_no)) as project_name,
        arg_max(district_code, row(issued_on, permit_no)) as district_code,
        arg_max(use, row(issued_on, permit_no)) as use,
        arg_max(builder, row(issued_on, permit_no)) as builder,
        arg_max(contractor, row(issued_on, permit_no)) as contractor,
        min(issued_on) as first_issued_on,
        count(*) as permits,
        sum(granted_floor_area_m2) as floor_area_m2
    from {{ ref('int_permits_estimated') }}
    where is_current and project_id is not null
    group by project_id
),

ordered as (
    select
        project_id,
        arg_max(project_name, row(placed_at, order_id)) as project_name,
        arg_max(district_code, row(placed_at, order_id)) as district_code,
        min(placed_on) as first_placed_on,
        count(*) as orders,
        sum(case when is_cancelled then 0 else ordered_m3 end) as ordered_m3
    from {{ ref('int_orders_located') }}
    where project_id is not null
    group by project_id
)

select
    project_id,
    coalesce(permitted.project_name, ordered.project_name) as project_name,
    coalesce(permitted.district_code, ordered.district_code) as district_code,
    coalesce(permitted.use, 'other') as use,
    permitted.builder,
    permitted.contractor,
    coalesce(permitted.permits, 0) as permits,
    permitted.first_issued_on,
    cast(coalesce(permitted.floor_area_m2, 0) as double) as floor_area_m2,
    coalesce(ordered.orders, 0) as orders,
    ordered.first_placed_on,
    cast(coalesce(ordered.ordered_m3, 0) as double) as ordered_m3
from permitted
full outer join ordered using (project_id)
order by project_id
