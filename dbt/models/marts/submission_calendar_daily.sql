-- Who reported what for which day, and what a day without rows means. A plant that reports nothing at all is silent;
-- one that reports other things had no demand, unless these show that it worked, and then rows are missing. What
-- laboratories report of a plant says neither. Daily feeds have a row for each day on which the plant operates, monthly
-- ones for each month (under its first day), others where something came. A feed is expected from the first day for
-- which anybody in the city sent it.
with

span as (
    select
        first_week,
        data_through_on
    from {{ ref('int_deliveries_spanned') }}
),

plant_days as (
    select
        opened.plant_id,
        opened.date_on,
        opened.month_start
    from {{ ref('int_plants_opened_daily') }} as opened
    inner join span on opened.date_on <= span.data_through_on
),

reported as (
    select * from {{ ref('int_feeds_reported') }}
),

feeds as (
    select
        schedules.feed,
        schedules.cadence,
        cast(schedules.late_after_d as integer) as late_after_d,
        min(reported.date_on) as first_on
    from {{ ref('feed_schedules') }} as schedules
    inner join reported on schedules.feed = reported.feed
    group by schedules.feed, schedules.cadence, schedules.late_after_d
),

expected as (
    select
        days.plant_id,
        feeds.feed,
        days.date_on
    from plant_days as days
    inner join feeds on feeds.cadence = 'daily' and days.date_on >= feeds.first_on
    union
    select
        days.plant_id,
        feeds.feed,
        days.month_start as date_on
    from plant_days as days
    inner join feeds on feeds.cadence = 'monthly' and days.month_start >= feeds.first_on
),

-- What else is known of a plant's day: rows of any feed, and signs of work.
signs as (
    select
        plant_id,
        date_on,
        rows_received,
        feed in ('deliveries', 'batches') as shows_work
    from reported
    where cadence <> 'monthly' and reporter = 'plant'
    union all
    select
        plant_id,
        pour_on as date_on,
        0 as rows_received,
        true as shows_work
    from {{ ref('fct_orders') }}
    where not is_cancelled and plant_id is not null
),

known_days as (
    select
        plant_id,
        date_on,
        sum(rows_received) > 0 as has_rows,
        bool_or(shows_work) as shows_work
    from signs
    group by plant_id, date_on
),

-- Days in a row without any row of any feed, up to each day.
counted as (
    select
        days.plant_id,
        days.date_on,
        not coalesce(known_days.has_rows, false) as is_silent,
        count(case when known_days.has_rows then 1 end) over up_to_day as days_with_rows
    from plant_days as days
    left join known_days on days.plant_id = known_days.plant_id and days.date_on = known_days.date_on
    window up_to_day as (partition by days.plant_id order by days.date_on)
),

silences as (
    select
        plant_id,
        date_on,
        count(case when is_silent then 1 end) over (
            partition by plant_id, days_with_rows order by date_on
        ) as silent_days
    from counted
),

listed as (
    select
        plant_id,
        feed,
        date_on,
        expected.plant_id is not null as is_expected,
        coalesce(reported.rows_received, 0) as rows_received,
        coalesce(reported.rows_late, 0) as rows_late
    from expected
    full outer join reported using (plant_id, feed, date_on)
)

select
    listed.plant_id,
    listed.feed,
    listed.date_on,
    feeds.cadence,
    listed.is_expected,
    listed.rows_received,
    listed.rows_late,
    case
        when listed.rows_received > listed.rows_late then 'received'
        when listed.rows_received > 0 then 'late'
        when feeds.cadence = 'monthly' and last_day(listed.date_on) + feeds.late_after_d >= span.data_through_on
            then 'not_due'
        when feeds.cadence = 'monthly' or known_days.shows_work then 'missing'
        when known_days.has_rows then 'zero_demand'
        else 'silent'
    end as status,
    case when feeds.cadence <> 'monthly' then coalesce(silences.silent_days, 0) end as silent_days
from listed
cross join span
inner join feeds on listed.feed = feeds.feed
left join known_days on listed.plant_id = known_days.plant_id and listed.date_on = known_days.date_on
left join silences on listed.plant_id = silences.plant_id and listed.date_on = silences.date_on
order by listed.feed, listed.plant_id, listed.date_on
