select
    districts.district_code,
    sum(cells.share_of_district) as share
from {{ ref('dim_districts') }} as districts
left join {{ ref('dim_demand_cells') }} as cells on districts.district_code = cells.district_code
group by districts.district_code
having sum(cells.share_of_district) is null or abs(sum(cells.share_of_district) - 1) > 1e-9
