-- Figures for a proposal by calendar year, each with its definition and with the query that gives it: the query shown
-- is the one that runs here.

{% set delivered_m3 %}
select {{ year_start('delivered_on') }} as year_start, {{ exact_sum('delivered_m3') }} as value
from {{ ref('fct_deliveries') }}
where delivered_on is not null
group by year_start
{% endset %}

{% set high_strength_share %}
select
    {{ year_start('delivered_on') }} as year_start,
    {{ exact_sum("case when grade_class = 'c50_c100' then delivered_m3 else 0 end") }}
    / nullif({{ exact_sum('delivered_m3') }}, 0) as value
from {{ ref('fct_deliveries') }}
where delivered_on is not null
group by year_start
{% endset %}

{% set plants_active %}
select {{ year_start('delivered_on') }} as year_start, count(distinct plant_id) as value
from {{ ref('fct_deliveries') }}
where delivered_m3 > 0 and delivered_on is not null
group by year_start
{% endset %}

{% set enterprises_active %}
select
    {{ year_start('tickets.delivered_on') }} as year_start,
    count(distinct coalesce(plants.enterprise_id, tickets.plant_id)) as value
from {{ ref('fct_deliveries') }} as tickets
left join {{ ref('dim_plants') }} as plants
    on
        tickets.plant_id = plants.plant_id
        and tickets.delivered_on >= plants.valid_from
        and (plants.valid_to is null or tickets.delivered_on < plants.valid_to)
where tickets.delivered_m3 > 0 and tickets.delivered_on is not null
group by year_start
{% endset %}

{% set utilisation %}
select
    {{ year_start('week_start') }} as year_start,
    {{ exact_sum('delivered_m3') }} / nullif({{ exact_sum('available_m3') }}, 0) as value
from {{ ref('capacity_weekly') }}
where is_complete
group by year_start
{% endset %}

{% set idle_capacity_m3 %}
select
    {{ year_start('week_start') }} as year_start,
    {{ exact_sum('available_m3') }} - {{ exact_sum('delivered_m3') }} as value
from {{ ref('capacity_weekly') }}
where is_complete
group by year_start
{% endset %}

{% set hhi %}
select
    {{ year_start('month_start') }} as year_start,
    {{ exact_sum('hhi * sold_m3') }} / {{ exact_sum('sold_m3') }} as value
from {{ ref('industry_structure_monthly') }}
where area_code = 'city'
group by year_start
{% endset %}

{% set cr4_share %}
select
    {{ year_start('month_start') }} as year_start,
    {{ exact_sum('cr4_share * sold_m3') }} / {{ exact_sum('sold_m3') }} as value
from {{ ref('industry_structure_monthly') }}
where area_code = 'city'
group by year_start
{% endset %}

{% set plants_in_reach %}
select
    {{ year_start('month_start') }} as year_start,
    {{ exact_sum('plants_in_reach * sold_m3') }} / {{ exact_sum('sold_m3') }} as value
from {{ ref('industry_structure_monthly') }}
where area_code = 'city' and plants_in_reach is not null
group by year_start
{% endset %}

{% set share_below_cost %}
select
    {{ year_start('month_start') }} as year_start,
    {{ exact_sum('share_below_cost * share_costed * sold_m3') }} / {{ exact_sum('share_costed * sold_m3') }} as value
from {{ ref('industry_structure_monthly') }}
where area_code = 'city' and share_below_cost is not null
group by year_start
{% endset %}

{% set mean_price_cny_per_m3 %}
select
    {{ year_start('month_start') }} as year_start,
    {{ exact_sum('mean_cny_per_m3 * sold_m3') }} / {{ exact_sum('sold_m3') }} as value
from {{ ref('prices_monthly') }}
where area_code = 'city'
group by year_start
{% endset %}

{% set mean_haul_km %}
select
    {{ year_start('delivered_on') }} as year_start,
    {{ exact_sum('haul_km * load_m3') }} / {{ exact_sum('load_m3') }} as value
from {{ ref('fct_deliveries') }}
where delivered_on is not null and haul_km is not null
group by year_start
{% endset %}

{% set haul_within_limit_share %}
select
    {{ year_start('delivered_on') }} as year_start,
    sum(tickets_within_limit) / nullif(sum(tickets_timed), 0) as value
from {{ ref('haul_compliance_daily') }}
group by year_start
{% endset %}

{% set returned_share %}
select
    {{ year_start('delivered_on') }} as year_start,
    1 - {{ exact_sum('delivered_m3') }} / {{ exact_sum('load_m3') }} as value
from {{ ref('fct_deliveries') }}
where delivered_on is not null
group by year_start
{% endset %}

{% set unreported_days_share %}
select
    {{ year_start('date_on') }} as year_start,
    count(case when status in ('missing', 'silent') then 1 end) / count(*) as value
from {{ ref('submission_calendar_daily') }}
where feed = 'deliveries' and is_expected
group by year_start
{% endset %}

{% set statements_agreeing_share %}
select
    {{ year_start('month_start') }} as year_start,
    count(case when likely_cause = 'agrees' then 1 end) / count(*) as value
from {{ ref('reconciliation_monthly') }}
where likely_cause not in ('no_statement', 'no_tickets')
group by year_start
{% endset %}

{% set granted_concrete_m3 %}
select {{ year_start('issued_on') }} as year_start, {{ exact_sum('granted_concrete_m3') }} as value
from {{ ref('fct_permits') }}
where issued_on is not null
group by year_start
{% endset %}

{% set carbon_kgco2e_per_m3 %}
select
    {{ year_start('month_start') }} as year_start,
    {{ exact_sum('a1_a4_kgco2e_per_m3 * delivered_m3') }} / nullif({{ exact_sum('delivered_m3') }}, 0) as value
from {{ ref('carbon_monthly') }}
where a1_a4_kgco2e_per_m3 is not null
group by year_start
{% endset %}

{% set weighings_within_share %}
select
    {{ year_start('month_start') }} as year_start,
    {{ exact_sum('share_within_target * weighings_against_target') }}
    / nullif({{ exact_sum('weighings_against_target') }}, 0) as value
from {{ ref('weighing_compliance_monthly') }}
where share_within_target is not null
group by year_start
{% endset %}

{% set strength_passed_share %}
select
    {{ year_start('month_start') }} as year_start,
    count(case when verdict = 'passed' then 1 end) / count(*) as value
from {{ ref('strength_acceptance') }}
where verdict in ('passed', 'failed')
group by year_start
{% endset %}

{% set strength_not_assessable_share %}
select
    {{ year_start('month_start') }} as year_start,
    count(case when verdict = 'not_assessable' then 1 end) / count(*) as value
from {{ ref('strength_acceptance') }}
group by year_start
{% endset %}

{% set queries = [
    ('delivered_m3', delivered_m3),
    ('high_strength_share', high_strength_share),
    ('plants_active', plants_active),
    ('enterprises_active', enterprises_active),
    ('utilisation', utilisation),
    ('idle_capacity_m3', idle_capacity_m3),
    ('hhi', hhi),
    ('cr4_share', cr4_share),
    ('plants_in_reach', plants_in_reach),
    ('share_below_cost', share_below_cost),
    ('mean_price_cny_per_m3', mean_price_cny_per_m3),
    ('mean_haul_km', mean_haul_km),
    ('haul_within_limit_share', haul_within_limit_share),
    ('returned_share', returned_share),
    ('unreported_days_share', unreported_days_share),
    ('statements_agreeing_share', statements_agreeing_share),
    ('granted_concrete_m3', granted_concrete_m3),
    ('carbon_kgco2e_per_m3', carbon_kgco2e_per_m3),
    ('weighings_within_share', weighings_within_share),
    ('strength_passed_share', strength_passed_share),
    ('strength_not_assessable_share', strength_not_assessable_share),
] %}

with

figures as (
    {% for name, query in queries %}
        {{ indicator(name, query) }}
        {{ "union all" if not loop.last }}
    {% endfor %}
)

select
    figures.indicator,
    figures.year_start,
    definitions.label_zh,
    definitions.label_en,
    round(figures.value, 6) as value,
    definitions.unit,
    figures.year_start >= span.first_week - 6
    and figures.year_start + interval 1 year <= span.data_through_on + 1 as is_complete,
    definitions.definition_zh,
    definitions.definition_en,
    figures.query
from figures
cross join {{ ref('int_deliveries_spanned') }} as span
left join {{ ref('indicator_definitions') }} as definitions on figures.indicator = definitions.indicator
where figures.value is not null
order by figures.indicator, figures.year_start
