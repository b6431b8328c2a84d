"""Past origins: what the method would have said then, and how it did.

Belongs here: replaying origins through the same door and path as the live forecast; their bands; scores.
Does not belong here: the live forecast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from forecasting.calendar import Calendar
from forecasting.errors import draw, learn_errors
from forecasting.hierarchy import FloatArray
from forecasting.history import History
from forecasting.intervals import Scored, learn_widening, sample_quantiles, widen
from forecasting.origin import OriginForecast, forecast_origin
from forecasting.pool import Past
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


def replay_origins(
    current: History, history_as_of: Callable[[date], History], calendar: Calendar, settings: Settings
) -> tuple[Replay, ...]:
    """Forecast from past origins, only weeks up to the current cutoff being judged.

    Each origin sees `history_as_of` its day. Where that day's platform knew little of what it should (a backfill),
    the current history is cut off instead.
    """
    actual = current.hierarchy.aggregate(current.bottom_m3)
    replays: dict[date, Replay] = {}
    fits_prophet = len(current.weeks) >= settings.min_prophet_weeks
    for back in sorted(settings.origins_back_weeks, reverse=True):  # the older teach the newer
        if len(current.weeks) - back < (settings.min_prophet_weeks if fits_prophet else _MIN_WEEKS):
            continue
        past = _known_then(current, history_as_of, back)
        ahead = (current.cutoff - past.cutoff).days // 7
        if ahead < 1 or past.cutoff in replays:
            continue
        horizon = min(ahead, MAX_HORIZON_WEEKS)
        came = actual[:, actual.shape[1] - ahead :][:, :horizon]
        taught_by = teachers(replays.values(), past)
        forecast = forecast_origin(past, calendar, horizon, settings, taught_by=taught_by, plain=True)
        replays[past.cutoff] = Replay(forecast, came)
    return tuple(replays[cutoff] for cutoff in sorted(replays))


def teachers(replays: Iterable[Replay], known: History) -> list[Past]:
    """What earlier origins teach on a later day: their errors as far as, and as, `known` then."""
    actual = known.hierarchy.aggregate(known.bottom_m3)
    found = []
    for replay in replays:
        ahead = (known.cutoff - replay.forecast.history.cutoff).days // 7
        if 0 < ahead <= actual.shape[1]:
            found.append(replay.forecast.past(actual[:, actual.shape[1] - ahead :][:, : replay.weeks]))
    return found


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
