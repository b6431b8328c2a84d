{# Models that keep what stands and make only the changed parts anew (docs/decisions/0016).

   A part is all rows of a model that share some columns (a plant's day). A fingerprints model says, part by part, what
   the rows follow from; beside the table stands <model>_parts, the fingerprints it was built from, written in the
   transaction that writes the rows. A part whose two fingerprints differ, or that only one of them has, has changed:
   its rows are deleted and made anew; <model>_made lists the parts that the last build made. Clocks and logs of what was
   loaded decide nothing. The columns are never null: the fingerprints' key test says so. #}

{# First line of such a model. #}
{% macro kept_by_parts(fingerprints, columns) -%}
    {{- config(
        materialized='incremental',
        incremental_strategy='changed_parts',
        on_schema_change='fail',
        meta={'fingerprints': fingerprints, 'parts': columns},
        pre_hook='{{ note_made_parts() }}',
        post_hook='{{ note_built_parts() }}',
    ) -}}
    {%- if not execute %}{% do ref(fingerprints) %}{% endif -%}
{%- endmacro %}

{# In the model's SQL: a join that keeps the changed parts of `relation`; nothing when all is made anew. `expressions`
   where the relation's column has another name. #}
{% macro only_changed_parts(relation, expressions={}) -%}
    {%- if is_incremental() %}
    inner join {{ changed_parts() }} as changed
        on
        {%- for column in config.get('meta')['parts'] %}
            {{ expressions.get(column, relation ~ '.' ~ column) }} = changed.{{ column }}
            {{- " and" if not loop.last }}
        {%- endfor %}
    {%- endif %}
{%- endmacro %}

{% macro changed_parts() -%}
    {%- set columns = config.get('meta')['parts'] | join(', ') -%}
    {%- set latest = ref(config.get('meta')['fingerprints']) -%}
    (
        (select {{ columns }} from (select {{ columns }}, fingerprint from {{ latest }}
            except select {{ columns }}, fingerprint from {{ built_parts() }}))
        union
        (select {{ columns }} from (select {{ columns }}, fingerprint from {{ built_parts() }}
            except select {{ columns }}, fingerprint from {{ latest }}))
    )
{%- endmacro %}

{% macro note_made_parts() -%}
    {%- if execute %}
    create or replace table {{ beside(this, '_made') }} as
    select {{ config.get('meta')['parts'] | join(', ') }}
    from {{ changed_parts() if is_incremental() else ref(config.get('meta')['fingerprints']) }}
    {%- endif %}
{%- endmacro %}

{% macro note_built_parts() -%}
    {%- if execute %}
    create or replace table {{ built_parts() }} as from {{ ref(config.get('meta')['fingerprints']) }}
    {%- endif %}
{%- endmacro %}

{% macro built_parts() -%}
    {{ return(beside(this, '_parts')) }}
{%- endmacro %}

{% macro beside(relation, suffix) -%}
    {{ return(api.Relation.create(relation.database, 'intermediate', relation.identifier ~ suffix)) }}
{%- endmacro %}

{# Of a kept table the rows that the last build made; of any other all rows. For a test that holds of all rows when it
   holds within each part: the rows of the other parts passed it when they were made. #}
{% macro rows_made(relation) -%}
    {%- set found = namespace(parts=none) -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.relation_name == relation | string -%}
            {%- set found.parts = (node.config.get('meta') or {}).get('parts') -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if found.parts -%}
    (select * from {{ relation }} semi join {{ beside(relation, '_made') }} using ({{ found.parts | join(', ') }}))
    {%- else -%}
    {{ relation }}
    {%- endif -%}
{%- endmacro %}

{% macro get_incremental_changed_parts_sql(parts) -%}
    {%- set columns = get_quoted_csv(parts['dest_columns'] | map(attribute='name')) -%}
    delete from {{ parts['target_relation'] }} as standing
    using {{ changed_parts() }} as changed
    where
    {%- for column in config.get('meta')['parts'] %}
        standing.{{ column }} = changed.{{ column }}{{ " and" if not loop.last }}
    {%- endfor %};
    insert into {{ parts['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ parts['temp_relation'] }}
{%- endmacro %}

{# As dbt has it; and a table of which nobody knows what it was built from is made anew. #}
{% macro should_full_refresh() %}
    {%- set is_asked = config.get('full_refresh') -%}
    {%- if is_asked is none %}{% set is_asked = flags.FULL_REFRESH %}{% endif -%}
    {%- set is_kept = execute and (config.get('meta') or {}).get('parts') -%}
    {%- if is_kept and not is_asked -%}
        {%- set built = built_parts() -%}
        {{ return(adapter.get_relation(built.database, built.schema, built.identifier) is none) }}
    {%- endif -%}
    {{ return(is_asked) }}
{% endmacro %}

{# The fingerprint of many rows: independent of their order. #}
{% macro fingerprint(columns) -%}
    sum(cast(hash({{ columns | join(', ') }}) as hugeint))
{%- endmacro %}
