-- Lots that came in or were weighed. A lot number is unique within its plant and material at most.
with

received as (
    select
        plant_id,
        material,
        lot_no,
        count(*) as receipts,
        count(*) filter (where test_result in ('合格', '不合格')) as receipts_tested,
        count(*) filter (where test_result = '不合格') as receipts_failed,
        {{ exact_sum('net_t') }} as received_t,
        min(received_at) as first_received_at,
        max(received_at) as last_received_at,
        list_sort(coalesce(list(distinct supplier_id) filter (where supplier_id is not null), [])) as supplier_ids,
        list_sort(
            coalesce(list(distinct test_report_no) filter (where test_report_no is not null), [])
        ) as test_report_nos
    from {{ ref('fct_material_receipts') }}
    group by plant_id, material, lot_no
),

used as (
    select
        plant_id,
        material,
        lot_no,
        {{ exact_sum('actual_kg') }} as used_kg,
        min(mixed_on) as first_mixed_on,
        max(mixed_on) as last_mixed_on
    from {{ ref('lot_use_daily') }}
    where lot_no is not null
    group by plant_id, material, lot_no
)

select
    plant_id,
    material,
    lot_no,
    coalesce(received.receipts, 0) as receipts,
    coalesce(received.receipts_tested, 0) as receipts_tested,
    coalesce(received.receipts_failed, 0) as receipts_failed,
    cast(coalesce(received.received_t, 0) as double) as received_t,
    received.first_received_at,
    received.last_received_at,
    coalesce(received.supplier_ids, []) as supplier_ids,
    coalesce(received.test_report_nos, []) as test_report_nos,
    cast(coalesce(used.used_kg, 0) as double) as used_kg,
    used.first_mixed_on,
    used.last_mixed_on,
    case
        when received.receipts is null then 'no_receipt'
        when received.receipts_failed > 0 then 'test_failed'
        when received.receipts_tested < received.receipts then 'not_tested'
        else 'tested'
    end as lot_state
from received
full outer join used using (plant_id, material, lot_no)
order by lot_no, plant_id, material
