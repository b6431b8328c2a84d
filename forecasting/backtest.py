"""Past origins: what the method would have said then, and how it did.

Belongs here: past origins through the same door as now, what came of them, their bands. Does not belong here:
forecasting them (`origin`), scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from forecasting.calendar import Calendar
from forecasting.city_source import CityPanel, city_panel
from forecasting.errors import draw, learn_errors
from forecasting.hierarchy import FloatArray
from forecasting.history import History
from forecasting.intervals import Scored, learn_widening, sample_quantiles, widen
from forecasting.origin import OriginForecast
from forecasting.settings import MAX_HORIZON_WEEKS, QUANTILES, Settings
from store.messages import TongmaiError

_MIN_WEEKS = 26
_VINTAGE_SHARE = 0.8
_LOW, _HIGH = (list(QUANTILES).index(name) for name in ("q10", "q90"))


@dataclass(frozen=True)
class Replay:
    """A past origin's forecast and the actuals (N, H) that came true since, as known now."""

    forecast: OriginForecast
    actual: FloatArray

    @property
    def weeks(self) -> int:
        return int(self.actual.shape[1])


@dataclass(frozen=True)
class Backtest:
    """Replays, newest last; their quantiles (7, N, H) with each origin's own errors left out, calibrated and not; the
    final widening."""

    replays: tuple[Replay, ...]
    quantiles: tuple[FloatArray, ...]
    uncalibrated: tuple[FloatArray, ...]
    widening: FloatArray


def past_origins(
    current: History, history_as_of: Callable[[date], History], calendar: Calendar, settings: Settings
) -> tuple[CityPanel, ...]:
    """The city at past origins, oldest first.

    Each sees `history_as_of` its day. Where that day's platform knew little of what it should (a backfill), the current
    history is cut off instead.
    """
    found: dict[date, CityPanel] = {}
    fits_prophet = len(current.weeks) >= settings.min_prophet_weeks
    for back in settings.origins_back_weeks:
        if len(current.weeks) - back < (settings.min_prophet_weeks if fits_prophet else _MIN_WEEKS):
            continue
        past = _known_then(current, history_as_of, back)
        if past.cutoff < current.cutoff and past.cutoff not in found:
            found[past.cutoff] = city_panel(past, calendar, MAX_HORIZON_WEEKS, settings)
    return tuple(found[cutoff] for cutoff in sorted(found))


def replayed(forecasts: Sequence[OriginForecast], current: History) -> tuple[Replay, ...]:
    """Past origins' forecasts beside what came since, as known now; each over the weeks that came."""
    actual = current.hierarchy.aggregate(current.bottom_m3)
    return tuple(
        Replay(forecast, actual[:, actual.shape[1] - weeks_since(forecast.history, current) :][:, :MAX_HORIZON_WEEKS])
        for forecast in forecasts
    )


def weeks_since(past: History, current: History) -> int:
    """Weeks between the cutoffs."""
    return (current.cutoff - past.cutoff).days // 7


def backtest(replays: Sequence[Replay], settings: Settings) -> Backtest:
    """Bands for every replay, learned from the other origins, and the widening learned from all."""
    raw = [_left_out_quantiles(replays, left_out, settings) for left_out in range(len(replays))]
    scored = [
        Scored(replay.forecast.mean, quantiles[_LOW], quantiles[_HIGH], replay.actual)
        for replay, quantiles in zip(replays, raw, strict=True)
    ]
    if not replays:
        return Backtest((), (), (), np.ones((4, 4)))
    hierarchy = replays[0].forecast.history.hierarchy
    quantiles = tuple(
        widen(
            hierarchy,
            replay.forecast.mean,
            band,
            learn_widening(hierarchy, [*scored[:position], *scored[position + 1 :]]),
        )
        for position, (replay, band) in enumerate(zip(replays, raw, strict=True))
    )
    return Backtest(tuple(replays), quantiles, tuple(raw), learn_widening(hierarchy, scored))


def _left_out_quantiles(replays: Sequence[Replay], left_out: int, settings: Settings) -> FloatArray:
    replay = replays[left_out]
    others = [other for position, other in enumerate(replays) if position != left_out]
    hierarchy = replay.forecast.history.hierarchy
    errors = learn_errors([other.forecast for other in others], [other.actual for other in others], replay.forecast)
    bottom = replay.forecast.mean[-hierarchy.bottom_count :]
    ahead = replay.forecast.is_holiday_week[-replay.weeks :]
    samples = draw(errors, hierarchy, bottom, ahead, settings.samples, settings.seed + 1 + left_out)
    return sample_quantiles(hierarchy, samples)


def _known_then(current: History, history_as_of: Callable[[date], History], back: int) -> History:
    cutoff = current.cutoff - timedelta(weeks=back)
    cut = current.truncated(back)
    try:
        past = history_as_of(cutoff + timedelta(days=6 + current.reporting_lag_d))
    except TongmaiError as error:
        if error.reason != "no_history":
            raise
        return cut
    known_enough = past.demand_m3.sum() >= _VINTAGE_SHARE * cut.demand_m3.sum()
    return past if known_enough and len(past.weeks) >= _MIN_WEEKS else cut
