{# A mart that is a view goes into the published file as a view, where the database has another name: so it names what
   it reads by schema only. #}
{% macro published_ref(model) -%}
    {{ ref(model).include(database=false) }}
{%- endmacro %}
