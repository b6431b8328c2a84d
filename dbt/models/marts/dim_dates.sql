with

dates as (
    select cast(unnest(generate_series(date '2018-01-01', date '2032-12-31', interval 1 day)) as date) as date_on
),

festivals as (
    select
        from_on as festival_on,
        name_en
    from {{ ref('holidays') }}
    where kind = 'festival'
),

-- Signed days from the nearest festival of a name: −3 is three days before it.
offsets as (
    select
        dates.date_on,
        arg_min(
            dates.date_on - festivals.festival_on,
            row(abs(dates.date_on - festivals.festival_on), festivals.festival_on)
        ) filter (where festivals.name_en = 'Chinese New Year') as cny_offset_d,
        arg_min(
            dates.date_on - festivals.festival_on,
            row(abs(dates.date_on - festivals.festival_on), festivals.festival_on)
        ) filter (where festivals.name_en = 'National Day') as national_day_offset_d
    from dates
    cross join festivals
    group by dates.date_on
)

select
    dates.date_on,
    {{ week_start('dates.date_on') }} as week_start,
    cast(date_trunc('month', dates.date_on) as date) as month_start,
    make_up.kind is not null or (rest.kind is null and isodow(dates.date_on) <= 5) as is_workday,
    rest.name_zh as holiday_name_zh,
    rest.name_en as holiday_name_en,
    cast(offsets.cny_offset_d as integer) as cny_offset_d,
    cast(offsets.national_day_offset_d as integer) as national_day_offset_d,
    dates.date_on in (
        select cast(unnest(generate_series(bans.from_on, bans.to_on, interval 1 day)) as date)
        from {{ ref('policy_bans') }} as bans
    ) as is_policy_ban
from dates
inner join offsets on dates.date_on = offsets.date_on
left join {{ ref('holidays') }} as rest
    on rest.kind = 'rest' and dates.date_on between rest.from_on and rest.to_on
left join {{ ref('holidays') }} as make_up
    on make_up.kind = 'make_up_workday' and dates.date_on between make_up.from_on and make_up.to_on
order by dates.date_on
