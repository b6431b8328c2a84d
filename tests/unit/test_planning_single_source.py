"""Points filled whole: within capacity, and no single move or exchange of two would save anything."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from planning.orlib import Warehouses, as_instance
from planning.single_source import fill_whole


def test_filling_whole_keeps_capacity_and_leaves_no_move_or_exchange_that_saves() -> None:
    rng = np.random.default_rng(8)
    demand, cost = rng.integers(10, 50, 40).astype(float), rng.uniform(10, 500, (8, 40))
    capacity = np.full(8, 1.15 * demand.sum() / 7)
    instance, _ = as_instance(Warehouses(capacity, np.full(8, 100.0), demand, cost))
    is_open = np.arange(8) != 3
    site = fill_whole(instance, is_open)
    assert site is not None and is_open[site].all()
    load = np.bincount(site, demand, 8)
    assert (load <= capacity).all()
    for point in range(40):
        for to in np.flatnonzero(is_open & (capacity - load >= demand[point])):
            assert cost[to, point] >= cost[site[point], point] - 1e-6
    for one, two in combinations(range(40), 2):
        a, b = site[one], site[two]
        more = demand[two] - demand[one]
        if a != b and load[a] + more <= capacity[a] and load[b] - more <= capacity[b]:
            assert cost[b, one] + cost[a, two] >= cost[a, one] + cost[b, two] - 1e-6


def test_what_cannot_be_filled_whole_is_said() -> None:
    instance, _ = as_instance(Warehouses(np.full(2, 10.0), np.ones(2), np.full(3, 6.0), np.ones((2, 3))))
    assert fill_whole(instance, np.ones(2, bool)) is None
