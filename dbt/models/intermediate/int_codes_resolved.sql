-- What each code of another system stands for, from day to day (valid_to exclusive; null: still). An id of ours is
-- never translated, whatever else another system calls by it. A sender's system is not told with its rows, so a code
-- that stands for two things on one day stands for none of them: canonical_id is null then.
{{ config(materialized='table') }}

with

entries as (
    select
        codes.kind,
        codes.code,
        codes.canonical_id,
        codes.valid_from,
        codes.valid_through + 1 as valid_to
    from {{ ref('stg_crosswalk') }} as codes
    left join {{ ref('int_codes_known') }} as ours on codes.kind = ours.kind and codes.code = ours.canonical_id
    where ours.canonical_id is null
),

edges as (
    select
        kind,
        code,
        valid_from as edge_on
    from entries
    union
    select
        kind,
        code,
        valid_to as edge_on
    from entries
    where valid_to is not null
),

-- From each day on which something changes to the next such day.
spans as (
    select
        kind,
        code,
        edge_on as valid_from,
        lead(edge_on) over (partition by kind, code order by edge_on) as valid_to
    from edges
)

select
    spans.kind,
    spans.code,
    spans.valid_from,
    spans.valid_to,
    case when min(entries.canonical_id) = max(entries.canonical_id) then min(entries.canonical_id) end as canonical_id
from spans
inner join entries
    on
        spans.kind = entries.kind
        and spans.code = entries.code
        and spans.valid_from >= entries.valid_from
        and spans.valid_from < coalesce(entries.valid_to, date '9999-12-31')
group by spans.kind, spans.code, spans.valid_from, spans.valid_to
