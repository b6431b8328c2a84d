{{ newest_version(ref('stg_permits_versions'), 'permit_no') }}
