"""The industry's figures of the virtual city: against plain Python, and against what its plants hide.

Belongs here: properties of the industry's marts, findings about plants. Does not belong here: single rows and their
outcome (test_truth), arithmetic of one model (dbt's unit tests).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from virtual_city import City


def rows_of(city: City, query: str) -> list[tuple[Any, ...]]:
    return city.warehouse.execute(query).fetchall()


def causes(city: City) -> dict[str, list[str]]:
    """Plant -> the likely cause of each month that it stated."""
    query = (
        "SELECT plant_id, list(likely_cause) FROM marts.reconciliation_monthly WHERE stated_m3 IS NOT NULL GROUP BY 1"
    )
    return dict(rows_of(city, query))


def test_plants_that_misstate_are_told_from_those_that_do_not(city: City) -> None:
    misstated = {
        plant: {cause for cause in months if cause in ("overstated", "understated")}
        for plant, months in causes(city).items()
        if sum(cause in ("overstated", "understated") for cause in months) > len(months) / 2
    }
    expected = {
        plant: {"overstated" if share > 1 else "understated"}
        for plant, share in city.conduct["statement_share"].items()
    }
    assert misstated == expected


def test_honest_statements_agree_or_lack_a_line(city: City) -> None:
    honest = [
        cause
        for plant, months in causes(city).items()
        if plant not in city.conduct["statement_share"]
        for cause in months
    ]
    assert len(honest) > 500
    assert sum(cause in ("agrees", "lines_missing", "tickets_unsent") for cause in honest) > 0.97 * len(honest)


def test_a_day_with_tickets_is_never_silent(city: City) -> None:
    days, reported, silent = rows_of(
        city,
        """
        SELECT count(*), count(*) FILTER (status IN ('received', 'late')), count(*) FILTER (status = 'silent')
        FROM marts.submission_calendar_daily AS calendar
        JOIN (SELECT DISTINCT plant_id, delivered_on FROM marts.fct_deliveries) AS tickets
            ON tickets.plant_id = calendar.plant_id AND tickets.delivered_on = calendar.date_on
        WHERE calendar.feed = 'deliveries'
        """,
    )[0]
    assert days > 5_000
    assert (reported, silent) == (days, 0)


def test_pooled_use_is_the_sum_of_the_plants(city: City) -> None:
    differing = rows_of(
        city,
        """
        SELECT material, week_start FROM marts.procurement_weekly GROUP BY ALL
        HAVING abs(sum(received_t) FILTER (buyer_kind = 'plant') - sum(received_t) FILTER (buyer_kind = 'city')) > 1e-6
            OR abs(sum(used_t) FILTER (buyer_kind = 'plant') - sum(used_t) FILTER (buyer_kind = 'city')) > 1e-6
        """,
    )
    assert differing == []


def test_every_ticket_is_judged_against_the_limit_once(city: City) -> None:
    judged = rows_of(
        city, "SELECT sum(tickets), sum(tickets_timed), sum(tickets_within_limit) FROM marts.haul_compliance_daily"
    )
    tickets = rows_of(
        city,
        "SELECT count(*), count(compliance_min), count(*) FILTER (compliance_min <= 90) FROM marts.fct_deliveries "
        "WHERE delivered_on IS NOT NULL",
    )
    assert judged == tickets


def test_markets_conserve_the_volume(city: City) -> None:
    tickets = "SELECT sum(delivered_m3::DECIMAL(18, 3)) FROM marts.fct_deliveries WHERE delivered_on IS NOT NULL"
    for area in ("= 'city'", "<> 'city'"):
        sold = f"SELECT sum(sold_m3::DECIMAL(18, 3)) FROM marts.industry_structure_monthly WHERE area_code {area}"
        assert rows_of(city, sold) == rows_of(city, tickets)


def test_concentration_is_what_plain_python_makes_of_the_tickets(city: City) -> None:
    owner = dict(rows_of(city, "SELECT plant_id, enterprise_id FROM marts.dim_plants WHERE is_current"))
    sold: dict[date, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for plant, day, volume in rows_of(
        city, "SELECT plant_id, delivered_on, delivered_m3 FROM marts.fct_deliveries WHERE delivered_on IS NOT NULL"
    ):
        sold[day.replace(day=1)][owner.get(plant, plant)] += Decimal(str(volume))
    hhi_of = rows_of(city, "SELECT month_start, hhi FROM marts.industry_structure_monthly WHERE area_code = 'city'")
    assert len(hhi_of) >= 12
    for month, hhi in hhi_of:
        total = sum(sold[month].values())
        assert hhi == pytest.approx(10_000 * float(sum((part / total) ** 2 for part in sold[month].values())), abs=0.06)


def test_matching_books_no_plant_beyond_what_it_can_spare(city: City) -> None:
    matches = rows_of(
        city,
        """
        SELECT count(DISTINCT order_id), count(*) FILTER (is_feasible), count(*) FILTER (is_feasible AND (
            spare_m3 < open_m3 OR haul_min > 90 OR plant_id NOT IN (
                SELECT plant_id FROM marts.dim_plants WHERE is_current AND status = 'operating'
            )
        ))
        FROM marts.order_matching_open
        """,
    )
    orders, feasible, impossible = matches[0]
    assert orders > 0
    assert feasible > orders
    assert impossible == 0


def test_every_indicator_is_what_its_query_gives(city: City) -> None:
    indicators = rows_of(city, "SELECT indicator, year_start, value, query FROM marts.policy_indicators")
    assert len({row[0] for row in indicators}) == 21
    for indicator, year, value, query in indicators:
        given = {row[0]: row[1] for row in rows_of(city, query)}
        assert value == round(float(given[year]), 6), indicator
