"""Who serves whom in each of the next thirteen weeks, and the prices that go with it.

Belongs here: the weeks' demand and capacity, their transport problems, what the tables say of them. Does not belong
here: the problem itself (allocation.py), declarations (quarter_tables.py), which plants stay (consolidation.py).

Today's plants serve the forecast's means; nothing closes or opens within a quarter. A plant that an option closes is
away from the first week: the quarter asks what that does, while the plan's steps (transition.py) give notice. Each
week is one transport problem, solved exactly; its duals price a plant's capacity and a cell's next cubic metre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import numpy as np

from planning.allocation import Priced, Recourse
from planning.assumptions import Assumptions, Options
from planning.design import Design
from planning.footprint import LEAST_M3
from planning.instance import Instance
from planning.model import INFINITY, Floats
from planning.outlook import AVAILABLE
from planning.plants import read_columns
from store.messages import Text

WEEKS = 13

_DEMAND = """
SELECT
    demand.week_start, cells.cell_id, demand.grade_class,
    demand.mean * cells.share_of_district AS m3
FROM forecast.demand_current AS demand
INNER JOIN marts.dim_demand_cells AS cells ON cells.district_code = demand.district_code
WHERE demand.level = 'district_grade_class' AND demand.h <= ?
ORDER BY demand.week_start, cells.cell_id, demand.grade_class
"""

_CAPACITY = f"""
WITH demand AS (SELECT week_start FROM forecast.demand_current WHERE level = 'district' AND h <= ?), {AVAILABLE}
SELECT week_start, plant_id, available_m3 FROM available
"""

_SUMMARY = """
WITH cells AS (
    SELECT week_start, sum(demand_m3) AS demand_m3, sum(unserved_m3) AS unserved_m3
    FROM plan.cell_prices_weekly WHERE plan_id = ? GROUP BY week_start
),
hauls AS (
    SELECT week_start, sum(cost_cny) AS haul_cny, sum(kgco2e) AS kgco2e
    FROM plan.allocation_weekly WHERE plan_id = ? GROUP BY week_start
),
plants AS (
    SELECT
        week_start, arg_max(plant_id, (capacity_cny_per_m3, plant_id)) AS tightest_plant_id,
        max(capacity_cny_per_m3) AS capacity_cny_per_m3
    FROM plan.plant_prices_weekly WHERE plan_id = ? AND capacity_m3 > 0 GROUP BY week_start
)
SELECT
    cells.week_start, cells.demand_m3, cells.unserved_m3, coalesce(hauls.haul_cny, 0) AS haul_cny,
    coalesce(hauls.kgco2e, 0) AS kgco2e, plants.capacity_cny_per_m3,
    CASE WHEN plants.capacity_cny_per_m3 > 0 THEN plants.tightest_plant_id END AS tightest_plant_id
FROM cells
LEFT JOIN hauls ON hauls.week_start = cells.week_start
LEFT JOIN plants ON plants.week_start = cells.week_start
ORDER BY cells.week_start
"""


@dataclass(frozen=True)
class WeekAsked:
    """One week's question: demand (points,) and usable capacity (sites,), in m³."""

    week_start: date
    demand_m3: Floats
    capacity_m3: Floats


@dataclass(frozen=True)
class Week:
    """One week's question with its allocation and prices; `site_m3` (sites,) is what each site delivers."""

    asked: WeekAsked
    priced: Priced
    site_m3: Floats


def ask_quarter(connection: duckdb.DuckDBPyConnection, instance: Instance, assumptions: Assumptions) -> list[WeekAsked]:
    """The forecast's next weeks over the instance's points, and what today's plants can make in each."""
    points = {pair: i for i, pair in enumerate(zip(instance.point_cell, instance.point_grade_group, strict=True))}
    group_of = {name: group for group in instance.point_grade_group for name in group.split("+")}
    site_at = {plant: p for p, plant in enumerate(instance.sites.plant_id)}
    demand: dict[date, Floats] = {}
    for week, cell, grade_class, m3 in connection.execute(_DEMAND, [WEEKS]).fetchall():
        point = points.get((cell, group_of.get(grade_class, "")))
        if point is not None:
            demand.setdefault(week, np.zeros(instance.points))[point] += m3 * (1 + assumptions["demand_change"])
    works = Design.as_is(instance).is_open & ~instance.sites.is_candidate
    capacity = {week: np.zeros(len(instance.sites)) for week in demand}
    for week, plant, available_m3 in connection.execute(_CAPACITY, [WEEKS]).fetchall():
        if week in capacity and plant in site_at and works[site_at[plant]]:
            capacity[week][site_at[plant]] = float(available_m3) * assumptions["usable_capacity_share"]
    return [WeekAsked(week, demand[week], capacity[week]) for week in sorted(demand)]


def allocate(
    instance: Instance, recourse: Recourse, asked: Sequence[WeekAsked], deadline: float = INFINITY
) -> list[Week]:
    """Each week served at the least cost; what stays unserved costs M_0, as nobody can build within a quarter.

    The first of them, as many as are solved before `deadline` (time.monotonic).
    """
    weeks = []
    for week in asked:
        recourse.set_capacity(week.capacity_m3)
        recourse.set_month(week.demand_m3, float(instance.policy.unserved_cny_per_m3[0]))
        priced = recourse.priced_by(deadline)
        if priced is None:
            break
        site_m3 = np.bincount(instance.arc_site, priced.arc_m3, len(instance.sites))
        weeks.append(Week(week, priced, np.asarray(site_m3, float)))
    return weeks


def read_quarter(connection: duckdb.DuckDBPyConnection, plan_id: str) -> list[dict[str, Any]]:
    """A plan's weeks from its tables, one row each, with the working plant whose capacity is worth most."""
    columns = read_columns(connection, _SUMMARY, [plan_id, plan_id, plan_id])
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def allocation_columns(instance: Instance, weeks: Sequence[Week]) -> dict[str, Any]:
    """Columns of plan.allocation_weekly, without the plan_id."""
    at = [(week, arc) for week in weeks for arc in np.flatnonzero(week.priced.arc_m3 > LEAST_M3).tolist()]
    arcs = np.array([arc for _, arc in at], np.int64)
    m3 = np.array([week.priced.arc_m3[arc] for week, arc in at], float)
    return {
        "week_start": [week.asked.week_start for week, _ in at],
        "plant_id": [instance.sites.plant_id[p] for p in instance.arc_site[arcs]],
        "cell_id": [instance.point_cell[i] for i in instance.arc_point[arcs]],
        "grade_group": [instance.point_grade_group[i] for i in instance.arc_point[arcs]],
        "m3": m3,
        "haul_min": instance.arc_min[arcs],
        "cost_cny": instance.arc_cny_per_m3[arcs] * m3,
        "kgco2e": instance.arc_kgco2e_per_m3[arcs] * m3,
    }


def cell_columns(instance: Instance, weeks: Sequence[Week]) -> dict[str, Any]:
    """Columns of plan.cell_prices_weekly, without the plan_id."""
    return {
        "week_start": np.repeat(np.array([week.asked.week_start for week in weeks], "datetime64[D]"), instance.points),
        "cell_id": instance.point_cell * len(weeks),
        "grade_group": instance.point_grade_group * len(weeks),
        "demand_m3": _joined([week.asked.demand_m3 for week in weeks]),
        "unserved_m3": _joined([week.priced.unserved_m3 for week in weeks]),
        "marginal_cny_per_m3": _joined([week.priced.point_cny_per_m3 for week in weeks]),
    }


def plant_columns(instance: Instance, weeks: Sequence[Week]) -> dict[str, Any]:
    """Columns of plan.plant_prices_weekly, without the plan_id; today's plants alone."""
    today = instance.existing
    return {
        "week_start": np.repeat(np.array([week.asked.week_start for week in weeks], "datetime64[D]"), len(today)),
        "plant_id": [instance.sites.plant_id[p] for p in today] * len(weeks),
        "capacity_m3": _joined([week.asked.capacity_m3[today] for week in weeks]),
        "load_m3": _joined([week.site_m3[today] for week in weeks]),
        "load_cny_per_m3": _joined([week.priced.load_cny_per_m3[today] for week in weeks]),
        "second_shift_cny_per_m3": _joined([week.priced.second_shift_cny_per_m3[today] for week in weeks]),
        "shortfall_cny_per_m3": _joined([week.priced.shortfall_cny_per_m3[today] for week in weeks]),
        "capacity_cny_per_m3": _joined([week.priced.capacity_cny_per_m3[today] for week in weeks]),
    }


def _joined(parts: Sequence[Floats]) -> Floats:
    return np.concatenate(parts) if parts else np.zeros(0)


def _what_if(instance: Instance, options: Options) -> Text:
    """The options that the quarter is under, ready to stand before its sentence; nothing where there are none."""
    parts = []
    if options.demand_change:
        parts.append(Text(f"需求 {options.demand_change:+.0%}", f"demand {options.demand_change:+.0%}"))
    if options.haul_limit_min is not None:
        limit = options.haul_limit_min
        parts.append(Text(f"运输时限 {limit:g} 分钟", f"a haul limit of {limit:g} minutes"))
    if options.carbon_price_cny_per_t is not None:
        price = options.carbon_price_cny_per_t
        parts.append(Text(f"碳价每吨 {price:g} 元", f"carbon at CNY {price:g} per t"))
    if options.min_utilisation is not None:
        least = options.min_utilisation
        parts.append(Text(f"最低利用率 {least:.0%}", f"a minimum utilisation of {least:.0%}"))
    names = [instance.sites.name[site] for site in np.flatnonzero(instance.policy.must_go).tolist()]
    if names:
        zh, en = "、".join(names), ", ".join(names)
        parts.append(
            Text(
                f"{zh}自第一周起即停（不计通知期，以看清影响；分步实施的生效月份计入通知期）",
                f"{en} closed from the first week, without notice, to show what that does (the steps do give notice)",
            )
        )
    if not parts:
        return Text("", "")
    return Text(
        f"假设分析：{'，'.join(part.zh for part in parts)}。", f"What if: {', '.join(part.en for part in parts)}. "
    )


def quarter_told(instance: Instance, options: Options, weeks: Sequence[Week]) -> list[Text]:
    """The quarter in a sentence: under which options, what cannot be served, and where capacity is worth most."""
    if not weeks:
        return []
    demand = float(sum(week.asked.demand_m3.sum() for week in weeks))
    lost = float(sum(week.priced.unserved_m3.sum() for week in weeks))
    price = np.array([week.priced.capacity_cny_per_m3 * (week.asked.capacity_m3 > 0) for week in weeks])
    at, site = divmod(int(np.argmax(price)), price.shape[1])
    dearest = float(price[at, site])
    what_if = _what_if(instance, options)
    told = Text(
        f"{what_if.zh}未来 {len(weeks)} 周（按预测均值、现有站点逐周调配）"
        f"需求 {demand:,.0f} 方，供不上 {lost:,.0f} 方。",
        f"{what_if.en}Over the next {len(weeks)} weeks, allocated week by week to today's plants,"
        f" {demand:,.0f} m³ are expected and {lost:,.0f} m³ cannot be served.",
    )
    if dearest < 0.005:
        return [told]
    name, week = instance.sites.name[site], weeks[at].asked.week_start
    return [
        Text(
            f"{told.zh}产能最紧的是{name}在 {week} 那一周：再多 1 方产能可省 {dearest:,.2f} 元。",
            f"{told.en} Capacity is worth most at {name} in the week of {week}: CNY {dearest:,.2f} for one more m³.",
        )
    ]
