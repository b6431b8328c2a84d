"""The forecast from one origin: kernel, pipeline, one Prophet per series, the pool, coherent means.

Belongs here: the order of these steps. Does not belong here: reading data, one series' model, error bands, tables.
The live forecast and every backtest origin take this same path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting import pool
from forecasting.calendar import Calendar
from forecasting.events import BASE, Scenario
from forecasting.hierarchy import BoolArray, DateArray, FloatArray, Hierarchy
from forecasting.history import History
from forecasting.pipeline import expected_grants, learn_kernel, pipeline_m3
from forecasting.pool import ETS, NAIVE, PROPHET, RATIO, THETA, Past, Weights
from forecasting.reconcile import reconcile
from forecasting.series import (
    PARTS,
    PROPHET_MODELS,
    ZERO,
    Season,
    SeriesForecast,
    forecast_city,
    forecast_series,
    with_ensemble,
)
from forecasting.settings import Settings

PLAIN = "prophet_plain"
STEP_PIPELINE, STEP_LEVEL, STEP_ENSEMBLE = "step_pipeline", "step_level", "step_ensemble"
STEPS = (PLAIN, STEP_PIPELINE, STEP_LEVEL, STEP_ENSEMBLE)
"""What the method would be without its later steps, in their order."""

_KERNEL_ROUNDS = 2
_RESIDUAL_WEEKS = 104


@dataclass(frozen=True)
class OriginForecast:
    """One origin's means over H weeks; N series in the hierarchy's order.

    `mean` (N, H) coherent; `base` (N, H) before reconciliation, both under the scenario; `actual` (N, T) and
    `fitted` (B, T) in sample;
    `models` (N,); `factors`: part -> (N, H), whose product is `base`; `yardsticks`: model -> (N, H), NaN for series
    that a yardstick does not serve; `members`: member of the pool ->
    (1 + B, H) for the city and the bottom series, `weights` what each counts; `expected_m3` (T + H,): the city's
    pipeline times its season; `is_holiday_week` (T + H,).
    """

    history: History
    mean: FloatArray
    base: FloatArray
    actual: FloatArray
    fitted: FloatArray
    models: tuple[str, ...]
    factors: dict[str, FloatArray]
    yardsticks: dict[str, FloatArray]
    members: dict[str, FloatArray]
    weights: Weights
    expected_m3: FloatArray
    is_holiday_week: BoolArray

    @property
    def own_rows(self) -> list[int]:
        """The series with a forecast of their own: the city and the bottom ones."""
        return own_rows(self.history.hierarchy)

    def past(self, actual: FloatArray) -> Past:
        """This origin as a teacher, with what came (N, H_o)."""
        rows = self.own_rows
        served = np.isin(np.array(self.models)[rows], PROPHET_MODELS)
        return Past(
            self.history.cutoff, self.members, actual[rows], np.where(served, self.actual[rows].mean(axis=1), 0.0)
        )


def forecast_origin(
    history: History,
    calendar: Calendar,
    horizon_weeks: int,
    settings: Settings,
    scenario: Scenario = BASE,
    *,
    taught_by: Sequence[Past] = (),
    plain: bool = False,
) -> OriginForecast:
    """Means of all series for the `horizon_weeks` after the cutoff; the pool is weighed by
    what is known of the errors of the origins in `taught_by`; `plain` adds Prophet alone and the method step by step.

    Own forecasts are made for the city and every bottom series; districts and grade classes are their sums.
    """
    hierarchy, weeks = history.hierarchy, len(history.weeks)
    actual = hierarchy.aggregate(history.bottom_m3)
    all_weeks = history.weeks[0] + np.timedelta64(7, "D") * np.arange(weeks + horizon_weeks)
    features = calendar.at(all_weeks)
    # a window that never occurred in the history has no effect to learn
    features = features[:, np.any(features[:weeks] > 0, axis=0)]
    city, season, by_district = _city(history, actual[0], features, horizon_weeks, scenario, settings)
    pipeline = hierarchy.aggregate_districts(by_district)
    first_bottom = len(actual) - hierarchy.bottom_count
    bottom = [
        forecast_series(history.weeks, actual[row], pipeline[row], season, history.has_permits, settings)
        for row in range(first_bottom, len(actual))
    ]
    expected = pipeline * np.exp(season.total)
    others = pool.members(actual, expected, np.exp(season.total))
    rows = own_rows(hierarchy)
    weights = pool.learn_weights(taught_by, history.cutoff, history.has_permits)
    members = {PROPHET: np.array([one.mean for one in [city, *bottom]])}
    members |= {name: forecast[rows] for name, forecast in others.items()}
    city, *bottom = [
        with_ensemble(one, mean) for one, mean in zip([city, *bottom], pool.combine(members, weights), strict=True)
    ]
    own = [city, *bottom]
    residuals = actual[rows, -_RESIDUAL_WEEKS:] - np.array([one.fitted for one in own])[:, -_RESIDUAL_WEEKS:]
    mean = reconcile(hierarchy.summing[rows], np.array([one.mean for one in own]), residuals)

    factors = _factors(hierarchy, city, bottom, pipeline[:, weeks:])
    base = np.asarray(np.prod([factors[part] for part in PARTS], axis=0))
    if scenario.events:
        # a policy acts on what would be poured, the same in all of a district's grade classes
        policy = scenario.demand_factor(hierarchy.districts, all_weeks[weeks:])
        changed = mean * np.repeat(policy, len(hierarchy.grade_classes), axis=0)
        factors["policy"] = _ratio(hierarchy.aggregate(changed), hierarchy.aggregate(mean))
        mean, base = changed, base * factors["policy"]
    yardsticks = {name: others[name] for name in (NAIVE, RATIO, ETS, THETA)}
    if plain and city.model in PROPHET_MODELS:
        yardsticks[PLAIN] = _plain(history, actual, features, settings)
        # sums have parts of their own: what each does to the sum of their members
        yardsticks[STEP_ENSEMBLE] = base
        yardsticks[STEP_LEVEL] = _without(base, factors["ensemble"])
        yardsticks[STEP_PIPELINE] = _without(yardsticks[STEP_LEVEL], factors["level"])
    return OriginForecast(
        history=history,
        mean=hierarchy.aggregate(mean),
        base=base,
        actual=actual,
        fitted=np.array([one.fitted for one in bottom]),
        models=_model_names(hierarchy, city, bottom),
        factors=factors,
        yardsticks=yardsticks,
        members=members,
        weights=weights,
        expected_m3=expected[0],
        is_holiday_week=calendar.is_holiday_week(all_weeks),
    )


def _city(
    history: History,
    actual: FloatArray,
    features: FloatArray,
    horizon_weeks: int,
    scenario: Scenario,
    settings: Settings,
) -> tuple[SeriesForecast, Season, FloatArray]:
    """The city's forecast, its season and the pipelines (D, T + H), learned in turn: the kernel is cleaner once the
    season is taken out, the season once the pipeline is."""
    weeks = len(history.weeks)
    season = Season.none(weeks + horizon_weeks)
    by_district = np.ones((len(history.hierarchy.districts), weeks + horizon_weeks))
    grants = expected_grants(
        history,
        horizon_weeks,
        scenario.grants_factor(history.hierarchy.districts, _weeks_ahead(history, horizon_weeks)),
    )
    for _ in range(_KERNEL_ROUNDS):
        if history.has_permits:
            kernel = learn_kernel(history, np.exp(season.total[:weeks]))
            by_district = pipeline_m3(kernel, grants, weeks + horizon_weeks)
        pipeline = by_district.sum(axis=0)
        city, season = forecast_city(history.weeks, actual, pipeline, features, history.has_permits, settings)
    return city, season, by_district


def _weeks_ahead(history: History, horizon_weeks: int) -> DateArray:
    return np.asarray(history.weeks[-1] + np.timedelta64(7, "D") * np.arange(1, horizon_weeks + 1))


def _factors(
    hierarchy: Hierarchy, city: SeriesForecast, bottom: list[SeriesForecast], pipeline: FloatArray
) -> dict[str, FloatArray]:
    """part -> (N, H). A sum has no part of its own: its factor is what the part does to the sum of its members, the
    parts being applied in turn, so that the product is again the sum."""
    factors: dict[str, FloatArray] = {"pipeline": pipeline.copy()}
    so_far, product = pipeline, np.array([one.factors["pipeline"] for one in bottom])
    for part in PARTS[1:]:
        product = product * np.array([one.factors[part] for one in bottom])
        now = hierarchy.aggregate(product)
        factors[part] = _ratio(now, so_far)
        so_far = now
    for part in PARTS:
        factors[part][-len(bottom) :] = [one.factors[part] for one in bottom]
        factors[part][0] = city.factors[part]
    return factors


def own_rows(hierarchy: Hierarchy) -> list[int]:
    """Rows of the series that have a forecast of their own."""
    nodes = len(hierarchy.nodes)
    return [0, *range(nodes - hierarchy.bottom_count, nodes)]


def _without(mean: FloatArray, factor: FloatArray) -> FloatArray:
    return np.asarray(mean / np.where(factor > 0, factor, 1.0))


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _model_names(hierarchy: Hierarchy, city: SeriesForecast, bottom: list[SeriesForecast]) -> tuple[str, ...]:
    """A sum is named after the model of most of its members that are not silent."""
    names = np.array([one.model for one in bottom])
    named = [city.model]
    for members in hierarchy.summing[1 : -len(bottom)].astype(bool):
        live = [name for name in names[members] if name != ZERO] or [ZERO]
        named.append(max(sorted(set(live)), key=live.count))
    return (*named, *names.tolist())


def _plain(history: History, actual: FloatArray, features: FloatArray, settings: Settings) -> FloatArray:
    """(N, H) Prophet alone, without permits and level, for city and districts: what the rest is measured against."""
    weeks, total = actual.shape[1], len(features)
    mean = np.full((len(actual), total - weeks), np.nan)
    city, season = forecast_city(history.weeks, actual[0], np.ones(total), features, False, settings)
    mean[0] = city.mean / city.factors["level"]
    for row in history.hierarchy.rows("district"):
        district = forecast_series(history.weeks, actual[row], np.ones(total), season, False, settings)
        mean[row] = district.mean / district.factors["level"]
    return mean
