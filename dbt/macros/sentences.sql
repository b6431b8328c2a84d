{# Figures within sentences: how a value is shown by its unit. #}

{% macro shown(value, unit) -%}
    case {{ unit }}
        when 'share' then format('{:.1f} %', 100 * {{ value }})
        when '%' then format('{:+.1f} %', {{ value }})
        when 'MPa' then format('{:.2f} MPa', {{ value }})
        when '1' then format('{:.2f}', {{ value }})
        else format('{:.15g}', {{ value }})
    end
{%- endmacro %}
