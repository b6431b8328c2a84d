"""What a decision would cost if turned over: exact, over all sample months.

Belongs here: flips of one site and the search that adopts a flip which helps. Does not belong here: words (explain.py).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from planning.allocation import Recourse, objective_cny
from planning.consolidation import Result
from planning.design import (
    NOWHERE,
    Design,
    broken_rules,
    fixed_cny_per_year,
    transition_cny_per_year,
    usable_capacity_m3,
)
from planning.instance import Instance
from planning.model import INFINITY, Floats
from planning.risk import recourse_cny

MAX_ADOPTIONS = 3


def regrets_cny(
    instance: Instance,
    recourse: Recourse,
    design: Design,
    monthly_cny: Floats,
    flips: Sequence[Design],
    deadline: float = INFINITY,
) -> Floats | None:
    """Objective of each flipped decision minus the plan's, CNY per year, shape (flips,).

    `monthly_cny` (samples,) is the plan's. Every sample month is solved once for the plan and again for each flip,
    from a neighbouring basis. None where `deadline` (time.monotonic) comes first.
    """
    plan_capacity = usable_capacity_m3(instance, design)
    capacities = [usable_capacity_m3(instance, flip) for flip in flips]
    changes = [np.flatnonzero(capacity != plan_capacity).tolist() for capacity in capacities]
    monthly = np.zeros((len(flips), len(instance.demand_m3)))
    recourse.set_capacity(plan_capacity)
    for sample in recourse.order.tolist():
        recourse.set_sample(sample)
        for flip, (capacity, sites) in enumerate(zip(capacities, changes, strict=True)):
            for site in sites:
                recourse.set_site_capacity(site, float(capacity[site]))
            monthly[flip, sample] = INFINITY if time.monotonic() > deadline else recourse.cost(deadline)
            if monthly[flip, sample] == INFINITY:
                return None
            for site in sites:
                recourse.set_site_capacity(site, float(plan_capacity[site]))
    objective = [
        _first_stage_cny(instance, flip) + recourse_cny(instance.policy, each)
        for flip, each in zip(flips, monthly, strict=True)
    ]
    plan_cny = _first_stage_cny(instance, design) + recourse_cny(instance.policy, monthly_cny)
    return np.array(objective, float) - plan_cny


def explained_flips(instance: Instance, design: Design) -> dict[int, Design]:
    """Site -> the plan with that site turned over, for every closed or merged plant and every opened candidate."""
    is_changed = design.is_open == instance.sites.is_candidate
    return {site: design.flipped(site) for site in np.flatnonzero(is_changed).tolist()}


def polish(
    instance: Instance, recourse: Recourse, result: Result, deadline: float = INFINITY
) -> tuple[Result, dict[int, float]]:
    """Regret of every explained site; a feasible flip that helps is adopted and all are asked again.

    Returns the result, its bound unchanged, and site -> regret in CNY per year; without regrets where `deadline`
    (time.monotonic) comes first.
    """
    for _ in range(MAX_ADOPTIONS):
        flips = explained_flips(instance, result.design)
        regrets = _regrets(instance, recourse, result, flips, deadline)
        best = min(regrets, key=lambda site: regrets[site], default=NOWHERE)
        if best == NOWHERE or regrets[best] >= -1e-6 * result.objective_cny:
            break
        if broken_rules(instance, flips[best]):
            break
        design = flips[best]
        evaluation = recourse.evaluate_by(deadline, usable_capacity_m3(instance, design))
        if evaluation is None:
            break
        objective = objective_cny(instance, design, evaluation)
        result = replace(result, design=design, evaluation=evaluation, objective_cny=objective)
    else:
        flips = explained_flips(instance, result.design)
        regrets = _regrets(instance, recourse, result, flips, deadline)
    return result, regrets


def _regrets(
    instance: Instance, recourse: Recourse, result: Result, flips: dict[int, Design], deadline: float
) -> dict[int, float]:
    turned, monthly_cny = list(flips.values()), result.evaluation.monthly_cny
    regrets = regrets_cny(instance, recourse, result.design, monthly_cny, turned, deadline)
    return {} if regrets is None else dict(zip(flips, regrets.tolist(), strict=True))


def _first_stage_cny(instance: Instance, design: Design) -> float:
    return fixed_cny_per_year(instance, design) + transition_cny_per_year(instance, design)
