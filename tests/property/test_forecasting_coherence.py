"""What must hold for any numbers: sums, order, exact means."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting.errors import ErrorModel, beyond_above, draw, moments
from forecasting.hierarchy import LEVELS, Hierarchy
from forecasting.intervals import Scored, learn_widening, sample_quantiles, widen
from forecasting.reconcile import reconcile, shrunken_covariance

HIERARCHY = Hierarchy(("a", "b", "c"), ("x", "y"))
BOTTOM, NODES, WEEKS = 6, 12, 5
VOLUMES = arrays(np.float64, (BOTTOM, WEEKS), elements=st.floats(0, 1e5))
SEEDS = st.integers(0, 2**32 - 1)


@given(VOLUMES)
def test_sums_are_the_summing_matrix(bottom: np.ndarray) -> None:
    assert np.allclose(HIERARCHY.aggregate(bottom), HIERARCHY.summing @ bottom, rtol=1e-12, atol=1e-9)


@given(VOLUMES, SEEDS)
def test_reconciled_means_add_up_and_are_not_negative(bottom: np.ndarray, seed: int) -> None:
    random = np.random.default_rng(seed)
    base = HIERARCHY.aggregate(bottom) * random.uniform(0.5, 1.5, (NODES, 1))
    residuals = random.normal(0, 1 + base.mean(axis=1, keepdims=True), (NODES, 40))
    coherent = HIERARCHY.aggregate(reconcile(HIERARCHY.summing, base, residuals))
    assert (coherent >= 0).all()
    districts = HIERARCHY.rows("district")
    assert np.allclose(coherent[districts].sum(axis=0), coherent[0], rtol=0, atol=1e-9)
    assert np.allclose(coherent[HIERARCHY.rows("grade_class")].sum(axis=0), coherent[0], rtol=0, atol=1e-9)


@given(VOLUMES)
def test_what_adds_up_already_is_left_alone(bottom: np.ndarray) -> None:
    residuals = np.random.default_rng(1).normal(0, 10, (NODES, 60))
    assert np.allclose(
        reconcile(HIERARCHY.summing, HIERARCHY.aggregate(bottom), residuals), bottom, rtol=1e-6, atol=1e-5
    )


@given(arrays(np.float64, (8, 30), elements=st.floats(-1e4, 1e4)))
def test_the_covariance_can_always_be_inverted(residuals: np.ndarray) -> None:
    covariance = shrunken_covariance(residuals)
    assert np.isfinite(covariance).all()
    assert np.linalg.eigvalsh(covariance).min() > 0


@settings(max_examples=25)
@given(VOLUMES, SEEDS, st.floats(0, 0.1), st.floats(0, 0.01))
def test_draws_keep_the_mean_and_quantiles_their_order(
    bottom: np.ndarray, seed: int, start: float, growth: float
) -> None:
    shocks = np.clip(np.random.default_rng(seed).normal(0, 0.3, (50, BOTTOM)), -1, 3)
    errors = ErrorModel(np.tile([start, growth], (4, 1)), shocks, np.arange(50) % 5 == 0)
    ahead = np.arange(WEEKS) == 2
    samples = draw(errors, HIERARCHY, bottom, ahead, 60, seed)
    assert (samples >= 0).all()
    assert np.allclose(samples.mean(axis=0), bottom, rtol=1e-9, atol=1e-6)
    assert np.array_equal(samples, draw(errors, HIERARCHY, bottom, ahead, 60, seed))
    factors = np.random.default_rng(seed).uniform(0.6, 2.5, (4, 4))
    mean = HIERARCHY.aggregate(bottom)
    quantiles = widen(HIERARCHY, mean, sample_quantiles(HIERARCHY, samples), factors)
    assert (quantiles >= 0).all()
    assert (np.diff(quantiles, axis=0) >= 0).all()


@settings(max_examples=25)
@given(SEEDS, st.floats(0.7, 2.0))
def test_widening_restores_the_coverage_it_was_asked_for(seed: int, too_narrow_by: float) -> None:
    random = np.random.default_rng(seed)
    half = 1.2816 * 10 / too_narrow_by
    origins = []
    for _ in range(8):
        mean = np.full((NODES, 52), 100.0)
        origins.append(Scored(mean, mean - half, mean + half, mean + random.normal(0, 10, (NODES, 52))))
    factors = learn_widening(HIERARCHY, origins)
    assert np.allclose(factors[-1], too_narrow_by, rtol=0.2)


def test_a_levels_error_is_told_from_those_below_it() -> None:
    """What is measured of drawn errors is what `moments` expects, so that no level's is counted twice."""
    random, drawn = np.random.default_rng(4), 4000
    own = np.array([0.1, 0.2, 0.15, 0.3])  # standard deviations: city, district, grade class, cell
    volume = np.array([3.0, 1.0, 2.0, 2.0, 1.0, 4.0])
    rows = [HIERARCHY.rows(level) for level in LEVELS]
    bottom = sum(
        sd * random.standard_normal((drawn, len(level))) @ HIERARCHY.summing[level]
        for sd, level in zip(own, rows, strict=True)
    )
    errors = bottom @ (HIERARCHY.summing * volume / (HIERARCHY.summing @ volume)[:, None]).T
    city, district, grade, cell = (errors[:, level] for level in rows)
    above = np.repeat(district, 2, axis=1) + np.tile(grade, 3) - city
    measured = [(part**2).mean() for part in (city, district - city, grade - city, cell - above)]
    assert np.allclose(measured, moments(HIERARCHY, beyond_above(HIERARCHY, volume)) @ own**2, rtol=0.06)
