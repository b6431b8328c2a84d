-- Newest lines of the plants' monthly statements under the ids that are ours, by the month; a line that came under two
-- codes of one plant is one line: the newest.
with

resolved as (
    select
        statements.* replace ({{ resolved('plant', 'statements.plant_id') }} as plant_id)
    from {{ ref('stg_statements') }} as statements
    {{ join_codes('plant', 'statements.plant_id', 'statements.month_start') }}
)

{{ newest_version('resolved', 'plant_id, month_start, grade') }}
