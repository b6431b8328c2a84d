-- The ids that are ours, by kind: plants by their own records, the others by whoever names them as ours, which is the
-- crosswalk, a plant's record (laboratory, enterprise) or a permit (project). What the crosswalk calls another system's
-- code is ours only where it is also an id of ours.
{{ config(materialized='table') }}

with

named as (
    select
        'lab' as kind,
        lab_id as canonical_id
    from {{ ref('stg_plants') }}
    union
    select
        'enterprise' as kind,
        enterprise_id as canonical_id
    from {{ ref('stg_plants') }}
    union
    select
        'project' as kind,
        project_id as canonical_id
    from {{ ref('stg_permits') }}
)

select
    'plant' as kind,
    plant_id as canonical_id
from {{ ref('stg_plants') }}
union
select
    kind,
    canonical_id
from {{ ref('stg_crosswalk') }}
where kind <> 'plant'
union
select
    named.kind,
    named.canonical_id
from named
left join {{ ref('stg_crosswalk') }} as others on named.kind = others.kind and named.canonical_id = others.code
where named.canonical_id is not null and others.code is null
