"""Scores of a backtest: how large, how lopsided, how honest, and better than what, with what certainty.

Belongs here: metrics by series, level, model and horizon band, and the bootstrap over origins. Does not belong here:
making forecasts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from forecasting.backtest import Backtest
from forecasting.hierarchy import LEVELS, FloatArray
from forecasting.model import YEAR_WEEKS
from forecasting.origin import STEPS
from forecasting.series import NO_PERMITS, OFFSET
from forecasting.settings import HORIZON_BANDS, MAX_HORIZON_WEEKS, QUANTILES, band_name

UNCALIBRATED = "uncalibrated"
"""The method before its bands are widened or narrowed."""
WHOLE = (1, MAX_HORIZON_WEEKS)
BANDS = (*HORIZON_BANDS, WHOLE)
COVERAGES = {"coverage80": ("q10", "q90"), "coverage95": ("q025", "q975")}
_BOOTSTRAPS = 1000
_NAMES = list(QUANTILES)


class Score(NamedTuple):
    """One value; `unique_id` is `all` for a whole level."""

    unique_id: str
    level: str
    model: str
    h_band: str
    metric: str
    value: float


class Judged(NamedTuple):
    """All origins side by side, NaN where a week has not come: `actual` (O, N, H), `forecasts`: model -> (O, N, H),
    `quantiles` and `uncalibrated` (O, 7, N, H) of the method, `scale` and `square_scale` (N,): the seasonal naive's
    in-sample mean absolute and mean squared error, of the newest origin, so that all origins are measured alike;
    `gap_weeks`: between neighbouring origins."""

    actual: FloatArray
    forecasts: dict[str, FloatArray]
    quantiles: FloatArray
    uncalibrated: FloatArray
    scale: FloatArray
    square_scale: FloatArray
    gap_weeks: float


def main_model(backtest: Backtest) -> str:
    """The name under which the method as a whole is scored."""
    named = {name for replay in backtest.replays for name in replay.forecast.models}
    return NO_PERMITS if NO_PERMITS in named and OFFSET not in named else OFFSET


def score(backtest: Backtest, seed: int) -> list[Score]:
    """Every metric by series and by level, for the method and its yardsticks."""
    return list(_scores(backtest, seed)) if backtest.replays else []


def mean_scaled_error(error: FloatArray, scale: FloatArray) -> float:
    """MASE = mean over series of mean|y - f| / scale; `error` (O, R, W), `scale` (R,). Hyndman & Koehler (2006)."""
    return _mean(np.nanmean(np.abs(error), axis=(0, 2)) / _positive(scale))


def root_mean_squared_scaled_error(error: FloatArray, square_scale: FloatArray) -> float:
    """RMSSE = mean over series of √(mean(y - f)² / scale²); the M5 competition's measure."""
    return _mean(np.sqrt(np.nanmean(error**2, axis=(0, 2)) / _positive(square_scale)))


def scaled_crps(actual: FloatArray, quantiles: FloatArray) -> float:
    """Scaled CRPS ≈ mean over τ of 2 Σ max(τ(y - q), (τ - 1)(y - q)) / Σ|y|; `quantiles` (O, 7, R, W)."""
    level = np.array(list(QUANTILES.values()))[None, :, None, None]
    miss = actual[:, None] - quantiles
    pinball = np.maximum(level * miss, (level - 1) * miss)
    return _share(2 * np.nansum(pinball) / len(QUANTILES), np.nansum(np.abs(actual)))


def coverage(actual: FloatArray, low: FloatArray, high: FloatArray) -> float:
    """Share of the weeks that came (O, R, W) that lie inside the band; nothing foretold of a series that is silent, and
    nothing came, says nothing of bands."""
    told = ~np.isnan(actual) & ((actual > 0) | (high > 0))
    return float(((actual >= low) & (actual <= high))[told].mean()) if told.any() else np.nan


def skill_interval(error: FloatArray, other: FloatArray, seed: int, block: int = 1) -> tuple[float, float]:
    """95 % interval of 1 - MAE / MAE of the yardstick, by a paired bootstrap: whole origins are drawn again, since the
    weeks of one origin are wrong together, and `block` neighbours at a time, round in a circle, since their weeks
    overlap (Politis & Romano 1992)."""
    random = np.random.Generator(np.random.PCG64(seed))
    mine, theirs = (np.nansum(np.abs(values), axis=(1, 2)) for values in (error, other))
    origins = len(mine)
    starts = random.integers(0, origins, size=(_BOOTSTRAPS, -(-origins // block)))
    drawn = ((starts[:, :, None] + np.arange(block)) % origins).reshape(_BOOTSTRAPS, -1)[:, :origins]
    skills = 1 - mine[drawn].sum(axis=1) / np.maximum(theirs[drawn].sum(axis=1), 1e-12)
    low, high = np.quantile(skills, (0.025, 0.975))
    return float(low), float(high)


def judge(backtest: Backtest) -> Judged:
    """The replays side by side."""
    replays = backtest.replays
    names = list(dict.fromkeys(name for replay in replays for name in replay.forecast.yardsticks))
    nodes = replays[0].actual.shape[0]
    nothing = np.full((nodes, MAX_HORIZON_WEEKS), np.nan)
    forecasts = {main_model(backtest): np.stack([_padded(replay.forecast.mean) for replay in replays])}
    for name in names:
        forecasts[name] = np.stack([_padded(replay.forecast.yardsticks.get(name, nothing)) for replay in replays])
    scale, square_scale = _naive_scales(replays[-1].forecast.actual)
    return Judged(
        actual=np.stack([_padded(replay.actual) for replay in replays]),
        forecasts=forecasts,
        quantiles=np.stack([_padded(quantiles) for quantiles in backtest.quantiles]),
        uncalibrated=np.stack([_padded(quantiles) for quantiles in backtest.uncalibrated]),
        scale=scale,
        square_scale=square_scale,
        gap_weeks=_gap_weeks(backtest),
    )


def _gap_weeks(backtest: Backtest) -> float:
    days = [replay.forecast.history.cutoff.toordinal() for replay in backtest.replays]
    return float(np.diff(days).mean() / 7) if len(days) > 1 else float(MAX_HORIZON_WEEKS)


def _scores(backtest: Backtest, seed: int) -> Iterator[Score]:
    judged, main = judge(backtest), main_model(backtest)
    hierarchy = backtest.replays[0].forecast.history.hierarchy
    for level in LEVELS:
        rows = hierarchy.rows(level)
        groups = [("all", rows), *((hierarchy.nodes[row].unique_id, [row]) for row in rows)]
        for band in BANDS:
            weeks = slice(band[0] - 1, band[1])
            if np.isnan(judged.actual[:, rows, weeks]).all():
                continue
            for model in judged.forecasts:
                if not _serves(judged, model, rows, weeks):
                    continue
                for unique_id, members in groups:
                    metrics = _metrics(judged, model, members, weeks)
                    if model == main:
                        metrics |= _against(judged, main, members, weeks, seed if unique_id == "all" else None)
                        metrics |= _honesty(judged.actual, judged.quantiles, members, weeks)
                    yield from _rows(unique_id, level, model, band, metrics)
            raw = _honesty(judged.actual, judged.uncalibrated, rows, weeks)
            yield from _rows("all", level, UNCALIBRATED, band, raw)


def _rows(unique_id: str, level: str, model: str, band: tuple[int, int], metrics: dict[str, float]) -> Iterator[Score]:
    for metric, value in metrics.items():
        if np.isfinite(value):
            yield Score(unique_id, level, model, band_name(band), metric, value)


def _metrics(judged: Judged, model: str, rows: list[int], weeks: slice) -> dict[str, float]:
    actual = judged.actual[:, rows, weeks]
    error = judged.forecasts[model][:, rows, weeks] - actual
    volume = np.nansum(actual)
    return {
        "mase": mean_scaled_error(error, judged.scale[rows]),
        "rmsse": root_mean_squared_scaled_error(error, judged.square_scale[rows]),
        "wape": _share(np.nansum(np.abs(error)), volume),
        "bias": _share(np.nansum(error), volume),
    }


def _honesty(actual: FloatArray, quantiles: FloatArray, rows: list[int], weeks: slice) -> dict[str, float]:
    actual, quantiles = actual[:, rows, weeks], quantiles[:, :, rows, weeks]
    found = {
        metric: coverage(actual, quantiles[:, _NAMES.index(low)], quantiles[:, _NAMES.index(high)])
        for metric, (low, high) in COVERAGES.items()
    }
    return found | {"scrps": scaled_crps(actual, quantiles)}


def _against(judged: Judged, main: str, rows: list[int], weeks: slice, seed: int | None) -> dict[str, float]:
    """Skill against every yardstick that serves these series; with `seed` its interval too."""
    actual = judged.actual[:, rows, weeks]
    error = judged.forecasts[main][:, rows, weeks] - actual
    found = {}
    overlapping = int(np.clip(np.ceil(weeks.stop / judged.gap_weeks), 1, max(len(actual) // 2, 1)))
    for name, forecast in judged.forecasts.items():
        if name == main or name in STEPS[1:] or not _serves(judged, name, rows, weeks):
            continue
        other = forecast[:, rows, weeks] - actual
        found[f"skill_{name}"] = 1 - _share(np.nansum(np.abs(error)), np.nansum(np.abs(other)))
        if seed is not None and len(actual) > 1:
            found[f"skill_{name}_low"], found[f"skill_{name}_high"] = skill_interval(error, other, seed, overlapping)
    return found


def _serves(judged: Judged, model: str, rows: list[int], weeks: slice) -> bool:
    """Whether the model has a forecast wherever a week came."""
    came = ~np.isnan(judged.actual[:, rows, weeks])
    return not np.isnan(judged.forecasts[model][:, rows, weeks][came]).any()


def _padded(values: FloatArray) -> FloatArray:
    """(…, H_o) -> (…, 52), NaN behind."""
    missing = MAX_HORIZON_WEEKS - values.shape[-1]
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)], constant_values=np.nan)


def _naive_scales(actual: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(N,) mean absolute and squared change from the same week a year before; from the week before in short series."""
    lag = YEAR_WEEKS if actual.shape[1] > YEAR_WEEKS + 8 else 1
    change = actual[:, lag:] - actual[:, :-lag]
    if not change.size:
        change = actual
    return np.asarray(np.abs(change).mean(axis=1)), np.asarray((change**2).mean(axis=1))


def _positive(scale: FloatArray) -> FloatArray:
    """A silent series has no scale, and takes no part."""
    return np.where(scale > 0, scale, np.nan)


def _mean(values: FloatArray) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else np.nan
