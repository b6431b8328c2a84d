-- Nearly every batch has one version: only the others are ranked. Millions of them hold lists, which stay in
-- stg_batches_versions, at version_row, until somebody reads them.
with

restated as (
    select
        plant_id,
        batch_id
    from {{ ref('stg_batches_versions') }}
    group by plant_id, batch_id
    having count(*) > 1
)

{{ newest_version_among(ref('stg_batches_versions'), batch_columns(), ['plant_id', 'batch_id'], 'restated') }}
