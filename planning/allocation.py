"""Who serves whom: the transport problem of one month, solved exactly, with its prices.

Belongs here: the recourse of a fixed decision for every sample month, its flows and duals. Does not belong here:
the choice of plants (consolidation.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from planning.design import Design, fixed_cny_per_year, transition_cny_per_year
from planning.equations import Shipments, limit_overtime, meet_quota, respect_capacity, serve_demand
from planning.instance import Instance
from planning.model import INFINITY, Bools, Floats, Indices, Model
from planning.risk import recourse_cny

LEAST_M3 = 1e-4  # per month


@dataclass(frozen=True)
class Evaluation:
    """A decision faced with every sample month: monthly recourse cost (samples,), CNY, carbon and penalty included.

    `is_used` (arcs,) marks the arcs that carry anything in any month. `point_price` (samples, points) is the marginal
    cost of a cell in CNY/m³, `capacity_price` (samples, sites) what one more m³ of a plant's capacity would save:
    negative where it would only raise the plant's quota.
    """

    monthly_cny: Floats
    is_used: Bools
    point_price: Floats
    capacity_price: Floats


@dataclass(frozen=True)
class Flows:
    """One sample month's allocation: m³ per arc and unserved m³ per point."""

    sample: int
    arc_m3: Floats
    unserved_m3: Floats


@dataclass(frozen=True)
class Priced:
    """One allocation with its duals: m³ per arc and unserved per point; CNY/m³ of one more m³ of demand (points,), of
    the room that a m³ takes at a site, of its second shift, of the shortfall that a m³ there saves, and of its capacity
    with its second shift and its quota (sites,).
    """

    cost_cny: float
    arc_m3: Floats
    unserved_m3: Floats
    point_cny_per_m3: Floats
    load_cny_per_m3: Floats
    second_shift_cny_per_m3: Floats
    shortfall_cny_per_m3: Floats
    capacity_cny_per_m3: Floats


class Recourse:
    """min Σ_a (c_a + w g_a) x_a + v Σ_p o_p + M Σ_i u_i under `serve_demand`, `respect_capacity` and `limit_overtime`;
    with a quota + f Σ_p b_p under `meet_quota`.

    One HiGHS model, warm from month to month. A point of next to no demand counts in units of that: its cost may be
    large all the same, and the solver's tolerance must not swallow it.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        model = Model()
        self._price = float(instance.unserved_price[0])
        arcs, mean_m3 = len(instance.arc_site), instance.mean_demand_m3
        self._unit_m3 = np.where((mean_m3 > 0) & (mean_m3 < LEAST_M3), mean_m3, 1.0)
        self._arc_unit_m3 = self._unit_m3[instance.arc_point]
        self._x = model.add_columns("x", arcs, cost=instance.arc_price * self._arc_unit_m3)
        self._u = model.add_columns("u", (1, instance.points), cost=self._price * self._unit_m3)
        o = model.add_columns("o", (1, len(instance.sites)), cost=instance.policy.overtime_cny_per_m3)
        demand = np.zeros((1, instance.points))
        x = Shipments(self._x, np.zeros(arcs, np.int64), np.arange(arcs), self._arc_unit_m3)
        self._serve = serve_demand(model, instance, x, self._u, demand)[0].tolist()
        usable = instance.sites.usable_m3
        self._capacity = respect_capacity(model, instance, x, o, usable)[0].tolist()
        self._overtime = limit_overtime(model, instance, o, usable)[0].tolist()
        self._quota: list[int] = []
        if instance.policy.least_load_share:
            b = model.add_columns("b", o.shape, cost=instance.policy.shortfall_cny_per_m3)
            self._quota = meet_quota(model, instance, x, b, usable)[0].tolist()
        self._solver = model.solver()
        is_small = self._arc_unit_m3 != 1.0
        self._small_x = [self._x[is_small & (instance.arc_site == site)] for site in range(len(usable))]
        # months of one price together, light ones first: each basis is close to the next one's
        self.order: Indices = np.lexsort((instance.demand_m3.sum(axis=1), instance.unserved_price))

    def set_capacity(self, capacity_m3: Floats) -> None:
        for site, capacity in enumerate(capacity_m3.tolist()):
            self.set_site_capacity(site, capacity)

    def set_site_capacity(self, site: int, capacity_m3: float) -> None:
        self._solver.set_row(self._capacity[site], -np.inf, capacity_m3)
        policy, small_x = self.instance.policy, self._small_x[site]
        if small_x.size:  # too small for the capacity row to keep them from a site that is closed
            self._solver.set_columns(small_x, 0.0, INFINITY if capacity_m3 > 0 else 0.0)
        self._solver.set_row(self._overtime[site], -np.inf, policy.overtime_share * capacity_m3)
        if self._quota:
            self._solver.set_row(self._quota[site], -np.inf, -policy.least_load_share * capacity_m3)

    def set_month(self, demand_m3: Floats, unserved_cny_per_m3: float) -> None:
        """The demand (points,), m³ per month, and the price M of what stays unserved."""
        if unserved_cny_per_m3 != self._price:
            self._solver.set_costs(self._u[0], unserved_cny_per_m3 * self._unit_m3)
            self._price = unserved_cny_per_m3
        for row, demand in zip(self._serve, (demand_m3 / self._unit_m3).tolist(), strict=True):
            self._solver.set_row(row, demand, demand)

    def set_sample(self, sample: int) -> None:
        self.set_month(self.instance.demand_m3[sample], float(self.instance.unserved_price[sample]))

    def cost(self, deadline: float = INFINITY) -> float:
        """Solve as set; CNY per month. Always feasible: what cannot be served is unserved.

        Infinity where `deadline` (time.monotonic) came first; later solves are not affected.
        """
        if deadline < INFINITY:
            self._solver.limit(deadline)
        status = self._solver.run()
        if deadline < INFINITY:
            self._solver.limit(INFINITY)
            if status in ("limit", "unsolved"):
                return INFINITY
        if status != "optimal":
            raise RuntimeError(f"the transport problem ended as {status}")
        return self._solver.objective()

    def priced(self) -> Priced:
        """Solve as set, and read the allocation with its prices."""
        priced = self.priced_by(INFINITY)
        assert priced is not None
        return priced

    def priced_by(self, deadline: float) -> Priced | None:
        """The same, or None where `deadline` (time.monotonic) comes first."""
        cost = INFINITY if time.monotonic() > deadline else self.cost(deadline)
        if cost == INFINITY:
            return None
        duals, columns = self._solver.row_duals(), self._solver.columns()
        load, second = np.maximum(-duals[self._capacity], 0.0), np.maximum(-duals[self._overtime], 0.0)
        shortfall = np.maximum(-duals[self._quota], 0.0) if self._quota else np.zeros(len(load))
        policy = self.instance.policy
        return Priced(
            cost,
            *self._volumes(columns),
            duals[self._serve] / self._unit_m3,
            load,
            second,
            shortfall,
            load + policy.overtime_share * second - policy.least_load_share * shortfall,
        )

    def evaluate(self, capacity_m3: Floats) -> Evaluation:
        """Every sample month under a capacity (sites,), m³ per month."""
        evaluation = self.evaluate_by(INFINITY, capacity_m3)
        assert evaluation is not None
        return evaluation

    def evaluate_by(self, deadline: float, capacity_m3: Floats) -> Evaluation | None:
        """The same, or None where `deadline` (time.monotonic) comes first."""
        instance = self.instance
        samples = len(instance.demand_m3)
        monthly = np.zeros(samples)
        point_price = np.zeros((samples, instance.points))
        capacity_price = np.zeros((samples, len(instance.sites)))
        is_used = np.zeros(len(instance.arc_site), bool)
        policy = instance.policy
        self.set_capacity(capacity_m3)
        for sample in self.order.tolist():
            self.set_sample(sample)
            monthly[sample] = self.cost(deadline)
            if monthly[sample] == INFINITY or time.monotonic() > deadline:
                return None
            duals = self._solver.row_duals()
            point_price[sample] = duals[self._serve] / self._unit_m3
            capacity_price[sample] = -duals[self._capacity] - policy.overtime_share * duals[self._overtime]
            if self._quota:
                capacity_price[sample] += policy.least_load_share * duals[self._quota]
            is_used |= self._solver.columns()[self._x] > 0
        return Evaluation(monthly, is_used, point_price, capacity_price)

    def costs_by(self, deadline: float, capacity_m3: Floats, samples: Indices) -> Floats | None:
        """Monthly recourse cost of these sample months under a capacity (sites,), in their order, CNY per month.

        None where `deadline` (time.monotonic) comes first.
        """
        self.set_capacity(capacity_m3)
        monthly = np.zeros(len(self.instance.demand_m3))
        for sample in self.order[np.isin(self.order, samples)].tolist():
            self.set_sample(sample)
            monthly[sample] = INFINITY if time.monotonic() > deadline else self.cost(deadline)
            if monthly[sample] == INFINITY:
                return None
        return np.asarray(monthly[samples])

    def flows(self, capacity_m3: Floats) -> Iterator[Flows]:
        """The allocation of every sample month under a capacity (sites,), in the order that solves fastest."""
        self.set_capacity(capacity_m3)
        for sample in self.order.tolist():
            self.set_sample(sample)
            self.cost()
            yield Flows(sample, *self._volumes(self._solver.columns()))

    def _volumes(self, columns: Floats) -> tuple[Floats, Floats]:
        """m³ per arc and unserved per point of a solution."""
        x, u = np.maximum(columns[self._x], 0.0), np.maximum(columns[self._u[0]], 0.0)
        return x * self._arc_unit_m3, u * self._unit_m3


def objective_cny(instance: Instance, design: Design, evaluation: Evaluation) -> float:
    """Σ fixed + transition + 12 (E_n[Q_n] + λ CVaR_α(Q)), CNY per year."""
    first = fixed_cny_per_year(instance, design) + transition_cny_per_year(instance, design)
    return first + recourse_cny(instance.policy, evaluation.monthly_cny)
