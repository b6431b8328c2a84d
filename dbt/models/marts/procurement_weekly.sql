-- Materials of a plant, of an enterprise and of the city, week by week: what was used and received, what stock that
-- leaves at least, how long it lasts and what to order. Where weighings cover only part of a week's loads, its use is
-- that of all loads at the rate weighed (in a week without, at the plant's rate of all weeks). Stock is what remains of
-- receipts above the lowest balance of the last weeks: no stock is below nothing, so it is the least that fits.
with

weeks as (
    select distinct dates.week_start
    from {{ ref('dim_dates') }} as dates
    inner join {{ ref('int_deliveries_spanned') }} as span
        on dates.week_start between span.first_week and span.data_through_on - 6
),

weighed as (
    select
        plant_id,
        {{ week_start('mixed_on') }} as week_start,
        material,
        cast(sum(used_kg) / 1000 as decimal(18, 6)) as weighed_t
    from {{ ref('int_materials_used') }}
    where material in (select rules.material from {{ ref('procurement_rules') }} as rules)
    group by plant_id, {{ week_start('mixed_on') }}, material
),

mixed as (
    select
        plant_id,
        {{ week_start('mixed_on') }} as week_start,
        sum(mixed_m3) as mixed_m3
    from {{ ref('int_volumes_mixed') }}
    group by plant_id, {{ week_start('mixed_on') }}
),

loaded as (
    select
        plant_id,
        week_start,
        {{ exact_sum('load_m3') }} as loaded_m3
    from {{ ref('fct_deliveries') }}
    where week_start is not null
    group by plant_id, week_start
),

received as (
    select
        plant_id,
        {{ week_start('received_on') }} as week_start,
        material,
        {{ exact_sum('net_t') }} as received_t,
        {{ exact_sum('case when unit_price_cny_per_t is not null then net_t end') }} as priced_t,
        {{ exact_sum('net_t * unit_price_cny_per_t') }} as paid_cny
    from {{ ref('fct_material_receipts') }}
    where material in (select rules.material from {{ ref('procurement_rules') }} as rules)
    group by plant_id, {{ week_start('received_on') }}, material
),

plant_materials as (
    select
        plant_id,
        material
    from weighed
    union
    select
        plant_id,
        material
    from received
),

mixed_in_all as (
    select
        plant_id,
        cast(sum(mixed_m3) as double) as mixed_m3
    from {{ ref('int_volumes_mixed') }}
    group by plant_id
),

rates as (
    select
        weighed.plant_id,
        weighed.material,
        cast(sum(weighed.weighed_t) as double) / nullif(mixed_in_all.mixed_m3, 0) as t_per_m3
    from weighed
    inner join mixed_in_all on weighed.plant_id = mixed_in_all.plant_id
    group by weighed.plant_id, weighed.material, mixed_in_all.mixed_m3
),

plant_weeks as (
    select
        materials.plant_id,
        plants.enterprise_id,
        materials.material,
        weeks.week_start,
        coalesce(loaded.loaded_m3, 0) as loaded_m3,
        least(coalesce(mixed.mixed_m3, 0), coalesce(loaded.loaded_m3, 0)) as weighed_m3,
        cast(
            case
                when coalesce(loaded.loaded_m3, 0) = 0 then coalesce(weighed.weighed_t, 0)
                when mixed.mixed_m3 > 0
                    then coalesce(weighed.weighed_t, 0) * greatest(loaded.loaded_m3 / mixed.mixed_m3, 1)
                else loaded.loaded_m3 * rates.t_per_m3
            end as decimal(18, 3)
        ) as used_t,
        coalesce(received.received_t, 0) as received_t,
        coalesce(received.priced_t, 0) as priced_t,
        coalesce(received.paid_cny, 0) as paid_cny
    from plant_materials as materials
    cross join weeks
    left join {{ ref('dim_plants') }} as plants on materials.plant_id = plants.plant_id and plants.is_current
    left join weighed
        on
            materials.plant_id = weighed.plant_id
            and materials.material = weighed.material
            and weeks.week_start = weighed.week_start
    left join received
        on
            materials.plant_id = received.plant_id
            and materials.material = received.material
            and weeks.week_start = received.week_start
    left join mixed on materials.plant_id = mixed.plant_id and weeks.week_start = mixed.week_start
    left join loaded on materials.plant_id = loaded.plant_id and weeks.week_start = loaded.week_start
    left join rates on materials.plant_id = rates.plant_id and materials.material = rates.material
),

balanced as (
    select
        *,
        sum(received_t - used_t) over (partition by plant_id, material order by week_start) as balance_t
    from plant_weeks
),

-- A week is one of the last weeks of itself and of those that follow.
followed as (
    select cast(unnest(range(cast({{ assumption('stock_weeks') }} as bigint))) as integer) as weeks_later
),

last_weeks as (
    select
        balanced.plant_id,
        balanced.material,
        balanced.week_start + 7 * followed.weeks_later as week_start,
        min(balanced.balance_t) as lowest_balance_t,
        cast(sum(balanced.used_t) as double) / (7 * count(*)) as daily_use_t
    from balanced
    cross join followed
    group by balanced.plant_id, balanced.material, balanced.week_start + 7 * followed.weeks_later
),

stocked as (
    select
        balanced.*,
        balanced.balance_t - last_weeks.lowest_balance_t as stock_t,
        last_weeks.daily_use_t
    from balanced
    inner join last_weeks
        on
            balanced.plant_id = last_weeks.plant_id
            and balanced.material = last_weeks.material
            and balanced.week_start = last_weeks.week_start
),

advised as (
    select
        stocked.* replace (cast(stocked.daily_use_t as decimal(18, 6)) as daily_use_t),
        cast(
            greatest(stocked.daily_use_t * (rules.lead_d + rules.cover_d) - cast(stocked.stock_t as double), 0)
            as decimal(18, 3)
        ) as order_t
    from stocked
    left join {{ ref('procurement_rules') }} as rules on stocked.material = rules.material
),

pooled as (
    select
        kinds.buyer_kind,
        case kinds.buyer_kind
            when 'plant' then advised.plant_id
            when 'enterprise' then advised.enterprise_id
            else 'city'
        end as buyer_id,
        advised.material,
        advised.week_start,
        count(*) as plants,
        cast(sum(advised.weighed_m3) as double) / nullif(cast(sum(advised.loaded_m3) as double), 0) as share_weighed,
        sum(advised.used_t) as used_t,
        sum(advised.received_t) as received_t,
        sum(advised.stock_t) as stock_t,
        cast(sum(advised.daily_use_t) as double) as daily_use_t,
        cast(sum(advised.paid_cny) as double) / nullif(cast(sum(advised.priced_t) as double), 0) as price_cny_per_t,
        sum(advised.order_t) as order_t
    from advised
    cross join unnest(['plant', 'enterprise', 'city']) as kinds (buyer_kind)
    where kinds.buyer_kind <> 'enterprise' or advised.enterprise_id is not null
    group by kinds.buyer_kind, buyer_id, advised.material, advised.week_start
),

city_prices as (
    select
        {{ week_start('received_on') }} as week_start,
        material,
        median(unit_price_cny_per_t) as median_cny_per_t
    from {{ ref('fct_material_receipts') }}
    group by {{ week_start('received_on') }}, material
)

select
    pooled.buyer_kind,
    pooled.buyer_id,
    pooled.material,
    pooled.week_start,
    pooled.plants,
    round(pooled.share_weighed, 4) as share_weighed,
    cast(pooled.used_t as double) as used_t,
    cast(pooled.received_t as double) as received_t,
    cast(pooled.received_t - pooled.used_t as double) as stock_change_t,
    cast(pooled.stock_t as double) as stock_at_least_t,
    round(pooled.daily_use_t, 3) as daily_use_t,
    round(cast(pooled.stock_t as double) / nullif(pooled.daily_use_t, 0), 1) as days_of_cover,
    round(pooled.price_cny_per_t, 2) as price_cny_per_t,
    round(city_prices.median_cny_per_t, 2) as city_median_cny_per_t,
    round(pooled.price_cny_per_t / city_prices.median_cny_per_t - 1, 4) as price_against_median,
    cast(pooled.order_t as double) as order_t
from pooled
left join city_prices on pooled.week_start = city_prices.week_start and pooled.material = city_prices.material
order by pooled.buyer_kind, pooled.buyer_id, pooled.material, pooled.week_start
