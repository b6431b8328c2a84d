{# Standards are data: what is in force on a day is what the newest row says whose `valid_from` has come. A group standard
   (团体标准) of the association overrides a national one by its own row with a later date. #}

{# The limits `names` of standard_limits in force on each day of a relation: one row a day, one column a limit. #}
{% macro limits_in_force(names, relation, day) -%}
    select
        days.{{ day }},
        {%- for name in names %}
        arg_max(limits.value, limits.valid_from) filter (where limits.name = '{{ name }}') as {{ name }}
        {{- "," if not loop.last }}
        {%- endfor %}
    from (select distinct listed.{{ day }} from {{ relation }} as listed) as days
    left join {{ ref('standard_limits') }} as limits on days.{{ day }} >= limits.valid_from
    group by days.{{ day }}
{%- endmacro %}

{# The rows of a reference file in force on each day of a relation. Rows that agree in the columns `key` and in their date
   are one table, and a later date replaces the table as a whole. #}
{% macro rules_in_force(reference, key, relation, day) -%}
    select
        days.{{ day }},
        rules.*
    from (select distinct listed.{{ day }} from {{ relation }} as listed) as days
    inner join {{ ref(reference) }} as rules on days.{{ day }} >= rules.valid_from
    qualify rank() over (partition by days.{{ day }}{% for column in key %}, rules.{{ column }}{% endfor %} order by rules.valid_from desc) = 1
{%- endmacro %}

{# Sums of strengths are taken of decimals, so that they are exact whatever their order; what a standard rounds is
   rounded half to even (GB/T 8170). #}

{# A quantity to so many digits, half to even: of a decimal, in which a half is exactly one, and by the cast of a double to
   an integer, which goes to the even one. DuckDB's round_even multiplies doubles and takes 37.05 for more than a half. #}
{% macro half_to_even(quantity, digits) -%}
    cast(cast(cast({{ quantity }} as decimal(18, 6)) * {{ 10 ** digits }} as double) as bigint) / {{ 10 ** digits }}
{%- endmacro %}

{# The mean of strengths to 0.1 MPa. #}
{% macro mean_mpa(strength) -%}
    {{ half_to_even("cast(sum(cast(" ~ strength ~ " as decimal(9, 3))) as double) / count(" ~ strength ~ ")", 1) }}
{%- endmacro %}

{# The standard deviation of a sample of strengths to 0.01 MPa: sqrt((sum of squares - n * mean^2) / (n - 1)). #}
{% macro stddev_mpa(strength) -%}
    case
        when count({{ strength }}) > 1
            then {{ half_to_even("sqrt(greatest(
                cast(sum(cast(" ~ strength ~ " as decimal(9, 3)) * cast(" ~ strength ~ " as decimal(9, 3))) as double)
                - pow(cast(sum(cast(" ~ strength ~ " as decimal(9, 3))) as double), 2) / count(" ~ strength ~ "),
                0
            ) / (count(" ~ strength ~ ") - 1))", 2) }}
    end
{%- endmacro %}
