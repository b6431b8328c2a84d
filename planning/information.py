"""What it would be worth to know which scenario comes: each scenario planned as if it were certain.

Belongs here: the wait-and-see plans and the interval that they prove. Does not belong here: how one question is
planned (consolidation.py).

For every scenario s the same question is asked with its months alone. The mean of these optima, WS, is what someone who
waits and sees would pay; EVPI = RP - WS, RP being the optimum of the plan's own question. Both are known within their
proven gaps, and so is their difference: an interval, not a point.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from planning.allocation import Evaluation, Recourse, objective_cny
from planning.consolidation import Result, Search
from planning.instance import Instance

GAP = 0.005  # of each scenario's plan


@dataclass(frozen=True)
class Foresight:
    """One scenario, CNY per year: what the plan costs in it, the best plan found for it alone, and that one's bound
    (0 where its search found none).
    """

    scenario: int
    plan_cny: float
    best_cny: float
    bound_cny: float
    plants_kept: int


def wait_and_see(instance: Instance, result: Result, *, seconds: float) -> list[Foresight]:
    """Every scenario's own plan, from the plan of them all; `seconds` for all of them together.

    Nothing where the time is up before the last of them begins: a mean over some scenarios proves nothing.
    """
    deadline = time.monotonic() + seconds
    seen = []
    for number in range(len(instance.scenarios)):
        seconds_left = deadline - time.monotonic()
        if seconds_left <= 0:
            return []
        seen.append(_foresee(instance, result, number, seconds_left / (len(instance.scenarios) - number)))
    return seen


def perfect_information_cny(result: Result, seen: Sequence[Foresight]) -> tuple[float, float | None] | None:
    """The interval in which EVPI = RP - WS is proven to lie, CNY per year; None where nothing was seen.

    From max(0, lower bound of RP - mean of the best plans found) to objective - mean of their bounds; without an end
    where a scenario's search found no bound.
    """
    if not seen:
        return None
    best = float(np.mean([each.best_cny for each in seen]))
    bound = float(np.mean([each.bound_cny for each in seen]))
    is_bounded = all(np.isfinite(each.bound_cny) and (each.bound_cny > 0 or each.best_cny <= 0) for each in seen)
    return max(result.bound_cny - best, 0.0), max(result.objective_cny - bound, 0.0) if is_bounded else None


def alone(instance: Instance, number: int) -> Instance:
    """The question with one scenario's months alone, by its position."""
    periods = len(instance.periods)
    months = slice(number * periods, (number + 1) * periods)
    return replace(instance, demand_m3=instance.demand_m3[months], scenarios=(instance.scenarios[number],))


def _foresee(instance: Instance, result: Result, number: int, seconds: float) -> Foresight:
    certain = alone(instance, number)
    search = Search(certain, Recourse(certain), GAP, time.monotonic() + seconds)
    found = search.run(result.design)
    months = slice(number * len(instance.periods), (number + 1) * len(instance.periods))
    faced = _rows(result.evaluation, months)
    return Foresight(
        instance.scenarios[number],
        objective_cny(certain, result.design, faced),
        found.objective_cny,
        max(found.bound_cny, 0.0),
        int(found.design.is_open.sum()),
    )


def _rows(evaluation: Evaluation, rows: slice) -> Evaluation:
    """Some sample months of an evaluation."""
    return replace(
        evaluation,
        monthly_cny=evaluation.monthly_cny[rows],
        point_price=evaluation.point_price[rows],
        capacity_price=evaluation.capacity_price[rows],
    )
