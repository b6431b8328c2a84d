"""The front of cost, carbon and security of supply around a plan: one plan per pair of prices, each with its bound.

Belongs here: the prices asked, and the points. Does not belong here: the search (consolidation.py), the plan itself.

A point is the best plan at its own price of carbon and its own multiple of the price of unserved volume; `bound` and
`gap` prove it at these prices. Points start from the plan and from one partition made around it, so that one round
of the search is enough.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from planning.allocation import Recourse
from planning.consolidation import Search
from planning.design import Design, usable_capacity_m3
from planning.footprint import dispatch, tail_unserved_m3
from planning.instance import Instance
from planning.partition import Partition, refine

CARBON_PRICES_CNY_PER_T = (0.0, 1000.0, 3000.0, 10000.0)  # beside the plan's own; below some hundred nothing moves
SHORTAGE_FACTORS = (0.5, 1.0, 2.0, 4.0)
CLUSTERS = 16
GAP = 0.005
FIRST_POINT = 2  # 0 and 1 are today's plants and the plan


@dataclass(frozen=True)
class FrontPoint:
    """One plan of the front; money, carbon and volume per year, `cvar_unserved` m³ per month."""

    point: int
    carbon_price_cny_per_t: float
    unserved_price_factor: float
    cost: float
    kgco2e: float
    cvar_unserved: float
    unserved_m3: float
    quota_short_m3: float
    plants_kept: int
    objective_cny: float
    bound: float
    gap: float


def front(instance: Instance, design: Design, *, seconds: float) -> list[FrontPoint]:
    """The points around a decision, by price of carbon and of unserved volume; `seconds` for all of them together."""
    deadline = time.monotonic() + seconds
    partition = _partition_around(instance, design)
    prices = sorted({instance.policy.carbon_price_cny_per_t, *CARBON_PRICES_CNY_PER_T})
    pairs = [
        pair for pair in product(prices, SHORTAGE_FACTORS) if pair != (instance.policy.carbon_price_cny_per_t, 1.0)
    ]
    return [
        _point(instance, design, partition, FIRST_POINT + number, price, factor, (deadline - time.monotonic()) / left)
        for number, ((price, factor), left) in enumerate(zip(pairs, range(len(pairs), 0, -1), strict=True))
    ]


def _point(
    instance: Instance, design: Design, partition: Partition, point: int, price: float, factor: float, seconds: float
) -> FrontPoint:
    policy = replace(
        instance.policy,
        carbon_price_cny_per_t=price,
        unserved_cny_per_m3=factor * instance.policy.unserved_cny_per_m3,
    )
    asked = replace(instance, policy=policy)
    recourse = Recourse(asked)
    found = Search(asked, recourse, GAP, time.monotonic() + max(seconds, 1.0)).once(design, partition)
    after = dispatch(asked, recourse, found.design)
    return FrontPoint(
        point=point,
        carbon_price_cny_per_t=price,
        unserved_price_factor=factor,
        cost=after.footprint.cost_cny,
        kgco2e=after.footprint.kgco2e,
        cvar_unserved=tail_unserved_m3(asked, after),
        unserved_m3=after.footprint.unserved_m3,
        quota_short_m3=after.footprint.quota_short_m3,
        plants_kept=int(found.design.is_open.sum()),
        objective_cny=found.objective_cny,
        bound=found.bound_cny,
        gap=found.gap,
    )


def _partition_around(instance: Instance, design: Design) -> Partition:
    recourse = Recourse(instance)
    evaluation = recourse.evaluate(usable_capacity_m3(instance, design))

    def cost_of(demand_m3: np.ndarray, unserved_cny_per_m3: float) -> float:
        recourse.set_month(demand_m3, unserved_cny_per_m3)
        return recourse.cost()

    clusters = min(CLUSTERS, len(instance.demand_m3))
    return refine(Partition.coarsest(instance), clusters, instance, evaluation, cost_of)
