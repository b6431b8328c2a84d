"""Capacitated warehouse files of the OR-Library, solved by the city's own code.

Belongs here: reading such a file into an `Instance`, and the answer in the file's own numbers. Does not belong here:
how it is solved (consolidation.py, single_source.py).

m n; then capacity and fixed cost of each of m warehouses; then for each of n customers its demand and m costs, each
of serving ALL of it from that warehouse. Line breaks mean nothing. `capacity` in a number's place is filled in.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from planning.allocation import Recourse
from planning.consolidation import consolidate
from planning.design import ROUNDING, usable_capacity_m3
from planning.instance import Instance, facility_location
from planning.model import Bools, Floats, load_solver
from planning.single_source import assign
from store.messages import EXIT_USAGE, TongmaiError

PLACEHOLDER = "capacity"
IGNORED = "\0\x1a"  # what some systems fill or end a text file with
GAP = 1e-7
LARGEST_DEMAND = 1e3  # demand and money are scaled into the range where HiGHS's tolerances are at home
MONEY = 1e6
IDLE_DEMAND = 1e-8  # a month's part of it is less than the least coefficient that HiGHS keeps
LEAST_SHARE = 1e-9
LARGEST_FIGURE = 1e100  # so that no sum or ratio of figures leaves the range of numbers
SPLIT_SHARE = 0.5  # of the time for the plan that may split: the better its sites, the better what is filled whole


@dataclass(frozen=True)
class Warehouses:
    """A file's figures: capacity and fixed cost (warehouses,), demand (customers,), cost of serving all of a
    customer's demand (warehouses, customers).
    """

    capacity: Floats
    fixed: Floats
    demand: Floats
    cost: Floats


@dataclass(frozen=True)
class Answer:
    """What was found, in the file's own numbers; warehouses and customers count from 1.

    status: proven (optimal within 1e-7) | stopped | timed_out. `seconds` are the solver's, without reading the file.
    `served` holds (warehouse, customer, share of its demand).
    """

    file: str
    warehouses: int
    customers: int
    single_source: bool
    status: str
    objective: float
    bound: float
    gap: float
    seconds: float
    open: tuple[int, ...]
    served: tuple[tuple[int, int, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def solve(path: Path, *, seconds: float, is_single_source: bool = False, capacity: float | None = None) -> Answer:
    """Read a file and solve it; at the time limit the best plan so far with its proven gap.

    Raises TongmaiError: `no_file`, `bad_orlib`, `capacity_needed`, `capacity_given_twice`, `no_feasible_plan`,
    `no_plan_in_time`.
    """
    warehouses = read(path, capacity)
    load_solver()
    started_at = time.monotonic()
    instance, money = as_instance(warehouses)
    recourse = Recourse(instance)
    # a start for the single-source search, whose bound it is too, else the whole answer
    result = consolidate(
        instance, recourse, gap=GAP, seconds=seconds * (SPLIT_SHARE if is_single_source else 1), nodes=None
    )
    status, bound, is_open = result.status, result.bound_cny * money, result.design.is_open
    if is_single_source:
        left = max(seconds - (time.monotonic() - started_at), 0.1)
        found = assign(instance, result, gap=GAP, seconds=left)
        status, bound, share, is_open = found.status, found.bound_cny * money, found.share, found.is_open
    else:
        flows = next(recourse.flows(usable_capacity_m3(instance, result.design)))
        share = np.zeros(warehouses.cost.shape)
        share[instance.arc_site, instance.arc_point] = flows.arc_m3 / instance.demand_m3[0][instance.arc_point]
        share = np.where(share > LEAST_SHARE, share, 0.0)
        share /= np.maximum(share.sum(axis=0), LEAST_SHARE)
    objective = float(warehouses.fixed @ is_open + (warehouses.cost * share).sum())
    bound = min(bound, objective)
    return Answer(
        file=path.name,
        warehouses=len(warehouses.fixed),
        customers=len(warehouses.demand),
        single_source=is_single_source,
        status=status,
        objective=objective,
        bound=bound,
        gap=(objective - bound) / objective if objective > 0 else 0.0,
        seconds=round(time.monotonic() - started_at, 3),
        open=tuple((np.flatnonzero(is_open) + 1).tolist()),
        served=_served(share),
    )


def _served(share: Floats) -> tuple[tuple[int, int, float], ...]:
    customer, warehouse = np.nonzero(share.T)
    rows = zip((warehouse + 1).tolist(), (customer + 1).tolist(), share[warehouse, customer].tolist(), strict=True)
    return tuple(rows)


def as_instance(warehouses: Warehouses) -> tuple[Instance, float]:
    """The file as a planning question where everything must be served, and what one unit of its money is worth.

    A file whose demands are all zero is uncapacitated: every customer then counts as one. Beside others, a customer
    without demand still pays the cost of serving all of it: it gets so little that the solver takes its coefficient in
    a capacity for zero, and the capacities as much more, so that the bound holds.

    Raises TongmaiError: `no_feasible_plan`.
    """
    demand, capacity, cost = warehouses.demand, warehouses.capacity, warehouses.cost
    if not demand.any():
        demand, capacity = np.ones(len(demand)), np.full(len(capacity), float(len(demand)))
    if capacity.sum() < demand.sum() * (1 - ROUNDING):
        raise TongmaiError(
            "no_feasible_plan",
            f"没有可行方案：总需求 {demand.sum():,.6g}，全部仓库的产能只有 {capacity.sum():,.6g}。",
            f"No plan is feasible: demand is {demand.sum():,.6g}, all warehouses together hold {capacity.sum():,.6g}.",
        )
    money = (float(cost.min(axis=0).sum()) + float(warehouses.fixed.min())) / MONEY or 1.0
    unit = float(demand.max()) / LARGEST_DEMAND
    is_idle: Bools = demand <= 0
    scaled = np.where(is_idle, IDLE_DEMAND, demand / unit)
    per_unit = cost / (scaled * money)
    # beyond any chain of exchanges between customers; one without demand takes nobody's place
    penalty = max(1e3 * float(per_unit[:, ~is_idle].max()), 2 * float(per_unit.max()))
    instance = facility_location(
        warehouses.fixed / money,
        np.minimum(capacity, demand.sum()) / unit + IDLE_DEMAND * is_idle.sum(),
        scaled,
        per_unit,
        penalty_cny_per_m3=penalty + 1.0,
        is_candidate=np.zeros(len(capacity), bool),
    )
    return replace(instance, policy=replace(instance.policy, must_serve=True)), money


def read(path: Path, capacity: float | None = None) -> Warehouses:
    """A file's figures. Raises TongmaiError: `no_file`, `bad_orlib`, `capacity_needed`, `capacity_given_twice`."""
    try:
        words = path.read_bytes().decode("utf-8-sig").translate(dict.fromkeys(map(ord, IGNORED), " ")).split()
    except OSError as error:
        raise TongmaiError(
            "no_file", f"读不了 {path}：{error.strerror}。", f"Cannot read {path}: {error.strerror}.", EXIT_USAGE
        ) from error
    except UnicodeDecodeError as error:
        raise _bad(f"{path.name} 不是文本文件", f"{path.name} is no text file") from error
    sizes = [_number(word) for word in words[:2]]
    if len(sizes) < 2 or not all(size > 0 and size.is_integer() for size in sizes):
        raise _bad(
            f"{path.name} 应以仓库数和客户数开头，却是“{' '.join(words[:2])[:40]}”",
            f"{path.name} should start with the numbers of warehouses and customers, not '{' '.join(words[:2])[:40]}'",
        )
    m, n = (int(size) for size in sizes)
    expected = 2 * m + n * (m + 1)
    if len(words) - 2 != expected:
        raise _bad(
            f"{path.name} 有 {m} 座仓库、{n} 个客户，应有 {expected} 个数，却有 {len(words) - 2} 个",
            f"{path.name} has {m} warehouses and {n} customers: {expected} numbers should follow, not {len(words) - 2}",
        )
    figures = np.array([_figure(word, place, m, capacity) for place, word in enumerate(words[2:])])
    if PLACEHOLDER not in (word.lower() for word in words[2 : 2 + 2 * m : 2]) and capacity is not None:
        raise TongmaiError(
            "capacity_given_twice",
            f"{path.name} 自己写明了产能，请去掉 --capacity。",
            f"{path.name} states its capacities itself; leave out --capacity.",
            EXIT_USAGE,
        )
    plants, customers = figures[: 2 * m].reshape(m, 2), figures[2 * m :].reshape(n, m + 1)
    return Warehouses(plants[:, 0], plants[:, 1], customers[:, 0], customers[:, 1:].T)


def _figure(word: str, place: int, m: int, capacity: float | None) -> float:
    """A number of the file; `capacity` in a capacity's place is the one given."""
    if word.lower() == PLACEHOLDER and place < 2 * m and place % 2 == 0:
        if capacity is None:
            raise TongmaiError(
                "capacity_needed",
                "文件以 capacity 代替产能，请用 --capacity 给出。",
                "The file says 'capacity' instead of a number; give it with --capacity.",
                EXIT_USAGE,
            )
        return capacity
    figure = _number(word)
    if not 0 <= figure <= LARGEST_FIGURE:
        raise _bad(
            f"第 {place + 3} 个数应在 0 与 {LARGEST_FIGURE:.0e} 之间，却是“{word[:40]}”",
            f"number {place + 3} should lie between 0 and {LARGEST_FIGURE:.0e}, not '{word[:40]}'",
        )
    return figure


def _number(word: str) -> float:
    """A word as a number; NaN where it is none."""
    try:
        return float(word)
    except ValueError:
        return np.nan


def _bad(zh: str, en: str) -> TongmaiError:
    return TongmaiError("bad_orlib", f"文件读不懂：{zh}。", f"The file cannot be read: {en}.")
