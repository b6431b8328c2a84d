"""Corners of the planner: nothing to serve, one plant, nobody in reach, too little time, contradictory orders."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from planning.allocation import Recourse
from planning.assumptions import Options, read_assumptions
from planning.consolidation import consolidate
from planning.design import broken_rules
from planning.instance import Instance, check, facility_location
from planning.outlook import probability_above
from planning.regret import polish
from store.messages import TongmaiError


def city(sites: int = 12, points: int = 20, samples: int = 30, seed: int = 7) -> Instance:
    rng = np.random.default_rng(seed)
    place, cell = rng.random((sites, 2)) * 30, rng.random((points, 2)) * 30
    km = np.linalg.norm(place[:, None] - cell, axis=2)
    demand = (
        rng.uniform(500, 3000, points) * rng.lognormal(0, 0.2, (samples, 1)) * rng.lognormal(0, 0.1, (samples, points))
    )
    return facility_location(
        rng.uniform(1e5, 3e5, sites),
        np.full(sites, 2 * demand.mean(axis=0).sum() / sites),
        demand,
        np.where(km < 22, 1.8 * km, np.nan),
        penalty_cny_per_m3=300.0,
        is_candidate=np.arange(sites) >= sites - 2,
    )


def test_a_city_is_planned_within_the_gap() -> None:
    instance = city()
    result = consolidate(instance, Recourse(instance), gap=0.01, seconds=60.0)
    assert result.status == "proven" and result.gap <= 0.01
    assert broken_rules(instance, result.design) == []
    assert result.mean_plan_cny is not None and result.mean_plan_cny >= result.objective_cny - 1e-6


def test_without_time_the_best_plan_comes_back_with_its_gap() -> None:
    instance = city()
    result = consolidate(instance, Recourse(instance), gap=1e-9, seconds=1e-3)
    assert result.status == "timed_out"
    assert 0 < result.gap <= 1 and np.isfinite(result.objective_cny)


def test_every_part_of_a_search_ends_with_its_time() -> None:
    instance = city(sites=40, points=120, samples=60)
    recourse = Recourse(instance)
    started = time.process_time()
    recourse.evaluate(instance.sites.usable_m3)
    one_look_s = time.process_time() - started
    started = time.process_time()
    result = consolidate(instance, recourse, gap=1e-9, seconds=2 * one_look_s)
    used_s = time.process_time() - started
    assert result.status == "timed_out" and np.isfinite(result.objective_cny)
    assert used_s <= 5 * one_look_s + 1.0
    assert recourse.evaluate_by(time.monotonic(), instance.sites.usable_m3) is None
    assert recourse.evaluate(instance.sites.usable_m3).monthly_cny.mean() > 0, "a limit of one solve binds no other"
    polished, regrets = polish(instance, recourse, result, time.monotonic())
    assert regrets == {} and polished.objective_cny == result.objective_cny


def test_zero_demand_costs_what_is_cheapest_to_keep() -> None:
    instance = city()
    idle = replace(instance, demand_m3=np.zeros_like(instance.demand_m3))
    result = consolidate(idle, Recourse(idle), gap=1e-6, seconds=60.0)
    assert result.objective_cny == pytest.approx(0.0, abs=1e-6)
    assert not result.design.is_open.any()


def test_one_plant_stays_when_the_budget_allows_no_closure() -> None:
    one = facility_location(np.array([1e5]), np.array([1e4]), np.array([[2e3]]), np.array([[10.0]]),
                            is_candidate=np.array([False]))  # fmt: skip
    one = replace(one, policy=replace(one.policy, max_closures=0))
    result = consolidate(one, Recourse(one), gap=1e-6, seconds=60.0)
    assert result.design.is_open.all()
    assert result.objective_cny == pytest.approx(1e5 + 2e4)


def test_an_unreachable_cell_is_unserved_and_named() -> None:
    cost = np.array([[10.0, np.nan]])
    instance = check(
        facility_location(np.array([0.0]), np.array([1e4]), np.array([[1e3, 500.0]]), cost, penalty_cny_per_m3=300.0)
    )
    assert "Z1" in instance.notes[0].en and "供不上" in instance.notes[0].zh
    result = consolidate(instance, Recourse(instance), gap=1e-6, seconds=60.0)
    assert result.objective_cny == pytest.approx(1e4 + 500 * 300)


def test_a_plant_without_capacity_is_named() -> None:
    instance = check(facility_location(np.zeros(2), np.array([0.0, 1e4]), np.array([[1.0]]), np.full((2, 1), 5.0)))
    assert any("P0" in note.en for note in instance.notes)


def test_missing_figures_are_refused() -> None:
    with pytest.raises(TongmaiError, match="bad_instance"):
        check(facility_location(np.array([np.nan]), np.array([1.0]), np.array([[1.0]]), np.array([[1.0]])))


def test_no_plants_and_no_cells_are_refused() -> None:
    none = np.zeros((0, 1))
    with pytest.raises(TongmaiError, match="no_plants"):
        check(facility_location(np.zeros(0), np.zeros(0), np.array([[1.0]]), none))
    with pytest.raises(TongmaiError, match="no_demand_cells"):
        check(facility_location(np.zeros(1), np.ones(1), np.zeros((1, 0)), np.zeros((1, 0))))


def test_options_replace_assumptions_and_contradictions_are_refused() -> None:
    assumptions = read_assumptions(Options(max_closures=3, carbon_price_cny_per_t=50.0))
    assert assumptions["max_closures"] == 3 and assumptions["carbon_price_cny_per_t"] == 50.0
    assert {row.name for row in assumptions.rows if row.status == "option"} == {
        "max_closures",
        "carbon_price_cny_per_t",
    }
    assert Options(gap=0.05).is_base and not Options(close=("P1",)).is_base
    with pytest.raises(TongmaiError, match="contradictory_options"):
        Options(keep=("P1",), close=("P1",))
    with pytest.raises(TongmaiError, match="bad_option"):
        Options(scenarios=0)


def test_every_assumption_has_a_unit_a_source_and_notes_in_both_languages() -> None:
    for row in read_assumptions(Options()).rows:
        assert row.unit and row.source and row.note_zh and row.note_en, row.name
        assert row.status in {"verified", "secondary", "unverified"}, row.name


def test_probability_above_reads_the_quantiles_and_their_tails() -> None:
    quantiles = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0]
    assert probability_above(40.0, quantiles) == pytest.approx(0.5)
    assert probability_above(55.0, quantiles) == pytest.approx(0.175)
    assert probability_above(1000.0, quantiles) == 0.0
    assert probability_above(0.0, quantiles) == 1.0
    assert probability_above(0.0, [0.0] * 7) == 0.0
