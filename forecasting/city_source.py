"""The city as a source of panels: all its series as known at one origin, with their season and their pipeline.

Belongs here: what the engine is given of a city. Does not belong here: reading data (`history`), the lag kernel
(`pipeline`), forecasting (`engine`), what is made of its forecasts (`origin`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.calendar import Calendar
from forecasting.events import BASE, Scenario
from forecasting.frequency import FREQUENCIES
from forecasting.grants import expected_grants
from forecasting.hierarchy import FloatArray
from forecasting.history import History
from forecasting.panel import Panel
from forecasting.pipeline import KNOTS_WEEKS, learn_kernel, pipeline_m3
from forecasting.series import ZERO, Season, choose_model, learn_season
from forecasting.settings import MAX_HORIZON_WEEKS, Settings

_KERNEL_ROUNDS = 2
_FLOOR_SHARE = 0.05  # of its mean: what a week of nothing counts as
_SILENT_M3 = 1e-6


@dataclass(frozen=True, eq=False)
class CityPanel:
    """N series over T weeks and H further ones, as known then: `panel` for the engine, a year ahead.

    `actual` (N, T) m3/week; `models` (N,): what serves each series; `season` (T + H,) and `pipeline` (N, T + H) m3/week
    go on through all H weeks, one where there are no permits; `features` (T + H, K) of the calendar; `policy` (N, H):
    what a scenario does to demand itself.
    """

    history: History
    panel: Panel
    actual: FloatArray
    models: tuple[str, ...]
    season: Season
    pipeline: FloatArray
    features: FloatArray
    policy: FloatArray | None

    @property
    def expected_m3(self) -> FloatArray:
        """(N, T + H) the pipeline times the season."""
        return np.asarray(self.pipeline * np.exp(self.season.total))


def city_panel(
    history: History, calendar: Calendar, horizon_weeks: int, settings: Settings, scenario: Scenario = BASE
) -> CityPanel:
    """What the engine is given at an origin; season and pipeline reach `horizon_weeks` ahead, a year at least."""
    hierarchy, weeks = history.hierarchy, len(history.weeks)
    total = weeks + max(horizon_weeks, MAX_HORIZON_WEEKS)
    actual = hierarchy.aggregate(history.bottom_m3)
    all_weeks = history.weeks[0] + np.timedelta64(7, "D") * np.arange(total)
    features = calendar.at(all_weeks)
    # a window that never occurred in the history has no effect to learn
    features = features[:, np.any(features[:weeks] > 0, axis=0)]
    season, pipeline = _season_and_pipeline(history, actual[0], features, scenario, settings)
    models = tuple(choose_model(series, history.has_permits, settings) for series in actual)
    ahead = weeks + MAX_HORIZON_WEEKS
    panel = Panel(
        ids=tuple(node.unique_id for node in hierarchy.nodes),
        ends=np.repeat(history.weeks[-1:].astype("datetime64[s]"), len(actual)),
        frequency=FREQUENCIES["W"],
        y=np.array([_served(series, model) for series, model in zip(actual, models, strict=True)]),
        horizon=MAX_HORIZON_WEEKS,
        seasons=FREQUENCIES["W"].seasons,
        offset=np.log(pipeline[:, :ahead]),
        season=np.repeat(season.total[None, :ahead], len(actual), axis=0),
    )
    # a policy acts on what would be poured, the same in all of a district's grade classes
    policy = scenario.demand_factor(hierarchy.districts, all_weeks[weeks:]) if scenario.events else None
    return CityPanel(history, panel, actual, models, season, pipeline, features, policy)


def _season_and_pipeline(
    history: History, actual: FloatArray, features: FloatArray, scenario: Scenario, settings: Settings
) -> tuple[Season, FloatArray]:
    """The city's season and all series' pipelines (N, T + H), learned in turn: the kernel is cleaner once the season is
    taken out, the season once the pipeline is."""
    weeks, total = len(history.weeks), len(features)
    season, pipeline = Season.none(total), np.ones((len(history.hierarchy.nodes), total))
    if not history.has_permits:
        return learn_season(history.weeks, actual, pipeline[0], features, False, settings), pipeline
    beyond = np.asarray(history.weeks[-1] + np.timedelta64(7, "D") * np.arange(1, total - weeks + 1))
    factor = scenario.grants_factor(history.hierarchy.districts, beyond)
    grants = expected_grants(history, total - weeks, KNOTS_WEEKS[-1], factor)
    for _ in range(_KERNEL_ROUNDS):
        kernel = learn_kernel(history, np.exp(season.total[:weeks]))
        pipeline = history.hierarchy.aggregate_districts(pipeline_m3(kernel, grants, total))
        season = learn_season(history.weeks, actual, pipeline[0], features, True, settings)
    return season, pipeline


def _served(series: FloatArray, model: str) -> FloatArray:
    """(T,) a series as the engine takes it: NaN before its first delivery, its logs finite; flat where it is silent."""
    if model == ZERO:
        return np.full(len(series), _SILENT_M3)
    floored = np.maximum(series, _FLOOR_SHARE * series.mean())
    return np.where(np.arange(len(series)) >= int(np.argmax(series > 0)), floored, np.nan)
