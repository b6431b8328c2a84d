-- What each day of knowledge added to the permits granted in a week: summed up to a day it is the pipeline as known on
-- the evening of that day.
with

ranked as (
    select
        *,
        row_number() over (partition by permit_no order by version_at, content_hash) as version_rank
    from {{ ref('int_permits_estimated') }}
),

-- As of a day, the newest of the versions known by then; one that arrives late but is older changes nothing.
days as (
    select distinct
        permit_no,
        known_date,
        max(version_rank) over (
            partition by permit_no order by known_date
            range between unbounded preceding and current row
        ) as version_rank
    from ranked
),

spells as (
    select
        permit_no,
        version_rank,
        known_date,
        lead(known_date) over (partition by permit_no order by known_date) as known_until
    from days
),

signed as (
    select
        permit_no,
        version_rank,
        known_date,
        1 as sign
    from spells
    union all
    select
        permit_no,
        version_rank,
        known_until as known_date,
        -1 as sign
    from spells
    where known_until is not null
)

select
    ranked.district_code,
    ranked.use,
    ranked.week_start,
    signed.known_date,
    cast(sum(signed.sign * ranked.granted_floor_area_m2) as double) as delta_floor_area_m2,
    cast(sum(signed.sign * ranked.granted_concrete_m3) as double) as delta_concrete_m3
from signed
inner join ranked on signed.permit_no = ranked.permit_no and signed.version_rank = ranked.version_rank
group by ranked.district_code, ranked.use, ranked.week_start, signed.known_date
having
    sum(signed.sign * ranked.granted_floor_area_m2) <> 0
    or sum(signed.sign * ranked.granted_concrete_m3) <> 0
order by ranked.district_code, ranked.use, ranked.week_start, signed.known_date
