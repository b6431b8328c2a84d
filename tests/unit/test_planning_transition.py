"""A plan made step by step: closures within the yearly budget, the best first, at the exact cost of every month."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from planning.allocation import Recourse, objective_cny
from planning.design import NOWHERE, Design, usable_capacity_m3
from planning.instance import Instance, facility_location
from planning.transition import design_at, schedule, transition_told

MONTHS, SITES = 30, 8


@pytest.fixture
def instance() -> Instance:
    """Seven plants and a candidate over two and a half years and two scenarios."""
    rng = np.random.default_rng(11)
    plain = facility_location(
        rng.uniform(1e5, 3e5, SITES),
        np.full(SITES, 9e3),
        rng.uniform(1e3, 3e3, (2 * MONTHS, 10)),
        rng.uniform(5, 60, (SITES, 10)),
        penalty_cny_per_m3=300.0,
        is_candidate=np.arange(SITES) == SITES - 1,
    )
    return replace(
        plain,
        scenarios=(0, 1),
        periods=tuple(date(2026 + (n + 3) // 12, (n + 3) % 12 + 1, 1) for n in range(MONTHS)),
        sites=replace(
            plain.sites,
            closing_cny=rng.uniform(1e4, 5e4, SITES),
            merge_cny=np.full(SITES, 5e3),
            merge_m3=0.3 * plain.sites.usable_m3,
            expansion_m3=0.5 * plain.sites.usable_m3,
            opening_cny_per_year=np.full(SITES, 4e4),
            expansion_cny_per_year=np.full(SITES, 2e4),
        ),
        policy=replace(
            plain.policy,
            horizon_years=MONTHS / 12,
            unserved_cny_per_m3=np.full(MONTHS, 300.0),
            max_closures_per_year=2,
            closing_notice_months=3,
            building_months=14,
        ),
        merge_from=np.array([0]),
        merge_into=np.array([4]),
    )


@pytest.fixture
def design() -> Design:
    """Plants 0 to 3 go, the first into plant 4; plant 5 grows; the candidate opens."""
    merge_into = np.full(SITES, NOWHERE)
    merge_into[0] = 4
    return Design(np.arange(SITES) > 3, np.arange(SITES) == 5, merge_into)


def test_closures_keep_to_the_yearly_budget_and_what_saves_most_goes_first(instance: Instance, design: Design) -> None:
    found = schedule(instance, Recourse(instance), design, {0: 5.0, 1: 20.0, 2: 10.0, 3: 1.0})
    years = [int(found.start[site]) // 12 for site in (1, 2, 0, 3)]
    assert years == sorted(years) and max(np.bincount(years)) == 2 and found.start[:4].min() >= 3
    assert found.start[5] == found.start[7] == 14 and not found.start[[4, 6]].any()
    assert found.from_period(instance, 5) == date(2027, 6, 1)
    ordered = replace(instance, policy=replace(instance.policy, must_go=np.arange(SITES) == 3))
    assert schedule(ordered, Recourse(ordered), design, {0: 5.0, 1: 20.0, 2: 10.0}).start[3] == found.start[:4].min()


def test_a_long_notice_does_not_pile_two_years_closures_into_one(instance: Instance, design: Design) -> None:
    slow = replace(instance, policy=replace(instance.policy, closing_notice_months=14))
    start = schedule(slow, Recourse(slow), design, {}).start[:4]
    assert start.min() >= 14 and np.bincount(start // 12).max() == 2


def test_its_cost_is_that_of_every_month_with_what_stands_in_it(instance: Instance, design: Design) -> None:
    found, total = schedule(instance, Recourse(instance), design, {1: 1.0}), 0.0
    sites = instance.sites
    for month in range(MONTHS):
        now = design_at(instance, design, found.start, month)
        samples = [month, MONTHS + month]
        alone = replace(instance, demand_m3=instance.demand_m3[samples], periods=(instance.periods[month],))
        alone = replace(alone, policy=replace(alone.policy, unserved_cny_per_m3=np.array([300.0])))
        total += Recourse(alone).evaluate(usable_capacity_m3(alone, now)).monthly_cny.mean()
        total += sites.fixed_cny_per_year @ now.is_open / 12
        total += (sites.opening_cny_per_year[7] * now.is_open[7] + 2e4 * now.is_expanded[5]) / 12
    total += 5e3 + sites.closing_cny[1:4].sum()
    assert found.objective_cny == pytest.approx(total * 12 / MONTHS, rel=1e-9)


def test_all_at_once_costs_what_the_plan_says(instance: Instance, design: Design) -> None:
    policy = replace(instance.policy, max_closures_per_year=9, closing_notice_months=0, building_months=0)
    hasty = replace(instance, policy=policy)
    recourse = Recourse(hasty)
    objective = objective_cny(hasty, design, recourse.evaluate(usable_capacity_m3(hasty, design)))
    found = schedule(hasty, recourse, design, {})
    assert found.objective_cny <= objective * (1 + 1e-9)
    if not found.start.any():
        assert found.objective_cny == pytest.approx(objective, rel=1e-9)
    told = transition_told(hasty, design, found, objective)[0]
    assert "close or merge" in told.en and "关停或合并" in told.zh
    assert transition_told(hasty, Design.as_is(hasty), found, objective) == []


def test_without_time_the_steps_are_told_and_their_cost_is_unknown(instance: Instance, design: Design) -> None:
    found = schedule(instance, Recourse(instance), design, {}, deadline=time.monotonic())
    assert found.objective_cny is None and np.bincount(found.start[:4] // 12).max() == 2
    told = transition_told(instance, design, found, 1.0)[0]
    assert "close or merge" in told.en and "CNY" not in told.en and "万元" not in told.zh
