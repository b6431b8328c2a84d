"""The consolidation model over the cluster means of a partition: its relaxation, and its decisions.

Belongs here: the master's columns and rows, the cuts and columns that its relaxation asks for, its integer solve.
Does not belong here: equations (equations.py), the search around it (consolidation.py).

x is a share of its point's demand here, so that a strong link reads x <= y. Links are added where they are
violated, shipments where they would save something: both are few of the many there could be.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from planning.allocation import LEAST_M3
from planning.design import NOWHERE, Design, moved_capacity_m3
from planning.equations import (
    FIRST_STAGE_RULES,
    Shipments,
    cover_demand,
    first_stage,
    limit_overtime,
    link_strongly,
    measure_tail,
    meet_quota,
    respect_capacity,
    serve_demand,
)
from planning.instance import MONTHS_PER_YEAR, Instance
from planning.model import Bools, Floats, Indices, Limits, Model, Term
from planning.partition import Partition

SMALL_COLUMNS = 20_000  # a master up to this size has every shipment from the start
FEW_LINKS = 5_000  # so many strong links are there from the start: less work than finding those that matter
MOST_COLUMNS = 400_000  # beyond, no integer solve with every shipment: the bound is the relaxation's
COLUMNS_PER_S = 3_000  # so many a second has to be left for, or such a solve ends after its deadline
MAX_ROUNDS = 80
Scope = Literal["all", "near", "start"]
WHOLE = 1e-6  # a decision this near to 0 or 1 is one
VIOLATED = 1e-3  # of a point's demand, beyond which a strong link is added


@dataclass(frozen=True)
class Relaxation:
    """`bound` of the whole problem in the master's unit, values of the columns; and of the round that proved the bound:
    its y (sites,), and what every solution with y_p turned over costs beyond the bound at least (sites,).
    """

    bound: float
    values: Floats
    y: Floats
    turning: Floats


@dataclass(frozen=True)
class Start:
    """A known feasible point: some columns with their values, decisions first, and its exact objective."""

    columns: Indices
    values: Floats
    objective_cny: float


class Master:
    """min of `first_stage` + Σ_k π_k recourse of the mean of cluster k + `measure_tail`; money in units of `unit_cny`.

    A large one has the shipments along `is_chosen` (arcs,) alone, and links `is_linked` (arcs,) from the start.
    """

    def __init__(
        self,
        instance: Instance,
        partition: Partition,
        is_chosen: Bools,
        unit_cny: float,
        *,
        is_single_source: bool = False,
        is_linked: Bools | None = None,
    ) -> None:
        self.instance, self.partition, self.unit_cny = instance, partition, unit_cny
        self.demand = partition.means(instance.demand_m3)
        self.is_single_source = is_single_source
        clusters, arcs = len(self.demand), len(instance.arc_site)
        self._arc_demand = self.demand[:, instance.arc_point]
        is_there = self._arc_demand > 0
        if clusters * arcs > SMALL_COLUMNS:
            is_there = is_there & is_chosen
        weight = (MONTHS_PER_YEAR / unit_cny) * partition.weights()[:, None]
        self._price = weight * instance.arc_price * self._arc_demand  # of a whole share, shape (clusters, arcs)
        model = Model()
        self.columns, self.constant = first_stage(model, instance, unit_cny)
        cluster, arc = np.nonzero(is_there)
        x = model.add_columns("x", len(arc), upper=1.0, cost=self._price[cluster, arc], integer=is_single_source)
        self.x = Shipments(x, cluster, arc, self._arc_demand[cluster, arc])
        price = partition.means(instance.unserved_price)[:, None]
        may_lack = (self.demand <= 0) | (not instance.policy.must_serve)
        lack = weight * price * self.demand
        u = model.add_columns("u", self.demand.shape, upper=may_lack.astype(float), cost=lack)
        overtime = weight * np.full((clusters, len(instance.sites)), instance.policy.overtime_cny_per_m3)
        o = model.add_columns("o", overtime.shape, cost=overtime)
        self._serve = serve_demand(model, instance, self.x, u, np.ones(self.demand.shape))
        self._capacity = respect_capacity(model, instance, self.x, o, self.columns)
        limit_overtime(model, instance, o, self.columns)
        every = np.arange(clusters)[:, None]
        cost: list[Term] = [(cluster, x, self._price[cluster, arc]), (every, u, lack), (every, o, overtime)]
        self._quota: Indices | None = None
        if instance.policy.least_load_share:
            shortfall = weight * np.full(o.shape, instance.policy.shortfall_cny_per_m3)
            b = model.add_columns("b", o.shape, cost=shortfall)
            self._quota = meet_quota(model, instance, self.x, b, self.columns)
            cost.append((every, b, shortfall))
        self._tail: Indices | None = None
        if instance.policy.risk_weight:
            self._tail = measure_tail(model, instance, cost, partition.weights())
        for rule in FIRST_STAGE_RULES:
            rule(model, instance, self.columns)
        cover_demand(model, instance, self.columns)
        self.solver = model.solver()
        self._is_there, self._is_linked = is_there, np.zeros((clusters, arcs), bool)
        if len(arc) <= FEW_LINKS:
            self._link(np.arange(len(arc)))
        else:
            is_first = self.x.m3 < LEAST_M3  # too little for a capacity row to hold: only the link keeps x at 0
            self._link(np.flatnonzero(is_first if is_linked is None else is_first | is_linked[arc]))

    @property
    def is_whole(self) -> bool:
        """Whether every shipment that could carry anything is there."""
        return bool((self._is_there | (self._arc_demand <= 0)).all())

    def can_be_whole(self, seconds: float) -> bool:
        """Whether an integer solve with every shipment is of a size worth trying in this time."""
        return int((self._arc_demand > 0).sum()) <= min(MOST_COLUMNS, COLUMNS_PER_S * seconds)

    def relax(self, tolerance: float, deadline: float) -> Relaxation:
        """Solve the relaxation until no strong link is violated and the shipments left out could not save more than
        `tolerance` of it; what they still could is taken off the bound.
        """
        self.solver.set_integrality(False)
        found = Relaxation(-np.inf, np.zeros(0), *np.zeros((2, len(self.instance.sites))))
        for _ in range(MAX_ROUNDS):
            solution = self.solver.solve(Limits(seconds=max(deadline - time.monotonic(), 0.1)))
            if solution.status == "infeasible":
                raise RuntimeError("the master is infeasible, though keeping every plant is feasible")
            if solution.status != "optimal":
                break
            values, y_reduced = solution.columns, solution.reduced_costs[self.columns.y]
            saving, of_site, is_saving = self._omitted_saving(solution.row_duals, y_reduced)
            found = replace(found, values=values)
            bound = solution.bound - saving + self.constant
            if bound > found.bound:
                turning = np.where(y_reduced > 0, y_reduced - of_site, -y_reduced)
                found = Relaxation(bound, values, values[self.columns.y].round(), turning)
            is_settled = saving <= tolerance * abs(solution.bound)
            excess = values[self.x.column] - values[self.columns.y][self.instance.arc_site[self.x.arc]]
            is_linked = self._is_linked[self.x.demand, self.x.arc]
            violated = np.flatnonzero((excess > VIOLATED) & ~is_linked)
            if is_settled and not violated.size:
                break
            if violated.size:
                self._link(violated)
            if not is_settled:
                self._enter(is_saving)
        return replace(found, values=np.pad(found.values, (0, len(self.solver.integer) - len(found.values))))

    def decide(
        self, relaxation: Relaxation, start: Start, limits: Limits, *, scope: Scope
    ) -> tuple[Floats | None, float]:
        """Solve the integer master in a scope; returns the values of its columns (None: none found) and a bound in CNY.

        `all`: from `start`, only sites that cost more than the gap if turned over keep what the relaxation gave them.
        `near`: every decision that the relaxation already made whole is kept (relaxation-induced search). `start`: all
        decisions are the start's. The latter two are quick, and have no bound of their own; nor has `all` unless every
        shipment is there.
        """
        self.solver.set_integrality(True)
        relaxed = relaxation.values
        if scope == "start":
            fixed, at = self.decisions, start.values[: len(self.decisions)]
        elif scope == "all":
            slack = start.objective_cny / self.unit_cny - relaxation.bound
            is_settled = relaxation.turning > slack * (1 + 1e-6) + 1e-9
            fixed, at = self.columns.y[is_settled], relaxation.y[is_settled]
        else:
            fixed = self.decisions[np.abs(relaxed[self.decisions] - relaxed[self.decisions].round()) < WHOLE]
            at = relaxed[fixed].round()
        if scope == "all" or start.columns.size > len(self.decisions):
            self.solver.start_from(start.columns, start.values)
        self.solver.set_columns(fixed, at, at)
        solution = self.solver.solve(limits)
        self.solver.free_columns(fixed)
        found = solution.status in ("optimal", "limit")
        bound = np.inf if solution.status == "infeasible" else (solution.bound + self.constant) * self.unit_cny
        is_proof = self.is_whole and scope == "all"
        return solution.columns if found else None, min(bound, start.objective_cny) if is_proof else -np.inf

    @property
    def decisions(self) -> Indices:
        """The columns of y, e and w."""
        return np.concatenate([self.columns.y, self.columns.e, self.columns.w])

    def start_of(self, design: Design, objective_cny: float) -> Start:
        """A decision as a start, with its exact objective."""
        merged = design.merge_into[self.instance.merge_from] == self.instance.merge_into
        values = np.concatenate([design.is_open, design.is_expanded, merged]).astype(float)
        return Start(self.decisions, values, objective_cny)

    def complete(self) -> None:
        """Add every shipment that is not there yet."""
        self._enter((self._arc_demand > 0) & ~self._is_there)

    def used_arcs(self, values: Floats) -> Bools:
        """Arcs that a solution uses for any cluster, shape (arcs,)."""
        used = np.zeros(len(self.instance.arc_site), bool)
        used[self.x.arc[values[self.x.column] > WHOLE]] = True
        return used

    def is_decided(self, values: Floats) -> bool:
        """Whether a solution of the relaxation leaves no decision open."""
        chosen = values[self.decisions]
        return bool((np.abs(chosen - chosen.round()) < WHOLE).all())

    def capacity_of(self, values: Floats) -> Floats:
        """Usable capacity (sites,) of a solution, relaxed or not, m³ per month."""
        instance, columns = self.instance, self.columns
        capacity = instance.sites.usable_m3 * values[columns.y] + instance.sites.expansion_m3 * values[columns.e]
        moved = moved_capacity_m3(instance, instance.merge_from, instance.merge_into)
        np.add.at(capacity, instance.merge_into, moved * values[columns.w])
        return np.asarray(np.maximum(capacity, 0.0))

    def as_design(self, values: Floats) -> Design:
        """The decision that whole values stand for."""
        columns, instance = self.columns, self.instance
        merge_into = np.full(len(instance.sites), NOWHERE)
        chosen = values[columns.w] > 0.5
        merge_into[instance.merge_from[chosen]] = instance.merge_into[chosen]
        return Design(values[columns.y] > 0.5, values[columns.e] > 0.5, merge_into)

    def _link(self, shipments: Indices) -> None:
        x = self.x
        term = link_strongly(x.column[shipments], self.columns.y[self.instance.arc_site[x.arc[shipments]]])
        self.solver.add_rows(len(shipments), term, 0.0)
        self._is_linked[x.demand[shipments], x.arc[shipments]] = True

    def _enter(self, is_entering: Bools) -> None:
        """Add shipments, shape (clusters, arcs)."""
        cluster, arc = np.nonzero(is_entering)
        m3, count = self._arc_demand[cluster, arc], np.arange(len(arc))
        rows: tuple[Indices, ...] = (
            self._serve[cluster, self.instance.arc_point[arc]],
            self._capacity[cluster, self.instance.arc_site[arc]],
        )
        values: tuple[Floats, ...] = (np.ones(len(arc)), m3)
        if self._quota is not None:
            rows, values = (*rows, self._quota[cluster, self.instance.arc_site[arc]]), (*values, -m3)
        if self._tail is not None:
            rows, values = (*rows, self._tail[cluster]), (*values, self._price[cluster, arc])
        term = (np.concatenate(rows), np.tile(count, len(rows)), np.concatenate(values))
        column = self.solver.add_columns(self._price[cluster, arc], term, upper=1.0, integer=self.is_single_source)
        self._is_there |= is_entering
        first = len(self.x.column)
        self.x = self.x.joined(Shipments(column, cluster, arc, m3))
        self._link(first + np.flatnonzero(m3 < LEAST_M3))

    def _omitted_saving(self, row_duals: Floats, y_reduced: Floats) -> tuple[float, Floats, Bools]:
        """Most that the shipments left out could save: in all, along each site's arcs if it works (sites,), and which
        of them could, shape (clusters, arcs).

        By Lagrange's multipliers of the rows: Σ_p max(0, Σ_{ka∈p} (-reduced cost)^+ - (reduced cost of y_p)^+), as
        x <= y (y_p without cost where it must be 1), and no more than Σ_ki max_a (-reduced cost)^+, as shares add up to
        one; the lesser of the two.
        """
        if self.is_whole:
            return 0.0, np.zeros(len(self.instance.sites)), np.zeros_like(self._is_there)
        instance = self.instance
        counted = 1.0 if self._tail is None else 1.0 - row_duals[self._tail][:, None]  # what a cluster's cost weighs
        reduced = self._price * counted - row_duals[self._serve][:, instance.arc_point]
        reduced -= row_duals[self._capacity][:, instance.arc_site] * self._arc_demand
        if self._quota is not None:
            reduced += row_duals[self._quota][:, instance.arc_site] * self._arc_demand
        saving = np.where(self._is_there, 0.0, np.maximum(-reduced, 0.0))
        own = np.where(instance.policy.must_stay, 0.0, np.maximum(y_reduced, 0.0))  # what stays is paid for already
        of_site: Floats = np.bincount(instance.arc_site, saving.sum(axis=0), len(instance.sites)).astype(float)
        by_site = of_site - own
        is_saving = (saving > 0) & (by_site > 0)[instance.arc_site]
        best = np.zeros((instance.points, len(saving)))
        np.maximum.at(best, instance.arc_point, saving.T)
        return min(float(np.maximum(by_site, 0.0).sum()), float(best.sum())), of_site, is_saving
