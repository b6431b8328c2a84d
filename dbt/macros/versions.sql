{# From the versions that arrived to the state they add up to. Order of arrival never matters: versions are ordered by
   (version_at, content_hash). #}

{# The newest version of each key. #}
{% macro newest_version(relation, key) -%}
select *
from {{ relation }}
qualify row_number() over (partition by {{ key }} order by version_at desc, content_hash desc) = 1
{%- endmacro %}

{# The same, where only the keys of `restated` (a CTE) can have several versions: all other rows pass through unranked.
   Only these columns are read. #}
{% macro newest_version_among(relation, columns, key, restated) -%}
select {% for column in columns %}versions.{{ column }}{{ ", " if not loop.last }}{% endfor %}
from {{ relation }} as versions
anti join {{ restated }} using ({{ key | join(', ') }})
union all
(
    select {% for column in columns %}versions.{{ column }}{{ ", " if not loop.last }}{% endfor %}
    from {{ relation }} as versions
    semi join {{ restated }} using ({{ key | join(', ') }})
    qualify row_number() over (
        partition by {{ key | join(', ') }} order by versions.version_at desc, versions.content_hash desc
    ) = 1
)
{%- endmacro %}

{# What tells a batch's version, without the lists it holds: version_row finds these. #}
{% macro batch_columns() -%}
    {{ return([
        'plant_id', 'batch_id', 'mixed_on', 'mix_id', 'known_at', 'version_at', 'content_hash', 'flags', '_source_file',
        '_source_row', 'version_row',
    ]) }}
{%- endmacro %}

{# The newest non-null value of every column, since a ticket's events arrive one by one and null means unknown. Most
   tickets have one version and pass through; the others are ranked first, so that the aggregate compares integers. #}
{% macro newest_values(relation, key, columns) -%}
with

restated as (
    select {{ key }}
    from {{ relation }}
    group by {{ key }}
    having count(*) > 1
),

ranked as (
    select
        *,
        row_number() over (partition by {{ key }} order by version_at, content_hash) as version_rank
    from {{ relation }}
    where {{ key }} in (select restated.{{ key }} from restated)
)

select
    {{ key }},
    {%- for column in columns %}
    {{ column }}{{ "," if not loop.last }}
    {%- endfor %}
from {{ relation }}
where {{ key }} not in (select restated.{{ key }} from restated)
union all
select
    {{ key }},
    {%- for column in columns %}
    arg_max({{ column }}, version_rank) as {{ column }}{{ "," if not loop.last }}
    {%- endfor %}
from ranked
group by {{ key }}
{%- endmacro %}
