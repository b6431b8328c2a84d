{# Holds on every row; an expression that is null fails. #}
{% test expression_is_true(model, expression) %}

select *
from {{ model }}
where ({{ expression }}) is not true
{% endtest %}
