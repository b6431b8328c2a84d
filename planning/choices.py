"""What is worked out about a finished plan on demand: its front, every regret, and what would turn decisions over.

Belongs here: finding the plan's question and decision again, and adding the tables' rows once. Does not belong here:
making a plan (run.py), the figures themselves (front.py, regret.py, flips.py).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import duckdb
import numpy as np

from planning.allocation import Recourse
from planning.alternatives import FLIPS, PARETO, REGRETS
from planning.design import NOWHERE, Design, broken_rules, usable_capacity_m3
from planning.flips import flips
from planning.front import FIRST_POINT, front
from planning.instance import Instance
from planning.regret import regrets_cny
from store.messages import progress
from store.tables import Table, append

FRONT_S = 600.0


def add_front(connection: duckdb.DuckDBPyConnection, plan_id: str, instance: Instance) -> None:
    """Add the front around a plan that is in the tables, unless it has one."""
    query = "SELECT count(*) FROM plan.pareto WHERE plan_id = ? AND point >= ?"
    if connection.execute(query, [plan_id, FIRST_POINT]).fetchall()[0][0]:
        return
    progress(
        "plan",
        "正在按其他碳价与供不上代价各求一个方案……",
        "solving for alternatives at other prices of carbon and of unserved volume …",
    )
    points = front(instance, read_design(connection, plan_id, instance), seconds=FRONT_S)
    _append(connection, PARETO, plan_id, [asdict(point) for point in points])
    worst = max(point.gap for point in points)
    progress(
        "plan", f"{len(points)} 个方案，差距至多 {worst:.2%}", f"{len(points)} alternatives, gaps up to {worst:.2%}"
    )


def add_flips(connection: duckdb.DuckDBPyConnection, plan_id: str, instance: Instance) -> None:
    """Add what would turn the plan's decisions over, unless it is there."""
    if connection.execute("SELECT count(*) FROM plan.flips WHERE plan_id = ?", [plan_id]).fetchall()[0][0]:
        return
    query = "SELECT plant_id, regret_cny FROM plan.plant_decisions WHERE plan_id = ? AND regret_cny IS NOT NULL"
    regret = dict(connection.execute(query, [plan_id]).fetchall())
    regrets = {site: regret[plant] for site, plant in enumerate(instance.sites.plant_id) if plant in regret}
    progress("plan", "正在求各项决定何时翻转……", "asking what would turn the decisions over …")
    found = flips(instance, read_design(connection, plan_id, instance), regrets)
    _append(connection, FLIPS, plan_id, [asdict(flip) for flip in found])


def add_regrets(connection: duckdb.DuckDBPyConnection, plan_id: str, instance: Instance) -> None:
    """Add the regret of every site, kept plants included, unless they are there."""
    if connection.execute("SELECT count(*) FROM plan.regrets WHERE plan_id = ?", [plan_id]).fetchall()[0][0]:
        return
    progress("plan", "正在求每座站的后悔值……", "asking what turning each plant's decision over would cost …")
    design, recourse = read_design(connection, plan_id, instance), Recourse(instance)
    flipped = [design.flipped(site) for site in range(len(instance.sites))]
    monthly_cny = recourse.evaluate(usable_capacity_m3(instance, design)).monthly_cny
    regrets = regrets_cny(instance, recourse, design, monthly_cny, flipped)
    assert regrets is not None
    broken = [broken_rules(instance, flip) for flip in flipped]
    rows = [
        {
            "plant_id": plant,
            "opposite": flipped[site].decision(instance, site),
            "regret_cny": float(regrets[site]),
            "broken_rules": broken[site],
        }
        for site, plant in enumerate(instance.sites.plant_id)
    ]
    _append(connection, REGRETS, plan_id, rows)
    better = [site for site in range(len(rows)) if regrets[site] < 0 and broken[site]]
    if better:
        best = min(better, key=lambda site: regrets[site])
        name, saved = instance.sites.name[best], -regrets[best]
        rules = broken[best]
        progress(
            "plan",
            f"{name} 反过来决定每年可省 {saved / 1e4:,.1f} 万元，但违反 {'、'.join(rules)}",
            f"turning {name} over would save CNY {saved / 1e3:,.0f} k a year, but breaks {', '.join(rules)}",
        )


def read_design(connection: duckdb.DuckDBPyConnection, plan_id: str, instance: Instance) -> Design:
    """A plan's decision from its tables."""
    rows = connection.execute(
        """SELECT plant_id, sites.is_open, sites.is_expanded, decisions.merge_into_plant_id
        FROM plan.sites AS sites JOIN plan.plant_decisions AS decisions USING (plan_id, plant_id)
        WHERE plan_id = ?""",
        [plan_id],
    ).fetchall()
    decided = {plant: rest for plant, *rest in rows}
    at = {plant: site for site, plant in enumerate(instance.sites.plant_id)}
    is_open, is_expanded, merge_into = zip(*(decided[plant] for plant in instance.sites.plant_id), strict=True)
    return Design(
        np.array(is_open, bool),
        np.array(is_expanded, bool),
        np.array([NOWHERE if into is None else at[into] for into in merge_into]),
    )


def _append(connection: duckdb.DuckDBPyConnection, table: Table, plan_id: str, rows: list[dict[str, Any]]) -> None:
    columns = {name: [row[name] for row in rows] for name in table.column_names if name != "plan_id"}
    append(connection, table, columns | {"plan_id": [plan_id] * len(rows)})
