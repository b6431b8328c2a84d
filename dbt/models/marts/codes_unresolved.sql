-- Codes in the facts that are no ids of ours and that the crosswalk does not translate on their days: kept as they
-- came, and counted here. A kind of which no id is known at all (a home without that register) is not judged.
{% set codes = [
    ('orders', 'plant', 'fct_orders', 'plant_id', 'placed_on'),
    ('orders', 'project', 'fct_orders', 'project_id', 'placed_on'),
    ('deliveries', 'plant', 'fct_deliveries', 'plant_id', 'delivered_on'),
    ('mixes', 'plant', 'dim_mixes', 'plant_id', 'valid_from'),
    ('batches', 'plant', 'fct_batches', 'plant_id', 'mixed_on'),
    ('strength_tests', 'plant', 'fct_strength_tests', 'plant_id', 'cast_on'),
    ('strength_tests', 'lab', 'fct_strength_tests', 'lab_id', 'tested_on'),
    ('material_receipts', 'plant', 'fct_material_receipts', 'plant_id', 'received_on'),
    ('material_receipts', 'supplier', 'fct_material_receipts', 'supplier_id', 'received_on'),
    ('statements', 'plant', 'int_statements_resolved', 'plant_id', 'month_start'),
] -%}
with

seen as (
    {% for feed, kind, model, code, day in codes %}
        select
            '{{ feed }}' as feed,
            '{{ kind }}' as kind,
            {{ code }} as code,
            count(*) as code_rows,
            min({{ day }}) as first_on,
            max({{ day }}) as last_on
        from {{ ref(model) }}
        where {{ code }} is not null
        group by {{ code }}
        {{ "union all" if not loop.last }}
    {% endfor %}
),

judged as (
    select distinct kind
    from {{ ref('int_codes_known') }}
),

-- How the crosswalk knows a code, whatever the day.
listed as (
    select
        kind,
        code,
        bool_or(canonical_id is null) as is_ambiguous
    from {{ ref('int_codes_resolved') }}
    group by kind, code
)

select
    seen.feed,
    seen.kind,
    seen.code,
    case
        when listed.is_ambiguous then 'ambiguous'
        when listed.code is not null then 'not_in_force'
        else 'unknown'
    end as reason,
    seen.code_rows,
    seen.first_on,
    seen.last_on
from seen
inner join judged on seen.kind = judged.kind
left join {{ ref('int_codes_known') }} as known on seen.kind = known.kind and seen.code = known.canonical_id
left join listed on seen.kind = listed.kind and seen.code = listed.code
where known.canonical_id is null
order by seen.feed, seen.kind, seen.code
