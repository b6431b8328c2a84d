-- A table: three models read it, and merging the columns of many versions is the layer's only real work.
{{ config(materialized='table') }}

{{ newest_values(
    ref('stg_deliveries_versions'),
    'ticket_id',
    [
        'order_id', 'plant_id', 'truck_id', 'grade', 'load_m3', 'cumulative_m3', 'batched_at', 'departed_at',
        'arrived_at', 'discharge_started_at', 'discharged_at', 'returned_at', 'slump_plant_mm', 'slump_site_mm',
        'water_added_l', 'haul_km', 'status', 'rejected_reason', 'returned_m3', 'known_at', 'known_date', 'version_at',
        'flags', '_source_file', '_source_row',
    ],
) }}
