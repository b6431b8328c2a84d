"""Prices of demand by Lagrange: a bound from below without any linear programme, and where to look.

Belongs here: the relaxed problem site by site, and the ascent of its prices. Does not belong here: the master, which
takes arcs, links and a start from it (consolidation.py).

With a price λ_i for every cubic metre at point i, sites no longer compete: each is worth what its best customers bring,
v_p(λ) = max Σ_a (λ_i - c_a) x_a with x_a <= d_i, Σ_a x_a <= C_p: filled from the best margin down. For every λ
Σ_i λ_i d_i + min_y Σ_p (F_p - v_p(λ)) y_p bounds the whole from below, and its best is the strong relaxation's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from planning.instance import MONTHS_PER_YEAR, Instance
from planning.model import Bools, Floats, Indices

ITERATIONS = 300
TRIED_EVERY = 60  # iterations between two decisions faced with demand
PATIENCE = 10  # iterations without a better bound before the step is halved
LEAST_STEP = 0.01
MOST_TRIED = 8  # sites beyond those that hold all demand


@dataclass(frozen=True)
class Multipliers:
    """`bound_cny` per year, and the price at each point, CNY/m³, shape (points,)."""

    bound_cny: float
    price: Floats


def is_separable(instance: Instance) -> bool:
    """Whether a decision is only which sites work: one month, all of it served, nothing merges, grows or is counted."""
    policy, existing = instance.policy, len(instance.existing)
    return (
        policy.must_serve
        and len(instance.demand_m3) == 1
        and policy.overtime_share == policy.risk_weight == policy.least_load_share == 0
        and policy.max_closures >= existing == len(instance.sites)
        and not instance.sites.expansion_m3.any()
        and not len(instance.merge_from)
        and policy.large_enterprise_plants > existing
    )


def ascend(
    instance: Instance, price: Floats, upper_cny: float, attempt: Callable[[Bools], float], deadline: float
) -> Multipliers:
    """Raise the bound from these prices by subgradients; `attempt` faces a choice of sites, returns the best objective.

    Steps by Polyak's rule (1969) towards the best objective known, halved when the bound stalls.
    """
    demand, step, stalled = instance.demand_m3[0], 1.0, 0
    best = Multipliers(-np.inf, price)
    for iteration in range(ITERATIONS):
        bound, y, served = relaxed(instance, price)
        if bound > best.bound_cny:
            stalled = 0 if bound > best.bound_cny + 1e-4 * abs(bound) else stalled + 1
            best = Multipliers(bound, price)
        else:
            stalled += 1
        if iteration % TRIED_EVERY == TRIED_EVERY - 1:
            upper_cny = min(upper_cny, attempt(y > 0))
        missing = MONTHS_PER_YEAR * (demand - served)
        if stalled >= PATIENCE:
            step, stalled, price = step / 2, 0, best.price
        norm = float(missing @ missing)
        if norm <= 0 or step < LEAST_STEP or upper_cny <= best.bound_cny or time.monotonic() > deadline:
            break
        price = np.maximum(price + step * (upper_cny - bound) / norm * missing, 0.0)
    _try_cheapest(instance, best.price, attempt)
    return best


def _try_cheapest(instance: Instance, price: Floats, attempt: Callable[[Bools], float]) -> None:
    """Face the sites that cost least at these prices: just enough for all demand, then one more each while it helps."""
    cost, capacity = _site_cost(instance, price)[0], instance.sites.usable_m3
    order = np.argsort(np.divide(cost, capacity, out=np.full(len(cost), np.inf), where=capacity > 0), kind="stable")
    enough = int(np.searchsorted(np.cumsum(capacity[order]), instance.demand_m3[0].sum())) + 1
    reached = np.inf
    for count in range(enough, min(enough + MOST_TRIED, len(order)) + 1):
        is_open = np.zeros(len(order), bool)
        is_open[order[:count]] = True
        objective = attempt(is_open)
        if count > enough + 1 and objective >= reached:
            break
        reached = objective


def relaxed(instance: Instance, price: Floats) -> tuple[float, Floats, Floats]:
    """The bound of these prices, CNY per year, with y (sites,) and what each point gets, m³ per month (points,)."""
    demand, years = instance.demand_m3[0], instance.policy.horizon_years
    cost, arc, filled = _site_cost(instance, price)
    y = _cheapest_cover(cost, instance.sites.usable_m3, float(demand.sum()))
    weights = y[instance.arc_site[arc]] * filled
    served = np.asarray(np.bincount(instance.arc_point[arc], weights, instance.points), float)
    constant = float(instance.sites.closing_cny.sum()) / years
    return constant + MONTHS_PER_YEAR * float(price @ demand) + float(cost @ y), y, served


def _site_cost(instance: Instance, price: Floats) -> tuple[Floats, Indices, Floats]:
    """F_p - K_p/T - v_p(λ), CNY per year (sites,), with the arcs that pay and what each carries, m³ per month."""
    sites = instance.sites
    margin = price[instance.arc_point] - instance.arc_price
    arc = np.flatnonzero(margin > 0)
    arc = arc[np.lexsort((-margin[arc], instance.arc_site[arc]))]
    site, wanted = instance.arc_site[arc], instance.demand_m3[0][instance.arc_point[arc]]
    before = np.cumsum(wanted) - wanted
    starts = np.searchsorted(site, np.arange(len(sites)))
    before -= np.append(before, 0.0)[starts][site]
    filled = np.clip(sites.usable_m3[site] - before, 0.0, wanted)
    value = np.bincount(site, margin[arc] * filled, len(sites)) * MONTHS_PER_YEAR
    return sites.fixed_cny_per_year - sites.closing_cny / instance.policy.horizon_years - value, arc, filled


def _cheapest_cover(cost: Floats, capacity: Floats, demand: float) -> Floats:
    """min Σ cost_p y_p with Σ C_p y_p >= demand, 0 <= y <= 1: what pays, then the cheapest per m³ until it is met."""
    y = (cost < 0).astype(float)
    short = demand - float(capacity @ y)
    per_m3 = np.divide(cost, capacity, out=np.full(len(cost), np.inf), where=capacity > 0)
    for site in np.argsort(per_m3, kind="stable").tolist():
        if short <= 0:
            break
        if y[site] == 0 and capacity[site] > 0:
            y[site] = min(1.0, short / capacity[site])
            short -= y[site] * capacity[site]
    return y
