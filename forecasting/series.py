"""The city's season, and which model serves a series of what kind.

Belongs here: Prophet on the city's total, Prophet alone as a yardstick, stand-ins, the names of models and parts. Does
not belong here: the forecasts themselves (`engine`), how series add up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.hierarchy import DateArray, FloatArray
from forecasting.model import YEAR_WEEKS, Parts, fit_parts, smearing
from forecasting.settings import Settings

OFFSET = "prophet_offset"
NO_PERMITS = "prophet_level"
FALLBACK_RATIO = "fallback_pipeline_ratio"
FALLBACK_NAIVE = "fallback_seasonal_naive"
ZERO = "zero"
PROPHET_MODELS = (OFFSET, NO_PERMITS)

PARTS = ("pipeline", "trend", "yearly", "calendar", "level", "ensemble")
_CLIP_SHARE = 0.05
STOPPED_WEEKS = 13
_RECENT_WEEKS = 8
_STEADY_SHARE = 0.9


@dataclass(frozen=True)
class Season:
    """What the city's weeks have in common, on the log scale over T + H weeks."""

    yearly: FloatArray
    calendar: FloatArray

    @classmethod
    def none(cls, weeks: int) -> Season:
        return cls(np.zeros(weeks), np.zeros(weeks))

    @property
    def total(self) -> FloatArray:
        return self.yearly + self.calendar


def choose_model(actual: FloatArray, has_permits: bool, settings: Settings) -> str:
    """The model of a series (T,): Prophet, unless it is silent or stopped, too short or too sparse for it."""
    if not np.any(actual > 0):
        return ZERO
    since_first = actual[int(np.argmax(actual > 0)) :]
    if has_stopped(since_first):
        return ZERO
    is_sparse = np.mean(since_first[-2 * YEAR_WEEKS :] <= 0) > settings.max_zero_share
    if len(since_first) < settings.min_prophet_weeks or is_sparse:
        return FALLBACK_RATIO if has_permits else FALLBACK_NAIVE
    return OFFSET if has_permits else NO_PERMITS


def has_stopped(since_first: FloatArray) -> bool:
    """Whether a series that went on week by week has had nothing at all for a quarter of a year."""
    before = since_first[:-STOPPED_WEEKS]
    is_idle = len(before) >= STOPPED_WEEKS and not np.any(since_first[-STOPPED_WEEKS:] > 0)
    return is_idle and float(np.mean(before[-YEAR_WEEKS:] > 0)) > _STEADY_SHARE


def stand_in(actual: FloatArray, expected: FloatArray, model: str) -> FloatArray:
    """(H,) m3/week of a series (T,) too short or too sparse for Prophet: `expected` (T + H,) times Σy / Σexpected of
    its last year, or the same weeks of last year. Volumes are summed: a mean of logs hardly sees what comes
    now and then.
    """
    weeks = len(actual)
    since = max(weeks - YEAR_WEEKS, int(np.argmax(actual > 0)))
    if model == FALLBACK_RATIO:
        return np.asarray(expected[weeks:] * (actual[since:].sum() / expected[since:weeks].sum()))
    if weeks - since < YEAR_WEEKS:
        return np.full(len(expected) - weeks, actual[since:][-_RECENT_WEEKS:].mean())
    return np.resize(actual[since:], len(expected) - weeks)


def learn_season(
    weeks: DateArray,
    actual: FloatArray,
    pipeline: FloatArray,
    features: FloatArray,
    has_permits: bool,
    settings: Settings,
) -> Season:
    """The yearly wave and the calendar effects (`features` (T + H, K)) of the city's total, which all series share.

    Two or three New Years are too few to learn each window anew in forty noisy series.
    """
    if choose_model(actual, has_permits, settings) not in PROPHET_MODELS:
        return Season.none(len(pipeline))
    parts, first = _fit(weeks, actual, np.log(pipeline), features, settings.city_yearly_order, 1.0, settings)
    before = np.zeros(first)
    return Season(np.concatenate([before, parts.yearly]), np.concatenate([before, parts.calendar]))


def prophet_alone(weeks: DateArray, actual: FloatArray, features: FloatArray, settings: Settings) -> FloatArray:
    """(R, H) Prophet without permits and level, of the city (the first row of `actual` (R, T)) and other series, which
    take the city's season as given and learn a small wave of their own. What the method is measured against."""
    nothing = np.zeros((len(features), 0))
    season = np.zeros(len(features))
    rows = []
    for row, series in enumerate(actual):
        weeks_known = len(series) - int(np.argmax(series > 0))
        if choose_model(series, False, settings) == ZERO or weeks_known < settings.min_prophet_weeks:
            rows.append(np.full(len(features) - len(series), series[-weeks_known:].mean() if series[-1] > 0 else 0.0))
            continue
        own = (settings.own_yearly_order, settings.own_yearly_prior) if row else (settings.city_yearly_order, 1.0)
        parts, first = _fit(weeks, series, season, nothing if row else features, *own, settings)
        log = parts.total + season[first:]
        rows.append(smearing(series[first:], np.exp(log[:weeks_known])) * np.exp(log[weeks_known:]))
        if not row:
            season = np.concatenate([np.zeros(first), parts.yearly + parts.calendar])
    return np.array(rows)


def _fit(
    weeks: DateArray,
    actual: FloatArray,
    offset: FloatArray,
    features: FloatArray,
    yearly_order: int,
    yearly_prior: float,
    settings: Settings,
) -> tuple[Parts, int]:
    """Prophet on log(actual) - offset from the first delivery on, and that week's position."""
    first = int(np.argmax(actual > 0))
    log_ratio = _log(actual[first:]) - offset[first : len(actual)]
    return fit_parts(weeks[first:], log_ratio, features[first:], yearly_order, yearly_prior, settings), first


def _log(series: FloatArray) -> FloatArray:
    """log with a floor: a week of nothing counts as 5 % of the series' mean."""
    return np.asarray(np.log(np.maximum(series, _CLIP_SHARE * series.mean())))
