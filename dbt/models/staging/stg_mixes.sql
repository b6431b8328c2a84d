{{ newest_version(ref('stg_mixes_versions'), 'plant_id, mix_id') }}
