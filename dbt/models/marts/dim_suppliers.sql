-- Suppliers that receipts or the crosswalk name.
with

received as (
    select
        supplier_id,
        count(*) as receipts,
        {{ exact_sum('net_t') }} as received_t,
        count(distinct plant_id) as plants,
        list_sort(list(distinct material)) as materials,
        min(received_on) as first_received_on,
        max(received_on) as last_received_on
    from {{ ref('fct_material_receipts') }}
    where supplier_id is not null
    group by supplier_id
),

known as (
    select canonical_id as supplier_id
    from {{ ref('int_codes_known') }}
    where kind = 'supplier'
)

select
    supplier_id,
    known.supplier_id is not null as is_known,
    coalesce(received.materials, []) as materials,
    coalesce(received.plants, 0) as plants,
    coalesce(received.receipts, 0) as receipts,
    cast(coalesce(received.received_t, 0) as double) as received_t,
    received.first_received_on,
    received.last_received_on
from received
full outer join known using (supplier_id)
order by supplier_id
