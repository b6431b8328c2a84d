"""The minimum utilisation of plants: off unless asked, priced as its duals say, and never a bound above the optimum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.made_up_city import draw
from planning import master
from planning.allocation import Recourse, objective_cny
from planning.consolidation import consolidate
from planning.design import Design, usable_capacity_m3
from planning.instance import Instance, facility_location
from planning.master import Master
from planning.multipliers import is_separable
from planning.partition import Partition

SIZE = (18, 40, 6, 3)


def with_policy(instance: Instance, **changes: object) -> Instance:
    return replace(instance, policy=replace(instance.policy, **changes))


def three_plants(fixed_cny: float) -> Instance:
    """Three that must stay with a least load of 400 m³ a month each, one point of 1,000; the third is CNY 5 dearer."""
    zero = np.zeros(3, bool)
    cost = np.array([[10.0], [10.0], [15.0]])
    plain = facility_location(np.full(3, fixed_cny), np.full(3, 24e3), np.array([[12e3]]), cost, is_candidate=zero)
    return with_policy(plain, must_stay=~zero, least_load_share=0.2, shortfall_cny_per_m3=20.0)


def test_without_a_minimum_nothing_is_added_and_the_plan_is_the_same_to_the_digit() -> None:
    plain = draw(*SIZE)
    priced = with_policy(plain, shortfall_cny_per_m3=500.0)
    first, second = (consolidate(each, Recourse(each), gap=0.01, seconds=60.0) for each in (plain, priced))
    assert (first.objective_cny, first.bound_cny) == (second.objective_cny, second.bound_cny)
    assert np.array_equal(first.design.is_open, second.design.is_open)
    assert np.array_equal(first.evaluation.capacity_price, second.evaluation.capacity_price)


@pytest.mark.parametrize(("risk_weight", "fixed_cny"), [(0.0, 0.0), (0.5, 0.0), (0.0, 1e6)])
def test_a_shipment_left_out_enters_when_only_its_quota_pays_for_it(
    monkeypatch: pytest.MonkeyPatch, risk_weight: float, fixed_cny: float
) -> None:
    monkeypatch.setattr(master, "SMALL_COLUMNS", 0)
    instance = with_policy(three_plants(fixed_cny), risk_weight=risk_weight)
    cheapest = Master(instance, Partition.coarsest(instance), np.array([True, True, False]), 1e3)
    optimum = 12 * (800 * 10 + 200 * 15 + 200 * 20) * (1 + risk_weight) + 3 * fixed_cny
    assert cheapest.relax(1e-9, np.inf).bound * 1e3 == pytest.approx(optimum)
    assert consolidate(instance, Recourse(instance), gap=1e-6, seconds=10.0).objective_cny == pytest.approx(optimum)


def test_the_bound_of_a_city_with_shipments_left_out_is_below_every_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = draw(*SIZE, min_utilisation=0.6)
    small = consolidate(instance, Recourse(instance), gap=1e-3, seconds=120.0)
    monkeypatch.setattr(master, "SMALL_COLUMNS", 0)
    large = consolidate(instance, Recourse(instance), gap=1e-3, seconds=120.0)
    assert large.bound_cny <= small.objective_cny * (1 + 1e-9) and small.bound_cny <= large.objective_cny * (1 + 1e-9)
    assert large.gap <= 0.02


def test_the_price_of_capacity_is_what_one_more_cubic_metre_changes_and_may_be_negative() -> None:
    instance = draw(*SIZE, min_utilisation=0.6)
    recourse = Recourse(instance)
    capacity = usable_capacity_m3(instance, Design.as_is(instance))
    at = recourse.evaluate(capacity)
    assert at.capacity_price.min() < -1.0
    for site in instance.existing[:4].tolist():
        more, less = (capacity + step * (np.arange(len(capacity)) == site) for step in (0.01, -0.01))
        above, below = recourse.evaluate(more).monthly_cny, recourse.evaluate(less).monthly_cny
        price = at.capacity_price[:, site]
        assert (-(above - at.monthly_cny) / 0.01 <= price + 1e-3).all()
        assert ((below - at.monthly_cny) / 0.01 >= price - 1e-3).all()


def test_a_dearer_shortfall_never_makes_the_optimum_cheaper_and_leaves_less_of_it() -> None:
    instance = draw(*SIZE, min_utilisation=0.5)
    results = [
        consolidate(asked, Recourse(asked), gap=1e-3, seconds=120.0)
        for asked in (with_policy(instance, shortfall_cny_per_m3=price) for price in (0.0, 10.0, 60.0))
    ]
    assert results[0].bound_cny <= results[1].objective_cny and results[1].bound_cny <= results[2].objective_cny
    plain = with_policy(instance, least_load_share=0.0)
    design = results[0].design
    faced = objective_cny(plain, design, Recourse(plain).evaluate(usable_capacity_m3(plain, design)))
    assert faced == pytest.approx(results[0].objective_cny, rel=1e-9), "a shortfall without a price changes nothing"


def test_lagranges_prices_are_asked_without_a_quota_only() -> None:
    one = facility_location(np.ones(2), np.ones(2), np.ones((1, 2)), np.ones((2, 2)), is_candidate=np.zeros(2, bool))
    one = with_policy(one, must_serve=True)
    assert is_separable(one) and not is_separable(with_policy(one, least_load_share=0.1))
