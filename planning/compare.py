"""Two plans side by side: what differs in the question, in the figures, in what becomes of each plant.

Belongs here: reading both from the tables. Does not belong here: judging between them.
"""

from __future__ import annotations

import json
from typing import Any

import duckdb

from store.connections import writer
from store.home import Home
from store.locks import hold
from store.messages import EXIT_USAGE, TongmaiError

_LOCK_WAIT_S = 60.0
FIGURES = (
    *("objective_cny", "bound_cny", "gap", "plants_kept", "plants_merged", "plants_closed", "plants_expanded"),
    *("plants_opened", "cost_after_cny", "kgco2e_after", "haul_min_after", "unserved_m3_after"),
)


def compare_plans(home: Home, first: str, second: str) -> dict[str, Any] | None:
    """`plans`: their ids; `options`, `assumptions`: name -> [first, second] where they differ; `figures`: name ->
    [first, second]; `decisions`: plants that are decided otherwise. None where `first` is no plan.

    Raises TongmaiError: `unknown_run` (usage), `locked`, `warehouse_busy`.
    """
    with hold(home, "warehouse", wait_s=_LOCK_WAIT_S), writer(home) as connection:
        one = _find(connection, first)
        if one is None:
            return None
        other = _find(connection, second)
        if other is None:
            raise TongmaiError("unknown_run", f"没有规划 {second}。", f"There is no plan {second}.", EXIT_USAGE)
        runs = [_row(connection, plan_id) for plan_id in (one, other)]
        options = [json.loads(run.pop("options")) for run in runs]
        return {
            "plans": [one, other],
            "options": {
                name: [chosen.get(name) for chosen in options]
                for name in sorted({*options[0], *options[1]})
                if options[0].get(name) != options[1].get(name)
            },
            "assumptions": _assumptions(connection, one, other),
            "figures": {name: [run[name] for run in runs] for name in FIGURES},
            "decisions": _decisions(connection, one, other),
        }


def _find(connection: duckdb.DuckDBPyConnection, wanted: str) -> str | None:
    try:
        rows = connection.execute(
            "SELECT plan_id FROM plan.runs WHERE starts_with(plan_id, ?) LIMIT 2", [wanted]
        ).fetchall()
    except duckdb.CatalogException:
        return None
    return str(rows[0][0]) if len(rows) == 1 else None


def _row(connection: duckdb.DuckDBPyConnection, plan_id: str) -> dict[str, Any]:
    names = ("options", *FIGURES)
    row = connection.execute(f"SELECT {', '.join(names)} FROM plan.runs WHERE plan_id = ?", [plan_id]).fetchall()[0]
    return dict(zip(names, row, strict=True))


def _assumptions(connection: duckdb.DuckDBPyConnection, first: str, second: str) -> dict[str, list[float]]:
    rows = connection.execute(
        """SELECT name, first.value, second.value
        FROM plan.assumptions AS first JOIN plan.assumptions AS second USING (name)
        WHERE first.plan_id = ? AND second.plan_id = ? AND first.value <> second.value ORDER BY name""",
        [first, second],
    ).fetchall()
    return {name: [one, other] for name, one, other in rows}


def _decisions(connection: duckdb.DuckDBPyConnection, first: str, second: str) -> list[dict[str, Any]]:
    names = ("plant_id", "plant_name", "first", "second", "first_reason_zh", "second_reason_zh", "first_reason_en",
             "second_reason_en")  # fmt: skip
    rows = connection.execute(
        """SELECT plant_id, sites.plant_name, first.decision, second.decision, first.reason_zh, second.reason_zh,
            first.reason_en, second.reason_en
        FROM plan.plant_decisions AS first
        JOIN plan.plant_decisions AS second USING (plant_id)
        JOIN plan.sites AS sites USING (plant_id)
        WHERE first.plan_id = ? AND second.plan_id = ? AND sites.plan_id = first.plan_id
            AND (first.decision <> second.decision
                OR first.merge_into_plant_id IS DISTINCT FROM second.merge_into_plant_id)
        ORDER BY plant_id""",
        [first, second],
    ).fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows]
