"""How wrong the forecast is: persistent errors that grow with the horizon, and shared weekly shocks.

Belongs here: learning both from past origins, drawing joint samples from them. Does not belong here: quantiles and
months made of the samples.

A bottom series is mean x exp(city + district + grade + own error) x (1 + shock). Each error is a random walk with
variance a + b·h, learned from 13-week sums, so that it lasts as errors of level do; the shocks of one sampled week are
those of one past week in all series at once, which keeps their correlation and their skew. Holiday weeks, which are
harder to foretell, take theirs from past holiday weeks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.hierarchy import LEVELS, BoolArray, FloatArray, Hierarchy, IntArray
from forecasting.model import YEAR_WEEKS
from forecasting.origin import OriginForecast
from forecasting.series import ZERO

BLOCK_WEEKS = 13
_SMOOTH_WEEKS = 13
_CLIP = 1.5  # log error; beyond it a series broke, which no band should try to cover
_PRIOR = np.array([[0.005, 0.0004], [0.01, 0.0008], [0.002, 0.0002], [0.01, 0.0008]])
_PRIOR_WINDOWS = 2.0
_CITY_PRIOR_SHARE = 0.25  # of the districts' variance: errors shared by all are smaller than errors of one
_MIN_HOLIDAY_WEEKS = 8


@dataclass(frozen=True)
class ErrorModel:
    """`growth` (4, 2): a, b of variance a + b·h of log errors by level of LEVELS, each beyond the level above;
    `shocks` (T, B): past weeks' relative shocks, mean 0, at least -1; `is_holiday_week` (T,) for each of them."""

    growth: FloatArray
    shocks: FloatArray
    is_holiday_week: BoolArray


def learn_errors(
    origins: Sequence[OriginForecast], actuals: Sequence[FloatArray], current: OriginForecast
) -> ErrorModel:
    """From past origins with their actuals (N, H_o), only weeks that came true before the current cutoff.

    What is measured of a level holds the levels below it too, averaged: a district's error beyond the city's is its own
    and that of its grade classes. `moments` says how much of each, and the lines are solved for what each adds. They
    lean on a prior worth two windows of one series: a part of the district's for the city, of which a year shows
    only few windows, and a fixed one where there is no past origin at all.
    """
    shocks = weekly_shocks(current)
    hierarchy = current.history.hierarchy
    blocks: dict[int, list[FloatArray]] = {}
    for origin, actual in zip(origins, actuals, strict=True):
        for block in range(actual.shape[1] // BLOCK_WEEKS):
            blocks.setdefault(block, []).append(_block_errors(origin, actual, block))
    growth = _PRIOR.copy()
    if blocks:
        beyond = beyond_above(hierarchy, current.mean[-hierarchy.bottom_count :].mean(axis=1))
        noise = (shocks @ beyond.T).var(axis=0) / BLOCK_WEEKS
        rows = [hierarchy.rows(level) for level in LEVELS]
        middles = np.array([block * BLOCK_WEEKS + BLOCK_WEEKS / 2 for block in sorted(blocks)])
        squares = [np.array([errors**2 for errors in blocks[block]]) for block in sorted(blocks)]
        measured = np.array([[np.nanmean(block[:, level]) for block in squares] for level in rows])
        variances = measured - np.array([noise[level].mean() for level in rows])[:, None]
        # origins lie closer than a block: about half of their windows are new
        windows = np.array([[len(block) * len(level) / 2 for block in squares] for level in rows])
        shares = moments(hierarchy, beyond)
        growth[1:] = _variance_lines(shares[1:, 1:], middles, variances[1:], windows[1:], _PRIOR[1:])
        below = shares[0, 1:] @ (growth[1:, :1] + growth[1:, 1:] * middles)
        prior = _CITY_PRIOR_SHARE * growth[1:2]
        growth[:1] = _variance_lines(shares[:1, :1], middles, variances[:1] - below, windows[:1], prior)
    return ErrorModel(growth, shocks, current.is_holiday_week[: len(shocks)])


def moments(hierarchy: Hierarchy, beyond: FloatArray) -> FloatArray:
    """(4, 4) expected square of a level's measured error per unit of variance of each level's own: mean over its nodes
    of |beyond Z|², Z (B, nodes) the membership. The method of moments for variance components (Searle et al. 1992)."""
    parts = [((beyond @ members.T) ** 2).sum(axis=1) for members in _membership(hierarchy)]
    return np.array([[part[hierarchy.rows(level)].mean() for part in parts] for level in LEVELS])


def draw(
    model: ErrorModel,
    hierarchy: Hierarchy,
    bottom_mean: FloatArray,
    is_holiday_week: BoolArray,
    samples: int,
    seed: int,
) -> FloatArray:
    """(samples, B, H) joint draws around `bottom_mean` (B, H), their mean matched to it exactly.

    Samples come in antithetic pairs, so that the first few already centre on the mean.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    bottom, weeks = bottom_mean.shape
    membership = _membership(hierarchy)
    log_error = np.zeros((samples, bottom, weeks))
    for level, (start, growth) in enumerate(model.growth):
        members = membership[level]
        half = random.standard_normal(((samples + 1) // 2, members.shape[0], weeks))
        half[..., 0] *= np.sqrt(start + growth)
        half[..., 1:] *= np.sqrt(growth)
        walks = np.cumsum(half, axis=2)
        pairs = np.stack([walks, -walks], axis=1).reshape(-1, members.shape[0], weeks)[:samples]
        log_error += pairs[:, members.argmax(axis=0), :] - 0.5 * (start + growth * np.arange(1, weeks + 1))
    shocks = model.shocks[_like_weeks(model, is_holiday_week, samples, random)].transpose(0, 2, 1)
    factor = np.exp(log_error) * (1 + shocks)
    return np.asarray(bottom_mean * factor / np.maximum(factor.mean(axis=0), 1e-9))


def weekly_shocks(origin: OriginForecast) -> FloatArray:
    """(T, B) in-sample relative errors around their own 13-week level, scaled for the fit's freedom.

    A holiday window is fitted on as many weeks as there were years, so its errors look smaller than they will be.
    """
    count = origin.history.hierarchy.bottom_count
    actual, fitted = origin.actual[-count:], origin.fitted
    window = min(_SMOOTH_WEEKS, actual.shape[1])
    kernel = np.ones(window)
    expected = fitted * _smooth(actual, kernel) / np.maximum(_smooth(fitted, kernel), 1e-9)
    shocks = np.where(expected > 0, actual / np.maximum(expected, 1e-9) - 1, 0.0).T
    shocks *= np.sqrt(window / max(window - 1, 1))
    holiday = origin.is_holiday_week[: len(shocks)]
    years = max(len(shocks) / YEAR_WEEKS, 2.0)
    shocks[holiday] *= np.sqrt(years / (years - 1))
    for weeks in (holiday, ~holiday):
        if weeks.any():
            shocks[weeks] -= shocks[weeks].mean(axis=0)
    return np.asarray(np.clip(shocks, -1.0, 5.0))


def _like_weeks(model: ErrorModel, is_holiday_week: BoolArray, samples: int, random: np.random.Generator) -> IntArray:
    """(samples, H) a past week for each week ahead: holiday weeks for holiday weeks, if there were enough."""
    every = np.arange(len(model.shocks))
    chosen = np.zeros((samples, len(is_holiday_week)), dtype=np.int64)
    for kind in (False, True):
        pool = every[model.is_holiday_week == kind]
        pool = pool if len(pool) >= _MIN_HOLIDAY_WEEKS else every
        wanted = np.flatnonzero(is_holiday_week == kind)
        chosen[:, wanted] = pool[random.integers(0, len(pool), size=(samples, len(wanted)))]
    return chosen


def _smooth(values: FloatArray, kernel: FloatArray) -> FloatArray:
    return np.asarray([np.convolve(series, kernel, mode="same") for series in values])


def _block_errors(origin: OriginForecast, actual: FloatArray, block: int) -> FloatArray:
    """(N,) log error of a block's sum, each level beyond the levels above; NaN for silent series."""
    weeks = slice(block * BLOCK_WEEKS, (block + 1) * BLOCK_WEEKS)
    forecast, came = origin.mean[:, weeks].sum(axis=1), actual[:, weeks].sum(axis=1)
    floor = 0.02 * np.maximum(origin.actual.mean(axis=1) * BLOCK_WEEKS, 1e-9)
    errors = np.clip(np.log(np.maximum(came, floor) / np.maximum(forecast, floor)), -_CLIP, _CLIP)
    errors[[row for row, name in enumerate(origin.models) if name == ZERO]] = np.nan
    hierarchy = origin.history.hierarchy
    city, district, grade, bottom = (hierarchy.rows(level) for level in LEVELS)
    own = errors.copy()
    own[district] -= errors[city]
    own[grade] -= errors[city]
    membership = _membership(hierarchy)
    own[bottom] -= errors[city] + own[district][membership[1].argmax(axis=0)] + own[grade][membership[2].argmax(axis=0)]
    return np.asarray(own)


def beyond_above(hierarchy: Hierarchy, volume: FloatArray) -> FloatArray:
    """(N, B) what `_block_errors` makes of small relative errors of bottom series that pour `volume` (B,)."""
    shares = hierarchy.summing * volume / np.maximum(hierarchy.summing @ volume, 1e-9)[:, None]
    city, district, grade, _ = (shares[hierarchy.rows(level)] for level in LEVELS)
    membership = _membership(hierarchy)
    above = district[membership[1].argmax(axis=0)] + grade[membership[2].argmax(axis=0)] - city
    return np.concatenate([city, district - city, grade - city, np.eye(len(volume)) - above])


def _membership(hierarchy: Hierarchy) -> list[FloatArray]:
    """Per level (nodes of the level, B): which bottom series belong to which node."""
    return [hierarchy.summing[hierarchy.rows(level)] for level in LEVELS]


def _variance_lines(
    shares: FloatArray, middles: FloatArray, variances: FloatArray, windows: FloatArray, prior: FloatArray
) -> FloatArray:
    """(K, 2) non-negative a, b: shares (K, K) @ (a + b·h) through the variances (K, M) of M blocks, leaning on the
    prior's lines (K, 2)."""
    from scipy.optimize import nnls

    expected = shares @ (prior[:, :1] + prior[:, 1:] * middles)
    leaning = (windows * np.maximum(variances, 0.0) + _PRIOR_WINDOWS * expected) / (windows + _PRIOR_WINDOWS)
    line = np.column_stack([np.ones_like(middles), middles])
    weight = np.sqrt(windows).ravel()
    solution, _ = nnls(np.kron(shares, line) * weight[:, None], leaning.ravel() * weight)
    return np.asarray(solution.reshape(len(shares), 2))
