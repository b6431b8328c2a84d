-- Nearly every batch has one version, and millions of them hold lists: only the others are ranked.
with

restated as (
    select
        plant_id,
        batch_id
    from {{ ref('stg_batches_versions') }}
    group by plant_id, batch_id
    having count(*) > 1
)

{{ newest_version_among(ref('stg_batches_versions'), ['plant_id', 'batch_id'], 'restated') }}
