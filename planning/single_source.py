"""Every demand point served by one site only: the same master with whole shipments.

Belongs here: the search for such a plan of one demand. Does not belong here: plans that may split a point
(consolidation.py), as the city's do: single sourcing stalls on its size.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from planning.consolidation import Result
from planning.design import NOWHERE, fixed_cny_per_year, transition_cny_per_year
from planning.instance import MONTHS_PER_YEAR, Instance
from planning.master import Master, Scope, Start
from planning.model import Bools, Floats, Indices, Limits
from planning.partition import Partition
from store.messages import TongmaiError

SWEEPS = 100  # through all points, of exchanges
UNIT_SHARE = 1e-4  # of the objective is the master's unit of money


@dataclass(frozen=True)
class Assignment:
    """Who serves whom: `share` (sites, points) of 0 and 1. Costs in CNY per year; status as in `Result`."""

    is_open: Bools
    share: Floats
    objective_cny: float
    bound_cny: float
    status: str


def assign(instance: Instance, split: Result, *, gap: float, seconds: float) -> Assignment:
    """The best plan without split points, starting from the plan with them, whose bound holds here too.

    First the sites of that plan filled with whole shipments, by exchanges and by the master; then every decision free.
    Only for an instance of one sample month. Raises TongmaiError: `no_feasible_plan` (proven), `no_plan_in_time`.
    """
    deadline = time.monotonic() + seconds
    everything = np.ones(len(instance.arc_site), bool)
    unit_cny = max(split.objective_cny, 1e-6) * UNIT_SHARE
    master = Master(instance, Partition(np.zeros(1, np.int64)), everything, unit_cny, is_single_source=True)
    relaxation = master.relax(gap, time.monotonic() + seconds / 4)
    bound = max(split.bound_cny, relaxation.bound * unit_cny)
    best: Assignment | None = None
    start = master.start_of(split.design, np.inf)
    site = fill_whole(instance, split.design.is_open)
    if site is not None:
        best = _of_sites(instance, split, site)
        start = _start_of(master, split, site, best.objective_cny)
    stages: tuple[tuple[Scope, float], ...] = (("start", 0.4), ("all", 1.0))
    for scope, part in stages:
        limits = Limits(gap, None, max(part * (deadline - time.monotonic()), 0.1))
        values, proven = master.decide(relaxation, start, limits, scope=scope)
        bound = max(bound, proven)
        found = None if values is None else _read(master, values)
        if values is not None and found and (best is None or found.objective_cny < best.objective_cny):
            columns = np.concatenate([master.decisions, master.x.column])
            start, best = Start(columns, values[columns], found.objective_cny), found
    if best is None and np.isposinf(bound):
        raise TongmaiError(
            "no_feasible_plan",
            "没有可行方案：无法让每个客户只由一处供应而不超产能。",
            "No plan is feasible: capacities cannot take every customer whole.",
        )
    if best is None:
        raise TongmaiError(
            "no_plan_in_time",
            "限时内没有找到每个客户只由一处供应的方案；请放宽 --time-limit。",
            "No plan that serves every customer from one place was found in time; give a longer --time-limit.",
        )
    is_proven = best.objective_cny - bound <= gap * best.objective_cny
    status = "proven" if is_proven else "timed_out" if time.monotonic() > deadline else "stopped"
    return replace(best, bound_cny=min(bound, best.objective_cny), status=status)


def fill_whole(instance: Instance, is_open: Bools) -> Indices | None:
    """The site of each point (points,) among the open ones, found by filling and exchanging; None where none fits.

    Points whose second choice costs most more go first, else the largest first; then single moves and exchanges of two
    points while they save anything.
    """
    demand = instance.demand_m3[0]
    cost = np.full((len(instance.sites), instance.points), np.inf)
    cost[instance.arc_site, instance.arc_point] = instance.arc_price * demand[instance.arc_point]
    cost[~is_open] = np.inf
    ranked = np.sort(cost, axis=0)[:2]
    second = ranked[-1] - ranked[0] if is_open.sum() > 1 else -demand
    for order in (np.argsort(-np.nan_to_num(second), kind="stable"), np.argsort(-demand, kind="stable")):
        room, site = instance.sites.usable_m3.copy(), np.full(instance.points, NOWHERE)
        for point in order.tolist():
            fits = np.where(room >= demand[point], cost[:, point], np.inf)
            site[point] = int(np.argmin(fits))
            if not np.isfinite(fits[site[point]]):
                break
            room[site[point]] -= demand[point]
        else:
            return _exchanged(cost, demand, room, site)
    return None


def _exchanged(cost: Floats, demand: Floats, room: Floats, site: Indices) -> Indices:
    """Moves of one point, and exchanges of two, while they save anything; at most `SWEEPS` times through all points."""
    every = np.arange(len(demand))
    for _ in range(SWEEPS):
        has_changed = False
        for point in every.tolist():
            here = site[point]
            move = np.where(room >= demand[point], cost[:, point], np.inf) - cost[here, point]
            fits = (room[here] + demand[point] >= demand) & (room[site] + demand >= demand[point]) & (site != here)
            swap = np.where(fits, cost[site, point] + cost[here] - cost[here, point] - cost[site, every], 0.0)
            to, other = int(np.argmin(move)), int(np.argmin(np.nan_to_num(swap, nan=0.0)))
            if min(move[to], swap[other]) >= -1e-9 * abs(cost[here, point]):
                continue
            has_changed = True
            if swap[other] < move[to]:
                to = site[other]
                room[here] -= demand[other]
                room[to] += demand[other]
                site[other] = here
            room[here] += demand[point]
            room[to] -= demand[point]
            site[point] = to
        if not has_changed:
            break
    return site


def _of_sites(instance: Instance, split: Result, site: Indices) -> Assignment:
    share = np.zeros((len(instance.sites), instance.points))
    share[site, np.arange(instance.points)] = 1.0
    price = np.zeros(share.shape)
    price[instance.arc_site, instance.arc_point] = instance.arc_price
    first = fixed_cny_per_year(instance, split.design) + transition_cny_per_year(instance, split.design)
    hauls = MONTHS_PER_YEAR * float((price * share).sum(axis=0) @ instance.demand_m3[0])
    return Assignment(split.design.is_open, share, first + hauls, -np.inf, "stopped")


def _start_of(master: Master, split: Result, site: Indices, objective_cny: float) -> Start:
    """The plan's sites with this assignment as a start of the master."""
    known, x = master.start_of(split.design, objective_cny), master.x
    is_used = site[master.instance.arc_point[x.arc]] == master.instance.arc_site[x.arc]
    return Start(
        np.concatenate([known.columns, x.column]), np.concatenate([known.values, is_used.astype(float)]), objective_cny
    )


def _read(master: Master, values: Floats) -> Assignment:
    """A solution of the master as who serves whom, with its cost."""
    instance, design = master.instance, master.as_design(values)
    is_used = values[master.x.column] > 0.5
    arc, m3 = master.x.arc[is_used], master.x.m3[is_used]
    share = np.zeros((len(instance.sites), instance.points))
    share[instance.arc_site[arc], instance.arc_point[arc]] = 1.0
    first = fixed_cny_per_year(instance, design) + transition_cny_per_year(instance, design)
    objective = first + MONTHS_PER_YEAR * float(instance.arc_price[arc] @ m3)
    return Assignment(design.is_open, share, objective, -np.inf, "stopped")
