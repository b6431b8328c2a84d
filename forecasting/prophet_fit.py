"""Prophet for many series at once: designs and scales, the mode, parts in the series' own units, simulated futures.

Belongs here: Prophet's fit and its own uncertainty. Does not belong here: the maximisation (`prophet_map`), Prophet
itself (`prophet_stock`), and what a method makes of the parts.

    y_t / s = m + k t + Σ_j δ_j (t - s_j)₊ + x_t β + ε_t,   s = max |y|,  t from 0 to 1 over the series' known rows

with k, m ~ N(0, 5), β ~ N(0, its own scale), δ ~ Laplace(0, τ), after Taylor & Letham, "Forecasting at scale" (2018).
Linear growth and additive terms only: linear in all but the noise, so the mode is found exactly, without Stan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.hierarchy import BoolArray, FloatArray, IntArray
from forecasting.prophet_design import ProphetFit, ProphetSpec, changepoint_rows, fourier_terms
from forecasting.prophet_map import Products, find_mode
from forecasting.prophet_stock import fit_stock

_TREND_PRIOR = 5.0
_SERIES_AT_ONCE = 128  # bounds memory; more gains nothing


def fit_prophet(
    days: FloatArray, series: FloatArray, spec: ProphetSpec, regressors: FloatArray | None = None
) -> ProphetFit:
    """Fit every row of `series` (B, T), NaN where unknown, on its own known rows; `days` (T + H,) rise.

    `regressors` are (T + H, K) for all series or (B, T + H, K) of their own, taken as they are. Series with the same
    known rows share their design. Raises ValueError when a series has fewer than two known values.
    """
    if (np.isfinite(series).sum(axis=1) < 2).any():
        raise ValueError("Prophet needs two known values of a series")
    none = np.zeros((len(days), 0))
    given = none if regressors is None else regressors
    at_once = [slice(first, first + _SERIES_AT_ONCE) for first in range(0, len(series), _SERIES_AT_ONCE)]
    fits = [_fit_some(days, series[some], spec, given if given.ndim == 2 else given[some]) for some in at_once]
    return ProphetFit(
        trend=np.concatenate([fit.trend for fit in fits]),
        seasonal={wave.name: np.concatenate([fit.seasonal[wave.name] for fit in fits]) for wave in spec.waves},
        regressors=np.concatenate([fit.regressors for fit in fits]),
        sigma=np.concatenate([fit.sigma for fit in fits]),
        slope_change=np.concatenate([fit.slope_change for fit in fits]),
        changes_per_row=np.concatenate([fit.changes_per_row for fit in fits]),
        is_stock=np.concatenate([fit.is_stock for fit in fits]),
    )


def future_quantiles(
    fit: ProphetFit, horizon: int, levels: FloatArray, random: np.random.Generator, samples: int = 1000
) -> FloatArray:
    """(Q, B, H) quantiles of Prophet's own simulated futures: the mean, noise, and slopes that go on changing as they
    did: in each row with probability (changepoints per row), by Laplace(0, mean |δ|), half of it at once.
    """
    mean = fit.mean[:, fit.trend.shape[1] - horizon :]
    quantiles = np.empty((len(levels), *mean.shape))
    for one, (size, chance, sigma) in enumerate(zip(fit.slope_change, fit.changes_per_row, fit.sigma, strict=True)):
        changes = np.zeros((horizon, samples))
        is_change = random.random((horizon, samples)) < chance
        changes[is_change] = random.laplace(0.0, size, int(is_change.sum()))
        changes[1:] = (changes[1:] + changes[:-1]) / 2
        changes[0] /= 2
        paths = np.cumsum(np.cumsum(changes, axis=0), axis=0)
        paths += sigma * random.standard_normal((horizon, samples))
        paths.sort(axis=1)
        position = levels * (samples - 1)
        below = np.floor(position).astype(np.int64)
        above = np.minimum(below + 1, samples - 1)
        quantiles[:, one] = mean[one] + (paths[:, below] + (position - below) * (paths[:, above] - paths[:, below])).T
    return quantiles


@dataclass(frozen=True)
class _Design:
    """What series with the same known rows share. Columns m, k, β over T + H rows, scaled by their priors; `turned` are
    those of the known rows after `turn` (G, G), which makes their products diagonal."""

    known: BoolArray
    columns: FloatArray
    hinges: FloatArray
    turn: FloatArray
    turned: FloatArray
    ridge: FloatArray
    row_share: float
    changepoints: int

    @classmethod
    def of(cls, days: FloatArray, known: BoolArray, spec: ProphetSpec, features: FloatArray) -> _Design:
        """The design for these known rows (T,) with `features` (T + H, F), Fourier terms and regressors."""
        rows = np.flatnonzero(known)
        first, last = days[rows[0]], days[rows[-1]]
        since = (days - first) / (last - first)
        columns = np.column_stack([_TREND_PRIOR * np.ones(len(days)), _TREND_PRIOR * since, spec.priors * features])
        at = since[rows[changepoint_rows(len(rows), spec)]]
        hinges = np.zeros((len(days), spec.changepoints))
        hinges[:, : len(at)] = np.maximum(since[:, None] - at, 0.0)
        ridge, turn = np.linalg.eigh(columns[rows].T @ columns[rows])
        row_share = float(np.diff(since[rows]).mean())
        turned = columns[rows] @ turn
        return cls(known, columns, hinges, turn, turned, np.maximum(ridge, 0.0), row_share, len(at))


def _fit_some(days: FloatArray, series: FloatArray, spec: ProphetSpec, regressors: FloatArray) -> ProphetFit:
    known = np.isfinite(series)
    fourier = fourier_terms(days, spec.waves)
    if regressors.ndim == 2:
        features = np.hstack([fourier, regressors])
        patterns, which = np.unique(known, axis=0, return_inverse=True)
        designs = [_Design.of(days, pattern, spec, features) for pattern in patterns]
    else:
        which = np.arange(len(series))
        designs = [
            _Design.of(days, pattern, spec, np.hstack([fourier, own]))
            for pattern, own in zip(known, regressors, strict=True)
        ]
    scale = np.nanmax(np.abs(series), axis=1)
    scale[scale == 0] = 1.0
    members = [np.flatnonzero(which == design) for design in range(len(designs))]
    scaled = np.where(known, series, 0.0) / scale[:, None]
    mode = find_mode(_products(designs, which, members, scaled), spec.changepoint_prior)

    row_share = np.array([design.row_share for design in designs])[which]
    changepoints = np.array([design.changepoints for design in designs])[which]
    fit = ProphetFit(
        trend=np.empty((len(series), len(days))),
        seasonal={wave.name: np.empty((len(series), len(days))) for wave in spec.waves},
        regressors=np.empty((len(series), len(days))),
        sigma=mode.sigma * scale,
        slope_change=np.abs(mode.hinges).sum(axis=1) / np.maximum(changepoints, 1) * scale * row_share,
        changes_per_row=changepoints * row_share,
        is_stock=~mode.is_reached,
    )
    for design, rows in zip(designs, members, strict=True):
        beta = mode.ridge[rows] @ design.turn.T * scale[rows, None]
        delta = mode.hinges[rows] * scale[rows, None]
        fit.trend[rows] = beta[:, :2] @ design.columns[:, :2].T + delta @ design.hinges.T
        first = 2
        for wave in spec.waves:
            last = first + 2 * wave.order
            fit.seasonal[wave.name][rows] = beta[:, first:last] @ design.columns[:, first:last].T
            first = last
        fit.regressors[rows] = beta[:, first:] @ design.columns[:, first:].T
    for row in np.flatnonzero(fit.is_stock).tolist():
        own = regressors if regressors.ndim == 2 else regressors[row]
        fit.replace(row, fit_stock(days, series[row], spec, own))
    return fit


def _products(designs: list[_Design], which: IntArray, members: list[IntArray], scaled: FloatArray) -> Products:
    ridge_y = np.zeros((len(scaled), len(designs[0].ridge)))
    hinges_y = np.zeros((len(scaled), designs[0].hinges.shape[1]))
    for design, rows in zip(designs, members, strict=True):
        known = scaled[np.ix_(rows, np.flatnonzero(design.known))]
        ridge_y[rows] = known @ design.turned
        hinges_y[rows] = known @ design.hinges[: len(design.known)][design.known]
    hinges = [design.hinges[: len(design.known)][design.known] for design in designs]
    return Products(
        ridge=np.array([design.ridge for design in designs])[which],
        cross=np.array([design.turned.T @ own for design, own in zip(designs, hinges, strict=True)])[which],
        hinges=np.array([own.T @ own for own in hinges])[which],
        ridge_y=ridge_y,
        hinges_y=hinges_y,
        yy=(scaled**2).sum(axis=1),
        rows=np.array([float(design.known.sum()) for design in designs])[which],
    )
