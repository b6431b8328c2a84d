"""Prices of a week's allocation: what one more cubic metre costs or saves."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from planning.allocation import Recourse
from planning.assumptions import Options
from planning.instance import Instance, facility_location
from planning.quarter import WeekAsked, allocate, quarter_told

STEP_M3 = 1e-3


@pytest.fixture
def week() -> tuple[Instance, np.ndarray, np.ndarray]:
    """A small week: an instance, its demand, and capacities of which some bind, overtime included."""
    rng = np.random.default_rng(3)
    cost = rng.uniform(5, 60, (4, 7))
    demand = rng.uniform(50, 300, 7)
    instance = facility_location(np.zeros(4), np.ones(4), demand, cost, penalty_cny_per_m3=100.0)
    instance = replace(instance, policy=replace(instance.policy, overtime_share=0.5, overtime_cny_per_m3=15.0))
    return instance, demand, rng.uniform(0.1, 0.3, 4) * demand.sum()


def cost(instance: Instance, demand: np.ndarray, capacity: np.ndarray) -> float:
    recourse = Recourse(instance)
    recourse.set_capacity(capacity)
    recourse.set_month(demand, 100.0)
    return recourse.cost()


def test_a_price_is_the_change_of_cost_for_one_more_cubic_metre(week: tuple[Instance, np.ndarray, np.ndarray]) -> None:
    instance, demand, capacity = week
    recourse = Recourse(instance)
    recourse.set_capacity(capacity)
    recourse.set_month(demand, 100.0)
    priced = recourse.priced()
    assert priced.cost_cny == pytest.approx(cost(instance, demand, capacity))
    assert priced.capacity_cny_per_m3.max() > 0
    for point in range(instance.points):
        more = demand + STEP_M3 * (np.arange(instance.points) == point)
        change = (cost(instance, more, capacity) - priced.cost_cny) / STEP_M3
        assert priced.point_cny_per_m3[point] == pytest.approx(change, abs=1e-3)
    for site in range(len(instance.sites)):
        more = capacity + STEP_M3 * (np.arange(len(instance.sites)) == site)
        change = (priced.cost_cny - cost(instance, demand, more)) / STEP_M3
        assert priced.capacity_cny_per_m3[site] == pytest.approx(change, abs=1e-3)


def test_a_quarter_under_options_says_so_and_how_a_closure_counts(
    week: tuple[Instance, np.ndarray, np.ndarray],
) -> None:
    instance, demand, capacity = week
    asked = [WeekAsked(date(2026, 1, 5), demand, capacity)]
    plain = quarter_told(instance, Options(), allocate(instance, Recourse(instance), asked))[0]
    assert plain.en.startswith("Over the next 1 weeks") and plain.zh.startswith("未来 1 周")
    closed = replace(instance, policy=replace(instance.policy, must_go=np.arange(4) == 2))
    weeks = allocate(closed, Recourse(closed), asked)
    told = quarter_told(closed, Options(demand_change=0.2, close=("2",)), weeks)[0]
    assert told.en.startswith("What if: demand +20%, ") and "closed from the first week, without notice" in told.en
    assert told.zh.startswith("假设分析：需求 +20%，") and "自第一周起即停（不计通知期" in told.zh


def test_without_time_no_week_is_made_up(week: tuple[Instance, np.ndarray, np.ndarray]) -> None:
    instance, demand, capacity = week
    asked = [WeekAsked(date(2026, 1, 5), demand, capacity)]
    assert allocate(instance, Recourse(instance), asked, deadline=time.monotonic()) == []
