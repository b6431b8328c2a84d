"""The permit pipeline: concrete that granted and expected permits call for, week by week.

Belongs here: the lag kernel from grant to pour, the pipeline per district. Does not belong here: which grants are
expected (`grants`), seasons of pouring, calendar, levels (see `model`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.grants import expected_grants
from forecasting.hierarchy import FloatArray
from forecasting.history import History

# Weeks from grant to pour at which the kernel is free; straight lines between, zero at the last one.
KNOTS_WEEKS = (0, 3, 7, 12, 18, 26, 36, 48, 62, 78, 104)
_SHRINKAGE = 0.1
_FLOOR_SHARE = 0.05


@dataclass(frozen=True)
class Kernel:
    """`weights` (U, L): m3 poured per m3 granted, l = 0 … L-1 weeks later, by use; `background` (D,): m3/week
    that no permit explains."""

    weights: FloatArray
    background: FloatArray


def learn_kernel(history: History, season: FloatArray) -> Kernel:
    """The kernel of the districts' demand on what was granted in them, given the city's `season` (T,) as a factor."""
    return fit_kernel(expected_grants(history, 0, KNOTS_WEEKS[-1]), history.demand_m3.sum(axis=1), season, KNOTS_WEEKS)


def fit_kernel(grants: FloatArray, demand: FloatArray, season: FloatArray, knots: tuple[int, ...]) -> Kernel:
    """Non-negative least squares of demand (D, T) on lagged grants (D, U, W), the last T of W periods, pooled over D.

    min Σ_dt ((y_dt / s_t - b_d - Σ_u Σ_j w_uj x_dujt) / √ȳ_d)² + λ Σ_uj (w_uj - w_j)²,  w, b ≥ 0
    with x the grants of use u spread by basis j, free at the `knots` (periods), s the `season` (T,) as a factor, and
    w_j the kernel common to all uses, so that a use with few permits keeps near the common one. Weeks or months alike.
    """
    basis = _basis(knots)
    periods = demand.shape[1]
    spread = np.stack([_spread(grants, hat)[:, :, -periods:] for hat in basis], axis=2)  # (D, U, J, T)
    mean = demand.mean(axis=1)
    weight = np.where(mean > 0, 1 / np.sqrt(np.maximum(mean, 1e-9)), 0.0)
    target = (demand / season * weight[:, None]).ravel()
    pooled, background = _solve(spread.sum(axis=1, keepdims=True), target, weight, None)
    by_use, background = _solve(spread, target, weight, pooled)
    return Kernel(by_use @ basis, background)


def pipeline_m3(kernel: Kernel, grants: FloatArray, weeks: int) -> FloatArray:
    """(D, weeks): the last `weeks` weeks of background + grants spread by the kernel, floored above zero."""
    spread = np.zeros((grants.shape[0], grants.shape[2]))
    for use, weights in enumerate(kernel.weights):
        spread += _spread(grants[:, use : use + 1], weights)[:, 0]
    total = spread[:, -weeks:] + kernel.background[:, None]
    mean = total.mean(axis=1, keepdims=True)
    return np.asarray(np.maximum(total, np.where(mean > 0, _FLOOR_SHARE * mean, 1.0)))


def _solve(
    spread: FloatArray, target: FloatArray, weight: FloatArray, pooled: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """(U, J) weights and (D,) background of the least squares above; `pooled` (1, J) is what they lean on."""
    from scipy.optimize import nnls

    districts, uses, knots, weeks = spread.shape
    lagged = (spread * weight[:, None, None, None]).transpose(0, 3, 1, 2).reshape(districts * weeks, uses * knots)
    constant = np.kron(np.diag(weight), np.ones((weeks, 1)))
    design = np.hstack([lagged, constant])
    if pooled is not None:
        # λ in units of the mean column, so that it means the same whatever the city's size
        strength = _SHRINKAGE * np.sqrt((lagged**2).sum() / (uses * knots))
        design = np.vstack([design, strength * np.eye(uses * knots, design.shape[1])])
        target = np.concatenate([target, strength * np.tile(pooled[0], uses)])
    solution, _ = nnls(design, target, maxiter=20 * design.shape[1])
    return solution[: uses * knots].reshape(uses, knots), solution[uses * knots :]


def _basis(knots: tuple[int, ...]) -> FloatArray:
    """(J, L) hat functions on the knots, each of sum 1, zero at the last knot."""
    lags = np.arange(knots[-1])
    hats = np.array([np.interp(lags, knots, np.eye(len(knots))[knot]) for knot in range(len(knots) - 1)])
    return np.asarray(hats / hats.sum(axis=1, keepdims=True))


def _spread(grants: FloatArray, weights: FloatArray) -> FloatArray:
    """Causal convolution along weeks: (…, W) -> (…, W)."""
    weeks = grants.shape[-1]
    out = np.zeros_like(grants)
    for lag, weight in enumerate(weights[:weeks]):
        if weight:
            out[..., lag:] += weight * grants[..., : weeks - lag]
    return out
