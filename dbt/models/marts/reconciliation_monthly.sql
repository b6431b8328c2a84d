-- A plant's tickets against its own statement, and what most likely explains the difference: causes are tried in the
-- order below, and the first that fits is given. A likely cause is a reason to ask, not a finding. Cement is bought
-- against invoices, so it tells which of two volumes is the better one.
with

totals as (
    select
        plant_id,
        month_start,
        sum(stated_m3) as stated_m3,
        sum(tickets_m3) as tickets_m3,
        sum(loaded_m3) as loaded_m3,
        {{ exact_sum('stated_m3 / coalesce(unit_factor, 1)') }} as without_unit_slips_m3,
        sum(case when stated_m3 is null then tickets_m3 end) as without_line_m3,
        sum(cement_t) as cement_t,
        {{ exact_sum('stated_m3 * cement_kg_per_m3 / 1000') }} as cement_of_statement_t,
        {{ exact_sum('case when stated_m3 is not null then tickets_m3 end * cement_kg_per_m3 / 1000') }}
            as cement_of_tickets_t
    from {{ ref('int_statements_compared') }}
    group by plant_id, month_start
),

gaps as (
    select
        plant_id,
        {{ month_start('date_on') }} as month_start,
        count(*) as days_without_tickets
    from {{ ref('submission_calendar_daily') }}
    where feed = 'deliveries' and status in ('missing', 'silent')
    group by plant_id, {{ month_start('date_on') }}
),

compared as (
    select
        totals.*,
        coalesce(gaps.days_without_tickets, 0) as days_without_tickets,
        totals.stated_m3 - totals.tickets_m3 as difference_m3,
        {{ assumption('reconciliation_tolerance') }} * totals.tickets_m3 as allowed_m3,
        abs(totals.cement_t - totals.cement_of_statement_t)
        < abs(totals.cement_t - totals.cement_of_tickets_t) as cement_backs_statement
    from totals
    left join gaps on totals.plant_id = gaps.plant_id and totals.month_start = gaps.month_start
),

-- The months beside it: what was stated a month early or late is missing in one and too much in the other.
neighboured as (
    select
        *,
        abs(difference_m3 + lead(difference_m3) over plant_months)
        <= {{ assumption('reconciliation_tolerance') }} * (tickets_m3 + lead(tickets_m3) over plant_months)
        and abs(lead(difference_m3) over plant_months) > lead(allowed_m3) over plant_months as evens_out_with_next,
        abs(difference_m3 + lag(difference_m3) over plant_months)
        <= {{ assumption('reconciliation_tolerance') }} * (tickets_m3 + lag(tickets_m3) over plant_months)
        and abs(lag(difference_m3) over plant_months) > lag(allowed_m3) over plant_months as evens_out_with_previous
    from compared
    window plant_months as (partition by plant_id order by month_start)
)

select
    plant_id,
    month_start,
    cast(tickets_m3 as double) as tickets_m3,
    cast(stated_m3 as double) as stated_m3,
    cast(difference_m3 as double) as difference_m3,
    round(cast(difference_m3 as double) / nullif(cast(tickets_m3 as double), 0), 6) as difference_share,
    case
        when stated_m3 is null then 'no_statement'
        when tickets_m3 is null then 'no_tickets'
        when abs(difference_m3) <= allowed_m3 then 'agrees'
        when abs(without_unit_slips_m3 - tickets_m3) <= allowed_m3 then 'unit_mistake'
        when abs(difference_m3 + without_line_m3) <= allowed_m3 then 'lines_missing'
        when abs(stated_m3 - loaded_m3) <= allowed_m3 and 2 * abs(stated_m3 - loaded_m3) <= difference_m3
            then 'returned_counted'
        when evens_out_with_next or evens_out_with_previous then 'month_shift'
        when difference_m3 > 0 and coalesce(cement_backs_statement, days_without_tickets > 0) then 'tickets_unsent'
        when difference_m3 > 0 then 'overstated'
        when cement_backs_statement then 'unexplained'
        else 'understated'
    end as likely_cause,
    cast(loaded_m3 - tickets_m3 as double) as returned_m3,
    cast(coalesce(without_line_m3, 0) as double) as without_line_m3,
    days_without_tickets,
    cast(cement_t as double) as stated_cement_t,
    cast(cement_of_statement_t as double) as cement_of_statement_t,
    cast(cement_of_tickets_t as double) as cement_of_tickets_t
from neighboured
order by plant_id, month_start
