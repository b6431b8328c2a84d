-- A plant's day of weighed materials follows from its batches and from the classes of their tickets.
{{ config(materialized='table') }}

with

classes as (
    select
        plant_id,
        mixed_on,
        {{ fingerprint(['batch_id', 'grade_class']) }} as fingerprint
    from {{ ref('int_batches_classed') }}
    group by plant_id, mixed_on
)

select
    classes.plant_id,
    classes.mixed_on,
    hash(classes.fingerprint, batches.fingerprint) as fingerprint
from classes
inner join {{ ref('int_batches_fingerprinted') }} as batches
    on classes.plant_id = batches.plant_id and classes.mixed_on = batches.mixed_on
