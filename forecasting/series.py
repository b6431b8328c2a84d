"""One series' forecast: which model serves it, and its mean as a product of parts.

Belongs here: the offset model and its fallbacks for a single series. Does not belong here: how series add up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forecasting import model
from forecasting.hierarchy import DateArray, FloatArray
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


@dataclass(frozen=True)
class SeriesForecast:
    """`fitted` (T,) m3/week in sample; `factors`: part of PARTS -> (H,), "pipeline" in m3/week, the others factors."""

    model: str
    fitted: FloatArray
    factors: dict[str, FloatArray]

    @property
    def mean(self) -> FloatArray:
        """(H,) m3/week: the product of the parts."""
        return np.asarray(np.prod([self.factors[part] for part in PARTS], axis=0))


def choose_model(actual: FloatArray, has_permits: bool, settings: Settings) -> str:
    """The model of a series (T,): Prophet, unless it is silent or stopped, too short or too sparse for it."""
    if not np.any(actual > 0):
        return ZERO
    since_first = actual[int(np.argmax(actual > 0)) :]
    if has_stopped(since_first):
        return ZERO
    is_sparse = np.mean(since_first[-2 * model.YEAR_WEEKS :] <= 0) > settings.max_zero_share
    if len(since_first) < settings.min_prophet_weeks or is_sparse:
        return FALLBACK_RATIO if has_permits else FALLBACK_NAIVE
    return OFFSET if has_permits else NO_PERMITS


def has_stopped(since_first: FloatArray) -> bool:
    """Whether a series that went on week by week has had nothing at all for a quarter of a year."""
    before = since_first[:-STOPPED_WEEKS]
    is_idle = len(before) >= STOPPED_WEEKS and not np.any(since_first[-STOPPED_WEEKS:] > 0)
    return is_idle and float(np.mean(before[-model.YEAR_WEEKS :] > 0)) > _STEADY_SHARE


def forecast_city(
    weeks: DateArray,
    actual: FloatArray,
    pipeline: FloatArray,
    features: FloatArray,
    has_permits: bool,
    settings: Settings,
) -> tuple[SeriesForecast, Season]:
    """The city's total, whose yearly wave and calendar effects (`features` (T + H, K)) all series share."""
    name = choose_model(actual, has_permits, settings)
    if name not in PROPHET_MODELS:
        return _stand_in(name, actual, pipeline, Season.none(len(pipeline))), Season.none(len(pipeline))
    parts, first = _fit(weeks, actual, np.log(pipeline), features, settings.city_yearly_order, 1.0, settings)
    season = Season(_padded(parts.yearly, first), _padded(parts.calendar, first))
    return _compose(name, actual, pipeline, parts, first, Season.none(len(pipeline)), settings), season


def forecast_series(
    weeks: DateArray, actual: FloatArray, pipeline: FloatArray, season: Season, has_permits: bool, settings: Settings
) -> SeriesForecast:
    """One series (T,) on its pipeline (T + H,), taking the city's season as given and learning a small wave of its own.

    Two or three New Years are too few to learn each window anew in forty noisy series.
    """
    name = choose_model(actual, has_permits, settings)
    if name not in PROPHET_MODELS:
        return _stand_in(name, actual, pipeline, season)
    offset = np.log(pipeline) + season.total
    none = np.zeros((len(offset), 0))
    parts, first = _fit(weeks, actual, offset, none, settings.own_yearly_order, settings.own_yearly_prior, settings)
    return _compose(name, actual, pipeline, parts, first, season, settings)


def with_ensemble(one: SeriesForecast, mean: FloatArray) -> SeriesForecast:
    """The forecast with what the rest of the pool makes of it: its mean becomes `mean` (H,). Stand-ins stay."""
    if one.model not in PROPHET_MODELS:
        return one
    change = np.divide(mean, one.mean, out=np.ones_like(mean), where=one.mean > 0)
    return replace(one, factors=one.factors | {"ensemble": change})


def _fit(
    weeks: DateArray,
    actual: FloatArray,
    offset: FloatArray,
    features: FloatArray,
    yearly_order: int,
    yearly_prior: float,
    settings: Settings,
) -> tuple[model.Parts, int]:
    """Prophet on log(actual) - offset from the first delivery on, and that week's position."""
    first = int(np.argmax(actual > 0))
    log_ratio = _log(actual[first:]) - offset[first : len(actual)]
    return model.fit_parts(weeks[first:], log_ratio, features[first:], yearly_order, yearly_prior, settings), first


def _compose(
    name: str,
    actual: FloatArray,
    pipeline: FloatArray,
    parts: model.Parts,
    first: int,
    season: Season,
    settings: Settings,
) -> SeriesForecast:
    """Parts, level and the mean's correction as factors; weeks before the first delivery are fitted as zero."""
    weeks, horizon = len(actual), len(pipeline) - len(actual)
    offset = (np.log(pipeline) + season.total)[first:weeks]
    series, known = actual[first:], weeks - first
    fitted_log = parts.total[:known] + offset
    level = model.damped_level(_log(series) - fitted_log, horizon, settings)
    smear = model.smearing(series, np.exp(fitted_log))
    factors = {
        "pipeline": pipeline[weeks:],
        "trend": smear * np.exp(parts.trend[known:]),
        "yearly": np.exp(parts.yearly[known:] + season.yearly[weeks:]),
        "calendar": np.exp(parts.calendar[known:] + season.calendar[weeks:]),
        "level": np.exp(level),
        "ensemble": np.ones(horizon),
    }
    return SeriesForecast(name, _padded(smear * np.exp(fitted_log), first), factors)


def _stand_in(name: str, actual: FloatArray, pipeline: FloatArray, season: Season) -> SeriesForecast:
    weeks, horizon = len(actual), len(pipeline) - len(actual)
    ones = np.ones(horizon)
    factors = dict.fromkeys(PARTS, ones)
    if name == FALLBACK_RATIO:
        expected = pipeline * np.exp(season.total)
        ratio = model.pipeline_ratio(actual, expected, horizon) / expected[weeks:]
        factors |= {
            "pipeline": pipeline[weeks:],
            "trend": ratio,
            "yearly": np.exp(season.yearly[weeks:]),
            "calendar": np.exp(season.calendar[weeks:]),
        }
        return SeriesForecast(name, expected[:weeks] * ratio[0], factors)
    if name == FALLBACK_NAIVE:
        return SeriesForecast(
            name, np.full(weeks, actual.mean()), factors | {"pipeline": model.seasonal_naive(actual, horizon)}
        )
    return SeriesForecast(name, np.zeros(weeks), factors | {"pipeline": 0.0 * ones})


def _log(series: FloatArray) -> FloatArray:
    """log with a floor: a week of nothing counts as 5 % of the series' mean."""
    return np.asarray(np.log(np.maximum(series, _CLIP_SHARE * series.mean())))


def _padded(values: FloatArray, first: int) -> FloatArray:
    return np.concatenate([np.zeros(first), values])
