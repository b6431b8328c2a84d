"""Exponential smoothing of many series at once: level, damped trend, trend, weighted by how well each explains.

Belongs here: smoothing without a season. Does not belong here: seasons, theta.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.hierarchy import FloatArray, IntArray

_HALF_LIFE = 60  # periods, of an error's weight in the noise
_START = 10  # observations behind the initial level and slope
_LEVELS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_TREND_LEVELS = (0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 1.0)
_DAMPED = tuple(
    (level, slope, damping) for level in _TREND_LEVELS for slope in (0.05, 0.15, 0.4) for damping in (0.85, 0.95)
)
_TREND = tuple((level, slope, 1.0) for level in _TREND_LEVELS for slope in (0.0, 0.02, 0.1))
_GRID = np.array([*((level, 0.0, 0.0) for level in _LEVELS), *_DAMPED, *_TREND]).T
_FREE = np.repeat([3.0, 6.0, 5.0], [len(_LEVELS), len(_DAMPED), len(_TREND)])  # parameters, for the criterion


@dataclass(frozen=True, eq=False)
class Smoothed:
    """`ahead` (N, H); `noise` (N,): mean |error| of one step, the recent counting more; `growth` (N, H): variance of
    the error h steps ahead over that of one step; `fitted` (N, T) one step ahead, NaN before a series begins, or not
    asked for."""

    ahead: FloatArray
    noise: FloatArray
    growth: FloatArray
    fitted: FloatArray


def smooth(x: FloatArray, lengths: IntArray, horizon: int, *, trend: bool = True, fitted: bool = False) -> Smoothed:
    """ETS with additive errors on x (N, T) that has no season and no gaps: l ← l + φb + αe, b ← φb + αβe.

    Every (α, β, φ) of a grid is run; the forecast is their mean, weighted by exp(-AICc / 2) (Burnham & Anderson
    2002), so that no choice hangs on a hair; without `trend` levels only. Hyndman, Koehler, Ord &
    Snyder (2008) for the recursions.
    """
    grid = _GRID if trend else _GRID[:, : len(_LEVELS)]
    alpha, beta, phi = grid
    periods = x.shape[1]
    level0, slope0 = start(x, lengths)
    level = np.repeat(level0[:, None], len(alpha), axis=1)
    slope = slope0[:, None] * (phi > 0)
    gain, bend = alpha, alpha * beta
    opening = level.copy(), slope.copy()
    squares, sizes = np.zeros_like(level), np.zeros_like(level)
    first = periods - lengths
    values = np.nan_to_num(x)
    expected = np.full((periods, *level.shape), np.nan) if fitted else None
    fading = 0.5 ** (1 / _HALF_LIFE)
    for period in range(int(first.min(initial=periods)), periods):
        slope *= phi
        level += slope
        if expected is not None:
            expected[period] = level
        error = values[:, period][:, None] - level
        level += gain * error
        slope += bend * error
        if period < first.max():  # some have not begun
            later = first > period
            error[later] = 0.0
            level[later], slope[later] = opening[0][later], opening[1][later]
        squares += error * error
        sizes *= fading
        sizes += np.abs(error, out=error)
    weight = criterion_weights(squares, lengths, _FREE[: len(alpha)])
    growth = np.cumsum(phi[:, None] ** np.arange(1, horizon + 1), axis=1)
    ahead = (weight * level).sum(axis=1)[:, None] + (weight * slope) @ growth
    weighed = (1 - fading ** np.maximum(lengths, 1)) / (1 - fading)
    passed_on = alpha[:, None] * (1 + beta[:, None] * growth)  # of an error, to what lies j steps later
    variance = 1 + np.cumsum(passed_on**2, axis=1) - passed_on**2
    one_ahead = np.full(x.shape, np.nan)
    if expected is not None:
        begun = np.arange(periods) >= first[:, None]
        one_ahead[begun] = np.einsum("tng,ng->nt", expected, weight)[begun]
    return Smoothed(ahead, (weight * sizes).sum(axis=1) / weighed, weight @ variance, one_ahead)


def start(x: FloatArray, lengths: IntArray) -> tuple[FloatArray, FloatArray]:
    """(N,) level just before the first observation and slope, by a line through the first ten."""
    periods = x.shape[1]
    count = np.clip(lengths, 1, _START)
    step = np.arange(_START)
    column = np.minimum((periods - lengths)[:, None] + step, periods - 1)
    used = step < count[:, None]
    value = np.where(used, np.nan_to_num(np.take_along_axis(x, column, axis=1)), 0.0)
    mean_step = (count - 1) / 2
    mean = value.sum(axis=1) / count
    centred = np.where(used, step - mean_step[:, None], 0.0)
    slope = (centred * value).sum(axis=1) / np.maximum((centred**2).sum(axis=1), 1.0)
    slope = np.where(count > 3, slope, 0.0)
    return mean - slope * (mean_step + 1), slope


def criterion_weights(squares: FloatArray, lengths: IntArray, free: FloatArray) -> FloatArray:
    """(N, G) weights exp(-ΔAICc / 2) from sums of squared errors (N, G) of models with `free` (G,) parameters."""
    count = np.maximum(lengths, 1).astype(float)[:, None]
    left = np.maximum(count - free - 1, 0.5)
    floor = 1e-12 * np.maximum(squares.max(axis=1, keepdims=True), 1e-300)
    criterion = count * np.log(np.maximum(squares, floor) / count) + 2 * free * count / left
    weight = np.exp(-0.5 * (criterion - criterion.min(axis=1, keepdims=True)))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))
