{# Parameters come from the reference files, never from the SQL. #}

{% macro assumption(name) -%}
    (select assumed.value from {{ ref('warehouse_assumptions') }} as assumed where assumed.name = '{{ name }}')
{%- endmacro %}

{# A plant's own value where plant_overrides has one, else the city's assumption. #}
{% macro plant_assumption(name, plant_id) -%}
    coalesce(
        (
            select overridden.value from {{ ref('plant_overrides') }} as overridden
            where overridden.plant_id = {{ plant_id }} and overridden.name = '{{ name }}'
        ),
        {{ assumption(name) }}
    )
{%- endmacro %}

{# The plan's own parameter: what a haul costs, what a plant costs where it reports nothing. One figure for both. #}
{% macro plan_parameter(name) -%}
    (select planned.value from {{ ref('assumptions') }} as planned where planned.name = '{{ name }}')
{%- endmacro %}
