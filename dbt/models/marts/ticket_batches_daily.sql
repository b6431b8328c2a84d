-- Where the batches of a ticket lie, in the order of ticket_key, so that a reader of one ticket passes by all others:
-- ids begin alike, and a reader knows of a column of texts no more than how they begin.
{{ kept_by_parts('int_batches_fingerprinted', ['plant_id', 'mixed_on']) }}

select
    md5_number_lower(batches.ticket_id) as ticket_key,
    batches.ticket_id,
    batches.plant_id,
    batches.mixed_on,
    count(*) as batches,
    cast({{ exact_sum('batches.batch_m3') }} as double) as mixed_m3,
    min(batches.mixed_at) as first_mixed_at,
    max(batches.mixed_at) as last_mixed_at
from {{ ref('fct_batches') }} as batches
{{- only_changed_parts('batches') }}
where batches.ticket_id is not null
group by batches.ticket_id, batches.plant_id, batches.mixed_on
order by ticket_key, batches.ticket_id, batches.plant_id, batches.mixed_on
