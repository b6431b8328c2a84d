select
    mixes.plant_id,
    mixes.mix_id,
    mixes.grade,
    coalesce(grades.grade_class, 'unknown') as grade_class,
    mixes.filed_on,
    mixes.water_binder_ratio,
    mixes.sand_ratio,
    mixes.slump_mm,
    mixes.status,
    mixes.valid_from,
    mixes.valid_to,
    mixes.valid_to is null as is_current,
    mixes.flags,
    mixes._source_file,
    mixes._source_row
from {{ ref('int_mixes_spanned') }} as mixes
left join {{ ref('int_grades_classified') }} as grades on mixes.grade = grades.grade
order by mixes.plant_id, mixes.mix_id, mixes.valid_from
