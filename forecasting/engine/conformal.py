"""How far a forecast may be off: each series' own noise, grown and scaled as its past errors ask for.

Belongs here: spreads and quantiles from past errors. Does not belong here: the forecasts.

    spread(i, h) = noise(i) · √growth(i, h) · pooled(h) · own(i),    quantile(p) = forecast ± spread · |z|(p)

noise and growth come from exponential smoothing; `pooled` (per horizon band), `own` (per series, shrunk to one) and the
quantiles of |z| = |error| / spread from windows that came true before the origin: multiplicative split conformal,
after Vovk et al. Without past origins the formula stands with a prior for each part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.hierarchy import FloatArray, IntArray
from forecasting.settings import QUANTILES

_LEVELS = np.array([0.5, 0.8, 0.95])  # of |z|: the bands q25-q75, q10-q90, q025-q975
_NORMAL = np.array([0.845, 1.61, 2.6])  # |z| of mean one: normal, a little heavier beyond 80 %
_POOLED_PRIOR = 1.1
PRIOR_WINDOWS = 12.0
_OWN_PRIOR = 5.0  # windows
OVERLAP = 0.5  # windows of one series lie closer together than they are long: about half of each is new
_CLIP = 25.0


@dataclass(frozen=True, eq=False)
class Calibration:
    """`pooled` (H,); `tails` (3, H): quantiles of |z|."""

    pooled: FloatArray
    tails: FloatArray


def calibrate(errors: FloatArray, base: FloatArray, series: IntArray, band: IntArray) -> Calibration:
    """From errors (W, H), NaN where not yet known, base spreads (W, H) and the series (W,) of W past windows."""
    horizon = len(band)
    ratio = _ratios(errors, base)
    pooled = np.full(horizon, _POOLED_PRIOR)
    for one in np.unique(band):
        steps = band == one
        per_window = _nanmean(ratio[:, steps])
        known = np.isfinite(per_window)
        count = known.sum() * OVERLAP
        pooled[steps] = (per_window[known].sum() * OVERLAP + PRIOR_WINDOWS / 3 * _POOLED_PRIOR) / (
            count + PRIOR_WINDOWS / 3
        )
    pooled = _between_bands(pooled, band)
    left_out = _own(ratio / pooled, series, leave_out=True)
    z = ratio / pooled / left_out[:, None]
    every = _tails(z, np.repeat(_NORMAL[:, None], 1, axis=1)[:, 0])
    tails = np.empty((len(_LEVELS), horizon))
    for one in np.unique(band):
        tails[:, band == one] = _tails(z[:, band == one], every)[:, None]
    return Calibration(pooled, tails)


def own_factor(
    errors: FloatArray, base: FloatArray, series: IntArray, calibration: Calibration, count: int
) -> FloatArray:
    """(count,) factor of each series from its windows (W, H); one where it has none."""
    if not len(errors):
        return np.ones(count)
    factor = _own(_ratios(errors, base) / calibration.pooled, series, leave_out=False)
    own = np.ones(count)
    own[series] = factor
    return own


def quantile_steps(calibration: Calibration) -> FloatArray:
    """(7, H) by how many spreads each quantile lies from the forecast."""
    half = dict(zip((0.25, 0.1, 0.025), calibration.tails, strict=True))
    zero = np.zeros(calibration.tails.shape[1])
    steps = []
    for level in QUANTILES.values():
        tail = round(min(level, 1 - level), 6)
        steps.append(zero if tail == 0.5 else np.sign(level - 0.5) * half[tail])
    return np.array(steps)


def _ratios(errors: FloatArray, base: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(errors) / base
    return np.where(np.isfinite(ratio), np.minimum(ratio, _CLIP), np.nan)


def _own(ratio: FloatArray, series: IntArray, *, leave_out: bool) -> FloatArray:
    """(W,) the factor of each window's series, from all its windows or from its others."""
    size = _nanmean(ratio)
    known = np.isfinite(size)
    count = int(series.max(initial=-1)) + 1
    total = np.bincount(series, np.where(known, size, 0.0), count)[series]
    windows = np.bincount(series, known.astype(float), count)[series]
    if leave_out:
        total, windows = total - np.where(known, size, 0.0), windows - known
    return np.asarray((total * OVERLAP + _OWN_PRIOR) / (windows * OVERLAP + _OWN_PRIOR))


def _tails(z: FloatArray, prior: FloatArray) -> FloatArray:
    """(3,) quantiles of |z|, leaning on the prior by so many windows."""
    windows = np.isfinite(z).any(axis=1).sum() * OVERLAP
    pooled = z[np.isfinite(z)]
    if not pooled.size:
        return prior
    rank = np.minimum(_LEVELS * (1 + 1 / max(windows, 1.0)), 1.0)
    found = np.quantile(pooled, rank)
    return np.asarray((found * windows + prior * PRIOR_WINDOWS) / (windows + PRIOR_WINDOWS))


def _between_bands(values: FloatArray, band: IntArray) -> FloatArray:
    """(H,) straight lines in log h between the middles of the bands, so that spreads do not jump at their edges."""
    steps = np.log(np.arange(1, len(band) + 1))
    middles = [steps[band == one].mean() for one in np.unique(band)]
    return np.asarray(np.exp(np.interp(steps, middles, [np.log(values[band == one][0]) for one in np.unique(band)])))


def _nanmean(values: FloatArray) -> FloatArray:
    known = np.isfinite(values)
    count = known.sum(axis=1)
    mean = np.where(known, values, 0.0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan)
