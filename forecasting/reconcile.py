"""Coherent means: forecasts of all series, made to add up.

Belongs here: MinT with a shrunken covariance. Does not belong here: quantiles (they do not add up; see `paths`).
"""

from __future__ import annotations

import numpy as np

from forecasting.hierarchy import FloatArray


def reconcile(summing: FloatArray, base: FloatArray, residuals: FloatArray) -> FloatArray:
    """(B, H) non-negative bottom means whose sums are nearest to `base` (M, H) in the metric of its errors.

    bottom = (S'W⁻¹S)⁻¹ S'W⁻¹ base, S (M, B) the sums that have a forecast of their own, its last B rows the bottom
    series; W the shrunken covariance of `residuals` (M, T). Wickramasuriya, Athanasopoulos & Hyndman (2019).
    """
    weighted = np.linalg.solve(shrunken_covariance(residuals), summing)
    bottom = np.linalg.solve(summing.T @ weighted, weighted.T @ base)
    # A series that is forecast to be nothing stays nothing: it takes no part of others' errors.
    return np.where(base[-summing.shape[1] :] > 0, np.maximum(bottom, 0.0), 0.0)


def shrunken_covariance(residuals: FloatArray) -> FloatArray:
    """(N, N) covariance of residuals (N, T), off-diagonals shrunk to zero by the optimal intensity.

    Schäfer & Strimmer (2005). A series without error gets a small variance, so that the matrix stays invertible.
    """
    weeks = residuals.shape[1]
    centred = residuals - residuals.mean(axis=1, keepdims=True)
    variance = (centred**2).sum(axis=1) / max(weeks - 1, 1)
    variance = np.maximum(variance, 1e-6 * max(float(variance.max()), 1.0))
    scaled = centred / np.sqrt(variance)[:, None]
    correlation = scaled @ scaled.T / max(weeks - 1, 1)
    noise = ((scaled**2) @ (scaled**2).T / weeks - correlation**2) / max(weeks - 1, 1)
    off = ~np.eye(len(residuals), dtype=bool)
    strength = (correlation[off] ** 2).sum()
    intensity = float(np.clip(noise[off].sum() / strength, 0.05, 1.0)) if strength > 0 else 1.0
    shrunk = correlation * (1 - intensity)
    np.fill_diagonal(shrunk, 1.0)
    scale = np.sqrt(variance)
    return np.asarray(shrunk * np.outer(scale, scale))
