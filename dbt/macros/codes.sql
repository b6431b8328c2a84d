{# Codes of other systems. A join, named <kind>_codes, to what a code stood for on a day; then the id that is ours, or
   the code as it came where nobody knows it. #}

{% macro join_codes(kind, code, day) -%}
    left join {{ ref('int_codes_resolved') }} as {{ kind }}_codes
        on
            {{ kind }}_codes.kind = '{{ kind }}'
            and {{ code }} = {{ kind }}_codes.code
            and {{ day }} >= {{ kind }}_codes.valid_from
            and {{ day }} < coalesce({{ kind }}_codes.valid_to, date '9999-12-31')
{%- endmacro %}

{% macro resolved(kind, code) -%}
    coalesce({{ kind }}_codes.canonical_id, {{ code }})
{%- endmacro %}
