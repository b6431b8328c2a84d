select
    grade_class,
    label_zh,
    label_en,
    min_strength_mpa,
    max_strength_mpa,
    sort_order
from {{ ref('grade_classes') }}
order by sort_order
