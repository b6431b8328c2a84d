"""A made-up city of any size as an `Instance`: plants around a few centres, cells, paths of demand.

Belongs here: the seeded draw. Does not belong here: what is measured on it (`bench.plans`).
"""

from __future__ import annotations

from datetime import date

import numpy as np

from planning.instance import Instance, Policy, Sites, check

KM_ACROSS_PER_ROOT_CELL = 5.0  # 300 cells lie within 87 km, 5,000 within 354 km
DETOUR, KM_PER_MIN = 1.35, 0.5
HAUL_LIMIT_MIN = 60.0
M3_PER_CELL = 5_000.0  # a month
CITY_LOAD = 0.45  # demand over usable capacity: the overcapacity that makes consolidation worth asking
SITES_PER_ENTERPRISE = 4
MERGE_KM = 20.0
USABLE_SHARE = 0.75


def draw(
    sites: int, cells: int, periods: int, scenarios: int, seed: int = 2026, *, min_utilisation: float = 0.0
) -> Instance:
    """`sites` of which one in nine is a candidate, `cells`, and `scenarios` paths of `periods` months."""
    rng = np.random.default_rng(seed)
    side = KM_ACROSS_PER_ROOT_CELL * np.sqrt(cells)
    centres = rng.random((max(cells // 100, 3), 2)) * side
    place, spot = (_around(rng, centres, count, side) for count in (sites, cells))
    km = DETOUR * np.linalg.norm(place[:, None] - spot, axis=2) + 1.0
    demand = _paths(rng, cells, periods, scenarios)
    is_candidate = np.arange(sites) >= sites - sites // 9
    rated = rng.choice([120.0, 180.0, 240.0, 360.0], sites)
    usable = rated / rated[~is_candidate].sum() * demand.mean(axis=0).sum() / CITY_LOAD
    enterprise = rng.integers(0, max(sites // SITES_PER_ENTERPRISE, 1), sites)
    km_apart = np.linalg.norm(place[:, None] - place, axis=2)
    may = (enterprise[:, None] == enterprise) & ~is_candidate[:, None] & ~is_candidate & (km_apart <= MERGE_KM)
    np.fill_diagonal(may, False)
    merge_from, merge_into = np.nonzero(may)
    arc_site, arc_point = np.nonzero(km / KM_PER_MIN <= HAUL_LIMIT_MIN)
    arc_km = km[arc_site, arc_point]
    fixed = usable * 12 * rng.uniform(3.0, 12.0, sites)
    instance = Instance(
        sites=Sites(
            plant_id=tuple(f"P{p:04d}" for p in range(sites)),
            name=tuple(f"P{p:04d}" for p in range(sites)),
            enterprise_id=tuple(f"E{owner}" for owner in enterprise),
            grade_groups=(("all",),) * sites,
            lon=place[:, 0],
            lat=place[:, 1],
            is_candidate=is_candidate,
            is_on_red_line=rng.random(sites) < 0.08,
            available_m3=usable / USABLE_SHARE,
            usable_m3=usable,
            expansion_m3=usable / 2,
            merge_m3=0.3 * usable,
            fixed_cny_per_year=fixed,
            closing_cny=rated * 6000,
            merge_cny=rated * 3600,
            opening_cny_per_year=0.12 * rated * 60000,
            expansion_cny_per_year=0.12 * rated * 35000 / 2 + 0.25 * fixed,
            observed_utilisation=rng.uniform(0.2, 0.7, sites),
        ),
        policy=Policy(
            max_closures=max(sites // 5, 1),
            max_expansions=max(sites // 15, 1),
            max_openings=max(sites // 30, 1),
            max_merges_into_plant=2,
            large_enterprise_plants=3,
            horizon_years=3.0,
            overtime_share=1.0,
            overtime_cny_per_m3=15.0,
            carbon_price_cny_per_t=90.0,
            unserved_cny_per_m3=np.where(np.arange(periods) < 12, 300.0, 80.0),
            must_stay=np.zeros(sites, bool),
            must_go=np.zeros(sites, bool),
            least_load_share=min_utilisation / USABLE_SHARE,
            shortfall_cny_per_m3=20.0,
        ),
        point_cell=tuple(f"Z{z:05d}" for z in range(cells)),
        point_grade_group=("all",) * cells,
        point_district=("all",) * cells,
        arc_site=arc_site,
        arc_point=arc_point,
        arc_km=arc_km,
        arc_min=arc_km / KM_PER_MIN,
        arc_cny_per_m3=1.8 * arc_km,
        arc_kgco2e_per_m3=0.187 * arc_km,
        demand_m3=demand,
        scenarios=tuple(range(scenarios)),
        periods=tuple(date(2026 + month // 12, 1 + month % 12, 1) for month in range(periods)),
        merge_from=merge_from,
        merge_into=merge_into,
    )
    return check(instance)


def _around(rng: np.random.Generator, centres: np.ndarray, count: int, side: float) -> np.ndarray:
    """Points of which two in three lie around a centre, the others anywhere."""
    near = centres[rng.integers(0, len(centres), count)] + rng.normal(0, side / 12, (count, 2))
    return np.clip(np.where(rng.random((count, 1)) < 2 / 3, near, rng.random((count, 2)) * side), 0, side)


def _paths(rng: np.random.Generator, cells: int, periods: int, scenarios: int) -> np.ndarray:
    """Seasons, a city-wide walk per scenario, eight districts' own walks and each cell's noise: m³ per month."""
    month = np.arange(periods)
    season = 1 + 0.2 * np.sin(2 * np.pi * (month - 3) / 12) - 0.5 * (month % 12 == 1)
    city = np.exp(np.cumsum(rng.normal(0, 0.06, (scenarios, periods)), axis=1))
    districts = np.exp(np.cumsum(rng.normal(0, 0.08, (scenarios, periods, 8)), axis=1))
    level = M3_PER_CELL * rng.lognormal(-0.5, 1.0, cells)
    noise = rng.lognormal(-0.045, 0.3, (scenarios, periods, cells))
    demand = level * noise * districts[:, :, rng.integers(0, 8, cells)] * (city * season)[:, :, None]
    return np.asarray(demand.reshape(-1, cells))
