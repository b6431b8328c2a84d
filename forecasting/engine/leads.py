"""Regressors that run ahead of a series, such as permits ahead of completions: what of them is already on its way.

Belongs here: learning by which delay a series follows its regressors, the level this foretells. Does not belong here:
regressors known in advance (features), a level that a source itself knows (`Panel.offset`).
"""

from __future__ import annotations

import numpy as np

from forecasting.engine.guard import filled
from forecasting.hierarchy import BoolArray, FloatArray

_BUMPS = 7
_LONGEST_LAG = {"W": 78, "MS": 18, "QS": 6, "D": 90, "h": 48}  # periods
_TRAILING = {"W": 26, "MS": 6, "QS": 2, "D": 28, "h": 24}  # periods whose mean stands for what is not known yet
_APART = {"W": 52, "MS": 12, "QS": 4, "D": 28, "h": 24}  # periods
_MIN_ROWS = 30
_FORETOLD = 0.35  # of the changes of one half of the past by the other half; of walks that have nothing to do with each
# other, 100 periods long, 2 in 100 have as much, of longer ones none


def foretold(y: FloatArray, leads: FloatArray, horizon: int, frequency: str) -> FloatArray:
    """(N, T + H) log of Σ_k Σ_l w_kl r_k(t - l), NaN for a series that its regressors do not foretell.

    y (N, T) in its own units; leads (N, T, K) known up to T only: beyond, their trailing mean stands in for them. The
    delays w ≥ 0 are non-negative least squares on overlapping bumps over the lags. A level is believed where delays
    learned on one half of the past foretell the changes of the other.
    """
    from scipy.optimize import nnls

    longest = _LONGEST_LAG[frequency]
    offset = np.full((len(y), y.shape[1] + horizon), np.nan)
    shapes = bumps(longest)
    for row in range(len(y)):
        observed = np.isfinite(y[row])
        usable = _usable(leads[row], observed)
        if not usable.any() or (y[row, observed] <= 0).any():
            continue
        parts = [
            _spread(leads[row, :, column], shapes, horizon, _TRAILING[frequency]) for column in np.flatnonzero(usable)
        ]
        spread = np.concatenate(parts)
        fitted = observed & np.isfinite(spread[:, : y.shape[1]]).all(axis=0)
        if fitted.sum() < _MIN_ROWS:
            continue
        size = y[row, fitted].mean()
        apart = _APART[frequency]
        both = np.flatnonzero(fitted[apart:] & fitted[:-apart]) + apart
        if len(both) < _MIN_ROWS:
            continue
        leading, following = (spread[:, both] - spread[:, both - apart]).T, (y[row, both] - y[row, both - apart]) / size
        if _explained_elsewhere(leading, following, apart) < _FORETOLD:
            continue
        weight, _ = nnls(leading, following)
        level = weight @ spread
        if weight.sum() > 0 and (level[np.isfinite(level)] > 0).all():
            offset[row] = np.log(level * size)
    return offset


def _explained_elsewhere(leading: FloatArray, following: FloatArray, apart: int) -> float:
    """1 - Σ(Δy - Δx w)² / ΣΔy², each half of the rows by w learned on the other, less what the two share."""
    from scipy.optimize import nnls

    half = len(following) // 2
    parts = slice(0, half), slice(half + apart, None)
    left = whole = 0.0
    for learned, judged in (parts, parts[::-1]):
        if len(following[learned]) < leading.shape[1]:
            return -np.inf
        weight, _ = nnls(leading[learned], following[learned])
        left += float(((following[judged] - leading[judged] @ weight) ** 2).sum())
        whole += float((following[judged] ** 2).sum())
    return 1 - left / whole if whole > 0 else -np.inf


def bumps(longest: int) -> FloatArray:
    """(B, L + 1) triangles over lags 0 … L, each adding up to one, narrow near the present and wide far from it."""
    knots = np.unique(np.round(longest * (np.linspace(0, 1, _BUMPS) ** 1.5)).astype(int))
    lags = np.arange(longest + 1)
    shapes = np.array([np.interp(lags, knots, np.eye(len(knots))[place]) for place in range(len(knots))])
    return np.asarray(shapes / shapes.sum(axis=1, keepdims=True))


def _usable(leads: FloatArray, observed: BoolArray) -> BoolArray:
    """(K,) regressors that are there, positive and moving wherever the series is, and known at its end."""
    inside = leads[observed]
    there = np.isfinite(inside)
    with np.errstate(invalid="ignore"):
        moves = np.nanmax(np.where(there, inside, -np.inf), axis=0) > np.nanmin(np.where(there, inside, np.inf), axis=0)
        is_positive = np.all(np.where(there, inside, 1.0) > 0, axis=0)
    return np.asarray(moves & is_positive & (there.mean(axis=0) > 0.9) & np.isfinite(leads[-1]))


def _spread(lead: FloatArray, shapes: FloatArray, horizon: int, trailing: int) -> FloatArray:
    """(B, T + H) a regressor, relative to its mean, spread by each bump; NaN where its lags are not all known."""
    bridged = filled(lead[None])[0]
    coming = np.full(horizon, np.nanmean(bridged[-trailing:]))
    extended = np.concatenate([bridged, coming]) / np.nanmean(bridged)
    longest = shapes.shape[1] - 1
    windows = np.full((len(extended), longest + 1), np.nan)
    padded = np.concatenate([np.full(longest, np.nan), extended])
    windows = np.lib.stride_tricks.sliding_window_view(padded, longest + 1)[:, ::-1]
    return np.asarray((windows @ shapes.T).T)
