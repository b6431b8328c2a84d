"""Orders: the pours that projects place with plants, and the states an order goes through.

Belongs here: orders drawn from the hidden demand. Does not belong here: trucks (tickets.py) and how a
plant's system writes them (records.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.demand import BASE_PRICE_CNY_PER_M3, GRADE_MPA, STAGES, Demand, grade_shares, part_shares
from simulation.market import Market, choose_plants, relieve
from simulation.permits import Projects
from simulation.plants import Plants
from simulation.seasons import HOUR_SHARE
from simulation.streams import DAY_S, Bools, Floats, Ints, cumulated, pick, stream

MEAN_ORDER_M3 = 42.0
ORDER_SIGMA = 0.95
LARGEST_ORDER_M3 = 1_500.0
CANCELLED_SHARE = 0.04
CHANGED_SHARE = 0.06
LOST_SHARE = 0.006  # returned or rejected on site; the hidden demand is what arrives
METHODS = ("pump", "chute", "other")
STATUSES = ("placed", "confirmed", "changed", "cancelled", "done")
PLACED, CONFIRMED, CHANGED, CANCELLED, DONE = range(5)


@dataclass(frozen=True)
class Orders:
    """Orders of some weeks, sorted by pour time; arrays of shape (orders,)."""

    number: Ints  # running number in the city
    project: Ints
    plant: Ints
    part: Ints
    grade: Ints
    slump_mm: Ints
    ordered_m3: Floats  # as finally agreed, in half cubic metres
    first_m3: Floats  # as first placed
    placed_s: Ints  # city seconds
    confirmed_s: Ints
    changed_s: Ints
    cancelled_s: Ints
    pour_from_s: Ints
    pour_to_s: Ints
    rate_m3_per_h: Floats
    method: Ints
    unit_price_cny: Floats
    lon: Floats
    lat: Floats
    is_cancelled: Bools
    is_changed: Bools

    def __len__(self) -> int:
        return len(self.number)


def make_orders(
    seed: int,
    weeks: range,
    projects: Projects,
    plants: Plants,
    market: Market,
    demand: Demand,
    day_level: Floats,
    first_day: int,
    first_number: int,
) -> Orders:
    """Draw the orders poured in `weeks` (of the window).

    The number of orders per project and week is its hidden demand over the mean order, rounded at
    random, so that the sums follow the hidden demand closely. `day_level` has shape (7 * all weeks,).
    """
    rng = stream(seed, "orders", weeks.start)
    kept = (1 - CANCELLED_SHARE) * (1 - LOST_SHARE)
    expected = demand.m3[:, weeks.start : weeks.stop] / (MEAN_ORDER_M3 * kept)
    counts = np.floor(expected + rng.random(expected.shape)).astype(np.int64)
    cell = np.repeat(np.arange(counts.size), counts.ravel())
    project, week = np.divmod(cell, len(weeks))
    size = len(cell)

    shares_of_day = day_level.reshape(-1, 7)[weeks.start : weeks.stop]
    day = first_day + 7 * (week + weeks.start) + pick(cumulated(shares_of_day), week, rng.random(size))
    hour = rng.choice(24, size, p=HOUR_SHARE)
    pour_from_s = day * DAY_S + hour * 3600 + rng.integers(0, 4, size) * 900
    order = np.lexsort((project, pour_from_s))
    project, week, day, pour_from_s = project[order], week[order], day[order], pour_from_s[order]

    stage = demand.stage[project, week + weeks.start]
    part = pick(cumulated(part_shares()), projects.use[project] * STAGES + stage, rng.random(size))
    grade = pick(cumulated(grade_shares()), part, rng.random(size))
    volume = MEAN_ORDER_M3 * np.exp(ORDER_SIGMA * rng.standard_normal(size) - ORDER_SIGMA**2 / 2)
    ordered_m3 = np.clip(np.round(volume * 2) / 2, 2.0, LARGEST_ORDER_M3)
    plant = choose_plants(market, plants, project, day, GRADE_MPA[grade], rng.random(size))
    plant = relieve(rng, market, plants, (project, week, day, ordered_m3, GRADE_MPA[grade]), plant)

    method = np.searchsorted([0.78, 0.96], rng.random(size))
    rate = np.where(method == 0, rng.uniform(28, 50, size), rng.uniform(14, 24, size))
    pour_to_s = pour_from_s + (np.ceil(ordered_m3 / rate * 4) * 900).astype(np.int64) + 1800
    lead_s = np.clip(np.exp(np.log(40) + 0.8 * rng.standard_normal(size)), 4, 240) * 3600
    placed_s = pour_from_s - lead_s.astype(np.int64)
    is_cancelled = rng.random(size) < CANCELLED_SHARE
    is_changed = ~is_cancelled & (rng.random(size) < CHANGED_SHARE)
    first_m3 = np.where(is_changed, ordered_m3 * rng.uniform(0.75, 1.3, size), ordered_m3)
    slump = np.where(method == 0, rng.integers(16, 21, size), rng.integers(10, 17, size)) * 10
    price = BASE_PRICE_CNY_PER_M3[grade] * plants.price_factor[plant] * (1 + 0.02 * rng.standard_normal(size))
    return Orders(
        number=first_number + np.arange(size),
        project=project,
        plant=plant,
        part=part,
        grade=grade,
        slump_mm=slump,
        ordered_m3=ordered_m3,
        first_m3=np.maximum(2.0, np.round(first_m3 * 2) / 2),
        placed_s=placed_s,
        confirmed_s=placed_s + (0.15 * lead_s).astype(np.int64),
        changed_s=placed_s + (0.6 * lead_s).astype(np.int64),
        cancelled_s=placed_s + (0.8 * lead_s).astype(np.int64),
        pour_from_s=pour_from_s,
        pour_to_s=pour_to_s,
        rate_m3_per_h=rate,
        method=method,
        unit_price_cny=np.round(price / 5) * 5,
        lon=(projects.lon[project] + 0.0004 * rng.standard_normal(size)).round(6),
        lat=(projects.lat[project] + 0.0004 * rng.standard_normal(size)).round(6),
        is_cancelled=is_cancelled,
        is_changed=is_changed,
    )


@dataclass(frozen=True)
class OrderVersions:
    """States of orders as they reach the platform: row of `Orders`, status, volume, instants."""

    order: Ints
    status: Ints
    ordered_m3: Floats
    updated_s: Ints
    reported_s: Ints
    is_single: Bools  # the order's only row so far


def make_order_versions(seed: int, weeks: range, orders: Orders, finished_s: Ints, recent_s: int) -> OrderVersions:
    """The rows that systems export: the last state of each order, and earlier ones where they matter.

    Orders poured from `recent_s` on keep every state (placed, confirmed, changed, done or cancelled);
    older ones, exported as a backfill, keep the first state only where the order was changed or
    cancelled. `finished_s` is when an order's last truck was empty.
    """
    rng = stream(seed, "order versions", weeks.start)
    rows = np.arange(len(orders))
    recent = orders.pour_from_s >= recent_s
    eventful = orders.is_changed | orders.is_cancelled
    states = (
        (rows[recent | eventful], PLACED, orders.first_m3, orders.placed_s),
        (rows[recent], CONFIRMED, orders.first_m3, orders.confirmed_s),
        (rows[orders.is_changed & recent], CHANGED, orders.ordered_m3, orders.changed_s),
        (rows[orders.is_cancelled], CANCELLED, orders.first_m3, orders.cancelled_s),
        (rows[~orders.is_cancelled], DONE, orders.ordered_m3, finished_s),
    )
    told_s = np.zeros(len(orders), dtype=np.int64)
    reports = []
    for row, _, _, happened_s in states:  # a later state is never told before an earlier one
        delayed_s = happened_s[row] + report_delay_s(rng, len(row), recent[row])
        told_s[row] = np.maximum(delayed_s, told_s[row] + 60)
        reports.append(told_s[row])
    order = np.concatenate([row for row, _, _, _ in states])
    return OrderVersions(
        order=order,
        status=np.concatenate([np.full(len(row), status) for row, status, _, _ in states]),
        ordered_m3=np.concatenate([m3[row] for row, _, m3, _ in states]),
        updated_s=np.concatenate([happened_s[row] for row, _, _, happened_s in states]),
        reported_s=np.concatenate(reports),
        is_single=(~(recent | eventful))[order],
    )


def report_delay_s(rng: np.random.Generator, size: int, is_prompt: Bools) -> Ints:
    """Seconds from an event to its report: minutes for prompt systems, else hours, sometimes days."""
    minutes = rng.uniform(2, 40, size)
    kind = rng.random(size)
    hours = np.where(kind < 0.90, rng.uniform(0.2, 14, size), rng.uniform(24, 9 * 24, size))
    return np.where(is_prompt, minutes * 60, hours * 3600).astype(np.int64)
