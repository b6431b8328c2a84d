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
from forecasting.engine.smoothing import Smoothed, smooth
from forecasting.engine.theta import theta
from forecasting.hierarchy import FloatArray
from forecasting.settings import HORIZON_BANDS, MAX_HORIZON_WEEKS

PROPHET, NAIVE, RATIO, ETS_RATIO, ETS, THETA = (
    "prophet", "seasonal_naive", "pipeline_ratio", "ets_ratio", "ets", "theta",
)  # fmt: skip
_PRIOR = {PROPHET: 5.0, RATIO: 5.0, ETS_RATIO: 5.0, ETS: 2.0, THETA: 2.0, NAIVE: 1.0}
"""Weights before anything is learned: those that look at permits come first; docs/decisions/0013 says why."""
_PRIOR_WINDOWS = 60.0
_MIN_WINDOWS = 40
_STEPS, _RATE = 200, 0.5
_FLOOR_SHARE = 0.05
_LATE = 0.98  # of the sizes of errors: beyond it they count as that, since one broken series must not decide for all

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
    return {
        RATIO: model.pipeline_ratio(actual, expected, horizon),
        ETS_RATIO: _relative(actual, expected, smooth(_log_ratio(actual, expected), lengths, horizon)),
        ETS: _relative(actual, everywhere, smooth(_log_ratio(actual, everywhere), lengths, horizon)),
        THETA: _relative(actual, everywhere, theta(_log_ratio(actual, everywhere), lengths, horizon)),
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
    scaled = np.concatenate(errors) / np.concatenate(scales)[:, None, None]
    weights = np.array([prior[name] for name in names])
    for first, last in HORIZON_BANDS:
        part = scaled[:, :, first - 1 : last]
        windows = int(np.isfinite(part).all(axis=1).any(axis=-1).sum())
        rows = np.moveaxis(part, 2, 1).reshape(-1, len(names))
        rows = rows[np.isfinite(rows).all(axis=1)]
        if windows >= _MIN_WINDOWS:
            weights[:, first - 1 : last] = _lightest(rows, weights[:, first - 1], _PRIOR_WINDOWS / windows)[:, None]
    return dict(zip(names, weights, strict=True))


def combine(forecasts: Mapping[str, FloatArray], weights: Weights) -> FloatArray:
    """(S, H) the weighted mean; beyond the weeks that weights were learned for, those of the last one."""
    horizon = next(iter(forecasts.values())).shape[1]
    week = np.minimum(np.arange(horizon), MAX_HORIZON_WEEKS - 1)
    return np.asarray(np.sum([weight[week] * forecasts[name] for name, weight in weights.items()], axis=0))


def _relative(actual: FloatArray, base: FloatArray, smoothed: Smoothed) -> FloatArray:
    """(N, H): what smoothing says of log(actual / base), times the base, corrected from median to mean."""
    weeks = actual.shape[1]
    fitted = np.exp(np.nan_to_num(smoothed.fitted)) * base[:, :weeks]
    fitted[np.isnan(smoothed.fitted)] = 0.0
    known = np.where(np.isnan(smoothed.fitted), 0.0, actual)
    # how far a trend goes on beyond the horizon that was ever judged is nobody's to say: it stays
    ahead = smoothed.ahead.copy()
    ahead[:, MAX_HORIZON_WEEKS:] = ahead[:, MAX_HORIZON_WEEKS - 1 : MAX_HORIZON_WEEKS]
    smear = known.sum(axis=1) / np.maximum(fitted.sum(axis=1), 1e-9)
    return np.asarray(np.clip(smear, 0.8, 1.25)[:, None] * np.exp(ahead) * base[:, weeks:])


def _log_ratio(actual: FloatArray, base: FloatArray) -> FloatArray:
    """(N, T) log(actual / base), a week of nothing counting as a small share of the series' mean."""
    floor = np.maximum(_FLOOR_SHARE * actual.mean(axis=1, keepdims=True), 1e-9)
    return np.asarray(np.log(np.maximum(actual, floor) / base[:, : actual.shape[1]]))


def _lightest(rows: FloatArray, prior: FloatArray, strength: float) -> FloatArray:
    """(M,) weights w ≥ 0, Σw = 1, of the least mean|rows·w| / mean|rows·prior| + strength · Σ w log(w / prior).

    Exponentiated gradient from the prior (Kivinen & Warmuth 1997), averaged over its steps.
    """
    size = np.abs(rows).mean(axis=1, keepdims=True)
    rows = rows * np.minimum(1.0, np.quantile(size, _LATE) / np.maximum(size, 1e-12))
    weight, mean = prior.copy(), np.zeros(len(prior))
    scale = max(float(np.abs(rows @ prior).mean()), 1e-12)
    for _ in range(_STEPS):
        gradient = (np.sign(rows @ weight)[:, None] * rows).mean(axis=0) / scale
        gradient = gradient + strength * np.log(np.maximum(weight / prior, 1e-12))
        weight = weight * np.exp(-_RATE * (gradient - gradient.min()))
        weight = weight / weight.sum()
        mean += weight / _STEPS
    return mean
