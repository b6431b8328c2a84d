"""The dynamic optimised theta model for many series at once.

Belongs here: theta. Does not belong here: seasons (taken out before), other smoothing.
"""

from __future__ import annotations

import numpy as np

from forecasting.engine.smoothing import criterion_weights
from forecasting.hierarchy import FloatArray, IntArray

_LEVELS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)
_THETAS = (1.0, 1.25, 1.5, 2.0, 3.0, 6.0)
_GRID = np.array([(level, theta) for level in _LEVELS for theta in _THETAS]).T
_FREE = np.full(_GRID.shape[1], 4.0)


def theta(x: FloatArray, lengths: IntArray, horizon: int) -> FloatArray:
    """(N, H) by DOTM of Fiorucci, Pellegrini, Louzada, Petropoulos & Koehler (2016) on x (N, T) without season or gaps.

    μ = l + (1 - 1/θ) ((1 - α)^t A + (1 - (1 - α)^(t+1)) / α · B), A and B the line through all observations so far; a
    grid of (α, θ) weighted by exp(-AICc / 2).
    """
    alpha, angle = _GRID
    share = 1 - 1 / angle
    periods = x.shape[1]
    first = periods - lengths
    values = np.nan_to_num(x)
    opening = values[np.arange(len(x)), np.minimum(first, periods - 1)]
    level = np.repeat(opening[:, None], len(alpha), axis=1)
    squares = np.zeros_like(level)
    fading = np.ones_like(level)  # (1 - α)^t, t observations so far
    mean, slope, intercept, count = (np.zeros(len(x)) for _ in range(4))
    for period in range(int(first.min(initial=periods)), periods):
        on = period >= first
        line = intercept[:, None] * fading + slope[:, None] * (1 - fading * (1 - alpha)) / alpha
        forecast = level + share * line
        value = values[:, period]
        error = np.where(on[:, None], value[:, None] - forecast, 0.0)
        squares += error * error
        if on.all():
            level += alpha * (value[:, None] - level)
            fading *= 1 - alpha
        else:
            level = np.where(on[:, None], alpha * value[:, None] + (1 - alpha) * level, level)
            fading = np.where(on[:, None], fading * (1 - alpha), fading)
        count = count + on
        turned = ((count - 2) * slope + 6 / np.maximum(count, 1) * (value - mean)) / (count + 1)
        slope = np.where(on & (count > 1), turned, slope)
        mean = np.where(on, mean + (value - mean) / np.maximum(count, 1), mean)
        intercept = np.where(on, mean - (count + 1) / 2 * slope, intercept)
    weight = criterion_weights(squares, lengths, _FREE)
    ahead = np.empty((len(x), horizon))
    for step in range(horizon):
        line = intercept[:, None] * fading + slope[:, None] * (1 - fading * (1 - alpha)) / alpha
        forecast = level + share * line
        ahead[:, step] = (weight * forecast).sum(axis=1)
        level = alpha * forecast + (1 - alpha) * level
        fading = fading * (1 - alpha)
    return ahead
