-- One row: the weeks that deliveries span and the day through which they reach. A ticket dated after the day on which
-- it became known has a wrong date, so it does not move that day.
{{ config(materialized='table') }}

select
    min(week_start) as first_week,
    max(week_start) as last_week,
    max(delivered_on) filter (where delivered_on <= known_date) as data_through_on
from {{ ref('int_deliveries_measured') }}
