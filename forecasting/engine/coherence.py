"""Forecasts of series that add up, made to add up.

Belongs here: coherent means, bands that move with them, the past errors that MinT weighs series by. Does not belong
here: the covariance and the projection (`forecasting.reconcile`), joint samples (the city's, `forecasting.errors`).
"""

from __future__ import annotations

import numpy as np

from forecasting.engine.smoothing import smooth
from forecasting.engine.work import Work
from forecasting.hierarchy import FloatArray
from forecasting.panel import Panel
from forecasting.reconcile import reconcile


def coherent(
    summing: FloatArray, mean: FloatArray, quantiles: FloatArray, errors: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """MinT-coherent means (N, H) of non-negative series, and quantiles (7, N, H) moved in the same proportion.

    summing (N, B); errors (N, W) of the same past stretches of all series, in their own units. Quantiles are not
    summed: the sum of 90 % quantiles is no 90 % quantile. Each level's own band was calibrated on its own past and
    only moves with its mean.
    """
    adding_up = summing @ reconcile(summing, mean, errors)
    moved = np.where(mean > 0, adding_up / np.where(mean > 0, mean, 1.0), 1.0)
    return adding_up, quantiles * moved


def errors_over(errors: FloatArray, horizon: int) -> FloatArray:
    """(N, T - l + 1) sums of errors (N, T) over l periods: a horizon, or fewer where the past is short.

    What series miss together shows over a horizon more than from one period to the next: at origins within the
    training part of the tourism hierarchy these sums bettered every level, single errors worsened the upper ones.
    """
    length = max(min(horizon, errors.shape[1] // 8), 1)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(errors, length, axis=1).sum(axis=2))


def one_step_errors(panel: Panel) -> FloatArray:
    """(N, T) what exponential smoothing missed one step ahead, in the series' own units; 0 where nothing is known."""
    work = Work.of(panel)
    expected = work.season[:, : work.periods]
    if panel.offset is not None:
        expected = expected + work.offset[:, : work.periods]
    smoothed = smooth(work.x - expected, work.lengths, 1, fitted=True)
    return np.nan_to_num(panel.y - work.guard.back(smoothed.fitted + expected))
