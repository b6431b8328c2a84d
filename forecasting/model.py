"""One series' model on the log scale: Prophet on log(y / pipeline), then a damped local level.

Belongs here: Prophet's settings and fit, the level, the plain baselines. Does not belong here: which series
exist, how they add up, or how wrong they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.hierarchy import DateArray, FloatArray
from forecasting.prophet_design import YEAR_DAYS, ProphetSpec, Wave, days_since_1970
from forecasting.prophet_fit import fit_prophet
from forecasting.settings import Settings

YEAR_WEEKS = 52
_YEARLY = "yearly"


@dataclass(frozen=True)
class Parts:
    """Additive parts on the log scale over T fitted and H further weeks, each (T + H,)."""

    trend: FloatArray
    yearly: FloatArray
    calendar: FloatArray

    @property
    def total(self) -> FloatArray:
        return self.trend + self.yearly + self.calendar


def fit_parts(
    weeks: DateArray,
    log_ratio: FloatArray,
    features: FloatArray,
    yearly_order: int,
    yearly_prior: float,
    settings: Settings,
) -> Parts:
    """Prophet's MAP fit of `log_ratio` (T,), with `features` (T + H, K) as regressors.

    Its trend is damped beyond the last fitted week (Gardner & McKenzie 1985): what bends a ratio to permitted
    volume seldom goes on for a year.
    """
    days = weeks[0] + np.timedelta64(7, "D") * np.arange(len(features))
    spec = ProphetSpec(
        waves=(Wave(_YEARLY, YEAR_DAYS, yearly_order, yearly_prior),),
        regressor_priors=(1.0,) * features.shape[1],
        changepoints=settings.changepoints,
        changepoint_prior=settings.changepoint_prior,
    )
    fit = fit_prophet(days_since_1970(days), log_ratio[None], spec, features)
    trend = _damped(fit.trend[0], len(log_ratio), settings.trend_damping)
    return Parts(trend, fit.seasonal[_YEARLY][0], fit.regressors[0])


def damped_level(residual: FloatArray, horizon_weeks: int, settings: Settings) -> FloatArray:
    """(H,) damped exponential smoothing of residuals (T,): l ← l + g(e - l) after each week, then l·φ^h.

    A residual beyond 2.5 robust standard deviations counts as 2.5, so that one odd week moves little.
    """
    spread = 1.4826 * np.median(np.abs(residual - np.median(residual)))
    limit = 2.5 * spread if spread > 0 else np.inf
    level = 0.0
    for value in np.clip(residual, -limit, limit):
        level += settings.level_gain * (value - level)
    return np.asarray(level * settings.level_damping ** np.arange(1, horizon_weeks + 1))


def smearing(actual: FloatArray, fitted: FloatArray) -> float:
    """Σy / Σŷ: turns exp(mean of logs), a median, into a mean (after Duan 1983)."""
    total = fitted.sum()
    return float(actual.sum() / total) if total > 0 else 0.0


def seasonal_naive(actual: FloatArray, horizon_weeks: int) -> FloatArray:
    """(…, H): the same week last year; with less than a year, the mean of the last eight weeks."""
    if actual.shape[-1] < YEAR_WEEKS:
        return np.repeat(actual[..., -8:].mean(axis=-1, keepdims=True), horizon_weeks, axis=-1)
    position = np.arange(horizon_weeks) % YEAR_WEEKS
    return actual[..., actual.shape[-1] - YEAR_WEEKS + position]


def pipeline_ratio(actual: FloatArray, expected: FloatArray, horizon_weeks: int) -> FloatArray:
    """(…, H): `expected` (…, T + H; pipeline × season) times the last year's Σactual / Σexpected."""
    weeks = actual.shape[-1]
    window = min(YEAR_WEEKS, weeks)
    served = expected[..., weeks - window : weeks].sum(axis=-1, keepdims=True)
    ratio = actual[..., -window:].sum(axis=-1, keepdims=True) / np.maximum(served, 1e-9)
    return np.asarray(ratio * expected[..., weeks : weeks + horizon_weeks])


def _damped(trend: FloatArray, fitted: int, damping: float) -> FloatArray:
    if len(trend) == fitted:
        return trend
    slope = trend[fitted] - trend[fitted - 1]
    steps = np.cumsum(damping ** np.arange(1, len(trend) - fitted + 1))
    return np.concatenate([trend[:fitted], trend[fitted - 1] + slope * steps])
