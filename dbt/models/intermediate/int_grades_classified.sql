-- Every grade that occurs (C30P6, LC20, 细石C25 …) with its strength and class; 'unknown' when it states no strength.
{{ config(materialized='table') }}

with

grades as (
    select grade from {{ ref('stg_orders_versions') }}
    union
    select grade from {{ ref('stg_deliveries_versions') }}
    union
    select grade from {{ ref('stg_mixes_versions') }}
    union
    select grade from {{ ref('stg_strength_tests') }}
    union
    select grade from {{ ref('stg_statements') }}
),

strengths as (
    select
        grade,
        try_cast(regexp_extract(upper(grade), 'C\s*(\d{2,3})', 1) as integer) as strength_mpa
    from grades
    where grade is not null
)

select
    strengths.grade,
    strengths.strength_mpa,
    coalesce(classes.grade_class, 'unknown') as grade_class
from strengths
asof left join {{ ref('grade_classes') }} as classes on strengths.strength_mpa >= classes.min_strength_mpa
