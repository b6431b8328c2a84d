-- A warning that counts the tickets of which only events have come: their own rows are late, or lost on the way.
{{ config(severity='warn') }}

select * from {{ ref('fct_deliveries_unmatched') }}
