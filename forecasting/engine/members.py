"""The pool: each member says (N, H) on the working scale what it expects of every series of a panel.

Belongs here: the members and their names. Does not belong here: how they are weighed (`ensemble`), how wrong they
are (`conformal`), Prophet's own fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from forecasting.engine.autoregression import autoregress
from forecasting.engine.season import seasonal
from forecasting.engine.smoothing import smooth
from forecasting.engine.theta import theta as dynamic_theta
from forecasting.engine.work import Work
from forecasting.hierarchy import FloatArray, IntArray
from forecasting.panel import Panel
from forecasting.prophet_design import TREND_DAMPING, ProphetSpec, Wave
from forecasting.prophet_fit import fit_prophet

Member = Callable[[Work], FloatArray]
_RECENT = 0.6  # forgetting of a season that drifts
_PROPHET_PERIODS = 312  # what is older says little of the trend to come
_MIN_PROPHET = 8
_WAVES = {52: 6, 12: 5, 4: 2, 7: 3, 365: 6, 24: 8, 168: 10}  # season -> Fourier order
_WAVE_PRIOR = 1.0
_CHANGEPOINT_PRIOR = 0.05
_REGRESSOR_PRIOR = 1.0


def seasonal_naive(work: Work) -> FloatArray:
    """The last season again, where one is long known; else the last value."""
    position = np.arange(work.horizon)
    naive = np.repeat(work.x[:, -1:], work.horizon, axis=1)
    for season in work.panel.seasons[:1]:
        whole = work.lengths >= season
        naive[whole] = work.x[whole][:, work.periods - season + position % season] if whole.any() else naive[whole]
    return naive


def ets(work: Work) -> FloatArray:
    """Exponential smoothing of the seasonally adjusted series, its season added again."""
    return np.asarray(work.smoothed.ahead + work.season[:, work.periods :])


def theta(work: Work) -> FloatArray:
    """Dynamic optimised theta of the seasonally adjusted series, its season added again."""
    return np.asarray(dynamic_theta(work.adjusted, work.lengths, work.horizon) + work.season[:, work.periods :])


def mstl(work: Work) -> FloatArray:
    """Seasons that drift, taken out, and exponential smoothing of the rest: after MSTL (Bandara et al. 2021)."""
    season = seasonal(work.x, work.lengths, work.panel.seasons, work.horizon, _RECENT)
    rest = smooth(work.x - season[:, : work.periods], work.lengths, work.horizon)
    return np.asarray(rest.ahead + season[:, work.periods :])


def autoregression(work: Work) -> FloatArray:
    """Autoregression of the seasonally adjusted series, near a random walk, its season added again."""
    ahead = np.empty((len(work.panel), work.horizon))
    seasons = work.panel.seasons
    cycles = _cycles(work)
    for known in np.unique(cycles):
        rows = np.flatnonzero(cycles == known)
        ahead[rows] = autoregress(work.adjusted[rows], work.lengths[rows], seasons[:known], work.horizon)
    return np.asarray(ahead + work.season[:, work.periods :])


def _cycles(work: Work) -> IntArray:
    """(N,) how many of the seasons, shortest first, are known for two of their cycles."""
    known = [work.lengths >= 2 * season for season in work.panel.seasons]
    return np.asarray(np.array(known, dtype=np.int64).reshape(len(known), len(work.panel)).sum(axis=0))


def pipeline_ratio(work: Work) -> FloatArray:
    """The level known in advance times the last season's ratio to it; seasonal naive where there is none."""
    window = work.panel.seasons[0] if work.panel.seasons else 12
    ahead = seasonal_naive(work)
    offset = work.offset + work.season
    left = (work.x - offset[:, : work.periods])[:, -min(window, work.periods) :]
    known = np.isfinite(left)
    ratio = np.where(known, left, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    rows = work.is_led
    ahead[rows] = offset[rows, work.periods :] + ratio[rows, None]
    return ahead


def ets_offset(work: Work) -> FloatArray:
    """Exponential smoothing of the log ratio to a level known in advance; of the series itself where there is none."""
    ahead = ets(work)
    led = work.is_led
    if led.any():
        left = work.adjusted[led] - work.offset[led, : work.periods]
        ratio = smooth(left, work.beside_offset[led], work.horizon, trend=False).ahead
        ahead[led] = ratio + (work.offset + work.season)[led, work.periods :]
    return ahead


def prophet(work: Work) -> FloatArray:
    """Prophet on the working scale, then smoothing of what it left: it follows the level, which Prophet does not."""
    return _prophet(work, np.zeros((len(work.panel), work.periods + work.horizon)))


def prophet_offset(work: Work) -> FloatArray:
    """Prophet on the log ratio to a level known in advance, and smoothing; plain Prophet with smoothing without one."""
    return _prophet(work, work.offset)


def _prophet(work: Work, offset: FloatArray) -> FloatArray:
    known = offset + work.known_season
    fit, level = prophet_parts(work, known)
    return np.asarray((fit + known)[:, work.periods :] + level)


def prophet_parts(work: Work, known: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Prophet's fit (N, T + H) of the series beyond what is `known` of them (N, T + H), and smoothing of what it leaves
    (N, H). A series too short for it stays at its last value."""
    series = work.x - known[:, : work.periods]
    fits = np.repeat(series[:, -1:], work.periods + work.horizon, axis=1)
    levels = np.zeros((len(series), work.horizon))
    seasons = work.panel.seasons if work.panel.season is None else ()
    cycles, lengths = np.minimum(_cycles(work), len(seasons)), work.beside_offset if known.any() else work.lengths
    for told in range(len(seasons) + 1):  # a season takes two of its cycles to be told from a trend
        rows = np.flatnonzero((cycles == told) & (lengths >= _MIN_PROPHET))
        if len(rows):
            first = work.periods - min(int(lengths[rows].max()), _PROPHET_PERIODS)
            fit = _fitted(work, series[rows, first:], seasons[:told], rows, first)
            left = series[rows, first:] - fit[:, : work.periods - first]
            fits[rows, :first], fits[rows, first:] = np.nan, fit
            levels[rows] = smooth(left, np.minimum(lengths[rows], work.periods - first), work.horizon).ahead
    return fits, levels


def _fitted(work: Work, series: FloatArray, seasons: tuple[int, ...], rows: IntArray, first: int) -> FloatArray:
    """(n, T + H) Prophet's mean; a row of the panel counts as a day. Where a source knows the season, what is left of a
    trend is damped."""
    features = None if work.features is None else work.features[rows, first:]
    waves = tuple(
        Wave(f"wave_{season}", season, min(_WAVES.get(season, 5), season // 2), _WAVE_PRIOR) for season in seasons
    )
    priors = () if features is None else (_REGRESSOR_PRIOR,) * features.shape[2]
    spec = ProphetSpec(waves=waves, regressor_priors=priors, changepoint_prior=_CHANGEPOINT_PRIOR)
    fit = fit_prophet(np.arange(series.shape[1] + float(work.horizon)), series, spec, features)
    if work.panel.season is None:
        return fit.mean
    return fit.mean - fit.trend + fit.damped_trend(work.horizon, TREND_DAMPING)


MEMBERS: Mapping[str, Member] = {
    "seasonal_naive": seasonal_naive,
    "ets": ets,
    "theta": theta,
    "mstl": mstl,
    "autoregression": autoregression,
    "prophet": prophet,
    "prophet_offset": prophet_offset,
    "ets_offset": ets_offset,
    "pipeline_ratio": pipeline_ratio,
}
"""`--model` -> member."""


BY_LEVEL = {"prophet_offset": 4.0, "ets_offset": 6.0, "pipeline_ratio": 6.0}
BY_SERIES = {"ets": 1.0, "theta": 1.0, "seasonal_naive": 0.3}
"""Weights before anything is learned, where a level is known in advance: members that look at it come first. The city's
pool is these; other pools share out the sum of the second among all that look at the series alone."""


def pool(panel: Panel) -> tuple[str, ...]:
    """The members that the ensemble weighs: those of a known level only where there is one."""
    names = ("ets", "theta", "mstl", "autoregression", "prophet", "seasonal_naive")
    has_level = panel.offset is not None or panel.leads is not None
    return (*names, *BY_LEVEL) if has_level else names


def first_weights(names: Sequence[str], led: float) -> FloatArray:
    """(M,) before anything is learned: equal; for the share `led` of series whose level is known in advance, seven
    eighths for the members that look at it, in the proportions that the city's have."""
    others = max(len(names) - len(BY_LEVEL), 1)
    by_level = np.array([BY_LEVEL.get(name, sum(BY_SERIES.values()) / others) for name in names])
    return np.asarray((1 - led) / len(names) + led * by_level / by_level.sum())
