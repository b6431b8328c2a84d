-- Newest batches under the ids that are ours. A batch that came under two codes of one plant is one batch: the newest.
with

resolved as not materialized (
    select
        batches.* replace ({{ resolved('plant', 'batches.plant_id') }} as plant_id),
        plant_codes.canonical_id is not null as is_translated
    from {{ ref('stg_batches') }} as batches
    {{ join_codes('plant', 'batches.plant_id', 'batches.mixed_on') }}
),

translated as (
    select distinct
        plant_id,
        batch_id
    from resolved
    where is_translated
)

{{ newest_version_among('resolved', batch_columns(), ['plant_id', 'batch_id'], 'translated') }}
