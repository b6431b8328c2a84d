"""The market: which plant each project buys from.

Belongs here: the gravity of haul, price and contract ties, balanced so that plants reach their own
long-run utilisation. Does not belong here: single orders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.geography import Districts, great_circle_km
from simulation.permits import Projects
from simulation.plants import Plants
from simulation.streams import Floats, Ints, cumulated, pick, stream

SPOT_DECAY_MIN = 9.0  # e-fold of a spot buyer's interest per minute of haul
TIE_DECAY_MIN = 17.0  # contractors keep their suppliers across the city
LONGEST_HAUL_MIN = 62.0
PRICE_ELASTICITY = 9.0
TIES = 3
TIE_SHARE = np.array([0.45, 0.20, 0.10])  # of a project's concrete; the rest is bought on the spot
HIGH_GRADE_MPA = 55  # from C55 on, only plants of C60 and above are asked
BALANCING_ROUNDS = 14
FULL_SHARE = 0.95  # of a plant's weekly capacity: beyond it, orders go elsewhere
RELIEF_ROUNDS = 6


@dataclass(frozen=True)
class Market:
    """Haul between plants and projects, and the attraction that the balancing found."""

    haul_km: Floats  # (projects, plants) road kilometres
    haul_min: Floats  # (projects, plants) off-peak minutes
    attraction: Floats  # (plants,)
    tie_noise: Floats  # (projects, plants)
    price_factor: Floats
    max_grade_mpa: Ints

    def shares(self, is_selling: Floats, high_grade: bool = False) -> Floats:
        """Share of each project's concrete that each plant gets, shape (projects, plants), rows sum to 1."""
        offers = is_selling * (self.max_grade_mpa > HIGH_GRADE_MPA) if high_grade else is_selling
        log_offer = np.log(self.attraction + 1e-12) - PRICE_ELASTICITY * (self.price_factor - 1)
        log_offer = np.where(offers > 0, log_offer, -60.0)
        beyond = np.where(self.haul_min > LONGEST_HAUL_MIN, 1.2 * (self.haul_min - LONGEST_HAUL_MIN), 0.0)
        spot = log_offer - self.haul_min / SPOT_DECAY_MIN - beyond
        spot = np.exp(spot - spot.max(axis=1, keepdims=True))
        spot /= spot.sum(axis=1, keepdims=True)
        tied = log_offer - self.haul_min / TIE_DECAY_MIN - beyond + self.tie_noise
        best = np.argsort(-tied, axis=1, kind="stable")[:, :TIES]
        shares = (1 - TIE_SHARE.sum()) * spot
        rows = np.arange(len(spot))
        for place in range(TIES):
            shares[rows, best[:, place]] += TIE_SHARE[place]
        return np.asarray(shares)


def make_market(seed: int, area: Districts, projects: Projects, plants: Plants, weekly_m3: Floats) -> Market:
    """Balance attractions until each plant's expected load fits its target; `weekly_m3` (projects,) is the mean load.

    A few rounds of iterative proportional fitting; what the geography cannot give stays unbalanced.
    """
    rng = stream(seed, "market")
    km = great_circle_km(projects.lon[:, None], projects.lat[:, None], plants.lon[None, :], plants.lat[None, :])
    haul_km = km * area.detour[projects.district][:, None] + 0.4
    haul_min = haul_km / area.speed_kmh[projects.district][:, None] * 60
    selling = (~plants.is_candidate).astype(float)
    target = plants.target_utilisation * plants.weekly_m3 * selling
    target *= weekly_m3.sum() / target.sum()
    attraction = target.copy()
    noise = rng.gumbel(size=haul_km.shape)
    for _ in range(BALANCING_ROUNDS):
        market = Market(haul_km, haul_min, attraction, noise, plants.price_factor, plants.max_grade_mpa)
        load = weekly_m3 @ market.shares(selling)
        attraction = np.where(target > 0, attraction * np.clip(target / np.maximum(load, 1e-9), 0.5, 2.0) ** 0.7, 0.0)
    return market


def choose_plants(
    market: Market, plants: Plants, projects: Ints, days: Ints, grade_mpa: Ints, uniforms: Floats
) -> Ints:
    """The plant of each order, given its project row, pour day and grade; only plants open that day sell."""
    events = np.unique(np.concatenate([plants.opened, plants.closed, plants.suspended_from, plants.suspended_to]))
    epoch = np.searchsorted(events, days, side="right")
    chosen = np.zeros(len(projects), dtype=np.int64)
    for number in np.unique(epoch):
        open_now = plants.is_open(int(days[epoch == number][0])).astype(float)
        for is_high in (False, True):
            here = np.flatnonzero((epoch == number) & ((grade_mpa >= HIGH_GRADE_MPA) == is_high))
            if len(here):
                table = cumulated(market.shares(open_now, is_high))
                chosen[here] = pick(table, projects[here], uniforms[here])
    return chosen


def relieve(
    rng: np.random.Generator,
    market: Market,
    plants: Plants,
    orders: tuple[Ints, Ints, Ints, Floats, Ints],
    chosen: Ints,
) -> Ints:
    """Move orders that a full plant cannot take within the week to plants that can, near ones first.

    `orders` is (project, week from 0, day, m3, grade_mpa), sorted by time; `chosen` the plant of each.
    Orders are taken in order of time, so the late ones of a full week move. What no plant can take stays.
    """
    project, week, day, m3, grade_mpa = orders
    chosen = chosen.copy()
    limit = FULL_SHARE * plants.weekly_m3
    cells = (int(week.max()) + 1) * len(plants)
    for _ in range(RELIEF_ROUNDS):
        cell = week * len(plants) + chosen
        order = np.argsort(cell, kind="stable")
        running = np.cumsum(m3[order])
        load = np.bincount(cell, m3, cells)
        before = np.cumsum(load) - load
        taken = running - before[cell[order]]
        moving = np.sort(order[taken > limit[chosen[order]]])
        if len(moving) == 0:
            break
        load -= np.bincount(cell[moving], m3[moving], cells)
        room = np.maximum(0, limit - load.reshape(-1, len(plants)))[week[moving]]
        offers = plants.is_open(day[moving][:, None]) & (room >= m3[moving][:, None])
        offers &= (market.max_grade_mpa > HIGH_GRADE_MPA) | (grade_mpa[moving] < HIGH_GRADE_MPA)[:, None]
        pull = -market.haul_min[project[moving]] / SPOT_DECAY_MIN
        pull -= pull.max(axis=1, keepdims=True)
        weight = np.exp(pull) * room * offers
        can_move = weight.sum(axis=1) > 0
        moving = moving[can_move]
        if len(moving) == 0:
            break
        chosen[moving] = pick(cumulated(weight[can_move]), np.arange(len(moving)), rng.random(len(moving)))
    return chosen
