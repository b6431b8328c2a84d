"""Tickets: every truckload of an order, with its full chain of times and its later corrections.

Belongs here: loads, times, returns, amendments. Does not belong here: which plant or site (orders.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.geography import Districts
from simulation.market import Market
from simulation.orders import Orders, report_delay_s
from simulation.permits import Projects
from simulation.plants import Plants
from simulation.streams import DAY_S, Bools, Floats, Ints, stream

LIMIT_MIN = 90.0  # batched to discharged
REJECTED_SHARE = 0.003
REJECTED_SHARE_OVER_LIMIT = 0.02
TRANSFERRED_SHARE = 0.0025
RETURN_SHARE = 0.025  # tickets that bring something back
AMENDED_SHARE = 0.006  # loads corrected days later
STATUSES = ("签收", "退货", "转运")
SIGNED, REJECTED, TRANSFERRED = range(3)
REJECT_REASONS = ("坍落度不符", "超时", "强度等级不符", "现场原因")


@dataclass(frozen=True)
class Tickets:
    """Truckloads, in the order of their orders; arrays of shape (tickets,); `_s` are city seconds."""

    order: Ints
    sequence: Ints  # 1 for an order's first truck
    truck: Ints
    load_m3: Floats
    cumulative_m3: Floats
    batched_s: Ints
    departed_s: Ints
    arrived_s: Ints
    discharge_started_s: Ints
    discharged_s: Ints
    returned_s: Ints
    slump_plant_mm: Ints
    slump_site_mm: Ints
    water_added_l: Floats
    haul_km: Floats
    status: Ints
    reason: Ints
    returned_m3: Floats
    reported_s: Ints
    first_load_m3: Floats  # as first reported; differs from load_m3 when amended
    amended_s: Ints  # 0 when never amended

    def __len__(self) -> int:
        return len(self.order)

    @property
    def delivered_m3(self) -> Floats:
        """Load less what came back; nothing when the site rejected it."""
        return np.where(self.status == REJECTED, 0.0, self.load_m3 - self.returned_m3)

    @property
    def is_over_limit(self) -> Bools:
        return np.asarray(self.discharged_s - self.batched_s > LIMIT_MIN * 60)


def make_tickets(
    seed: int,
    weeks: range,
    orders: Orders,
    projects: Projects,
    plants: Plants,
    area: Districts,
    market: Market,
    recent_s: int,
) -> Tickets:
    """Load the trucks of every order that was not cancelled; an order's loads sum to its volume exactly."""
    rng = stream(seed, "tickets", weeks.start)
    drum_m3 = plants.truck_m3[orders.plant]
    trips = np.where(orders.is_cancelled, 0, np.ceil(orders.ordered_m3 / drum_m3)).astype(np.int64)
    order = np.repeat(np.arange(len(orders)), trips)
    size = len(order)
    sequence = np.arange(size) - np.repeat(np.cumsum(trips) - trips, trips)
    remaining = orders.ordered_m3[order] - sequence * drum_m3[order]
    load_m3 = np.minimum(drum_m3[order], remaining)
    cumulative_m3 = np.minimum((sequence + 1) * drum_m3[order], orders.ordered_m3[order])

    project, plant = orders.project[order], orders.plant[order]
    district = projects.district[project]
    pace_s = drum_m3 / orders.rate_m3_per_h * 3600
    due_s = orders.pour_from_s[order] + sequence * pace_s[order]
    hour = ((due_s - 1800) // 3600 % 24).astype(np.int64)
    trip_noise = np.exp(0.07 * rng.standard_normal(len(orders))[order] + 0.11 * rng.standard_normal(size))
    haul_s = market.haul_min[project, plant] * 60 / area.speed_factor()[district, hour] * trip_noise
    haul_s *= np.where(rng.random(size) < 0.015, rng.uniform(1.3, 2.2, size), 1.0)  # a jam, an accident
    prepare_s = 120 + rng.gamma(3.0, 80, size)
    wait_s = 60 + rng.gamma(1.5, 330, size)
    unload_s = load_m3 * np.where(orders.method[order] == 0, 62, 85) * np.exp(0.25 * rng.standard_normal(size)) + 90
    batched_s = (due_s - haul_s - prepare_s + rng.normal(0, 240, size)).astype(np.int64)
    departed_s = batched_s + prepare_s.astype(np.int64)
    arrived_s = departed_s + haul_s.astype(np.int64)
    discharge_started_s = arrived_s + wait_s.astype(np.int64)
    discharged_s = discharge_started_s + unload_s.astype(np.int64)
    returned_s = discharged_s + 240 + (haul_s * rng.uniform(0.8, 1.0, size)).astype(np.int64)

    over_limit = discharged_s - batched_s > LIMIT_MIN * 60
    chance = rng.random(size)
    rejected = chance < np.where(over_limit, REJECTED_SHARE_OVER_LIMIT, REJECTED_SHARE)
    status = np.where(rejected, REJECTED, np.where(chance > 1 - TRANSFERRED_SHARE, TRANSFERRED, SIGNED))
    brings_back = (rng.random(size) < RETURN_SHARE) & ~rejected & (load_m3 > 2.5)
    returned_m3 = np.where(rejected, load_m3, np.where(brings_back, rng.integers(1, 4, size) / 2, 0.0))
    slump_plant_mm = orders.slump_mm[order] + rng.integers(-2, 4, size) * 5
    loss_mm = np.clip((discharged_s - batched_s) / 60 * 0.35 + 6 * rng.standard_normal(size), 0, 90)
    is_wet = rng.random(size) < np.where(over_limit, 0.15, 0.015)

    amended = (rng.random(size) < AMENDED_SHARE) & ~rejected & (load_m3 >= 3)
    wrong_m3 = load_m3 + rng.choice([-1.0, -0.5, 0.5, 1.0], size)
    reported_s = returned_s + report_delay_s(rng, size, orders.pour_from_s[order] >= recent_s)
    amended_s = np.where(amended, reported_s + (rng.uniform(0.5, 16, size) * DAY_S).astype(np.int64), 0)
    return Tickets(
        order=order,
        sequence=sequence + 1,
        truck=(orders.number[order] + sequence + rng.integers(0, 2, size)) % plants.trucks[plant] + 1,
        load_m3=load_m3,
        cumulative_m3=cumulative_m3,
        batched_s=batched_s,
        departed_s=departed_s,
        arrived_s=arrived_s,
        discharge_started_s=discharge_started_s,
        discharged_s=discharged_s,
        returned_s=returned_s,
        slump_plant_mm=np.clip(slump_plant_mm, 30, 260),
        slump_site_mm=np.clip(np.round((slump_plant_mm - loss_mm) / 5) * 5, 20, 260).astype(np.int64),
        water_added_l=np.where(is_wet, rng.integers(2, 13, size) * 10.0, 0.0),
        haul_km=(market.haul_km[project, plant] * np.exp(0.03 * rng.standard_normal(size))).round(1),
        status=status,
        reason=rng.integers(0, len(REJECT_REASONS), size),
        returned_m3=returned_m3,
        reported_s=reported_s,
        first_load_m3=np.where(amended, wrong_m3, load_m3),
        amended_s=amended_s,
    )


def finished_s(orders: Orders, tickets: Tickets) -> Ints:
    """When each order's last truck was empty; the planned end for an order without trucks. Shape (orders,)."""
    last = orders.pour_to_s.copy()
    np.maximum.at(last, tickets.order, tickets.discharged_s)
    return last
