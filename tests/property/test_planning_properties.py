"""The search against brute force, and what must hold of every plan whatever the instance."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from planning import consolidation, master
from planning.allocation import Recourse, objective_cny
from planning.consolidation import Result, consolidate
from planning.design import (
    NOWHERE,
    Design,
    broken_rules,
    fixed_cny_per_year,
    transition_cny_per_year,
    usable_capacity_m3,
)
from planning.footprint import dispatch
from planning.information import alone, perfect_information_cny, wait_and_see
from planning.instance import Instance, facility_location
from planning.partition import Partition, refine
from planning.regret import polish

FEW = settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@st.composite
def instances(draw: st.DrawFn) -> Instance:
    """Three plants and a candidate, three points, up to three sample months, with every kind of decision possible."""
    seed = draw(st.integers(0, 10_000))
    samples = draw(st.integers(1, 3))
    rng = np.random.default_rng(seed)
    sites, points = 4, 3
    cost = np.where(rng.random((sites, points)) < 0.8, rng.uniform(5, 60, (sites, points)), np.nan)
    plain = facility_location(
        rng.uniform(1e4, 2e5, sites),
        rng.uniform(2e3, 9e3, sites),
        rng.uniform(0, 5e3, (samples, points)),
        cost,
        penalty_cny_per_m3=300.0,
        is_candidate=np.array([False, False, False, True]),
    )
    usable = plain.sites.usable_m3
    return replace(
        plain,
        sites=replace(
            plain.sites,
            enterprise_id=("A", "A", "B", "B"),
            is_on_red_line=rng.random(sites) < 0.3,
            expansion_m3=usable * 0.5,
            merge_m3=usable * 0.3,
            closing_cny=rng.uniform(0, 5e4, sites),
            merge_cny=rng.uniform(0, 3e4, sites),
            opening_cny_per_year=rng.uniform(0, 4e4, sites),
            expansion_cny_per_year=rng.uniform(1e3, 5e4, sites),
        ),
        policy=replace(
            plain.policy,
            max_closures=draw(st.integers(0, 3)),
            max_expansions=1,
            max_openings=1,
            large_enterprise_plants=2,
            horizon_years=2.0,
            overtime_share=0.25,
            overtime_cny_per_m3=20.0,
        ),
        merge_from=np.array([0, 1]),
        merge_into=np.array([1, 0]),
    )


def solve(instance: Instance, gap: float = 1e-6) -> Result:
    return consolidate(instance, Recourse(instance), gap=gap, seconds=60.0)


@st.composite
def risk_averse(draw: st.DrawFn) -> Instance:
    """The same with a weight on the dearest months."""
    instance = draw(instances())
    weight, level = draw(st.sampled_from([0.3, 2.0])), draw(st.sampled_from([0.4, 0.9]))
    return replace(instance, policy=replace(instance.policy, risk_weight=weight, risk_level=level))


@st.composite
def with_quota(draw: st.DrawFn, kind: st.SearchStrategy[Instance]) -> Instance:
    """The same with a least load of every plant, up to more than its usable capacity."""
    instance = draw(kind)
    share, price = draw(st.sampled_from([0.3, 0.6, 1.2])), draw(st.sampled_from([5.0, 40.0]))
    return replace(instance, policy=replace(instance.policy, least_load_share=share, shortfall_cny_per_m3=price))


def recourse_by_hand(instance: Instance, capacity_m3: np.ndarray) -> float:
    """Yearly recourse, its mean and weighted CVaR, by another solver interface, from the definition."""
    sites, points, arcs = len(instance.sites), instance.points, len(instance.arc_site)
    policy = instance.policy
    cost = np.concatenate(
        [
            instance.arc_price,
            np.full(sites, policy.overtime_cny_per_m3),
            np.full(points, policy.unserved_cny_per_m3[0]),
            np.full(sites, policy.shortfall_cny_per_m3),
        ]
    )
    served = np.zeros((points, len(cost)))
    served[instance.arc_point, np.arange(arcs)] = 1
    served[np.arange(points), arcs + sites + np.arange(points)] = 1
    loaded = np.zeros((2 * sites, len(cost)))
    loaded[instance.arc_site, np.arange(arcs)] = 1
    loaded[np.arange(sites), arcs + np.arange(sites)] = -1
    loaded[sites + instance.arc_site, np.arange(arcs)] = -1
    loaded[sites + np.arange(sites), arcs + sites + points + np.arange(sites)] = -1
    bounds = [(0, None)] * arcs + [(0, policy.overtime_share * c) for c in capacity_m3] + [(0, None)] * (points + sites)
    room = np.concatenate([capacity_m3, -policy.least_load_share * capacity_m3])
    months = [
        linprog(cost, A_ub=loaded, b_ub=room, A_eq=served, b_eq=demand, bounds=bounds).fun
        for demand in instance.demand_m3
    ]
    # the threshold of CVaR's least value is one of the samples
    excess = [eta + np.mean(np.maximum(np.array(months) - eta, 0)) / (1 - policy.risk_level) for eta in months]
    return 12 * float(np.mean(months) + policy.risk_weight * min(excess))


def brute_force(instance: Instance) -> float:
    """The least objective over every decision that breaks no rule."""
    best = np.inf
    sites = len(instance.sites)
    for y in product((False, True), repeat=sites):
        for e in [NOWHERE, *range(sites)]:
            for merges in product((False, True), repeat=len(instance.merge_from)):
                merge_into = np.full(sites, NOWHERE)
                for chosen, p, q in zip(merges, instance.merge_from, instance.merge_into, strict=True):
                    if chosen:
                        merge_into[p] = q
                design = Design(np.array(y), np.arange(sites) == e, merge_into)
                if broken_rules(instance, design):
                    continue
                first = fixed_cny_per_year(instance, design) + transition_cny_per_year(instance, design)
                if first < best:
                    best = min(best, first + recourse_by_hand(instance, usable_capacity_m3(instance, design)))
    return best


EVERY_KIND = st.one_of(instances(), risk_averse(), with_quota(instances()), with_quota(risk_averse()))


@FEW
@given(EVERY_KIND)
def test_the_plan_is_the_best_of_all_enumerated_decisions(instance: Instance) -> None:
    result = solve(instance)
    assert result.status == "proven"
    assert broken_rules(instance, result.design) == []
    assert np.isclose(result.objective_cny, brute_force(instance), rtol=1e-5, atol=1.0)
    assert result.bound_cny <= result.objective_cny


@FEW
@given(st.one_of(instances(), with_quota(instances())))
def test_the_value_of_perfect_information_lies_in_its_proven_interval(instance: Instance) -> None:
    result = solve(instance, gap=0.02)
    seen = wait_and_see(instance, result, seconds=60.0)
    interval = perfect_information_cny(result, seen)
    assert interval is not None
    best = [brute_force(alone(instance, number)) for number in range(len(instance.scenarios))]
    for each, optimum in zip(seen, best, strict=True):
        assert each.bound_cny <= optimum * (1 + 1e-6) + 1.0 <= each.best_cny * (1 + 2e-6) + 2.0
    value = brute_force(instance) - float(np.mean(best))
    assert interval[0] - 2.0 <= value <= interval[1] + 2.0
    assert np.isclose(np.mean([each.plan_cny for each in seen]), result.objective_cny)


@FEW
@given(EVERY_KIND)
def test_a_large_master_bounds_the_whole_problem_too(instance: Instance) -> None:
    """The city's size: few arcs chosen, the others priced out, decisions sought near the relaxation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(master, "SMALL_COLUMNS", 0)
        patch.setattr(consolidation, "CHEAPEST_ARCS", 1)
        result = solve(instance)
    best = brute_force(instance)
    assert broken_rules(instance, result.design) == []
    assert result.bound_cny <= best * (1 + 1e-6) + 1.0 <= result.objective_cny * (1 + 2e-6) + 2.0


@FEW
@given(EVERY_KIND)
def test_no_plant_exceeds_its_capacity_and_volume_is_conserved(instance: Instance) -> None:
    result = solve(instance, gap=0.01)
    sent = dispatch(instance, Recourse(instance), result.design)
    samples = len(instance.demand_m3)
    load = np.zeros((samples, len(instance.sites)))
    np.add.at(load, (sent.flow_sample, instance.arc_site[sent.flow_arc]), sent.flow_m3)
    ceiling = usable_capacity_m3(instance, result.design) * (1 + instance.policy.overtime_share)
    assert (load <= ceiling + 1e-4).all()
    served = np.zeros(instance.demand_m3.shape)
    np.add.at(served, (sent.flow_sample, instance.arc_point[sent.flow_arc]), sent.flow_m3)
    np.add.at(served, (sent.unserved_sample, sent.unserved_point), sent.unserved_m3)
    assert np.allclose(served, instance.demand_m3, atol=1e-4)
    assert np.isclose(sent.footprint.objective_cny(instance), result.objective_cny, rtol=1e-6, atol=1.0)


@FEW
@given(instances())
def test_a_bigger_closure_budget_never_costs_more(instance: Instance) -> None:
    costs = [
        solve(replace(instance, policy=replace(instance.policy, max_closures=budget))).objective_cny
        for budget in (0, 1, 3)
    ]
    assert costs[0] >= costs[1] - 1.0 and costs[1] >= costs[2] - 1.0


@FEW
@given(instances())
def test_on_a_red_line_nothing_grows_and_nothing_opens(instance: Instance) -> None:
    everywhere = replace(instance, sites=replace(instance.sites, is_on_red_line=np.ones(len(instance.sites), bool)))
    design = solve(everywhere).design
    assert not design.is_expanded.any()
    assert not design.is_open[everywhere.sites.is_candidate].any()


@FEW
@given(st.one_of(instances(), with_quota(instances())), st.integers(1, 3))
def test_a_finer_partition_never_lowers_the_bound(instance: Instance, clusters: int) -> None:
    recourse = Recourse(instance)
    capacity = instance.sites.usable_m3
    evaluation = recourse.evaluate(capacity)

    def cost_of(demand: np.ndarray, price: float) -> float:
        recourse.set_month(demand, price)
        return recourse.cost()

    def bound(partition: Partition) -> float:
        means = partition.means(instance.demand_m3)
        return float(partition.weights() @ [cost_of(mean, 300.0) for mean in means])

    coarse = Partition.coarsest(instance)
    fine = refine(coarse, clusters, instance, evaluation, cost_of)
    assert bound(coarse) <= bound(fine) + 1e-3
    assert bound(fine) <= float(evaluation.monthly_cny.mean()) + 1e-3


@FEW
@given(EVERY_KIND)
def test_the_same_question_gets_the_same_plan_and_regrets_are_exact(instance: Instance) -> None:
    first, again = solve(instance), solve(instance)
    assert np.array_equal(first.design.is_open, again.design.is_open)
    assert first.objective_cny == again.objective_cny and first.bound_cny == again.bound_cny
    recourse = Recourse(instance)
    result, regrets = polish(instance, recourse, first)
    for site, regret in regrets.items():
        design = result.design.flipped(site)
        flipped = objective_cny(instance, design, recourse.evaluate(usable_capacity_m3(instance, design)))
        assert np.isclose(regret, flipped - result.objective_cny, rtol=1e-6, atol=1.0)
