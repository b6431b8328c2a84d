"""Prophet's posterior mode, exactly and for many series at once.

Belongs here: the maximisation, from sums of squares and products. Does not belong here: times, features, scales and
what is made of the parameters (`prophet_fit`).

For linear growth and additive terms Prophet (Taylor & Letham 2018) is linear in its parameters but for the noise:

    y = U a + Z δ + ε,  ε ~ N(0, σ²),  a ~ N(0, I),  δ_j ~ Laplace(0, τ),  σ ~ N⁺(0, ½)

where the columns of U (k, m, β) are scaled by their priors' deviations and turned so that UᵀU = Λ is diagonal. The
mode is reached by turns: given σ, a lasso in δ; given δ, a ridge in a; given both, σ in closed form. Each turn raises
the posterior, and the lasso's is exact once its signs stand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.hierarchy import BoolArray, FloatArray, IntArray

SIGMA_PRIOR = 0.5
_LEAST_SIGMA = 1e-5  # of the series' largest value: an exact fit has no mode
_MOST_TURNS = 500
_TOLERANCE = 1e-9
_SLACK = 1e-7


@dataclass(frozen=True)
class Products:
    """Sums over the T rows of each of B series: `ridge` Λ (B, G), `cross` UᵀZ (B, G, S), `hinges` ZᵀZ (B, S, S),
    `ridge_y` Uᵀy (B, G), `hinges_y` Zᵀy (B, S), `yy` yᵀy (B,), `rows` T (B,)."""

    ridge: FloatArray
    cross: FloatArray
    hinges: FloatArray
    ridge_y: FloatArray
    hinges_y: FloatArray
    yy: FloatArray
    rows: FloatArray

    def of(self, series: IntArray) -> Products:
        """The products of some of the series."""
        return Products(*(getattr(self, name)[series] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Mode:
    """`ridge` a (B, G), `hinges` δ (B, S), `sigma` (B,), and for which series the mode was reached (B,)."""

    ridge: FloatArray
    hinges: FloatArray
    sigma: FloatArray
    is_reached: BoolArray


def find_mode(products: Products, tau: float) -> Mode:
    """The mode of every series' posterior, by turns until neither signs nor σ move."""
    series, hinges = products.hinges_y.shape
    delta = np.zeros((series, hinges))
    ridge = np.zeros(products.ridge_y.shape)
    sigma2 = np.maximum(products.yy / np.maximum(products.rows, 1), _LEAST_SIGMA**2)
    open_: IntArray = np.arange(series)
    for _ in range(_MOST_TURNS):
        now, before = products.of(open_), sigma2[open_]
        quadratic, linear = given_sigma(now, before)
        delta[open_], is_exact = lasso_round(quadratic, linear, before / tau, delta[open_])
        ridge[open_] = ridge_given(now, before, delta[open_])
        sigma2[open_] = noise_given(now, ridge[open_], delta[open_])
        open_ = open_[~is_exact | (np.abs(sigma2[open_] - before) > _TOLERANCE * before)]
        if not len(open_):
            break
    is_reached = np.ones(series, dtype=bool)
    is_reached[open_] = False
    return Mode(ridge, delta, np.sqrt(sigma2), is_reached)


def given_sigma(products: Products, sigma2: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(B, S, S) and (B, S): H = ZᵀZ - ZᵀU (Λ + σ²)⁻¹ UᵀZ and c = Zᵀy - ZᵀU (Λ + σ²)⁻¹ Uᵀy, with a maximised out."""
    shrunk = products.cross / (products.ridge + sigma2[:, None])[:, :, None]
    quadratic = products.hinges - products.cross.transpose(0, 2, 1) @ shrunk
    linear = products.hinges_y - np.einsum("bgs,bg->bs", shrunk, products.ridge_y)
    own = np.einsum("bss->bs", quadratic)
    own[own <= 0] = 1.0  # a changepoint that the series does not have
    return quadratic, linear


def ridge_given(products: Products, sigma2: FloatArray, delta: FloatArray) -> FloatArray:
    """(B, G): a = (Λ + σ²)⁻¹ (Uᵀy - UᵀZ δ)."""
    rest = products.ridge_y - np.einsum("bgs,bs->bg", products.cross, delta)
    return np.asarray(rest / (products.ridge + sigma2[:, None]))


def noise_given(products: Products, ridge: FloatArray, delta: FloatArray) -> FloatArray:
    """(B,): σ² that solves σ⁴/s² + T σ² - |y - U a - Z δ|² = 0, with s the scale of σ's prior."""
    by_hinges = np.einsum("bst,bt->bs", products.hinges, delta)
    by_both = np.einsum("bgs,bs->bg", products.cross, delta)
    squares = (
        products.yy
        + np.einsum("bg,bg->b", ridge, products.ridge * ridge + 2 * (by_both - products.ridge_y))
        + np.einsum("bs,bs->b", delta, by_hinges - 2 * products.hinges_y)
    )
    prior = 1 / SIGMA_PRIOR**2
    root = np.sqrt(products.rows**2 + 4 * prior * np.maximum(squares, 0.0))
    return np.asarray(np.maximum((root - products.rows) / (2 * prior), _LEAST_SIGMA**2))


def lasso_round(
    quadratic: FloatArray, linear: FloatArray, limit: FloatArray, delta: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """One round on min ½ δᵀHδ - cᵀδ + λ|δ|₁ for each series: δ (B, S), and whether it is the minimum.

    Newton's step takes the changepoints that stand to their common minimum, or to where the first of them reaches
    zero. If it went all the way, the one at zero whose slope most exceeds λ is set to its own minimum. Neither raises
    the sum, so rounds converge.
    """
    signs = np.sign(delta)
    stands = signs != 0
    among = np.where(stands[:, :, None] & stands[:, None, :], quadratic, 0.0)
    np.einsum("bss->bs", among)[~stands] = 1.0
    target = np.linalg.solve(among, np.where(stands, linear - limit[:, None] * signs, 0.0)[:, :, None])[:, :, 0]
    crosses = stands & (signs * target <= 0)
    reach = np.where(crosses, delta / np.where(crosses, delta - target, 1.0), 1.0)
    step = reach.min(axis=1, initial=1.0, keepdims=True)
    delta = np.where(crosses & (reach == step), 0.0, delta + step * (target - delta))
    slope = np.einsum("bst,bt->bs", quadratic, delta) - linear
    excess = np.where(stands, -np.inf, np.abs(slope) - limit[:, None] * (1 + _SLACK))
    every, worst = np.arange(len(delta)), excess.argmax(axis=1)
    arrived = ~crosses.any(axis=1)
    enters = arrived & (excess[every, worst] > 0)
    steepest = slope[every, worst]
    alone = -np.sign(steepest) * (np.abs(steepest) - limit) / quadratic[every, worst, worst]
    delta[every, worst] = np.where(enters, alone, delta[every, worst])
    return delta, arrived & ~enters
