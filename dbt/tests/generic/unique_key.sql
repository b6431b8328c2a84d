{# The stated grain: the columns are never null and together unique. A part of a kept table is named by columns of its
   key, or by what follows from them, so that two rows of one key lie in one part. #}
{% test unique_key(model, columns) %}

select
    {{ columns | join(', ') }},
    count(*) as occurrences
from {{ rows_made(model) }}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {%- for column in columns %}
    or {{ column }} is null
    {%- endfor %}
{% endtest %}
