"""Autoregression of many series at once, held near a random walk: what returns to its mean, what echoes a season ago.

Belongs here: the regression and its recursion. Does not belong here: the season itself (taken out before).
"""

from __future__ import annotations

import numpy as np

from forecasting.engine.smoothing import criterion_weights
from forecasting.hierarchy import BoolArray, FloatArray, IntArray

_NEAR = 5  # lags of the differences next to the present
_RIDGES = np.array(
    [0.003, 0.03, 0.1, 0.3, 1.0, 3.0]
)  # relative to one observation's worth of a standardised lag, per row


def autoregress(x: FloatArray, lengths: IntArray, seasons: tuple[int, ...], horizon: int) -> FloatArray:
    """(N, H): Δx_t = c + γ (x_{t-1} - mean) + Σ_j φ_j Δx_{t-j}, j = 1 … 5 and around each season, by ridge regression.

    Without evidence every coefficient is zero, which is a random walk. Ridges are averaged with weights exp(-AICc / 2),
    parameters counted as the regression's effective degrees of freedom.
    """
    lags = _lags(seasons)
    periods = x.shape[1]
    known = np.arange(periods)[None, :] >= (periods - lengths)[:, None]
    values = np.where(known, np.nan_to_num(x), 0.0)
    mean = values.sum(axis=1) / np.maximum(lengths, 1)
    level = np.where(known, values - mean[:, None], 0.0)
    steps = np.where(known[:, 1:] & known[:, :-1], np.diff(values, axis=1), 0.0)  # column t is the step to t + 1
    size = np.sqrt((steps**2).sum(axis=1) / np.maximum(lengths - 1, 1))
    size = np.where(size > 0, size, 1.0)
    level, steps = level / size[:, None], np.clip(steps / size[:, None], -4, 4)
    first = lags[-1] + 1
    if periods - first < 2 * len(lags):
        return np.repeat(values[:, -1:], horizon, axis=1)
    drift = np.ones((len(x), periods - 1 - first))
    columns = [drift, level[:, first:-1], *(steps[:, first - lag : periods - 1 - lag] for lag in lags)]
    design = np.stack(columns, axis=2)
    target = steps[:, first:]
    used = known[:, : target.shape[1]]  # all lags of a row lie in the series
    coefficient = _ridge(design * used[:, :, None], target * used, used)
    return _ahead(values[:, -1], level[:, -1], steps, coefficient, lags, horizon, size)


def _lags(seasons: tuple[int, ...]) -> list[int]:
    near = set(range(1, _NEAR + 1))
    return sorted(near | {season + shift for season in seasons for shift in (-1, 0, 1)} - {0})


def _ridge(design: FloatArray, target: FloatArray, used: BoolArray) -> FloatArray:
    """(N, K) coefficients, averaged over ridges; zero for a series with too few rows."""
    count = used.sum(axis=1)
    gram = np.matmul(design.transpose(0, 2, 1), design)
    scale = np.sqrt(np.einsum("nkk->nk", gram) / np.maximum(count, 1)[:, None])
    scale = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(gram / (scale[:, :, None] * scale[:, None, :]))
    moment = np.einsum("ntk,nt->nk", design, target) / scale
    turned = np.einsum("nkj,nk->nj", vectors, moment)
    values = np.maximum(values, 0.0)
    penalty = _RIDGES[None, :, None] * np.sqrt(np.maximum(count, 1.0))[:, None, None] * 3.0
    shrunk = turned[:, None, :] / (values[:, None, :] + penalty)
    explained = (2 * shrunk * turned[:, None, :] - shrunk**2 * values[:, None, :]).sum(axis=2)
    squares = np.maximum((target**2).sum(axis=1)[:, None] - explained, 1e-12)
    freedom = (values[:, None, :] / (values[:, None, :] + penalty)).sum(axis=2)
    weight = criterion_weights(squares, count, freedom + 1)
    coefficient = np.einsum("nr,nrj,nkj->nk", weight, shrunk, vectors) / scale
    return np.where((count > 2 * design.shape[2])[:, None], coefficient, 0.0)


def _ahead(
    last: FloatArray,
    level: FloatArray,
    steps: FloatArray,
    coefficient: FloatArray,
    lags: list[int],
    horizon: int,
    size: FloatArray,
) -> FloatArray:
    history = np.concatenate([steps, np.zeros((len(steps), horizon))], axis=1)
    ahead = np.empty((len(steps), horizon))
    total = np.zeros(len(steps))
    for step in range(horizon):
        at = steps.shape[1] + step
        change = coefficient[:, 0] + coefficient[:, 1] * (level + total)
        for position, lag in enumerate(lags, start=2):
            change = change + coefficient[:, position] * history[:, at - lag]
        change = np.clip(change, -2.0, 2.0)
        history[:, at] = change
        total = total + change
        ahead[:, step] = last + size * total
    return ahead
