"""How far an assumption is from turning a decision over.

Belongs here: the assumptions asked, and the factor at which the opposite decision costs the same. Does not belong here:
regret itself (regret.py), words about it.

Two decisions are compared: the plan, and the plan with one site turned over. A plant's own fixed cost enters them as
it stands, so its factor is exact; demand and haul cost change who serves whom, so both are faced with every sample
month again at each factor tried. The best plan at that factor may be a third one: the true change can only be nearer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from planning.allocation import Recourse, objective_cny
from planning.design import Design, usable_capacity_m3
from planning.instance import Instance

STEPS = (0.95, 1.05, 0.9, 1.1, 0.8, 1.25, 0.65, 1.5)  # factors tried, nearest first
HALVINGS = 5  # of the bracket in which the sign turns: to a thirtieth of the step
RESOLVED_SITES = 2  # those with the least regret, whose flips are asked by solving again


@dataclass(frozen=True)
class Flip:
    """At `factor` times today's `assumption`, turning the plant over costs nothing; None: at none that was tried."""

    plant_id: str
    assumption: str
    factor: float | None
    method: str


def flips(instance: Instance, design: Design, regrets: Mapping[int, float]) -> list[Flip]:
    """Every explained plant by its own fixed cost; the least certain also by demand and by haul cost."""
    found = [_by_fixed_cost(instance, design, site, regret) for site, regret in regrets.items()]
    for site in sorted(regrets, key=lambda site: regrets[site])[:RESOLVED_SITES]:
        other = design.flipped(site)
        for name, changed in (("demand", _with_demand), ("haul_cost_cny_per_m3_km", _with_haul_cost)):
            factor = _turning_point(partial(_difference_at, changed, instance, design, other))
            found.append(Flip(instance.sites.plant_id[site], name, factor, "resolved"))
    return found


def _by_fixed_cost(instance: Instance, design: Design, site: int, regret_cny: float) -> Flip:
    """θ with regret + (θ - 1) F_p = 0 where the plant is gone, regret - (θ - 1) F_p = 0 where it works."""
    fixed = float(instance.sites.fixed_cny_per_year[site])
    sign = 1.0 if design.is_open[site] else -1.0
    factor = 1 + sign * regret_cny / fixed if fixed > 0 else -1.0
    return Flip(instance.sites.plant_id[site], "fixed_cny_per_year", factor if factor >= 0 else None, "exact")


def _turning_point(difference: Callable[[float], float]) -> float | None:
    """The factor nearest to 1, of those tried, where the difference changes its sign, by bisection."""
    for step in STEPS:
        if difference(step) < 0:
            inner, outer = 1.0, step
            for _ in range(HALVINGS):
                middle = (inner + outer) / 2
                inner, outer = (inner, middle) if difference(middle) < 0 else (middle, outer)
            return (inner + outer) / 2
    return None


def _difference_at(
    changed: Callable[[Instance, float], Instance], original: Instance, design: Design, other: Design, factor: float
) -> float:
    """Objective of the other decision minus the plan's at a factor, CNY per year, exact over all sample months."""
    instance = changed(original, factor)
    recourse = Recourse(instance)
    one, two = (
        objective_cny(instance, chosen, recourse.evaluate(usable_capacity_m3(instance, chosen)))
        for chosen in (design, other)
    )
    return two - one


def _with_demand(instance: Instance, factor: float) -> Instance:
    return replace(instance, demand_m3=factor * instance.demand_m3)


def _with_haul_cost(instance: Instance, factor: float) -> Instance:
    return replace(instance, arc_cny_per_m3=np.asarray(factor * instance.arc_cny_per_m3))
