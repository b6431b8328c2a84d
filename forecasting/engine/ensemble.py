"""How much each member counts, per horizon band: equal at first, moved only as far as many past errors agree.

Belongs here: weights. Does not belong here: members, error bands.
"""

from __future__ import annotations

import numpy as np

from forecasting.hierarchy import FloatArray, IntArray

MIN_WINDOWS = 16  # series x origins below which nothing is learned
_STEPS = 200
_RATE = 0.5


def equal_weights(members: int, horizon: int) -> FloatArray:
    """(M, H)."""
    return np.full((members, horizon), 1 / members)


def learn_weights(
    errors: FloatArray,
    noise: FloatArray,
    band: IntArray,
    first: FloatArray | None = None,
    prior_windows: float = 60.0,
) -> FloatArray:
    """(M, H) weights >= 0, adding up to one, from errors (W, M, H) in W windows of many series and origins.

    Per band: the weights with the least Σ|Σ_m w_m e_m| / noise, pooled over all windows, found by exponentiated
    gradient from the `first` weights (M,) (by default equal ones), held there by a Kullback-Leibler penalty worth
    `prior_windows` windows. Never chosen per series: on one window that was measured to hurt.
    """
    weights = equal_weights(errors.shape[1], errors.shape[2])
    if first is not None:
        weights = np.repeat(first[:, None], errors.shape[2], axis=1)
    scaled = errors / np.where(noise > 0, noise, np.nan)[:, None, None]
    for one in np.unique(band):
        steps = np.flatnonzero(band == one)
        part = scaled[:, :, steps]
        part = part[np.any(np.all(np.isfinite(part), axis=1), axis=1)]
        if len(part) < MIN_WINDOWS:
            continue
        rows = np.moveaxis(part, 2, 1).reshape(-1, errors.shape[1])
        rows = rows[np.isfinite(rows).all(axis=1)]
        size = np.abs(rows).mean(axis=1, keepdims=True)
        cap = np.quantile(size, 0.98)
        rows = rows * np.minimum(1.0, cap / np.maximum(size, 1e-12))  # one broken series must not decide for all
        weights[:, steps] = _lightest(rows, weights[:, steps[0]], prior_windows / len(part))[:, None]
    return weights


def _lightest(rows: FloatArray, first: FloatArray, strength: float) -> FloatArray:
    """(M,) by exponentiated gradient on mean |rows @ w|, relative to its value at the first weights."""
    weight = first.copy()
    scale = max(float(np.abs(rows @ weight).mean()), 1e-12)
    best = np.zeros(len(first))
    for _ in range(_STEPS):
        gradient = (np.sign(rows @ weight)[:, None] * rows).mean(axis=0) / scale
        gradient = gradient + strength * np.log(np.maximum(weight / first, 1e-12))
        weight = weight * np.exp(-_RATE * (gradient - gradient.min()))
        weight = weight / weight.sum()
        best += weight / _STEPS
    return best
