{{ config(materialized='table') }}

select
    plant_id,
    mixed_on,
    {{ fingerprint(['batch_id', 'input_hash']) }} as fingerprint
from {{ ref('int_batches_placed') }}
group by plant_id, mixed_on
