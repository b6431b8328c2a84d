"""Which plants to keep, merge, close, expand or open: a two-stage model with a proven bound from both sides.

Belongs here: the search and its bounds. Does not belong here: equations (equations.py), the master model over a
partition (master.py), the exact recourse (allocation.py), the partition's refinement (partition.py).

Below: the master on cluster means (Jensen), relaxed or integer. Above: a decision faced with every sample month. The
search refines the partition until both meet within the gap, and stops by counts; the clock is only a safety net.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from planning.allocation import Evaluation, Recourse, objective_cny
from planning.design import Design, broken_rules, usable_capacity_m3
from planning.instance import Instance
from planning.master import FEW_LINKS, WHOLE, Master, Relaxation, Scope
from planning.model import Bools, Floats, Limits
from planning.multipliers import ascend, is_separable
from planning.partition import Partition, refine

SCHEDULE = (1, 8, 24, 96)  # clusters of the master, round by round
DECIDED_CLUSTERS = 24  # beyond, a large master only lifts the bound: its relaxation is nearly whole, and quick
CHEAPEST_ARCS = 6  # per point, in a large master from the start
MAX_NODES = 200  # of one integer solve, so that a count and not the clock ends it
NEARLY = 0.05  # an arc this share of the price short of paying is worth having in a large master
PRICES_SHARE = 0.25  # of the time for Lagrange's prices, which need far less but for the largest
MAGNITUDE = 1e4  # of the objective in the master's unit, where HiGHS's tolerances are at home


@dataclass(frozen=True)
class Result:
    """The best decision found with its proof; costs in CNY per year, exact over all sample months.

    status: proven (within the gap asked for) | stopped (by a count) | timed_out. `mean_plan_cny` is what the plan made
    on the mean forecast alone costs when faced with the samples (None when there was no time for it).
    """

    design: Design
    evaluation: Evaluation
    objective_cny: float
    bound_cny: float
    status: str
    clusters: int
    mean_plan_cny: float | None

    @property
    def gap(self) -> float:
        """(objective - bound) / objective, 0 for a free plan."""
        if self.objective_cny <= 0:
            return 0.0
        return max(self.objective_cny - self.bound_cny, 0.0) / self.objective_cny

    @property
    def stochastic_value_cny(self) -> float | None:
        """VSS: what the plan made on the mean forecast costs more than this one, faced with the samples."""
        return None if self.mean_plan_cny is None else max(self.mean_plan_cny - self.objective_cny, 0.0)


def consolidate(
    instance: Instance, recourse: Recourse, *, gap: float, seconds: float, nodes: int | None = MAX_NODES
) -> Result:
    """Search until the gap is proven, the schedule is through (`nodes` per integer solve) or `seconds` have passed."""
    return Search(instance, recourse, gap, time.monotonic() + seconds, nodes).run()


class Search:
    """The incumbent, the best bound, and the partition between them."""

    def __init__(
        self, instance: Instance, recourse: Recourse, gap: float, deadline: float, nodes: int | None = MAX_NODES
    ) -> None:
        self.instance, self.recourse = instance, recourse
        self.target, self.deadline, self.nodes = gap, deadline, nodes
        self.design = Design.as_is(instance)
        self.is_chosen = _cheapest_arcs(instance, CHEAPEST_ARCS)
        self.evaluation = recourse.evaluate(usable_capacity_m3(instance, self.design))  # there is always this plan
        self.is_chosen = self.is_chosen | self.evaluation.is_used
        self.objective = objective_cny(instance, self.design, self.evaluation)
        self.bound = 0.0
        self.mean_plan_cny: float | None = None
        self.partition = Partition.coarsest(instance)
        self.unit_cny = _unit_cny(self.objective)

    def run(self, start: Design | None = None) -> Result:
        """Round by round until the gap is proven; from a known decision where there is one."""
        self._adopt(start)
        samples = len(self.instance.demand_m3)
        sizes = sorted({min(size, samples) for size in SCHEDULE})
        is_large = len(self.instance.arc_site) > FEW_LINKS
        is_linked = self._look_around() if is_large and is_separable(self.instance) else None
        for size, next_size in zip(sizes, [*sizes[1:], 0], strict=True):
            if self._result().status != "stopped":
                break
            master = Master(self.instance, self.partition, self.is_chosen, self.unit_cny, is_linked=is_linked)
            evaluation = self._round(master, is_first=size == sizes[0], is_last=size == samples)
            if next_size == samples:
                self.partition = Partition(np.arange(samples))
            elif next_size:
                self.partition = refine(self.partition, next_size, self.instance, evaluation, self._cost_of)
        return self._result()

    def once(self, design: Design, partition: Partition) -> Result:
        """One round on a given partition, starting from a known decision."""
        self._adopt(design)
        self.partition = partition
        master = Master(self.instance, partition, self.is_chosen, self.unit_cny)
        self._round(master, is_first=False, is_last=partition.clusters == len(self.instance.demand_m3))
        return self._result()

    def _look_around(self) -> Bools:
        """A first bound and start by Lagrange's prices; returns the arcs that pay at these prices, shape (arcs,)."""

        deadline = self._deadline_of(PRICES_SHARE)

        def attempt(is_open: Bools) -> float:
            self._adopt(replace(self.design, is_open=is_open), deadline)
            return self.objective

        prices = ascend(self.instance, self.evaluation.point_price[0], self.objective, attempt, deadline)
        self.bound = max(self.bound, prices.bound_cny)
        margin = prices.price[self.instance.arc_point] - self.instance.arc_price
        self.is_chosen = self.is_chosen | (margin > -NEARLY * prices.price[self.instance.arc_point])
        self.unit_cny = _unit_cny(self.objective)
        return np.asarray(margin > 0)

    def _deadline_of(self, share: float) -> float:
        """The end of this share of the time that is left."""
        return time.monotonic() + share * max(self.deadline - time.monotonic(), 0.0)

    def _round(self, master: Master, *, is_first: bool, is_last: bool) -> Evaluation:
        """One round: a bound, and a decision faced with every sample month; the better one stays.

        Returns the evaluation to refine by, whose capacity is still set in the recourse.
        """
        relaxation = master.relax(0.05 * self.target, self.deadline)
        values = relaxation.values
        if not values.size:
            return self.evaluation
        self.is_chosen = self.is_chosen | master.used_arcs(values)
        self.bound = max(self.bound, relaxation.bound * self.unit_cny)
        if master.partition.clusters > DECIDED_CLUSTERS and not master.is_whole:
            self.recourse.set_capacity(usable_capacity_m3(self.instance, self.design))
            return self.evaluation
        if is_last and self._result().status == "stopped":
            self._round_up(master, values)
        is_outright = master.is_whole and (is_last or len(master.x.column) <= FEW_LINKS)
        design = self._decide(master, relaxation, "all" if is_outright else "near", 0.9 if is_last else 0.4)
        evaluation = self._adopt(design)
        if is_first and design is not None and evaluation is not None:
            self.mean_plan_cny = objective_cny(self.instance, design, evaluation)
        seconds = self.deadline - time.monotonic()
        if is_last and not is_outright and self._result().status == "stopped" and master.can_be_whole(seconds):
            master.complete()
            self._adopt(self._decide(master, relaxation, "all", 0.9))
        if not is_last and (evaluation is None or is_first):
            return self._face(master.capacity_of(values)) or self.evaluation
        return evaluation or self.evaluation

    def _decide(self, master: Master, relaxation: Relaxation, scope: Scope, share: float) -> Design | None:
        """The master's decision, solved to `share` of the gap asked for."""
        if self._result().status != "stopped":
            return None
        if master.is_decided(relaxation.values):
            return master.as_design(relaxation.values)
        limits = Limits(share * self.target, self.nodes, max(self.deadline - time.monotonic(), 0.1))
        values, bound = master.decide(relaxation, master.start_of(self.design, self.objective), limits, scope=scope)
        self.bound = max(self.bound, bound)
        return None if values is None else master.as_design(values)

    def _round_up(self, master: Master, values: Floats) -> None:
        """Try the decisions around the relaxation's: a good start narrows what the integer solve has to look at."""
        for least in (WHOLE, 0.5):
            rounded = values.round()
            rounded[master.columns.y] = values[master.columns.y] >= least
            self._adopt(master.as_design(rounded))

    def _adopt(self, design: Design | None, deadline: float | None = None) -> Evaluation | None:
        """Face a decision with every sample month, unless it breaks a rule or time runs out; the better one stays."""
        if design is None or broken_rules(self.instance, design):
            return None
        evaluation = self._face(usable_capacity_m3(self.instance, design), deadline)
        if evaluation is None:
            return None
        objective = objective_cny(self.instance, design, evaluation)
        if objective < self.objective:
            self.design, self.evaluation, self.objective = design, evaluation, objective
        return evaluation

    def _face(self, capacity_m3: Floats, deadline: float | None = None) -> Evaluation | None:
        """Every sample month under a capacity; the arcs that it uses are worth having in the master. None: no time."""
        evaluation = self.recourse.evaluate_by(self.deadline if deadline is None else deadline, capacity_m3)
        if evaluation is not None:
            self.is_chosen = self.is_chosen | evaluation.is_used
        return evaluation

    def _cost_of(self, demand_m3: Floats, unserved_cny_per_m3: float) -> float:
        self.recourse.set_month(demand_m3, unserved_cny_per_m3)
        return self.recourse.cost()

    def _result(self) -> Result:
        result = Result(
            self.design,
            self.evaluation,
            self.objective,
            min(self.bound, self.objective),
            "proven",
            self.partition.clusters,
            self.mean_plan_cny,
        )
        if result.gap <= self.target:
            return result
        return replace(result, status="timed_out" if time.monotonic() > self.deadline else "stopped")


def _unit_cny(objective_cny: float) -> float:
    """A power of ten in which the objective is about `MAGNITUDE`."""
    return float(10.0 ** np.floor(np.log10(max(objective_cny, 1e-6) / MAGNITUDE)))


def _cheapest_arcs(instance: Instance, count: int) -> Bools:
    """The `count` cheapest arcs of every point, shape (arcs,)."""
    order = np.lexsort((instance.arc_price, instance.arc_point))
    starts = np.searchsorted(instance.arc_point[order], np.arange(instance.points))
    rank = np.arange(len(order)) - starts[instance.arc_point[order]]
    chosen = np.zeros(len(order), bool)
    chosen[order] = rank < count
    return chosen
