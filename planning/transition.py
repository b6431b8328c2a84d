"""When each change of a plan happens: closures within a yearly budget, new capacity after its lead, and the cost of it.

Belongs here: the schedule, the decision in force in each month, the exact cost of going step by step. Does not belong
here: which plants change (consolidation.py).

The plan's objective holds as if all changes were made at once. Step by step, a plant to close is paid for, and useful,
until it goes. The schedule closes first what saves most; it is the best of a few by exact cost, without a bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from planning.allocation import Recourse
from planning.design import NOWHERE, Design, fixed_cny_per_year, usable_capacity_m3
from planning.instance import MONTHS_PER_YEAR, Instance
from planning.model import INFINITY, Floats, Indices
from planning.risk import recourse_cny
from store.messages import Text

YEAR = int(MONTHS_PER_YEAR)


@dataclass(frozen=True)
class Transition:
    """`start` (sites,): the month, counted from 0, from which each site's decision holds; `objective_cny` per year.

    None: there was no time to face every month of it.
    """

    start: Indices
    objective_cny: float | None

    def from_period(self, instance: Instance, site: int) -> date:
        """The first month of a site's decision; it may lie beyond the horizon."""
        first, month = instance.periods[0], int(self.start[site])
        year, of_year = divmod(first.month - 1 + month, YEAR)
        return date(first.year + year, of_year + 1, 1)


def schedule(
    instance: Instance, recourse: Recourse, design: Design, regrets: Mapping[int, float], deadline: float = INFINITY
) -> Transition:
    """The cheapest of the schedules that begin closing in the first year, the second, …, as far as budgets allow.

    The cheapest of those faced before `deadline` (time.monotonic), or the first of them, its cost unknown.
    """
    gone = np.flatnonzero(~design.is_open & ~instance.sites.is_candidate)
    forced = instance.policy.must_go[gone]
    saving = np.array([regrets.get(site, 0.0) for site in gone.tolist()], float)
    order = gone[np.lexsort((gone, -saving, ~forced))]
    years = -(-len(instance.periods) // YEAR)
    budget = instance.policy.max_closures_per_year
    least = -(-len(order) // budget) if budget else 0
    starts = [_starts(instance, design, order, first) for first in range(max(years - least, 0) + 1) if first < years]
    best = Transition(starts[0], None)
    for start in starts:
        objective = objective_cny(instance, recourse, design, start, deadline)
        if objective is None:
            break
        if best.objective_cny is None or objective < best.objective_cny:
            best = Transition(start, objective)
    return best


def _starts(instance: Instance, design: Design, order: Indices, first_year: int) -> Indices:
    """start_p by site: max(notice, 12 (τ + ⌊notice / 12⌋)) for closures of year τ, the lead for what is built, or 0."""
    policy = instance.policy
    start = np.zeros(len(instance.sites), np.int64)
    built = design.is_expanded | (design.is_open & instance.sites.is_candidate)
    start[built] = policy.building_months
    notified = policy.closing_notice_months // YEAR  # whole years in which nothing can close yet
    year = first_year + notified + np.arange(len(order)) // max(policy.max_closures_per_year, 1)
    start[order] = np.maximum(YEAR * year, policy.closing_notice_months)
    return start


def design_at(instance: Instance, design: Design, start: Indices, month: int) -> Design:
    """The decision in force in a month: what has begun as in the plan, everything else as today."""
    has_begun = start <= month
    return Design(
        np.where(has_begun, design.is_open, ~instance.sites.is_candidate),
        design.is_expanded & has_begun,
        np.where(has_begun, design.merge_into, NOWHERE),
    )


def objective_cny(
    instance: Instance, recourse: Recourse, design: Design, start: Indices, deadline: float = INFINITY
) -> float | None:
    """mean_t (Σ F_p y_pt + Σ O_p y_pt + Σ E_p e_pt) + one-off costs / T + 12 (E_n[Q_n] + λ CVaR_α(Q)), CNY per year.

    Q of a month is faced with the capacity of that month, exactly; None where `deadline` (time.monotonic) comes first.
    """
    sites, months = instance.sites, len(instance.periods)
    monthly = np.zeros(len(instance.demand_m3))
    standing: Floats = np.zeros(months)
    scenario_start = months * np.arange(len(instance.scenarios))
    turns = [0, *sorted({int(month) for month in start if 0 < month < months})]
    for turn, end in zip(turns, [*turns[1:], months], strict=True):
        now = design_at(instance, design, start, turn)
        built = sites.opening_cny_per_year @ (sites.is_candidate & now.is_open)
        built += sites.expansion_cny_per_year @ now.is_expanded
        standing[turn:end] = fixed_cny_per_year(instance, now) + built
        samples = (scenario_start[:, None] + np.arange(turn, end)).ravel()
        costs = recourse.costs_by(deadline, usable_capacity_m3(instance, now), samples)
        if costs is None:
            return None
        monthly[samples] = costs
    one_off = np.where(design.merge_into != NOWHERE, sites.merge_cny, sites.closing_cny)
    is_gone = ~sites.is_candidate & ~design.is_open & (start < months)
    return (
        float(standing.mean())
        + float(one_off @ is_gone) / instance.policy.horizon_years
        + recourse_cny(instance.policy, monthly)
    )


def transition_told(instance: Instance, design: Design, transition: Transition, objective: float) -> list[Text]:
    """The steps in a sentence, with what going step by step costs more than all at once; nothing without a change."""
    gone = np.flatnonzero(~design.is_open & ~instance.sites.is_candidate)
    built = np.flatnonzero(design.is_expanded | (design.is_open & instance.sites.is_candidate))
    if not gone.size and not built.size:
        return []
    steps = [
        (transition.from_period(instance, sites[0]), Text(f"{zh} {len(sites)} 座", f"{len(sites)} {en}"))
        for group, zh, en in ((gone, "关停或合并", "close or merge"), (built, "扩建或新建", "expand or open"))
        for month in sorted(set(transition.start[group].tolist()))
        for sites in (group[transition.start[group] == month].tolist(),)
    ]
    zh = "，".join(f"自 {when:%Y-%m} 起{what.zh}" for when, what in sorted(steps))
    en = ", ".join(f"from {when:%Y-%m} {what.en}" for when, what in sorted(steps))
    if transition.objective_cny is None:
        return [Text(f"分步实施：{zh}。", f"Step by step: {en}.")]
    extra = transition.objective_cny - objective
    more = Text("多", "more") if extra >= 0 else Text("少", "less")
    return [
        Text(
            f"分步实施：{zh}。规划期内平均每年的目标值比一次到位{more.zh} {abs(extra) / 1e4:,.1f} 万元。",
            f"Step by step: {en}. Over the horizon this costs CNY {abs(extra) / 1e3:,.0f} k {more.en} a year than all"
            " at once.",
        )
    ]
