{# Business days, weeks and months: the only place where an instant becomes a day, and a day a week or a month. #}

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

{% macro elapsed_min(from_at, to_at) -%}
    case when {{ to_at }} >= {{ from_at }} then round((epoch_us({{ to_at }}) - epoch_us({{ from_at }})) / 6e7, 2) end
{%- endmacro %}
