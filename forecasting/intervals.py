"""Quantiles: from joint samples, widened by what past origins ask for.

Belongs here: quantiles of samples, the conformal widening per level and horizon band. Does not belong here: how
samples are drawn (`errors`), means (`reconcile`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.engine.conformal import OVERLAP, PRIOR_WINDOWS
from forecasting.hierarchy import LEVELS, FloatArray, Hierarchy
from forecasting.settings import HORIZON_BANDS, QUANTILES

COVERAGE = 0.8
_LIMITS = (0.3, 2.5)


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

    Multiplicative split conformal: the factor is the 80 % quantile of |y - mean| / (band's half width on that side),
    over all series of a level and their weeks. It leans on one, and a horizon band's on that of all weeks, by as many
    windows as the engine's bands lean on their prior.
    """
    factors = np.ones((len(LEVELS), len(HORIZON_BANDS)))
    for level, name in enumerate(LEVELS):
        scores = [_scores(origin, hierarchy.rows(name)) for origin in origins]
        every = _factor(scores, 1.0)
        for band, (first, last) in enumerate(HORIZON_BANDS):
            factors[level, band] = _factor([score[:, first - 1 : last] for score in scores], every)
    return factors


def _factor(scores: Sequence[FloatArray], prior: float) -> float:
    """The quantile of the scores (windows, weeks) of every origin, leaning on `prior`; near windows are half new."""
    known = [np.isfinite(score) for score in scores]
    windows = OVERLAP * sum(int(one.any(axis=1).sum()) for one in known)
    if not windows:
        return prior
    pooled = np.concatenate([score[one] for score, one in zip(scores, known, strict=True)])
    found = float(np.clip(np.quantile(pooled, COVERAGE), *_LIMITS))
    return (windows * found + PRIOR_WINDOWS * prior) / (windows + PRIOR_WINDOWS)


def widen(hierarchy: Hierarchy, mean: FloatArray, quantiles: FloatArray, factors: FloatArray) -> FloatArray:
    """(7, N, H) quantiles moved away from `mean` (N, H) by the factors; non-negative and in order."""
    weeks = np.arange(1, mean.shape[1] + 1)
    band = np.searchsorted([last for _, last in HORIZON_BANDS[:-1]], weeks)
    level = np.array([LEVELS.index(node.level) for node in hierarchy.nodes])
    widened = mean + factors[level][:, band] * (quantiles - mean)
    return np.asarray(np.maximum.accumulate(np.maximum(widened, 0.0), axis=0))


def _scores(origin: Scored, rows: list[int]) -> FloatArray:
    """(R, H), NaN where nothing was forecast."""
    mean, actual = origin.mean[rows], origin.actual[rows]
    half = np.where(actual >= mean, origin.high[rows] - mean, mean - origin.low[rows])
    live = (mean > 0) & (half > 1e-9)
    return np.where(live, np.abs(actual - mean) / np.where(live, half, 1.0), np.nan)
