-- Which district each order was known to pour in, and from which day to which (known_until exclusive; null: still).
-- Before the order itself was known, its tickets belong to 'unknown'.
with

versions as (
    select
        versions.order_id,
        versions.known_date,
        coalesce(districts.district_code, 'unknown') as district_code,
        row_number() over (
            partition by versions.order_id order by versions.version_at, versions.content_hash
        ) as version_rank
    from {{ ref('stg_orders_versions') }} as versions
    left join {{ ref('districts') }} as districts on versions.district_code = districts.district_code
),

-- As of a day, the newest of the versions known by then; one that arrives late but is older changes nothing.
days as (
    select distinct
        order_id,
        known_date,
        max(version_rank) over (
            partition by order_id order by known_date
            range between unbounded preceding and current row
        ) as version_rank
    from versions
),

states as (
    select
        days.order_id,
        days.known_date,
        versions.district_code
    from days
    inner join versions on days.order_id = versions.order_id and days.version_rank = versions.version_rank
    union all
    select
        order_id,
        date '0001-01-01' as known_date,
        'unknown' as district_code
    from versions
    where version_rank = 1
)

select
    order_id,
    district_code,
    known_date,
    lead(known_date) over (partition by order_id order by known_date) as known_until
from states
