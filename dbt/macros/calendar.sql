{# Business days, weeks, months, quarters, years: the only place where an instant becomes a day, and a day one of these. #}

{% macro business_date(instant) -%}
    cast({{ instant }} at time zone 'Asia/Shanghai' as date)
{%- endmacro %}

{% macro business_hour(instant) -%}
    cast(hour({{ instant }} at time zone 'Asia/Shanghai') as integer)
{%- endmacro %}

{% macro week_start(day) -%}
    cast(date_trunc('week', {{ day }}) as date)
{%- endmacro %}

{% macro month_start(day) -%}
    cast(date_trunc('month', {{ day }}) as date)
{%- endmacro %}

{% macro quarter_start(day) -%}
    cast(date_trunc('quarter', {{ day }}) as date)
{%- endmacro %}

{% macro year_start(day) -%}
    cast(date_trunc('year', {{ day }}) as date)
{%- endmacro %}

{% macro elapsed_min(from_at, to_at) -%}
    case when {{ to_at }} >= {{ from_at }} then round((epoch_us({{ to_at }}) - epoch_us({{ from_at }})) / 6e7, 2) end
{%- endmacro %}
