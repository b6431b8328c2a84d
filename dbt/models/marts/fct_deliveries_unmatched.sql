-- Tickets of which only events have come: no row has said yet which order they serve and what they carry. They are kept
-- in raw and count in no demand; each becomes a delivery when its own row arrives.
with

versions as (
    select
        ticket_id,
        count(*) as versions
    from {{ ref('stg_deliveries_versions') }}
    group by ticket_id
)

select
    tickets.ticket_id,
    tickets.plant_id,
    versions.versions,
    least(
        tickets.batched_at, tickets.departed_at, tickets.arrived_at, tickets.discharge_started_at,
        tickets.discharged_at, tickets.returned_at
    ) as first_event_at,
    greatest(
        tickets.batched_at, tickets.departed_at, tickets.arrived_at, tickets.discharge_started_at,
        tickets.discharged_at, tickets.returned_at
    ) as last_event_at,
    tickets.status,
    tickets.known_at,
    tickets._source_file,
    tickets._source_row
from {{ ref('stg_deliveries') }} as tickets
inner join versions on tickets.ticket_id = versions.ticket_id
where tickets.load_m3 is null
