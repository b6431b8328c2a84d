select
    material,
    label_zh,
    label_en,
    material_class,
    is_recycled,
    sort_order
from {{ ref('materials') }}
order by sort_order
