{{ config(materialized='table') }}

select
    plant_id,
    {{ month_start('mixed_on') }} as month_start,
    {{ fingerprint(['mixed_on', 'fingerprint']) }} as fingerprint
from {{ ref('int_batches_fingerprinted') }}
group by all
