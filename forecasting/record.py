"""A run into its tables.

Belongs here: rows from arrays, one transaction per run. Does not belong here: anything computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np

from forecasting.backtest import Backtest
from forecasting.drift import Signal
from forecasting.flags import Flag
from forecasting.hierarchy import FloatArray, Hierarchy
from forecasting.origin import OriginForecast
from forecasting.paths import is_outlook, months_after
from forecasting.scores import Score
from forecasting.settings import MAX_HORIZON_WEEKS, QUANTILES
from forecasting.tables import BACKTEST, COMPONENTS, DEMAND, DRIFT, FLAGS, PATHS, RUNS, SCORES
from store.tables import append

if TYPE_CHECKING:
    from forecasting.identity import Run

Columns = dict[str, Any]  # column -> list or array, all of one length


def write_run(
    connection: duckdb.DuckDBPyConnection,
    run: Run,
    forecast: OriginForecast,
    quantiles: FloatArray,
    backtest: Backtest,
    scores: Sequence[Score],
    paths: FloatArray,
    flags: Sequence[Flag],
    drift: Sequence[Signal],
) -> None:
    """Append the whole run or nothing: `quantiles` (7, N, H), `paths` (n, B, months)."""
    connection.execute("BEGIN")
    try:
        append(connection, DEMAND, _demand(run, forecast, quantiles))
        for columns in _backtest(run, backtest):
            append(connection, BACKTEST, columns)
        append(connection, SCORES, _score_columns(run, scores))
        append(connection, COMPONENTS, _components(run, forecast, quantiles.shape[2]))
        append(connection, PATHS, _paths(run, forecast, paths))
        append(connection, FLAGS, _flags(run, flags))
        append(connection, DRIFT, _drift(run, drift))
        # the run's own row last: what it names is there
        append(connection, RUNS, {name: [value] for name, value in run.row(datetime.now(UTC)).items()})
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _demand(run: Run, forecast: OriginForecast, quantiles: FloatArray) -> Columns:
    weeks = quantiles.shape[2]
    return _series_weeks(run, forecast, list(forecast.models), forecast.mean[:, :weeks], quantiles, run.scenario.name)


def _backtest(run: Run, backtest: Backtest) -> list[Columns]:
    parts = []
    for replay, quantiles in zip(backtest.replays, backtest.quantiles, strict=True):
        nodes = len(replay.actual)
        parts.append(
            _series_weeks(run, replay.forecast, list(replay.forecast.models), replay.forecast.mean, quantiles, "base")
            | {"actual": replay.actual.ravel()}
        )
        for name, mean in replay.forecast.yardsticks.items():
            nothing = np.full((len(QUANTILES), *mean.shape), np.nan)
            columns = _series_weeks(run, replay.forecast, [name] * nodes, mean, nothing, "base", reconciled=False)
            columns["actual"] = replay.actual.ravel()
            served = np.flatnonzero(~np.isnan(mean.ravel()))
            parts.append({key: np.asarray(values, dtype=object)[served].tolist() for key, values in columns.items()})
    return parts


def _series_weeks(
    run: Run,
    forecast: OriginForecast,
    models: list[str],
    mean: FloatArray,
    quantiles: FloatArray,
    scenario: str,
    *,
    reconciled: bool = True,
) -> Columns:
    """The columns of DEMAND for all series × weeks, series-major."""
    hierarchy, cutoff = forecast.history.hierarchy, forecast.history.cutoff
    nodes, weeks = mean.shape
    columns: Columns = {
        "run_id": [run.run_id] * (nodes * weeks),
        **_node_columns(hierarchy, weeks),
        "cutoff": [cutoff] * (nodes * weeks),
        "week_start": _weeks_after(cutoff, weeks) * nodes,
        "h": list(range(1, weeks + 1)) * nodes,
        "model": np.repeat(models, weeks).tolist(),
        "scenario": [scenario] * (nodes * weeks),
        "mean": mean.ravel(),
        "reconciled": [reconciled] * (nodes * weeks),
    }
    for position, name in enumerate(QUANTILES):
        values = quantiles[position].ravel()
        columns[name] = [None] * len(values) if np.isnan(values).all() else values
    return columns


def _node_columns(hierarchy: Hierarchy, weeks: int) -> Columns:
    names = ("unique_id", "level", "district_code", "grade_class")
    return {name: [getattr(node, name) for node in hierarchy.nodes for _ in range(weeks)] for name in names}


def _score_columns(run: Run, scores: Sequence[Score]) -> Columns:
    columns: Columns = {name: [getattr(score, name) for score in scores] for name in Score._fields}
    return columns | {"run_id": [run.run_id] * len(scores)}


def _components(run: Run, forecast: OriginForecast, weeks: int) -> Columns:
    """Parts of every series; `reconciliation` is what coherence changed, so that the product is the mean."""
    base, mean = forecast.base[:, :weeks], forecast.mean[:, :weeks]
    change = np.divide(mean, base, out=np.ones_like(mean), where=base > 0)
    parts = {name: values[:, :weeks] for name, values in forecast.factors.items()} | {"reconciliation": change}
    nodes = forecast.history.hierarchy.nodes
    count = len(nodes) * weeks
    return {
        "run_id": [run.run_id] * (count * len(parts)),
        "unique_id": [node.unique_id for node in nodes for _ in range(weeks)] * len(parts),
        "week_start": _weeks_after(forecast.history.cutoff, weeks) * (len(nodes) * len(parts)),
        "part": [name for name in parts for _ in range(count)],
        "value": np.concatenate([values.ravel() for values in parts.values()]),
    }


def _paths(run: Run, forecast: OriginForecast, paths: FloatArray) -> Columns:
    samples, bottom, months = paths.shape
    hierarchy, cutoff = forecast.history.hierarchy, forecast.history.cutoff
    nodes = hierarchy.nodes[-bottom:]
    firsts = months_after(cutoff, months)
    outlook = [is_outlook(first, cutoff, MAX_HORIZON_WEEKS) for first in firsts]
    return {
        "run_id": [run.run_id] * paths.size,
        "scenario": [run.scenario.name] * paths.size,
        "sample": np.repeat(np.arange(samples), bottom * months),
        "district_code": [node.district_code for node in nodes for _ in range(months)] * samples,
        "grade_class": [node.grade_class for node in nodes for _ in range(months)] * samples,
        "month": firsts * (samples * bottom),
        "m3": paths.ravel(),
        "is_outlook": outlook * (samples * bottom),
    }


def _flags(run: Run, flags: Sequence[Flag]) -> Columns:
    names = ("unique_id", "flag", "value")
    return _sentences(run, flags) | {name: [getattr(flag, name) for flag in flags] for name in names}


def _drift(run: Run, drift: Sequence[Signal]) -> Columns:
    names = {"signal": "signal", "value": "value", "limit_value": "limit", "is_drifting": "is_drifting"}
    return _sentences(run, drift) | {column: [getattr(one, name) for one in drift] for column, name in names.items()}


def _sentences(run: Run, rows: Sequence[Flag] | Sequence[Signal]) -> Columns:
    texts = [row.text for row in rows]
    sentences = {"sentence_zh": [text.zh for text in texts], "sentence_en": [text.en for text in texts]}
    return {"run_id": [run.run_id] * len(rows), **sentences}


def _weeks_after(cutoff: date, weeks: int) -> list[date]:
    return [cutoff + timedelta(weeks=week) for week in range(1, weeks + 1)]
