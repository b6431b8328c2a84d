{{ newest_version(ref('stg_plants_versions'), 'plant_id') }}
