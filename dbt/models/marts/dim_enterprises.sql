select
    enterprise_id,
    arg_max(enterprise_name, row(valid_from, plant_id)) as enterprise_name,
    count(*) filter (where not is_candidate and status is distinct from 'closed') as plants
from {{ ref('dim_plants') }}
where is_current and enterprise_id is not null
group by enterprise_id
order by enterprise_id
