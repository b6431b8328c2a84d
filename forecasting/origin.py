"""Forecasts of the city from its origins: the engine's, with the city's stand-ins, parts, outlook and coherence.

Belongs here: the order of these steps. Does not belong here: reading data, what the engine is given (`city_source`),
members and weights (`engine`), error bands, tables. The live forecast and every backtest origin take this same path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.calendar import Calendar
from forecasting.city_source import CityPanel
from forecasting.engine.members import BY_LEVEL, BY_SERIES
from forecasting.engine.rolling import Rolled, roll
from forecasting.hierarchy import BoolArray, FloatArray
from forecasting.history import History
from forecasting.reconcile import reconcile
from forecasting.series import FALLBACK_NAIVE, FALLBACK_RATIO, PARTS, PROPHET_MODELS, ZERO, prophet_alone, stand_in
from forecasting.settings import MAX_HORIZON_WEEKS, Settings

NAIVE, RATIO, ETS, THETA = "seasonal_naive", "pipeline_ratio", "ets", "theta"
POOL = BY_LEVEL | BY_SERIES
POOL_WITHOUT_PERMITS = {"prophet": BY_LEVEL["prophet_offset"]} | BY_SERIES
"""Members of the engine's pool and their weights before anything is learned; docs/decisions/0014 says why these."""
_PRIOR_WINDOWS = 60.0

PLAIN = "prophet_plain"
STEP_PIPELINE, STEP_LEVEL, STEP_ENSEMBLE = "step_pipeline", "step_level", "step_ensemble"
STEPS = (PLAIN, STEP_PIPELINE, STEP_LEVEL, STEP_ENSEMBLE)
"""What the method would be without its later steps, in their order."""

_RESIDUAL_WEEKS = 104
_LAST_QUARTER = slice(MAX_HORIZON_WEEKS - 13, MAX_HORIZON_WEEKS)


@dataclass(frozen=True)
class OriginForecast:
    """One origin's means over H weeks; N series in the hierarchy's order.

    `mean` (N, H) coherent; `base` (N, H) before reconciliation, both under the scenario; `actual` (N, T) and
    `fitted` (B, T) in sample; `models` (N,); `factors`: part -> (N, H), whose product is `base`; `yardsticks`: model ->
    (N, H), NaN for series that a yardstick does not serve; `expected_m3` (T + H,): the city's pipeline times its
    season; `is_holiday_week` (T + H,).
    """

    history: History
    mean: FloatArray
    base: FloatArray
    actual: FloatArray
    fitted: FloatArray
    models: tuple[str, ...]
    factors: dict[str, FloatArray]
    yardsticks: dict[str, FloatArray]
    expected_m3: FloatArray
    is_holiday_week: BoolArray


def forecast_origins(
    cities: Sequence[CityPanel], calendar: Calendar, horizons: Sequence[int], settings: Settings, *, plain: bool = False
) -> list[OriginForecast]:
    """The forecast from each origin, the oldest first, over as many weeks as `horizons` says; each is taught by the
    errors of those before it, as far as known then. `plain` adds Prophet alone and the method step by step to all but
    the last."""
    pool = POOL if cities[-1].history.has_permits else POOL_WITHOUT_PERMITS
    rolled = roll([city.panel for city in cities], pool, _PRIOR_WINDOWS)
    return [
        _concluded(city, origin, calendar, horizon, settings, plain=plain and city is not cities[-1])
        for city, origin, horizon in zip(cities, rolled, horizons, strict=True)
    ]


def _concluded(
    city: CityPanel, origin: Rolled, calendar: Calendar, horizon: int, settings: Settings, *, plain: bool
) -> OriginForecast:
    """What the city makes of the engine's forecast: stand-ins, weeks beyond the year, parts, sums that agree."""
    hierarchy, weeks = city.history.hierarchy, city.actual.shape[1]
    base = _outlook(_with_stand_ins(origin, city), city, horizon)
    factors, fitted = _parts(city, origin, base)
    errors = (origin.errors * _is_live(city.models)[:, None])[:, -_RESIDUAL_WEEKS:]
    bottom = reconcile(hierarchy.summing, base, errors)
    mean = hierarchy.aggregate(bottom)
    yardsticks = {name: found[:, :horizon] for name, found in _yardsticks(city, origin).items()}
    if plain and city.models[0] in PROPHET_MODELS:
        yardsticks |= _steps(city, base, factors, settings)
    if city.policy is not None:
        changed = hierarchy.aggregate(
            bottom * np.repeat(city.policy[:, :horizon], len(hierarchy.grade_classes), axis=0)
        )
        factors["policy"] = np.divide(changed, mean, out=np.zeros_like(mean), where=mean > 0)
        mean, base = changed, base * factors["policy"]
    return OriginForecast(
        history=city.history,
        mean=mean,
        base=base,
        actual=city.actual,
        fitted=fitted[-hierarchy.bottom_count :],
        models=city.models,
        factors=factors,
        yardsticks=yardsticks,
        expected_m3=city.expected_m3[0, : weeks + horizon],
        is_holiday_week=calendar.is_holiday_week(
            city.history.weeks[0] + np.timedelta64(7, "D") * np.arange(weeks + horizon)
        ),
    )


def _with_stand_ins(origin: Rolled, city: CityPanel) -> FloatArray:
    """(N, 52) the ensemble's mean; a stand-in for series too short or too sparse for Prophet, none for silent ones."""
    base, expected = origin.mean * _raised_back(city), _expected_a_year(city)
    for row in np.flatnonzero(np.isin(city.models, (FALLBACK_RATIO, FALLBACK_NAIVE))):
        base[row] = stand_in(city.actual[row], expected[row], city.models[row])
    return base * _is_live(city.models)[:, None]


def _yardsticks(city: CityPanel, origin: Rolled) -> dict[str, FloatArray]:
    """model -> (N, 52), of the series as they were: a week of nothing is nothing to whoever is to be beaten."""
    expected, simple = _expected_a_year(city), {NAIVE: FALLBACK_NAIVE, RATIO: FALLBACK_RATIO}
    found = {
        name: np.array([stand_in(*series, model) for series in zip(city.actual, expected, strict=True)])
        for name, model in simple.items()
        if name in origin.members
    }
    return found | {name: origin.members[name] * _raised_back(city) for name in (ETS, THETA)}


def _expected_a_year(city: CityPanel) -> FloatArray:
    """(N, T + 52)."""
    return city.expected_m3[:, : city.actual.shape[1] + MAX_HORIZON_WEEKS]


def _raised_back(city: CityPanel) -> FloatArray:
    """(N, 1) a series' volume over that of what the engine was given, which takes logs: a week of nothing is little."""
    given = np.nan_to_num(city.panel.y).sum(axis=1)
    return np.asarray(np.minimum(city.actual.sum(axis=1) / np.maximum(given, 1e-9), 1.0)[:, None])


def _is_live(models: tuple[str, ...]) -> BoolArray:
    return np.array([model != ZERO for model in models])


def _outlook(base: FloatArray, city: CityPanel, horizon: int) -> FloatArray:
    """(N, H): beyond the year that was ever judged, pipeline and season alone carry on, at the last quarter's ratio."""
    expected = city.expected_m3[:, city.actual.shape[1] :]
    ratio = base[:, _LAST_QUARTER].sum(axis=1) / expected[:, _LAST_QUARTER].sum(axis=1)
    beyond = ratio[:, None] * expected[:, MAX_HORIZON_WEEKS:]
    return np.concatenate([base, beyond], axis=1)[:, :horizon]


def _parts(city: CityPanel, origin: Rolled, base: FloatArray) -> tuple[dict[str, FloatArray], FloatArray]:
    """part -> (N, H), whose product is `base`; and what Prophet on the pipeline makes of the past, (N, T) m3/week.

    Trend and level are the ratio's to the pipeline; `ensemble` is what the rest of the pool changes. A stand-in's
    ratio is all trend.
    """
    weeks, horizon = city.actual.shape[1], base.shape[1]
    names = np.array(city.models)
    trend = _held(origin.trend[:, weeks:], horizon)
    level = _held(origin.level, horizon)
    parts = {
        "pipeline": city.pipeline[:, weeks : weeks + horizon] * _is_live(city.models)[:, None],
        "trend": trend,
        "yearly": np.repeat(np.exp(city.season.yearly[None, weeks : weeks + horizon]), len(base), axis=0),
        "calendar": np.repeat(np.exp(city.season.calendar[None, weeks : weeks + horizon]), len(base), axis=0),
        "level": level,
    }
    product = np.prod([*parts.values()], axis=0)
    change = np.divide(base, product, out=np.ones_like(base), where=product > 0)
    stands_in = np.isin(names, (FALLBACK_RATIO, FALLBACK_NAIVE))
    parts["trend"] = np.where(stands_in[:, None], trend * level * change, trend)
    parts["level"] = np.where(stands_in[:, None], 1.0, level)
    parts["ensemble"] = np.where(stands_in[:, None], 1.0, change)
    assert tuple(parts) == PARTS
    fitted = np.nan_to_num(origin.trend[:, :weeks]) * city.expected_m3[:, :weeks]
    return parts, fitted * _is_live(city.models)[:, None]


def _held(part: FloatArray, horizon: int) -> FloatArray:
    """(N, H) as it stands at the year's end from there on."""
    return part[:, np.minimum(np.arange(horizon), part.shape[1] - 1)]


def _steps(
    city: CityPanel, base: FloatArray, factors: dict[str, FloatArray], settings: Settings
) -> dict[str, FloatArray]:
    """Prophet alone, without permits and level, for city and districts; then the method step by step."""
    alone = np.full(base.shape, np.nan)
    rows = [0, *city.history.hierarchy.rows("district")]
    alone[rows] = prophet_alone(city.history.weeks, city.actual[rows], city.features, settings)[:, : base.shape[1]]
    before = {
        name: base / np.prod([np.where(factors[part] > 0, factors[part], 1.0) for part in parts], axis=0)
        for name, parts in ((STEP_PIPELINE, ("level", "ensemble")), (STEP_LEVEL, ("ensemble",)))
    }
    return {PLAIN: alone} | before | {STEP_ENSEMBLE: base}
