"""Our Prophet against Prophet itself, and the properties that the mode must have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forecasting import prophet_map
from forecasting.hierarchy import FloatArray
from forecasting.prophet_design import (
    ProphetFit,
    ProphetSpec,
    Wave,
    changepoint_rows,
    days_since_1970,
    fourier_terms,
    usual_waves,
)
from forecasting.prophet_fit import fit_prophet, future_quantiles
from forecasting.prophet_map import Mode, Products, find_mode
from forecasting.prophet_stock import fit_stock, quiet_prophet

# US housing starts, thousand a month at annual rates, 2003 to 2012 (Census Bureau through FRED-MD, public domain)
STARTS = np.fromstring(
    """1853 1629 1726 1643 1751 1867 1897 1833 1939 1967 2083 2057 1911 1846 1998 2003 1981 1828 2002 2024
    1905 2072 1782 2042 2144 2207 1864 2061 2025 2068 2054 2095 2151 2065 2147 1994 2273 2119 1969 1821 1942 1802 1737
    1650 1720 1491 1570 1649 1409 1480 1495 1490 1415 1448 1354 1330 1183 1264 1197 1037 1084 1103 1005 1013 973 1046
    923 844 820 777 652 560 490 582 505 478 540 585 594 586 585 534 588 581 614 604 636 687 583 536 546 599 594 543 545
    539 630 517 600 554 561 608 623 585 650 610 711 694 723 704 695 753 708 757 740 754 847 915 833 976""",
    sep=" ",
)
MONTHS = days_since_1970(np.arange("2003-01", "2015-01", dtype="datetime64[M]").astype("datetime64[D]"))
WAVES = (Wave("yearly", 365.25, 10),)


def test_a_real_series_is_fitted_as_prophet_fits_it_and_at_least_as_probably() -> None:
    # Stan's L-BFGS stops short of the mode, so the two differ by what it leaves
    feature = np.isin(np.arange(len(MONTHS)) % 12, (0, 1)).astype(float)[:, None]
    for spec, regressors in (
        (ProphetSpec(waves=WAVES), feature[:, :0]),
        (ProphetSpec(waves=(Wave("yearly", 365.25, 3, 1.0),), changepoints=8, changepoint_prior=0.03), feature[:, :0]),
        (ProphetSpec(waves=(Wave("half", 182.6, 2),), regressor_priors=(1.0,)), feature),
    ):
        ours = fit_prophet(MONTHS, STARTS[None], spec, regressors)
        stock = fit_stock(MONTHS, STARTS, spec, regressors)
        assert not ours.is_stock.any()
        assert _log_posterior_of(ours, spec) >= _log_posterior_of(stock, spec)
        assert ours.mean[0] == pytest.approx(stock.mean[0], abs=0.03 * STARTS.max())
        assert ours.changes_per_row == pytest.approx(stock.changes_per_row)


def test_prophets_own_parts_are_what_it_predicts() -> None:
    from prophet import Prophet

    fitted: list[Prophet] = []
    fit = Prophet.fit

    def remembering(self: Prophet, *args: object, **kwargs: object) -> Prophet:
        fitted.append(self)
        return fit(self, *args, **kwargs)

    feature = np.cos(np.arange(len(MONTHS)))[:, None]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Prophet, "fit", remembering)
        parts = fit_stock(MONTHS, STARTS, ProphetSpec(waves=WAVES, regressor_priors=(1.0,)), feature)
    with quiet_prophet():
        predicted = fitted[0].predict(fitted[0].history[["ds", "regressor_0"]])
    assert parts.trend[0, :120] == pytest.approx(predicted["trend"].to_numpy(), abs=1e-6)
    assert parts.seasonal["yearly"][0, :120] == pytest.approx(predicted["yearly"].to_numpy(), abs=1e-6)
    assert parts.regressors[0, :120] == pytest.approx(predicted["extra_regressors_additive"].to_numpy(), abs=1e-6)


def test_simulated_futures_spread_as_prophets_do() -> None:
    import pandas as pd
    from prophet import Prophet

    fit = fit_stock(MONTHS, STARTS, ProphetSpec(waves=WAVES), np.zeros((len(MONTHS), 0)))
    levels = np.array([0.025, 0.1, 0.5, 0.9, 0.975])
    ours = future_quantiles(fit, 24, levels, np.random.default_rng(0), samples=4000)[:, 0]
    instants = pd.to_datetime(MONTHS, unit="D")
    with quiet_prophet():
        model = Prophet(uncertainty_samples=4000)
        model.fit(pd.DataFrame({"ds": instants[:120], "y": STARTS}), seed=1)
        np.random.seed(0)
        samples = model.predictive_samples(pd.DataFrame({"ds": instants[120:]}))["yhat"]
    theirs = np.quantile(samples, levels, axis=1)
    assert ours == pytest.approx(theirs, abs=0.05 * STARTS.max())
    assert (np.diff(ours, axis=0) > 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_no_small_move_of_a_parameter_is_more_probable_than_the_mode(seed: int) -> None:
    random = np.random.default_rng(seed)
    products, tau = _products(random, series=6), float(random.choice([0.01, 0.05, 0.5]))
    mode = find_mode(products, tau)
    assert mode.is_reached.all()
    best = _log_posterior(products, mode, tau)
    for name in ("ridge", "hinges", "sigma"):
        value = getattr(mode, name)
        for column in range(value.reshape(6, -1).shape[1]):
            for move in (-1e-4, 1e-4):
                moved = value.copy().reshape(6, -1)
                moved[:, column] += move
                other = _log_posterior(products, replace(mode, **{name: moved.reshape(value.shape)}), tau)
                assert (other <= best + 1e-9).all(), (name, column)


def test_series_fitted_together_are_what_they_are_alone() -> None:
    random = np.random.default_rng(2)
    series = random.normal(0, 1, (5, 120)).cumsum(axis=1)
    series[1, :40] = np.nan  # starts later
    series[2, random.random(120) < 0.3] = np.nan  # has gaps
    series[3, 60:] = np.nan  # ended long ago
    spec = ProphetSpec(waves=WAVES)
    together = fit_prophet(MONTHS, series, spec)
    for row in range(5):
        assert together.mean[row] == pytest.approx(fit_prophet(MONTHS, series[row : row + 1], spec).mean[0], abs=1e-7)
    late = fit_prophet(MONTHS[40:], series[1:2, 40:], spec)
    assert together.mean[1, 40:] == pytest.approx(late.mean[0], abs=1e-7)


def test_series_with_regressors_of_their_own_are_fitted_with_these() -> None:
    random = np.random.default_rng(3)
    own = random.normal(0, 1, (3, len(MONTHS), 1))
    series = 5 * own[:, :120, 0] * np.array([[1.0], [2.0], [-1.0]]) + random.normal(0, 0.1, (3, 120))
    spec = ProphetSpec(regressor_priors=(10.0,))
    fit = fit_prophet(MONTHS, series, spec, own)
    assert fit.regressors[:, 120:] == pytest.approx(5 * own[:, 120:, 0] * np.array([[1], [2], [-1]]), abs=0.1)
    assert fit.mean[1] == pytest.approx(fit_prophet(MONTHS, series[1:2], spec, own[1]).mean[0], abs=1e-7)


def test_degenerate_series_have_finite_fits_and_too_short_ones_are_refused() -> None:
    random = np.random.default_rng(4)
    short, huge = np.full(120, np.nan), random.normal(0, 1e200, 120)
    short[-3:] = [1.0, 2.0, 3.0]
    fit = fit_prophet(
        MONTHS, np.array([np.zeros(120), np.full(120, 7.0), np.arange(120.0), short, huge]), ProphetSpec()
    )
    assert np.isfinite(fit.mean).all()
    assert fit.mean[0].tolist() == [0.0] * len(MONTHS)
    assert fit.mean[1] == pytest.approx(7.0)
    assert fit.mean[2, 120:] == pytest.approx(np.arange(120.0, 144.0), rel=1e-3)
    with pytest.raises(ValueError, match="two known values"):
        fit_prophet(MONTHS, np.where(np.arange(120) < 119, np.nan, [1.0] * 120)[None], ProphetSpec())


def test_prophet_itself_stands_in_where_the_mode_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prophet_map, "_MOST_TURNS", 1)
    fit = fit_prophet(MONTHS, np.array([STARTS, STARTS[::-1]]), ProphetSpec(waves=WAVES))
    assert fit.is_stock.all()
    stock = fit_stock(MONTHS, STARTS[::-1], ProphetSpec(waves=WAVES), np.zeros((len(MONTHS), 0)))
    assert fit.mean[1] == pytest.approx(stock.mean[0])


def test_the_usual_waves_follow_span_and_spacing() -> None:
    day = np.arange(800.0)
    assert [wave.name for wave in usual_waves(day)] == ["yearly", "weekly"]
    assert [wave.name for wave in usual_waves(day[:100])] == ["weekly"]
    assert [wave.name for wave in usual_waves(day[:120] * 7)] == ["yearly"]
    assert [wave.name for wave in usual_waves(day / 24)] == ["weekly", "daily"]


def _log_posterior_of(fit: ProphetFit, spec: ProphetSpec) -> float:
    """Prophet's log posterior of STARTS, from parameters read off the parts, for features that are not regressors."""
    since = (MONTHS - MONTHS[0]) / (MONTHS[119] - MONTHS[0])
    hinges = np.maximum(since[:, None] - since[changepoint_rows(120, spec)], 0)
    line = np.column_stack([np.ones_like(since), since, hinges])
    scale = STARTS.max()
    trend = np.linalg.lstsq(line, fit.trend[0] / scale)[0]
    waves = fourier_terms(MONTHS, spec.waves)
    beta = np.linalg.lstsq(waves, sum(fit.seasonal.values())[0] / scale)[0]
    feature = np.append(beta, fit.regressors[0].max() / scale if spec.regressor_priors else 0.0)
    priors = np.append(spec.priors[: len(beta)], 1.0)
    sigma = float(fit.sigma[0] / scale)
    error = (STARTS - fit.mean[0, :120]) / scale
    squares = (
        float(error @ error) / sigma**2 + float(trend[:2] @ trend[:2]) / 25 + float(((feature / priors) ** 2).sum())
    )
    return -120 * np.log(sigma) - squares / 2 - float(np.abs(trend[2:]).sum()) / spec.changepoint_prior - 2 * sigma**2


def _products(random: np.random.Generator, series: int) -> Products:
    rows, ridge, hinges = 80, 4, 12
    since = np.linspace(0, 1, rows)
    gaussian = random.normal(0, 1, (series, rows, ridge))
    gaussian = np.linalg.qr(gaussian)[0] * random.uniform(0.1, 30, (series, 1, ridge))
    bent = np.broadcast_to(np.maximum(since[:, None] - np.linspace(0.05, 0.8, hinges), 0), (series, rows, hinges))
    slopes = random.laplace(0, 2, (series, hinges)) * (random.random((series, hinges)) < 0.3)
    y = np.einsum("brh,bh->br", bent, slopes) + random.normal(0, 0.1, (series, rows))
    y /= np.abs(y).max(axis=1, keepdims=True)
    return Products(
        ridge=(gaussian**2).sum(axis=1),
        cross=np.einsum("brg,brh->bgh", gaussian, bent),
        hinges=np.einsum("brh,brk->bhk", bent, bent),
        ridge_y=np.einsum("brg,br->bg", gaussian, y),
        hinges_y=np.einsum("brh,br->bh", bent, y),
        yy=(y**2).sum(axis=1),
        rows=np.full(series, float(rows)),
    )


def _log_posterior(products: Products, mode: Mode, tau: float) -> FloatArray:
    """(B,): -T log σ - |y - U a - Z δ|² / 2σ² - |a|² / 2 - |δ|₁ / τ - σ² / 2s²."""
    a, delta, sigma = mode.ridge, mode.hinges, mode.sigma
    squares = (
        products.yy
        - 2 * (products.ridge_y * a).sum(axis=1)
        - 2 * (products.hinges_y * delta).sum(axis=1)
        + (products.ridge * a * a).sum(axis=1)
        + 2 * np.einsum("bg,bgs,bs->b", a, products.cross, delta)
        + np.einsum("bs,bst,bt->b", delta, products.hinges, delta)
    )
    prior = (a * a).sum(axis=1) / 2 + np.abs(delta).sum(axis=1) / tau + 2 * sigma**2
    return np.asarray(-products.rows * np.log(sigma) - squares / (2 * sigma**2) - prior)
