{# An indicator's figures by year, beside the text of the query that gives them, as it runs on the published file. #}
{% macro indicator(name, query) -%}
    {% set shown = query | trim | replace('"' ~ this.database ~ '".', "") | replace("'", "''") -%}
    select
        '{{ name }}' as indicator,
        asked.year_start,
        cast(asked.value as double) as value,
        '{{ shown }}' as query
    from ({{ query }}) as asked
{%- endmacro %}
