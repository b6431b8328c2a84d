"""Forecasts of series that add up, made to add up.

Belongs here: coherent means, and bands that move with them. Does not belong here: the covariance and the projection
(`forecasting.reconcile`), joint samples (the city's, `forecasting.errors`).
"""

from __future__ import annotations

import numpy as np

from forecasting.hierarchy import FloatArray
from forecasting.reconcile import reconcile
from forecasting.settings import QUANTILES

_Q10, _Q90 = (list(QUANTILES).index(name) for name in ("q10", "q90"))
_BAND = 2.563  # standard deviations between the 10 % and the 90 % quantile of a normal


def coherent(
    summing: FloatArray, mean: FloatArray, quantiles: FloatArray, errors: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """MinT-coherent means (N, H) of non-negative series, and quantiles (7, N, H) moved in the same proportion.

    summing (N, B); errors (N, W): relative errors of the same past windows of all series, 0 where unknown. They give
    the correlations, the calibrated bands give the variances. Quantiles are not summed: the sum of 90 % quantiles is
    no 90 % quantile. Each level's own band was calibrated on its own past and only moves with its mean.
    """
    deviation = np.maximum(
        (quantiles[_Q90] - quantiles[_Q10]).mean(axis=1) / _BAND, 1e-9 * np.abs(mean).max(initial=1.0)
    )
    spread = errors.std(axis=1)
    residuals = (errors - errors.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0)[:, None]
    together = summing @ reconcile(summing, mean, residuals * deviation[:, None])
    moved = np.where(mean > 0, together / np.where(mean > 0, mean, 1.0), 1.0)
    return together, quantiles * moved
