"""The city's pool: Prophet on the pipeline at its core, and what else each week could be, weighed by past errors.

Belongs here: the members beside Prophet, their weights, learning them. Does not belong here: Prophet's own forecast
(`series`), how series add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from forecasting import model
from forecasting.engine import ensemble
from forecasting.engine.smoothing import Smoothed, smooth
from forecasting.engine.theta import theta
from forecasting.hierarchy import FloatArray
from forecasting.settings import HORIZON_BANDS, MAX_HORIZON_WEEKS

PROPHET, NAIVE, RATIO, ETS_RATIO, ETS, THETA = (
    "prophet", "seasonal_naive", "pipeline_ratio", "ets_ratio", "ets", "theta",
)  # fmt: skip
_PRIOR = {PROPHET: 4.0, RATIO: 6.0, ETS_RATIO: 6.0, ETS: 1.0, THETA: 1.0, NAIVE: 0.3}
"""Weights before anything is learned: those that look at permits come first; docs/decisions/0014 says why."""
_FLOOR_SHARE = 0.05

Weights = dict[str, FloatArray]
"""Member -> (52,) weight by week ahead; every week's add up to one."""


@dataclass(frozen=True)
class Past:
    """A past origin as a teacher: members (S, H) and actual (S, H_o) of the same series, their mean volume (S,)."""

    cutoff: date
    members: Mapping[str, FloatArray]
    actual: FloatArray
    scale: FloatArray


def members(actual: FloatArray, expected: FloatArray, season: FloatArray) -> dict[str, FloatArray]:
    """Forecasts (N, H) of every member but Prophet, of series (N, T).

    `expected` (N, T + H): the pipeline times the season; `season` (T + H,): the city's, as a factor.
    """
    weeks, horizon = actual.shape[1], expected.shape[1] - actual.shape[1]
    observed = actual > 0
    lengths = np.where(observed.any(axis=1), weeks - observed.argmax(axis=1), 1)
    everywhere = np.broadcast_to(season, expected.shape)
    log_ratio, log_level = _log_ratio(actual, expected), _log_ratio(actual, everywhere)
    ratio = smooth(log_ratio, lengths, horizon, fitted=True)
    level = smooth(log_level, lengths, horizon, fitted=True)
    # theta's one-step errors are as large as smoothing's, so its median becomes a mean by the same factor
    to_mean = _smearing(actual, everywhere, level)
    return {
        RATIO: model.pipeline_ratio(actual, expected, horizon),
        ETS_RATIO: _smearing(actual, expected, ratio) * _ahead(ratio.ahead, expected),
        ETS: to_mean * _ahead(level.ahead, everywhere),
        THETA: to_mean * _ahead(theta(log_level, lengths, horizon), everywhere),
        NAIVE: model.seasonal_naive(actual, horizon),
    }


def prior_weights(has_permits: bool) -> Weights:
    """Weights before any error is known; without permits their members say nothing."""
    names = [name for name in _PRIOR if has_permits or name not in (RATIO, ETS_RATIO)]
    total = sum(_PRIOR[name] for name in names)
    return {name: np.full(MAX_HORIZON_WEEKS, _PRIOR[name] / total) for name in names}


def learn_weights(past: Sequence[Past], cutoff: date, has_permits: bool) -> Weights:
    """Weights from origins before `cutoff`, and of them only the weeks that had come by then.

    Pooled over all series, per horizon band; never chosen per series, which was measured to hurt.
    """
    prior = prior_weights(has_permits)
    names = list(prior)
    errors, scales = [], []
    for origin in past:
        came = min((cutoff - origin.cutoff).days // 7, origin.actual.shape[1])
        if came < 1:
            continue
        error = np.full((len(origin.scale), len(names), MAX_HORIZON_WEEKS), np.nan)
        for position, name in enumerate(names):
            error[:, position, :came] = origin.members[name][:, :came] - origin.actual[:, :came]
        errors.append(error[origin.scale > 0])
        scales.append(origin.scale[origin.scale > 0])
    if not errors:
        return prior
    first = np.array([prior[name][0] for name in names])
    band = np.searchsorted([last for _, last in HORIZON_BANDS[:-1]], np.arange(1, MAX_HORIZON_WEEKS + 1))
    weights = ensemble.learn_weights(np.concatenate(errors), np.concatenate(scales), band, first)
    return dict(zip(names, weights, strict=True))


def combine(forecasts: Mapping[str, FloatArray], weights: Weights) -> FloatArray:
    """(S, H) the weighted mean; beyond the weeks that weights were learned for, those of the last one."""
    horizon = next(iter(forecasts.values())).shape[1]
    week = np.minimum(np.arange(horizon), MAX_HORIZON_WEEKS - 1)
    return np.asarray(np.sum([weight[week] * forecasts[name] for name, weight in weights.items()], axis=0))


def _ahead(log_ratio: FloatArray, base: FloatArray) -> FloatArray:
    """(N, H): a log ratio (N, H) times its base. How far its trend goes on beyond the horizon that was ever judged is
    nobody's to say: it stays there."""
    log_ratio = log_ratio.copy()
    log_ratio[:, MAX_HORIZON_WEEKS:] = log_ratio[:, MAX_HORIZON_WEEKS - 1 : MAX_HORIZON_WEEKS]
    return np.asarray(np.exp(log_ratio) * base[:, -log_ratio.shape[1] :])


def _smearing(actual: FloatArray, base: FloatArray, smoothed: Smoothed) -> FloatArray:
    """(N, 1) Σy / Σŷ one week ahead: from the median, which exp gives, to the mean; near one, as it should be."""
    known = np.isfinite(smoothed.fitted)
    fitted = np.where(known, np.exp(np.nan_to_num(smoothed.fitted)) * base[:, : actual.shape[1]], 0.0)
    smear = np.where(known, actual, 0.0).sum(axis=1) / np.maximum(fitted.sum(axis=1), 1e-9)
    return np.asarray(np.clip(smear, 0.8, 1.25)[:, None])


def _log_ratio(actual: FloatArray, base: FloatArray) -> FloatArray:
    """(N, T) log(actual / base), a week of nothing counting as a small share of the series' mean."""
    floor = np.maximum(_FLOOR_SHARE * actual.mean(axis=1, keepdims=True), 1e-9)
    return np.asarray(np.log(np.maximum(actual, floor) / base[:, : actual.shape[1]]))
