"""Plants and enterprises: where they stand, what they can make, what they cost, how that changed.

Belongs here: the supply side and its history. Does not belong here: who buys from whom (market.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from simulation.demand import CITY_M3_PER_YEAR
from simulation.geography import KM_PER_DEGREE, Districts, Zone, is_in_zones, scatter
from simulation.streams import Bools, Floats, Ints, day_number, stream

OPERATING = 78  # at the end of the window
CLOSED = 4  # closed during the window
SUSPENDED = 1  # still suspended at its end
CANDIDATES = 12
GROUP_SIZES = (7, 7, 6, 6, 5, 5)  # plants of the large groups; each group runs one system for all of them
SMALL = 10  # single plants that are far smaller than the rest
PAIRS = 9  # enterprises with two plants; the others have one: 44 enterprises in all

MEAN_UTILISATION = 0.50
UTILISATION_SPREAD = (0.12, 0.92)  # long-run means aimed at; weeks swing further, full plants pass orders on
MEAN_LOAD_M3 = 9.0
TRIPS_PER_SHIFT = 5.5
WORKING_DAYS = 6
FAR_FUTURE = day_number(date(2100, 1, 1))

# plants per district; rivals crowd together around these four places (lon, lat, plants)
PLANTS_PER_DISTRICT = {
    "520102": 9, "520103": 4, "520111": 17, "520112": 8, "520113": 12,
    "520115": 9, "520121": 5, "520122": 4, "520123": 6, "520181": 9,
}  # fmt: skip
CROWDS = (
    ("520111", 106.725, 26.432, 8), ("520113", 106.665, 26.742, 6),
    ("520115", 106.55, 26.63, 5), ("520181", 106.37, 26.615, 4),
)  # fmt: skip
ON_RED_LINE = {"黔灵山": "520103", "花溪水库": "520111", "渔洞峡": "520112", "红枫湖": "520181", "长坡岭": "520113"}
CANDIDATE_SITES = (  # district, lon, lat, what it is for
    ("520102", 106.82, 26.545), ("520111", 106.61, 26.38), ("520111", 106.70, 26.36), ("520112", 106.88, 26.655),
    ("520115", 106.585, 26.66), ("520115", 106.53, 26.66), ("520113", 106.63, 26.76), ("520123", 106.645, 26.885),
    ("520181", 106.40, 26.50), ("520112", 106.84, 26.61), ("520111", 106.60, 26.35), ("520121", 107.02, 26.93),
)  # fmt: skip
OPENED_IN_WINDOW = ((5, 40), (33, 75))  # (plant row, week of the window)


@dataclass(frozen=True)
class Plants:
    """All plants that ever operated in the window, then the candidates; arrays of shape (plants,)."""

    plant_id: list[str]
    plant_name: list[str]
    enterprise: Ints  # row of `enterprise_ids`
    enterprise_ids: list[str]
    enterprise_names: list[str]
    district: Ints
    lon: Floats
    lat: Floats
    lines: Ints
    rated_m3_per_h: Floats
    effectiveness: Floats
    shift_h: Floats
    trucks: Ints
    truck_m3: Floats  # drum volume of its trucks
    max_grade_mpa: Ints
    recycled_capable: Bools
    rent_and_fixed_cny: Floats  # per year
    price_factor: Floats
    target_utilisation: Floats  # hidden: what the market model aims at
    opened: Ints  # day number
    closed: Ints  # day number; FAR_FUTURE when open
    suspended_from: Ints  # day numbers; FAR_FUTURE when never
    suspended_to: Ints
    expanded: Ints  # day number from which the plant has `trucks`; two fewer before; 0 when always
    is_candidate: Bools

    def __len__(self) -> int:
        return len(self.plant_id)

    @property
    def weekly_m3(self) -> Floats:
        """Capacity, m3 per week: the smaller of what lines can mix and trucks can carry, times working days."""
        mixed = self.lines * self.rated_m3_per_h * self.effectiveness * self.shift_h
        carried = self.trucks * MEAN_LOAD_M3 * TRIPS_PER_SHIFT
        return np.asarray(np.minimum(mixed, carried) * WORKING_DAYS)

    def is_open(self, day: int | Ints) -> Bools:
        """Which plants sell on a day; days of shape (n, 1) give (n, plants)."""
        paused = (self.suspended_from <= day) & (day < self.suspended_to)
        return np.asarray((self.opened <= day) & (day < self.closed) & ~paused & ~self.is_candidate)


def _positions(rng: np.random.Generator, area: Districts, plan: tuple[Zone, ...]) -> tuple[Ints, Floats]:
    """District and lon/lat of the existing plants: a ring around the clusters, crowds of rivals, a few on red lines."""
    district = np.repeat([area.index(code) for code in PLANTS_PER_DISTRICT], list(PLANTS_PER_DISTRICT.values())).astype(
        np.int64
    )
    points = scatter(rng, area, district, spread=1.9)
    for _ in range(30):  # off the red lines, except for those placed there below
        bad = is_in_zones(points[:, 0], points[:, 1], plan, "ecological_redline")
        if not bad.any():
            break
        points[bad] = scatter(rng, area, district[bad], spread=1.9)
    taken = np.zeros(len(district), dtype=bool)

    def place(code: str, centre: tuple[float, float], count: int, sigma_km: float) -> None:
        rows = np.flatnonzero((district == area.index(code)) & ~taken)[:count]
        step = rng.standard_normal((len(rows), 2)) * sigma_km / KM_PER_DEGREE
        points[rows] = np.array(centre) + step
        taken[rows] = True

    for code, lon, lat, count in CROWDS:
        place(code, (lon, lat), count, 0.9)
    for name, code in ON_RED_LINE.items():
        ring = next(zone.ring for zone in plan if zone.name.endswith(name))[:-1]
        place(code, (float(ring[:, 0].mean()), float(ring[:, 1].mean())), 1, 0.25)
    order = rng.permutation(len(district))
    return district[order], points[order].round(6)


def make_plants(seed: int, scale: float, area: Districts, plan: tuple[Zone, ...], first_day: int, weeks: int) -> Plants:
    """Draw the supply side. Lines, fleets and fixed costs shrink with `scale`, so utilisation does not depend on it."""
    rng = stream(seed, "plants")
    district, points = _positions(rng, area, plan)
    existing = len(district)
    candidate_district = np.array([area.index(code) for code, _, _ in CANDIDATE_SITES])
    district = np.concatenate([district, candidate_district])
    points = np.vstack([points, [[lon, lat] for _, lon, lat in CANDIDATE_SITES]])
    size = len(district)
    is_candidate = np.arange(size) >= existing

    enterprise = _enterprises(rng, existing)
    count = int(enterprise.max()) + 1
    enterprise = np.concatenate([enterprise, rng.integers(0, len(GROUP_SIZES), CANDIDATES)])

    size_class = np.exp(0.38 * np.clip(rng.standard_normal(size), -2, 2))
    singles = np.flatnonzero(enterprise[:existing] >= len(GROUP_SIZES) + PAIRS)
    size_class[singles[np.argsort(size_class[singles])[:SMALL]]] *= 0.4
    size_class[is_candidate] = 1.5
    daily_m3 = CITY_M3_PER_YEAR / 52 / MEAN_UTILISATION / WORKING_DAYS * size_class / size_class[:OPERATING].sum()
    lines = np.maximum(1, np.round(daily_m3 / 900 * scale**0.35)).astype(np.int64)
    effectiveness = rng.uniform(0.55, 0.80, size).round(2)
    shift_h = rng.choice([8.0, 10.0, 12.0], size, p=[0.3, 0.5, 0.2])
    rated = np.maximum(0.5, (daily_m3 * scale / lines / effectiveness / shift_h)).round(1)
    trucks_needed = daily_m3 * scale / (MEAN_LOAD_M3 * TRIPS_PER_SHIFT)
    trucks = np.ceil(trucks_needed * rng.uniform(0.95, 1.35, size)).astype(np.int64)
    urban = np.array([kind == "urban" for kind in area.kinds])[district]
    rent = scale * (900_000 + 1_500 * daily_m3 * np.exp(0.12 * rng.standard_normal(size)) * np.where(urban, 1.25, 1.0))

    opened = np.array([day_number(date(int(year), 3, 1)) for year in rng.integers(2004, 2021, size)])
    opened += rng.integers(0, 300, size)
    opened[is_candidate] = FAR_FUTURE
    closed, suspended_from, suspended_to = (np.full(size, FAR_FUTURE) for _ in range(3))
    expanded = np.zeros(size, dtype=np.int64)
    for row, week in OPENED_IN_WINDOW:
        opened[row] = first_day + 7 * min(week, weeks // 3)
    closed[OPERATING : OPERATING + CLOSED] = first_day + 7 * np.array([0.25, 0.45, 0.62, 0.8]) @ np.eye(4) * weeks // 1
    suspended_from[[11, 27, OPERATING + CLOSED]] = first_day + (7 * weeks * np.array([0.3, 0.55, 0.85])).astype(int)
    suspended_to[[11, 27]] = suspended_from[[11, 27]] + np.array([70, 126])
    expanded[[8, 21]] = first_day + (7 * weeks * np.array([0.35, 0.6])).astype(int)
    low, high = UTILISATION_SPREAD
    target = low + (high - low) * rng.beta(1.6, 1.5, size)
    return Plants(
        plant_id=[f"P{n:03d}" for n in range(1, existing + 1)] + [f"N{n:03d}" for n in range(1, CANDIDATES + 1)],
        plant_name=[
            f"虚拟{area.names[d][:2]}{'拟建' if candidate else '搅拌'}站{n:02d}"
            for n, (d, candidate) in enumerate(zip(district, is_candidate, strict=True), start=1)
        ],
        enterprise=enterprise,
        enterprise_ids=[f"E{n:02d}" for n in range(1, count + 1)],
        enterprise_names=[
            f"虚拟示例{'集团' if n <= len(GROUP_SIZES) else '混凝土'}{n:02d}有限公司" for n in range(1, count + 1)
        ],
        district=district,
        lon=points[:, 0],
        lat=points[:, 1],
        lines=lines,
        rated_m3_per_h=rated,
        effectiveness=effectiveness,
        shift_h=shift_h,
        trucks=trucks,
        truck_m3=rng.choice([8.0, 10.0, 12.0], size, p=[0.15, 0.35, 0.5]),
        max_grade_mpa=rng.choice([50, 60, 80], size, p=[0.45, 0.4, 0.15]),
        recycled_capable=rng.random(size) < 0.2,
        rent_and_fixed_cny=rent.round(-2),
        price_factor=np.clip(1 + 0.045 * rng.standard_normal(size), 0.87, 1.10),
        target_utilisation=target,
        opened=opened,
        closed=closed.astype(np.int64),
        suspended_from=suspended_from,
        suspended_to=suspended_to,
        expanded=expanded,
        is_candidate=is_candidate,
    )


def _enterprises(rng: np.random.Generator, plants: int) -> Ints:
    """Enterprise of each plant: large groups first, then pairs, then singles; plants in random order."""
    sizes = [*GROUP_SIZES, *[2] * PAIRS]
    sizes += [1] * (plants - sum(sizes))
    owner = np.repeat(np.arange(len(sizes)), sizes)
    return np.asarray(owner[rng.permutation(plants)], dtype=np.int64)
