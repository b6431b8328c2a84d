"""The virtual city's model: what it promises about demand, supply and hauls."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import pytest

from simulation import demand, geography, orders, permits, seasons, tickets
from simulation.model import City, make_city
from simulation.streams import DAY_S, Floats, day_number

END = date(2025, 12, 28)
LATER = 10**12


class Year(NamedTuple):
    city: City
    orders: orders.Orders
    tickets: tickets.Tickets
    delivered_m3: Floats  # (plants, weeks)


@pytest.fixture(scope="module")
def city() -> City:
    return make_city(7, 0.1, 3, END)


@pytest.fixture(scope="module")
def year(city: City) -> Year:
    """The city's first year."""
    weeks = range(52)
    made = orders.make_orders(
        city.seed, weeks, city.projects, city.plants, city.market, city.demand, city.day_level, city.first_day, 0
    )
    loads = tickets.make_tickets(city.seed, weeks, made, city.projects, city.plants, city.area, city.market, LATER)
    week = np.clip((loads.discharged_s // DAY_S - city.first_day) // 7, 0, 51)
    delivered_m3 = np.zeros((len(city.plants), 52))
    np.add.at(delivered_m3, (made.plant[loads.order], week), loads.delivered_m3)
    return Year(city, made, loads, delivered_m3)


def test_the_city_pours_what_its_scale_says(city: City) -> None:
    per_year = city.demand.m3[:, : city.weeks].sum() / 3
    assert per_year == pytest.approx(0.1 * demand.CITY_M3_PER_YEAR, rel=0.05)


def test_lag_kernels_spread_a_permit_over_eighteen_months() -> None:
    kernels = demand.lag_kernels()
    assert kernels.shape == (len(permits.USES), 79)
    assert np.allclose(kernels.sum(axis=1), 1)
    assert (kernels.argmax(axis=1) > 4).all()


def test_shares_of_parts_and_grades_sum_to_one() -> None:
    assert np.allclose(demand.part_shares().sum(axis=1), 1)
    assert np.allclose(demand.grade_shares().sum(axis=1), 1)
    assert demand.GRADE_CLASS[demand.GRADES.index("LC20")] == 0
    assert demand.GRADE_CLASS[demand.GRADES.index("C60")] == 3


def test_permits_fall_in_the_downturn_and_concrete_follows(city: City) -> None:
    week = (city.projects.issued - city.first_day) // 7
    before = ((week >= 8) & (week < 60)).sum()
    after = ((week >= 104) & (week < 156)).sum()
    assert 0.5 < after / before < 0.8
    weekly = city.demand.m3.sum(axis=0)
    assert weekly[104:156].sum() < 0.85 * weekly[:52].sum()


def test_new_year_national_day_and_exams_empty_the_sites() -> None:
    first = day_number(date(2025, 1, 1))
    level = seasons.daily_level(7, first, 365)
    normal = np.median(level)

    def on(month: int, day: int) -> float:
        return float(level[day_number(date(2025, month, day)) - first])

    assert on(1, 29) < 0.1 * normal
    assert on(10, 1) < 0.5 * normal
    assert on(6, 8) < 0.7 * normal
    assert len(seasons.pollution_days(7, first, 365)) >= 1


def test_utilisation_is_moderate_and_uneven(year: Year) -> None:
    capacity = year.city.plants.weekly_m3
    selling = np.flatnonzero(~year.city.plants.is_candidate)[:78]
    utilisation = year.delivered_m3.mean(axis=1)[selling] / capacity[selling]
    assert 0.4 < year.delivered_m3[selling].sum() / (52 * capacity[selling].sum()) < 0.65
    assert utilisation.min() < 0.35
    assert utilisation.max() > 0.70
    weeks_over = year.delivered_m3[selling] > capacity[selling][:, None]
    assert weeks_over.mean() < 0.01


def test_utilisation_does_not_depend_on_scale() -> None:
    capacity = [make_city(7, scale, 1, END).plants.weekly_m3.sum() / scale for scale in (0.02, 0.3)]
    assert capacity[0] == pytest.approx(capacity[1], rel=0.1)


def test_an_orders_loads_sum_to_its_volume(year: Year) -> None:
    loaded = np.bincount(year.tickets.order, year.tickets.load_m3, len(year.orders))
    assert np.array_equal(loaded, np.where(year.orders.is_cancelled, 0, year.orders.ordered_m3))
    assert (year.tickets.load_m3 <= year.city.plants.truck_m3[year.orders.plant][year.tickets.order]).all()
    assert (year.tickets.load_m3 > 0).all()


def test_a_tickets_times_do_not_decrease(year: Year) -> None:
    t = year.tickets
    chain = np.stack(
        [t.batched_s, t.departed_s, t.arrived_s, t.discharge_started_s, t.discharged_s, t.returned_s, t.reported_s]
    )
    assert (np.diff(chain, axis=0) >= 0).all()


def test_some_hauls_are_over_the_limit(year: Year) -> None:
    assert 0.03 < year.tickets.is_over_limit.mean() < 0.065
    assert 0.03 < year.orders.is_cancelled.mean() < 0.05


def test_deliveries_follow_the_hidden_demand(year: Year) -> None:
    city, made = year.city, year.orders
    hidden = city.demand.by_district_and_class(city.projects, city.area)[:, :, :52]
    delivered = np.zeros_like(hidden)
    order = year.tickets.order
    week = np.clip((made.pour_from_s[order] // DAY_S - city.first_day) // 7, 0, 51)
    district = city.projects.district[made.project[order]]
    np.add.at(delivered, (district, demand.GRADE_CLASS[made.grade[order]], week), year.tickets.delivered_m3)
    assert delivered.sum() == pytest.approx(hidden.sum(), rel=0.03)
    assert np.corrcoef(delivered.sum(axis=(0, 1)), hidden.sum(axis=(0, 1)))[0, 1] > 0.97
    assert np.corrcoef(delivered.ravel(), hidden.ravel())[0, 1] > 0.95


def test_an_orders_states_are_told_in_their_order(year: Year) -> None:
    finished_s = tickets.finished_s(year.orders, year.tickets)
    versions = orders.make_order_versions(7, range(52), year.orders, finished_s, 0)
    by_order = np.lexsort((versions.status, versions.order))
    same = np.diff(versions.order[by_order]) == 0
    assert same.any()
    assert (np.diff(versions.reported_s[by_order])[same] > 0).all()
    assert (versions.reported_s > versions.updated_s).all()


def test_no_plant_sells_while_closed_or_suspended(year: Year) -> None:
    plants, made = year.city.plants, year.orders
    day = made.pour_from_s // DAY_S
    is_open = plants.is_open(day[:, None])[np.arange(len(made)), made.plant]
    assert is_open.all()


def test_plants_and_candidates_stand_where_the_question_needs_them(city: City) -> None:
    last_day = city.first_day + 7 * city.weeks
    assert city.plants.is_open(last_day).sum() == 78
    assert 40 <= len(set(city.plants.enterprise[~city.plants.is_candidate])) <= 50
    on_red_line = geography.is_in_zones(city.plants.lon, city.plants.lat, city.plan, "ecological_redline")
    assert 3 <= on_red_line[~city.plants.is_candidate].sum() <= 8
    assert on_red_line[city.plants.is_candidate].sum() == 4
    assert city.plants.is_candidate.sum() == 12


def test_sites_lie_in_their_district(city: City) -> None:
    for row, outline in enumerate(city.area.outlines):
        here = city.projects.district == row
        assert geography.is_inside(city.projects.lon[here], city.projects.lat[here], outline).mean() > 0.98
