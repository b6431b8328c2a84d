{# Demand: delivered m³ = load − returned, 退货 excluded, dated at the first known of discharged, arrived, departed,
   batched. To the litre as a decimal, so that sums are exact whatever their order. #}

{% macro delivered_m3(load_m3, returned_m3, is_delivered) -%}
    cast(
        case when {{ is_delivered }} then greatest({{ load_m3 }} - coalesce({{ returned_m3 }}, 0), 0) else 0 end
        as decimal(18, 3)
    )
{%- endmacro %}

{% macro delivered_at(ticket) -%}
    coalesce({{ ticket }}.discharged_at, {{ ticket }}.arrived_at, {{ ticket }}.departed_at, {{ ticket }}.batched_at)
{%- endmacro %}

{# The sum of volumes or capacities, exact and independent of the order of its terms. #}
{% macro exact_sum(quantity) -%}
    sum(cast({{ quantity }} as decimal(18, 3)))
{%- endmacro %}
