-- Days on which a plant was able to work, by the record in force on the day, with that day's capacity: operating,
-- opened, not yet closed, no policy ban. The New Year is no ban: sites ask for little then, and a plant that could
-- deliver counts as able to.
select
    plants.plant_id,
    dates.date_on,
    dates.week_start,
    dates.month_start,
    plants.capacity_m3_per_day,
    plants.working_days_per_week
from {{ ref('dim_dates') }} as dates
inner join {{ ref('int_deliveries_spanned') }} as span
    on dates.date_on between span.first_week and span.last_week + 6
inner join {{ ref('dim_plants') }} as plants
    on
        dates.date_on >= plants.valid_from
        and (plants.valid_to is null or dates.date_on < plants.valid_to)
        and dates.date_on >= coalesce(plants.opened_on, dates.date_on)
        and dates.date_on < coalesce(plants.closed_on, date '9999-12-31')
where plants.status = 'operating' and not dates.is_policy_ban
