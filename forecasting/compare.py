"""Two runs side by side: what differs in what made them, in their numbers, in how right they have been.

Belongs here: reading both from the tables. Does not belong here: deciding between them (`promotion`).
"""

from __future__ import annotations

from typing import Any

import duckdb

from forecasting.promotion import LOCK_WAIT_S, find_run
from forecasting.scores import BANDS
from forecasting.settings import band_name
from forecasting.tables import create_forecast_tables
from store.connections import writer
from store.home import Home
from store.locks import hold

IDENTITY = ("cutoff", "as_of", "scenario", "horizon_weeks", "data_version", "code_version", "config_hash", "seed")
METRICS = ("mase", "rmsse", "wape", "bias", "scrps", "coverage80", "coverage95")


def compare(home: Home, first: str, second: str) -> dict[str, Any]:
    """`runs`: each one's identity; `differs`: what of it is not the same; `means`: m³ a week by city and district over
    the weeks that both forecast, with the change; `scores`: level -> band -> metric -> [first, second].

    Raises TongmaiError: `unknown_run` (usage), `locked`, `warehouse_busy`.
    """
    with hold(home, "warehouse", wait_s=LOCK_WAIT_S), writer(home) as connection:
        create_forecast_tables(connection)
        runs = [_identity(connection, find_run(connection, wanted)) for wanted in (first, second)]
        ids = [run["run_id"] for run in runs]
        return {
            "runs": runs,
            "differs": [name for name in IDENTITY if runs[0][name] != runs[1][name]],
            "means": _means(connection, ids),
            "scores": _scores(connection, ids),
        }


def _identity(connection: duckdb.DuckDBPyConnection, run_id: str) -> dict[str, Any]:
    names = ("run_id", "status", "created_at", *IDENTITY)
    row = connection.execute(f"SELECT {', '.join(names)} FROM forecast.runs WHERE run_id = ?", [run_id]).fetchall()[0]
    return {name: str(value) if value is not None else None for name, value in zip(names, row, strict=True)}


def _means(connection: duckdb.DuckDBPyConnection, ids: list[str]) -> list[dict[str, Any]]:
    rows = connection.execute(
        """SELECT first.unique_id, count(*), avg(first.mean), avg(second.mean)
        FROM forecast.demand AS first JOIN forecast.demand AS second USING (unique_id, week_start)
        WHERE first.run_id = ? AND second.run_id = ? AND first.level IN ('city', 'district')
        GROUP BY first.unique_id, first.level ORDER BY first.level, first.unique_id""",
        ids,
    ).fetchall()
    return [
        {
            "unique_id": unique_id,
            "weeks": weeks,
            "first_m3": round(first),
            "second_m3": round(second),
            "change": second / first - 1 if first > 0 else None,
        }
        for unique_id, weeks, first, second in rows
    ]


def _scores(
    connection: duckdb.DuckDBPyConnection, ids: list[str]
) -> dict[str, dict[str, dict[str, list[float | None]]]]:
    rows = connection.execute(
        """SELECT level, h_band, metric, any_value(value) FILTER (WHERE run_id = $first),
            any_value(value) FILTER (WHERE run_id = $second)
        FROM forecast.scores
        WHERE run_id IN ($first, $second) AND unique_id = 'all' AND list_contains($metrics, metric)
            AND model IN (SELECT model FROM forecast.scores WHERE metric = 'skill_seasonal_naive')
        GROUP BY ALL ORDER BY ALL""",
        {"first": ids[0], "second": ids[1], "metrics": list(METRICS)},
    ).fetchall()
    found: dict[str, dict[str, dict[str, list[float | None]]]] = {}
    for band in map(band_name, BANDS):
        for level, h_band, metric, first, second in rows:
            if h_band == band:
                found.setdefault(level, {}).setdefault(band, {})[metric] = [first, second]
    return found
