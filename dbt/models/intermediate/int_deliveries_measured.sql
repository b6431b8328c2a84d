-- Newest tickets under the ids that are ours, with what they delivered, when, and how long each link of the chain took.
-- A link whose two instants contradict each other (late merges, wrong clocks) has no duration, and the ticket is
-- flagged: landing checks each row by itself, so what contradicts itself only once merged is told here, by the same
-- reasons. A ticket of which only events have come has no load yet and is no delivery: see fct_deliveries_unmatched.
with

tickets as (
    select
        newest.* replace ({{ resolved('plant', 'newest.plant_id') }} as plant_id),
        coalesce(statuses.is_delivered, true) as is_delivered,
        {{ delivered_at('newest') }} as delivered_at
    from {{ ref('stg_deliveries') }} as newest
    left join {{ ref('delivery_statuses') }} as statuses on newest.status = statuses.status
    {% set day = business_date('coalesce(' ~ delivered_at('newest') ~ ', newest.known_at)') -%}
    {{ join_codes('plant', 'newest.plant_id', day) }}
    where newest.load_m3 is not null
),

timed as (
    select
        *,
        coalesce(
            departed_at < batched_at
            or arrived_at < greatest(batched_at, departed_at)
            or discharge_started_at < greatest(batched_at, departed_at, arrived_at)
            or discharged_at < greatest(batched_at, departed_at, arrived_at, discharge_started_at)
            or returned_at < greatest(batched_at, departed_at, arrived_at, discharge_started_at, discharged_at),
            false
        ) as has_contradicting_times
    from tickets
)

select
    ticket_id,
    order_id,
    plant_id,
    truck_id,
    grade,
    load_m3,
    returned_m3,
    {{ delivered_m3('load_m3', 'returned_m3', 'is_delivered') }} as delivered_m3,
    is_delivered,
    delivered_at,
    {{ business_date('delivered_at') }} as delivered_on,
    {{ week_start(business_date('delivered_at')) }} as week_start,
    batched_at,
    departed_at,
    arrived_at,
    discharge_started_at,
    discharged_at,
    returned_at,
    {{ elapsed_min('departed_at', 'arrived_at') }} as haul_min,
    {{ elapsed_min('arrived_at', 'discharge_started_at') }} as wait_min,
    {{ elapsed_min('discharge_started_at', 'discharged_at') }} as discharge_min,
    {{ elapsed_min('batched_at', 'returned_at') }} as cycle_min,
    {{ elapsed_min('batched_at', 'discharged_at') }} as compliance_min,
    has_contradicting_times,
    haul_km,
    slump_plant_mm,
    slump_site_mm,
    water_added_l,
    status,
    rejected_reason,
    known_at,
    known_date,
    coalesce(flags, [])
    || case when has_contradicting_times then ['times_decrease'] else [] end
    || case when departed_at > batched_at + interval 24 hour then ['departed_late'] else [] end
    || case when returned_m3 > load_m3 then ['returned_exceeds_load'] else [] end as flags,
    _source_file,
    _source_row
from timed
