"""How good forecasts are, by the measures of the forecasting literature.

Belongs here: scores of arrays. Does not belong here: forecasts, tables.
"""

from __future__ import annotations

import numpy as np

from forecasting.hierarchy import FloatArray
from forecasting.settings import QUANTILES


def naive_scale(y: FloatArray, season: int) -> FloatArray:
    """(N,) mean |y_t - y_(t-m)| in the training part (N, T): what MASE divides by (Hyndman & Koehler 2006)."""
    return np.asarray(np.nanmean(np.abs(y[:, season:] - y[:, :-season]), axis=1))


def mase(actual: FloatArray, mean: FloatArray, scale: FloatArray) -> float:
    """Mean over series of mean |error| / scale; `actual` and `mean` (N, H)."""
    return float((np.abs(actual - mean).mean(axis=1) / scale).mean())


def smape(actual: FloatArray, mean: FloatArray) -> float:
    """Mean of 200 |error| / (|actual| + |forecast|)."""
    return float((200 * np.abs(actual - mean) / (np.abs(actual) + np.abs(mean))).mean())


def scaled_crps(actual: FloatArray, quantiles: FloatArray) -> float:
    """Σ 2 pinball / Σ |y|, averaged over the quantile levels; `quantiles` (7, N, H) (after Gneiting & Ranjan 2011)."""
    levels = np.array(list(QUANTILES.values()))[:, None, None]
    error = actual - quantiles
    return float((2 * np.maximum(levels * error, (levels - 1) * error)).mean(axis=0).sum() / np.abs(actual).sum())


def coverage(actual: FloatArray, quantiles: FloatArray, low: str, high: str) -> float:
    """Share of `actual` inside the band between two of QUANTILES."""
    names = list(QUANTILES)
    below, above = quantiles[names.index(low)], quantiles[names.index(high)]
    return float(((actual >= below) & (actual <= above)).mean())


def bias(actual: FloatArray, mean: FloatArray) -> float:
    """Σ(forecast - actual) / Σ|actual|."""
    return float((mean - actual).sum() / np.abs(actual).sum())
