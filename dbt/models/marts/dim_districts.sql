select
    district_code,
    district_name,
    district_name_en,
    kind,
    center_lon,
    center_lat,
    area_km2
from {{ ref('districts') }}
order by district_code
