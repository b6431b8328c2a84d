{# Sentences about figures: how a value is shown by its unit, and how it gets into its place. #}

{% macro shown(value, unit) -%}
    case {{ unit }}
        when 'share' then format('{:.1f} %', 100 * {{ value }})
        when '%' then format('{:+.1f} %', {{ value }})
        when 'MPa' then format('{:.2f} MPa', {{ value }})
        when '1' then format('{:.2f}', {{ value }})
        else format('{:.15g}', {{ value }})
    end
{%- endmacro %}

{# A sentence with each {place} filled. #}
{% macro filled(sentence, places) -%}
    {%- set text = namespace(sql=sentence) -%}
    {%- for place, value in places.items() -%}
        {%- set text.sql = "replace(" ~ text.sql ~ ", '{" ~ place ~ "}', " ~ value ~ ")" -%}
    {%- endfor -%}
    {{ text.sql }}
{%- endmacro %}
