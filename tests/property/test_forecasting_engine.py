"""The engine's properties: order, units and the future do not matter; bands hold what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forecasting.engine.forecast import forecast
from forecasting.frequency import FREQUENCIES
from forecasting.panel import Panel

H = 8


def panel(y: np.ndarray, seasons: tuple[int, ...] = (12,)) -> Panel:
    ends = np.full(len(y), np.datetime64("2020-01-01T00:00:00"))
    return Panel(tuple(f"s{row}" for row in range(len(y))), ends, FREQUENCIES["MS"], y, H, seasons)


def simulated(kind: str, count: int, length: int, seed: int) -> np.ndarray:
    """(count, length) series of one kind."""
    random = np.random.default_rng(seed)
    noise = random.normal(0, 1, (count, length))
    month = np.arange(length)
    if kind == "walk":
        return np.asarray(100 * np.exp(0.03 * np.cumsum(noise, axis=1)))
    if kind == "seasonal":
        return np.asarray(100 * np.exp(0.3 * np.sin(2 * np.pi * month / 12) + 0.004 * month + 0.08 * noise))
    if kind == "level":
        return 10 + 2 * noise
    if kind == "signed":
        return np.asarray(np.cumsum(noise, axis=1))
    return random.poisson(3, (count, length)).astype(float)


@pytest.mark.parametrize("kind", ["walk", "seasonal", "level", "signed", "counts"])
def test_bands_hold_what_they_say(kind: str) -> None:
    y = simulated(kind, 120, 96 + H, 3)
    result = forecast(panel(y[:, :-H]))
    q = result.quantiles
    for low, high, said, slack in ((2, 4, 0.5, 0.1), (1, 5, 0.8, 0.06), (0, 6, 0.95, 0.04)):
        held = float(np.mean((y[:, -H:] >= q[low]) & (y[:, -H:] <= q[high])))
        assert held == pytest.approx(said, abs=slack if kind != "counts" else 2 * slack), (kind, said)
    assert (np.diff(q, axis=0) >= 0).all()
    naive = np.abs(y[:, -H - 1 : -H] - y[:, -H:]).mean()
    assert np.abs(result.mean - y[:, -H:]).mean() < (1.04 * naive if kind in ("walk", "signed") else 0.85 * naive)


def test_the_same_again_is_the_same_and_order_does_not_matter() -> None:
    y = np.concatenate([simulated(kind, 30, 60, 4) for kind in ("walk", "seasonal", "level")])
    y[:40, :20] = np.nan
    first, again = forecast(panel(y)), forecast(panel(y.copy()))
    assert np.array_equal(first.mean, again.mean)
    assert np.array_equal(first.quantiles, again.quantiles)


def test_units_do_not_matter() -> None:
    y = simulated("seasonal", 20, 60, 5)
    one, other = forecast(panel(y)), forecast(panel(1000 * y))
    assert other.mean == pytest.approx(1000 * one.mean, rel=1e-6)
    assert other.quantiles == pytest.approx(1000 * one.quantiles, rel=1e-6)


def test_what_is_cut_off_cannot_matter() -> None:
    y = simulated("walk", 10, 80, 6)
    scrambled = y.copy()
    scrambled[:, 70:] = np.random.default_rng(0).permutation(scrambled[:, 70:].ravel()).reshape(10, 10)
    one, other = (forecast(panel(values).before(10)) for values in (y, scrambled))
    assert np.array_equal(one.quantiles, other.quantiles)


def test_a_level_known_in_advance_foretells_a_turn() -> None:
    random = np.random.default_rng(7)
    level = np.cumsum(random.normal(0, 0.05, (20, 96 + H)), axis=1)
    y = 50 * np.exp(level + random.normal(0, 0.05, level.shape))

    def then(back: int) -> Panel:
        end = y.shape[1] - H - back
        return replace(panel(y[:, :end]), offset=level[:, : end + H], past=lambda more: then(back + more))

    known = then(0)
    missed = [np.abs(forecast(one).mean - y[:, -H:]).mean() for one in (known, panel(y[:, :-H]))]
    assert missed[0] < 0.7 * missed[1]


def test_series_that_add_up_are_forecast_to_add_up() -> None:
    summing = np.concatenate([np.ones((1, 6)), np.kron(np.eye(2), np.ones((1, 3))), np.eye(6)])
    missed = []
    for seed in range(3):
        y = summing @ simulated("seasonal", 6, 72 + H, seed)
        alone = panel(y[:, :-H])
        result = forecast(replace(alone, summing=summing))
        assert result.mean == pytest.approx(summing @ result.mean[-6:], rel=1e-9)
        assert (np.diff(result.quantiles, axis=0) >= 0).all()
        missed.append([np.abs(one.mean - y[:, -H:]).mean() for one in (result, forecast(alone))])
    coherent, incoherent = np.mean(missed, axis=0)
    assert coherent < 1.03 * incoherent


def test_a_past_that_could_not_know_the_season_teaches_nothing() -> None:
    y = simulated("seasonal", 50, 40 + 12, 9)
    known = replace(panel(y[:, :40]), horizon=12)
    result = forecast(known)
    naive = np.abs(y[:, 28:40] - y[:, 40:]).mean()
    assert np.abs(result.mean - y[:, 40:]).mean() < 0.85 * naive
    assert max(result.weights["seasonal_naive"]) < 0.2
