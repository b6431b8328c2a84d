"""Scores of a backtest: how large, how lopsided, how honest, and better than what.

Belongs here: metrics by series, level, model and horizon band. Does not belong here: making forecasts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from forecasting.backtest import Backtest
from forecasting.hierarchy import LEVELS, FloatArray
from forecasting.model import YEAR_WEEKS
from forecasting.origin import NAIVE, RATIO
from forecasting.series import NO_PERMITS, OFFSET
from forecasting.settings import HORIZON_BANDS, QUANTILES, band_name

_LOW, _HIGH = (list(QUANTILES).index(name) for name in ("q10", "q90"))


class Score(NamedTuple):
    """One value; `unique_id` is `all` for a whole level."""

    unique_id: str
    level: str
    model: str
    h_band: str
    metric: str
    value: float


class _Cell(NamedTuple):
    """All origins' values of one model, series and band, one after the other (K,)."""

    actual: FloatArray
    forecast: FloatArray
    inside: FloatArray


def main_model(backtest: Backtest) -> str:
    """The name under which the method as a whole is scored."""
    named = {name for replay in backtest.replays for name in replay.forecast.models}
    return NO_PERMITS if NO_PERMITS in named and OFFSET not in named else OFFSET


def score(backtest: Backtest) -> list[Score]:
    """MASE (against the in-sample seasonal naive), WAPE, bias, coverage80 and skill, by series and by level."""
    return list(_scores(backtest)) if backtest.replays else []


def _scores(backtest: Backtest) -> Iterator[Score]:
    hierarchy = backtest.replays[0].forecast.history.hierarchy
    scale = _naive_scale(backtest.replays[-1].forecast.actual)
    main = main_model(backtest)
    yardsticks = list(backtest.replays[0].forecast.yardsticks)
    for level in LEVELS:
        rows = hierarchy.rows(level)
        for band in HORIZON_BANDS:
            cells = {name: _cells(backtest, name if name != main else None, rows, band) for name in [main, *yardsticks]}
            if not cells[main][0].actual.size:
                continue
            for name, by_row in cells.items():
                if np.isnan(by_row[0].forecast).any():
                    continue  # this yardstick does not serve the level
                groups = [(hierarchy.nodes[row].unique_id, [position]) for position, row in enumerate(rows)]
                for unique_id, members in [*groups, ("all", list(range(len(rows))))]:
                    metrics = _metrics(
                        [by_row[member] for member in members],
                        [scale[rows[member]] for member in members],
                        {other: [cells[other][member] for member in members] for other in (NAIVE, RATIO)},
                        has_band=name == main,
                    )
                    for metric, value in metrics.items():
                        if np.isfinite(value):
                            yield Score(unique_id, level, name, band_name(band), metric, value)


def _metrics(
    cells: list[_Cell], scales: list[float], others: dict[str, list[_Cell]], *, has_band: bool
) -> dict[str, float]:
    errors = np.concatenate([cell.forecast - cell.actual for cell in cells])
    actual = np.concatenate([cell.actual for cell in cells])
    scaled = [
        np.abs(cell.forecast - cell.actual).mean() / scale
        for cell, scale in zip(cells, scales, strict=True)
        if scale > 0
    ]
    volume = actual.sum()
    metrics = {
        "mase": float(np.mean(scaled)) if scaled else np.nan,
        "wape": float(np.abs(errors).sum() / volume) if volume > 0 else np.nan,
        "bias": float(errors.sum() / volume) if volume > 0 else np.nan,
    }
    if has_band:
        metrics["coverage80"] = float(np.concatenate([cell.inside for cell in cells]).mean())
    for name, other in others.items():
        yardstick = np.abs(np.concatenate([cell.forecast - cell.actual for cell in other])).sum()
        metrics[f"skill_{name}"] = float(1 - np.abs(errors).sum() / yardstick) if yardstick > 0 else np.nan
    return metrics


def _cells(backtest: Backtest, yardstick: str | None, rows: list[int], band: tuple[int, int]) -> list[_Cell]:
    """One cell per row: the method's own forecast (`yardstick` None) or a yardstick's."""
    weeks = slice(band[0] - 1, band[1])
    cells = []
    for row in rows:
        actual, forecast, inside = [], [], []
        for replay, quantiles in zip(backtest.replays, backtest.quantiles, strict=True):
            mean = replay.forecast.mean if yardstick is None else replay.forecast.yardsticks[yardstick]
            came = replay.actual[row, weeks]
            actual.append(came)
            forecast.append(mean[row, weeks])
            inside.append((came >= quantiles[_LOW, row, weeks]) & (came <= quantiles[_HIGH, row, weeks]))
        cells.append(_Cell(np.concatenate(actual), np.concatenate(forecast), np.concatenate(inside).astype(float)))
    return cells


def _naive_scale(actual: FloatArray) -> FloatArray:
    """(N,) mean absolute change from the same week a year before, or from the week before in short series."""
    lag = YEAR_WEEKS if actual.shape[1] > YEAR_WEEKS + 8 else 1
    return np.asarray(np.abs(actual[:, lag:] - actual[:, :-lag]).mean(axis=1))
