"""Quantiles: from joint samples, widened by what past origins ask for.

Belongs here: quantiles of samples, the conformal widening per level and horizon band. Does not belong here: how
samples are drawn (`errors`), means (`reconcile`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.hierarchy import LEVELS, FloatArray, Hierarchy
from forecasting.settings import HORIZON_BANDS, QUANTILES

COVERAGE = 0.8
_LIMITS = (0.3, 2.5)
_PRIOR_PAIRS = 1.0


@dataclass(frozen=True)
class Scored:
    """One past origin: `mean`, `low`, `high`, `actual`, all (N, H): its 80 % band before widening."""

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    actual: FloatArray


def sample_quantiles(hierarchy: Hierarchy, bottom_samples: FloatArray) -> FloatArray:
    """(7, N, H) quantiles of every series from joint draws (n, B, H): sums are taken in each draw, then ranked."""
    return np.asarray(np.quantile(hierarchy.aggregate(bottom_samples), list(QUANTILES.values()), axis=0))


def learn_widening(hierarchy: Hierarchy, origins: Sequence[Scored]) -> FloatArray:
    """(4, bands) factors on the distance of quantiles from the mean, so that the 80 % band holds 80 % of the past.

    Multiplicative split conformal: the factor is the 80 % quantile of |y - mean| / (band's half width on that
    side), over all series of a level and weeks of a band; with few origins it leans on 1.
    """
    factors = np.ones((len(LEVELS), len(HORIZON_BANDS)))
    for level, name in enumerate(LEVELS):
        rows = hierarchy.rows(name)
        for band, (first, last) in enumerate(HORIZON_BANDS):
            scores = [_scores(origin, rows, first, last) for origin in origins]
            pairs = sum(len(rows) for score in scores if score.size)
            pooled = np.concatenate([score.ravel() for score in scores]) if scores else np.zeros(0)
            if pooled.size:
                rank = min(COVERAGE * (1 + 1 / pooled.size), 1.0)
                factor = float(np.clip(np.quantile(pooled, rank), *_LIMITS))
                factors[level, band] = (pairs * factor + _PRIOR_PAIRS) / (pairs + _PRIOR_PAIRS)
    return factors


def widen(hierarchy: Hierarchy, mean: FloatArray, quantiles: FloatArray, factors: FloatArray) -> FloatArray:
    """(7, N, H) quantiles moved away from `mean` (N, H) by the factors; non-negative and in order."""
    weeks = np.arange(1, mean.shape[1] + 1)
    band = np.searchsorted([last for _, last in HORIZON_BANDS[:-1]], weeks)
    level = np.array([LEVELS.index(node.level) for node in hierarchy.nodes])
    widened = mean + factors[level][:, band] * (quantiles - mean)
    return np.asarray(np.maximum.accumulate(np.maximum(widened, 0.0), axis=0))


def _scores(origin: Scored, rows: list[int], first: int, last: int) -> FloatArray:
    weeks = slice(first - 1, last)
    mean, actual = origin.mean[rows, weeks], origin.actual[rows, weeks]
    half = np.where(actual >= mean, origin.high[rows, weeks] - mean, mean - origin.low[rows, weeks])
    live = (mean > 0) & (half > 1e-9)
    return np.abs(actual - mean)[live] / half[live]
