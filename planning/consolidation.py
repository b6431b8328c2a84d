"""Which plants to keep, merge, close, expand or open: a two-stage model with a proven bound from both sides.

Belongs here: the master model over a partition, the search, its bounds. Does not belong here: equations
(equations.py), the exact recourse (allocation.py), the partition's refinement (partition.py).

Below: the master on cluster means (Jensen), relaxed or integer. Above: a decision faced with every sample month. The
search refines the partition until both meet within the gap, and stops by counts; the clock is only a safety net.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from planning.allocation import Evaluation, Recourse, objective_cny
from planning.design import NOWHERE, Design, broken_rules, moved_capacity_m3, usable_capacity_m3
from planning.equations import (
    FIRST_STAGE_RULES,
    first_stage,
    limit_overtime,
    link_strongly,
    respect_capacity,
    serve_demand,
)
from planning.instance import MONTHS_PER_YEAR, Instance
from planning.model import Bools, Floats, Limits, Model
from planning.partition import Partition, refine

UNIT_CNY = 1000.0  # keeps the master's coefficients near one
SCHEDULE = (1, 8, 24, 96)  # clusters of the master, round by round
DECIDED_CLUSTERS = 24  # beyond, a large master only lifts the bound: its relaxation is nearly whole, and quick
SMALL_COLUMNS = 20_000  # a master up to this size is solved with every decision free, else near its relaxation
CHEAPEST_ARCS = 6  # per point, in a large master from the start
MAX_CUT_ROUNDS = 20
MAX_NODES = 200


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


class Master:
    """The consolidation model over the cluster means of a partition.

    A large one has the chosen arcs alone, shape (arcs,), and prices the others afterwards: what they could still save
    is taken off its bound.
    """

    def __init__(self, whole: Instance, partition: Partition, is_chosen: Bools) -> None:
        self.whole, self.partition, self.is_chosen = whole, partition, is_chosen
        self.is_small = partition.clusters * len(whole.arc_site) <= SMALL_COLUMNS
        instance = self.instance = whole if self.is_small else whole.with_arcs(is_chosen)
        self.demand = partition.means(instance.demand_m3)
        model = Model()
        self.columns, self.constant = first_stage(model, instance, UNIT_CNY)
        weight = self.weight = (MONTHS_PER_YEAR / UNIT_CNY) * partition.weights()[:, None]
        clusters, arcs = len(self.demand), len(instance.arc_site)
        price = partition.means(instance.unserved_price)[:, None]
        penalty = np.broadcast_to(price, (clusters, instance.points))
        self.x = model.add_columns("x", (clusters, arcs), cost=weight * instance.arc_price)
        u = model.add_columns("u", (clusters, instance.points), cost=weight * penalty)
        overtime = np.full((clusters, len(instance.sites)), instance.policy.overtime_cny_per_m3)
        o = model.add_columns("o", (clusters, len(instance.sites)), cost=weight * overtime)
        self.serve = serve_demand(model, instance, self.x, u, self.demand)
        self.capacity = respect_capacity(model, instance, self.x, o, self.columns)
        limit_overtime(model, instance, o, self.columns)
        for rule in FIRST_STAGE_RULES:
            rule(model, instance, self.columns)
        self.solver = model.solver()
        self.is_linked = np.zeros((clusters, arcs), bool)
        self.is_promising = is_chosen

    def relax(self, deadline: float) -> tuple[float, Floats]:
        """Solve the relaxation, adding the violated strong links until none is left.

        Returns its bound in CNY per year and its solution (empty: no time for one).
        """
        self.solver.set_integrality(False)
        bound, values = -np.inf, np.zeros(0)
        arc_demand = self.demand[:, self.instance.arc_point]
        for _ in range(MAX_CUT_ROUNDS):
            solution = self.solver.solve(Limits(seconds=max(deadline - time.monotonic(), 1.0)))
            if solution.status == "infeasible":
                raise RuntimeError("the master is infeasible, though keeping every plant is feasible")
            if solution.status != "optimal":
                break
            saving = self._omitted_saving(solution.row_duals)
            bound, values = (solution.bound - saving + self.constant) * UNIT_CNY, solution.columns
            violation = values[self.x] - arc_demand * values[self.columns.y][self.instance.arc_site]
            is_cut = (violation > 1e-3 * arc_demand + 1e-6 * arc_demand.max(initial=0.0)) & ~self.is_linked
            if not is_cut.any():
                break
            cluster, arc = np.nonzero(is_cut)
            term = link_strongly(
                self.x[cluster, arc], self.columns.y[self.instance.arc_site[arc]], arc_demand[cluster, arc]
            )
            self.solver.add_rows(len(arc), term, 0.0)
            self.is_linked |= is_cut
        return bound, values

    def decide(self, relaxed: Floats, start: Design, gap: float, deadline: float) -> tuple[Design | None, float]:
        """Solve the integer master; returns a decision (None: none found) and a bound in CNY per year.

        A large master keeps every decision that its relaxation already made whole (relaxation-induced search): quick
        and good, without a bound of its own. A small one is solved outright, from `start`.
        """
        chosen = np.concatenate([self.columns.y, self.columns.e, self.columns.w])
        self.solver.set_integrality(True)
        if self.is_small:
            self.solver.start_from(chosen, self._as_values(start))
        else:
            whole = chosen[np.abs(relaxed[chosen] - relaxed[chosen].round()) < 1e-6]
            self.solver.set_columns(whole, relaxed[whole].round(), relaxed[whole].round())
        seconds = max(deadline - time.monotonic(), 1.0)
        solution = self.solver.solve(Limits(gap=gap, nodes=MAX_NODES, seconds=seconds))
        bound = (solution.bound + self.constant) * UNIT_CNY if self.is_small else -np.inf
        found = solution.status in ("optimal", "limit")
        return self._as_design(solution.columns) if found else None, bound

    def _omitted_saving(self, row_duals: Floats) -> float:
        """Most that the omitted arcs could save: Σ_ki d_ki max_a (-reduced cost)^+, since Σ_a x_ka <= d_ki.

        Arcs that could save anything join `is_chosen` for the next round.
        """
        if self.is_small:
            return 0.0
        whole = self.whole
        reduced = (
            self.weight * whole.arc_price
            - row_duals[self.serve][:, whole.arc_point]
            - row_duals[self.capacity][:, whole.arc_site]
        )
        saving = np.where(self.is_chosen, 0.0, np.maximum(-reduced, 0.0))
        best = np.zeros(self.demand.shape)
        for arc in np.flatnonzero(saving.any(axis=0)).tolist():
            point = whole.arc_point[arc]
            best[:, point] = np.maximum(best[:, point], saving[:, arc])
        self.is_promising = self.is_chosen | (saving > 0).any(axis=0)
        return float((best * self.demand).sum())

    def capacity_of(self, values: Floats) -> Floats:
        """Usable capacity (sites,) of a solution, relaxed or not, m³ per month."""
        instance, columns = self.instance, self.columns
        capacity = instance.sites.usable_m3 * values[columns.y] + instance.sites.expansion_m3 * values[columns.e]
        moved = moved_capacity_m3(instance, instance.merge_from, instance.merge_into)
        np.add.at(capacity, instance.merge_into, moved * values[columns.w])
        return np.asarray(np.maximum(capacity, 0.0))

    def _as_values(self, design: Design) -> Floats:
        merged = design.merge_into[self.instance.merge_from] == self.instance.merge_into
        return np.concatenate([design.is_open, design.is_expanded, merged]).astype(float)

    def _as_design(self, values: Floats) -> Design:
        columns, instance = self.columns, self.instance
        merge_into = np.full(len(instance.sites), NOWHERE)
        chosen = values[columns.w] > 0.5
        merge_into[instance.merge_from[chosen]] = instance.merge_into[chosen]
        return Design(values[columns.y] > 0.5, values[columns.e] > 0.5, merge_into)


def consolidate(instance: Instance, recourse: Recourse, *, gap: float, seconds: float) -> Result:
    """Search until the gap is proven, the schedule is through, or `seconds` have passed."""
    return Search(instance, recourse, gap, time.monotonic() + seconds).run()


class Search:
    """The incumbent, the best bound, and the partition between them."""

    def __init__(self, instance: Instance, recourse: Recourse, gap: float, deadline: float) -> None:
        self.instance, self.recourse = instance, recourse
        self.target, self.deadline = gap, deadline
        self.design = Design.as_is(instance)
        self.is_chosen = _cheapest_arcs(instance, CHEAPEST_ARCS)
        self.evaluation = self._evaluate(self.design)
        self.objective = objective_cny(instance, self.design, self.evaluation)
        self.bound = 0.0
        self.mean_plan_cny: float | None = None
        self.partition = Partition.coarsest(instance)

    def run(self) -> Result:
        samples = len(self.instance.demand_m3)
        sizes = sorted({min(size, samples) for size in SCHEDULE})
        for size, next_size in zip(sizes, [*sizes[1:], 0], strict=True):
            master = Master(self.instance, self.partition, self.is_chosen)
            evaluation = self._round(master, is_first=size == sizes[0], is_last=size == samples)
            if self._result().status != "stopped":
                break
            if next_size == samples:
                self.partition = Partition(np.arange(samples))
            elif next_size:
                self.partition = refine(self.partition, next_size, self.instance, evaluation, self._cost_of)
        return self._result()

    def _round(self, master: Master, *, is_first: bool, is_last: bool) -> Evaluation:
        """One round: a bound, and a decision faced with every sample month; the better one stays.

        Returns the evaluation to refine by, whose capacity is still set in the recourse.
        """
        bound, relaxed = master.relax(self.deadline)
        self.is_chosen = self.is_chosen | master.is_promising
        self.bound = max(self.bound, bound)
        if not relaxed.size:
            return self._evaluate(self.design)
        if master.partition.clusters > DECIDED_CLUSTERS and not master.is_small:
            self.recourse.set_capacity(usable_capacity_m3(self.instance, self.design))
            return self.evaluation
        design, bound = master.decide(relaxed, self.design, self.target * (0.9 if is_last else 0.4), self.deadline)
        self.bound = max(self.bound, bound)
        if design is None or broken_rules(self.instance, design):
            return self._face(master.capacity_of(relaxed))
        evaluation = self._evaluate(design)
        objective = objective_cny(self.instance, design, evaluation)
        if is_first:
            self.mean_plan_cny = objective
        if objective < self.objective:
            self.design, self.evaluation, self.objective = design, evaluation, objective
        return self._face(master.capacity_of(relaxed)) if is_first else evaluation

    def _evaluate(self, design: Design) -> Evaluation:
        return self._face(usable_capacity_m3(self.instance, design))

    def _face(self, capacity_m3: Floats) -> Evaluation:
        """Every sample month under a capacity; the arcs that it uses are worth having in the master."""
        evaluation = self.recourse.evaluate(capacity_m3)
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


def _cheapest_arcs(instance: Instance, count: int) -> Bools:
    """The `count` cheapest arcs of every point, shape (arcs,)."""
    order = np.lexsort((instance.arc_price, instance.arc_point))
    starts = np.searchsorted(instance.arc_point[order], np.arange(instance.points))
    rank = np.arange(len(order)) - starts[instance.arc_point[order]]
    chosen = np.zeros(len(order), bool)
    chosen[order] = rank < count
    return chosen
