"""One series' model on the log scale: Prophet on log(y / pipeline), then a damped local level.

Belongs here: Prophet's settings and fit, the level, the plain baselines. Does not belong here: which series
exist, how they add up, or how wrong they are.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from forecasting.hierarchy import DateArray, FloatArray
from forecasting.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    from prophet import Prophet

YEAR_WEEKS = 52
YEAR_DAYS = 365.25


@dataclass(frozen=True)
class Parts:
    """Additive parts on the log scale over T fitted and H further weeks, each (T + H,)."""

    trend: FloatArray
    yearly: FloatArray
    calendar: FloatArray

    @property
    def total(self) -> FloatArray:
        return self.trend + self.yearly + self.calendar


@contextmanager
def quiet_prophet() -> Iterator[None]:
    """Prophet and Stan without chatter. Hold it around all fits: warning filters are global to the process."""
    prophet, stan = logging.getLogger("prophet"), logging.getLogger("cmdstanpy")
    level, was_disabled = prophet.level, stan.disabled
    logging.getLogger("prophet.plot").disabled = True  # says at import that plotly is absent; nothing here plots
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_module("prophet")  # sets its logger's level when first imported, so it comes before ours
        prophet.setLevel(logging.CRITICAL)
        stan.disabled = True  # its level would be reset by its first call
        try:
            yield
        finally:
            prophet.setLevel(level)
            stan.disabled = was_disabled


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
    import pandas as pd
    from prophet import Prophet

    fitted = len(log_ratio)
    names = [f"feature_{column}" for column in range(features.shape[1])]
    days = np.arange(weeks[0], weeks[0] + np.timedelta64(7 * len(features), "D"), np.timedelta64(7, "D"))
    frame = pd.DataFrame({"ds": days} | dict(zip(names, features.T, strict=True)))
    model = Prophet(
        growth="linear",
        n_changepoints=settings.changepoints,
        changepoint_prior_scale=settings.changepoint_prior,
        yearly_seasonality=False,
        weekly_seasonality=False,
        daily_seasonality=False,
        uncertainty_samples=0,
    )
    if yearly_order:
        model.add_seasonality("yearly", period=YEAR_DAYS, fourier_order=yearly_order, prior_scale=yearly_prior)
    for name in names:
        model.add_regressor(name, prior_scale=1.0, standardize=False)
    # L-BFGS for short series too, where Prophet would take the slower Newton
    model.fit(frame.head(fitted).assign(y=log_ratio), seed=settings.seed, algorithm="LBFGS")
    return _parts(model, frame["ds"], features, yearly_order, fitted, settings)


def _parts(
    model: Prophet,
    days: pd.Series[pd.Timestamp],
    features: FloatArray,
    yearly_order: int,
    fitted: int,
    settings: Settings,
) -> Parts:
    """The parts as `Prophet.predict` makes them, straight from the parameters: its frames cost as much as the fit."""
    since_start = (days - model.start) / model.t_scale
    trend = model.piecewise_linear(
        since_start.to_numpy(),
        model.params["delta"][0],
        model.params["k"][0],
        model.params["m"][0],
        model.changepoints_t,
    )
    beta = model.params["beta"][0] * model.y_scale
    waves = 2 * yearly_order
    zero = np.zeros(len(days))
    yearly = model.fourier_series(days, YEAR_DAYS, yearly_order) @ beta[:waves] if yearly_order else zero
    calendar = features @ beta[waves : waves + features.shape[1]] if features.shape[1] else zero
    return Parts(_damped(trend * model.y_scale, fitted, settings.trend_damping), yearly, calendar)


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
