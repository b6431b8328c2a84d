"""The planner: published instances beside bare HiGHS, made-up cities of growing size, and planning by hand.

Belongs here: the measurements. Does not belong here: the draw of a city (`bench.made_up_city`), the plan itself.

    python -m bench.plans                                            every table
    python -m bench.plans SITES CELLS MONTHS SCENARIOS GAP SECONDS MIN_UTILISATION   one city, one row
"""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from collections.abc import Iterator
from resource import RUSAGE_SELF, getrusage

import numpy as np

from bench.made_up_city import draw
from planning.allocation import Recourse
from planning.consolidation import Result, consolidate
from planning.design import NOWHERE, Design, fixed_cny_per_year, transition_cny_per_year, usable_capacity_m3
from planning.footprint import dispatch
from planning.instance import MONTHS_PER_YEAR, Instance
from planning.model import Floats
from planning.orlib import Warehouses, read, solve
from planning.quota import shortfall_cny
from store.home import REPOSITORY

ORLIB = REPOSITORY / "data" / "samples" / "orlib"
LIMIT_S = 300.0
CITIES = (
    (100, 300, 36, 30, 0.01, 120.0, 0.0),
    (100, 300, 36, 30, 0.005, 600.0, 0.0),
    (100, 300, 36, 30, 0.01, 120.0, 0.4),
    (200, 1000, 36, 30, 0.01, 1800.0, 0.0),
    (1000, 5000, 1, 1, 0.01, 600.0, 0.0),
)
BY_HAND = (100, 300, 36, 10)


def published() -> Iterator[str]:
    """The 37 files: distance from the published optimum, proven gap, CPU beside bare HiGHS, each in turns twice."""
    with (ORLIB / "optima.csv").open(encoding="utf-8") as file:
        optima = {
            row["instance"]: float(row["optimum"]) for row in csv.DictReader(file) if not row["capacity_override"]
        }
    off, gaps, ours, bare = [], [], [], []
    for name, optimum in optima.items():
        path = ORLIB / f"{name}.txt"
        used, other = [], []
        for _ in range(2):
            started = time.process_time()
            answer = solve(path, seconds=LIMIT_S)
            used.append(time.process_time() - started)
            started = time.process_time()
            bare_highs(read(path))
            other.append(time.process_time() - started)
        off.append(abs(answer.objective / optimum - 1))
        gaps.append(answer.gap)
        ours.append(min(used))
        bare.append(min(other))
    slower = sum(one > 1.5 * two for one, two in zip(ours, bare, strict=True))
    yield "| files | farthest from the published optimum | largest proven gap | CPU s | bare HiGHS, CPU s | ratio |"
    yield "|---:|---:|---:|---:|---:|---:|"
    yield (
        f"| {len(off)} | {max(off):.1e} | {max(gaps):.1e} | {sum(ours):.1f} | {sum(bare):.1f}"
        f" | {sum(ours) / sum(bare):.2f} |"
    )
    yield ""
    yield f"Reading included. Slower than 1.5 times bare HiGHS: {slower} of {len(off)}, the longest of them in" + (
        f" {max((one for one, two in zip(ours, bare, strict=True) if one > 1.5 * two), default=0.0):.2f} s."
    )


def bare_highs(given: Warehouses) -> float:
    """The same problem as a hand-built model with every strong link, solved by HiGHS as it comes; its objective."""
    import highspy
    from scipy.sparse import csr_matrix

    m, n = given.cost.shape
    site, customer = np.repeat(np.arange(m), n), np.tile(np.arange(n), m)
    x, y, link = m + np.arange(m * n), np.arange(m), n + m + np.arange(m * n)
    rows = np.concatenate([customer, n + site, n + y, link, link])
    columns = np.concatenate([x, x, y, x, site])
    values = [np.ones(m * n), given.demand[customer], -given.capacity, np.ones(m * n), -np.ones(m * n)]
    shape = (n + m + m * n, m + m * n)
    matrix = csr_matrix((np.concatenate(values), (rows, columns)), shape=shape)
    lp = highspy.HighsLp()
    lp.num_row_, lp.num_col_ = shape
    lp.col_cost_ = np.concatenate([given.fixed, given.cost.ravel()])
    lp.col_lower_, lp.col_upper_ = np.zeros(shape[1]), np.ones(shape[1])
    lp.row_lower_ = np.concatenate([np.ones(n), np.full(m + m * n, -np.inf)])
    lp.row_upper_ = np.concatenate([np.ones(n), np.zeros(m + m * n)])
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    kinds = highspy.HighsVarType
    lp.integrality_ = [kinds.kInteger] * m + [kinds.kContinuous] * (m * n)
    highs = highspy.Highs()
    for option, value in (("output_flag", False), ("threads", 1), ("mip_rel_gap", 1e-7), ("time_limit", LIMIT_S)):
        highs.setOptionValue(option, value)
    highs.passModel(lp)
    highs.run()
    return float(highs.getInfo().objective_function_value)


def cities() -> Iterator[str]:
    """One process per city, so that each has its own peak of memory."""
    yield "| sites × cells × months × scenarios | least use | asked | proven gap | CPU s | wall s | peak MB | status |"
    yield "|---|---:|---:|---:|---:|---:|---:|---|"
    for size in CITIES:
        command = [sys.executable, "-m", "bench.plans", *(str(part) for part in size)]
        yield subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout.strip()


def city(
    sites: int, cells: int, months: int, scenarios: int, gap: float, seconds: float, min_utilisation: float
) -> str:
    """One row: a made-up city planned to a gap."""
    instance = draw(sites, cells, months, scenarios, min_utilisation=min_utilisation)
    started, used = time.monotonic(), time.process_time()
    result = consolidate(instance, Recourse(instance), gap=gap, seconds=seconds)
    peak_mb = getrusage(RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"| {sites:,} × {cells:,} × {months} × {scenarios} | {min_utilisation:.0%} | {gap:.1%} | {result.gap:.2%}"
        f" | {time.process_time() - used:.0f} | {time.monotonic() - started:.0f} | {peak_mb:,.0f} | {result.status} |"
    )


def beside_by_hand() -> Iterator[str]:
    """The plan beside as many closures by hand, lowest utilisation first, the nearest plant with room serving."""
    instance = draw(*BY_HAND)
    recourse = Recourse(instance)
    result = consolidate(instance, recourse, gap=0.01, seconds=LIMIT_S)
    hand = lowest_utilisation_first(instance, result)
    yield "| per year | cost, M CNY | haul carbon, t CO₂e | unserved, 1,000 m³ | objective, M CNY |"
    yield "|---|---:|---:|---:|---:|"
    for name, figures in (
        ("the plan", _by_plan(instance, recourse, result.design)),
        ("closures by hand, best allocation", _by_plan(instance, recourse, hand)),
        ("closures by hand, nearest serves", nearest_serves(instance, hand)),
        ("no closure, nearest serves", nearest_serves(instance, Design.as_is(instance))),
    ):
        yield f"| {name} | " + " | ".join(f"{figure:,.1f}" for figure in figures) + " |"
    yield ""
    closed = int((~result.design.is_open & ~instance.sites.is_candidate).sum())
    yield f"{closed} closures and merges each; the plan's proven gap {result.gap:.2%}."


def lowest_utilisation_first(instance: Instance, result: Result) -> Design:
    """As many plants closed as the plan closes or merges, those with the lowest utilisation of the past year."""
    count = int((~result.design.is_open & ~instance.sites.is_candidate).sum())
    utilisation = np.where(instance.sites.is_candidate, np.inf, instance.sites.observed_utilisation)
    is_open = ~instance.sites.is_candidate
    is_open[np.argsort(utilisation, kind="stable")[:count]] = False
    return Design(is_open, np.zeros(len(is_open), bool), np.full(len(is_open), NOWHERE))


def nearest_serves(instance: Instance, design: Design) -> tuple[float, float, float, float]:
    """Every cell from the nearest open plant that has room left, shift by shift: the figures of a row."""
    capacity = usable_capacity_m3(instance, design)
    room = np.tile(capacity * (1 + instance.policy.overtime_share), (len(instance.demand_m3), 1))
    left = instance.demand_m3.copy()
    mean_m3 = np.zeros(len(instance.arc_site))
    for arc in np.argsort(instance.arc_min, kind="stable").tolist():
        site, point = instance.arc_site[arc], instance.arc_point[arc]
        sent = np.minimum(left[:, point], room[:, site])
        left[:, point] -= sent
        room[:, site] -= sent
        mean_m3[arc] = sent.mean()
    load = capacity * (1 + instance.policy.overtime_share) - room
    overtime = np.maximum(load - capacity, 0.0).sum(axis=1).mean()
    quota_cny = MONTHS_PER_YEAR * float(shortfall_cny(instance.policy, load, capacity).mean())
    return _figures(instance, design, mean_m3, float(overtime), left, quota_cny)


def _figures(
    instance: Instance, design: Design, arc_m3: Floats, overtime_m3: float, unserved_m3: Floats, quota_cny: float
) -> tuple[float, float, float, float]:
    variable = float(instance.arc_cny_per_m3 @ arc_m3) + instance.policy.overtime_cny_per_m3 * overtime_m3
    cost = fixed_cny_per_year(instance, design) + transition_cny_per_year(instance, design) + MONTHS_PER_YEAR * variable
    kgco2e = MONTHS_PER_YEAR * float(instance.arc_kgco2e_per_m3 @ arc_m3)
    shortage = MONTHS_PER_YEAR * float((unserved_m3.sum(axis=1) * instance.unserved_price).mean())
    objective = cost + instance.policy.carbon_price_cny_per_t / 1000 * kgco2e + shortage + quota_cny
    unserved = MONTHS_PER_YEAR * float(unserved_m3.sum(axis=1).mean())
    return cost / 1e6, kgco2e / 1e3, unserved / 1e3, objective / 1e6


def _by_plan(instance: Instance, recourse: Recourse, design: Design) -> tuple[float, float, float, float]:
    after = dispatch(instance, recourse, design).footprint
    return after.cost_cny / 1e6, after.kgco2e / 1e3, after.unserved_m3 / 1e3, after.objective_cny(instance) / 1e6


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sizes, asked = [int(word) for word in sys.argv[1:5]], [float(word) for word in sys.argv[5:8]]
        print(city(sizes[0], sizes[1], sizes[2], sizes[3], asked[0], asked[1], asked[2]))
    else:
        for table in (published, cities, beside_by_hand):
            for line in table():
                print(line, flush=True)
            print()
