"""Past origins are replayed as they were: what came later changes no weight, band or forecast that was made before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from forecasting.engine.forecast import forecast
from forecasting.engine.members import pool
from forecasting.engine.replay import replay
from forecasting.frequency import FREQUENCIES
from forecasting.panel import Panel

H, T, ORIGINS = 6, 90, 5
Make = Callable[[np.ndarray, np.ndarray], Panel]


def _plain(y: np.ndarray, *, back: int = 0) -> Panel:
    ends = np.full(len(y), np.datetime64("2020-01-01T00:00:00")) - np.timedelta64(31 * back, "D")
    return Panel(tuple(f"s{row}" for row in range(len(y))), ends, FREQUENCIES["MS"], y, H, (12,))


def _leading(y: np.ndarray, lead: np.ndarray) -> Panel:
    return replace(_plain(y[:, :T]), leads=lead[:, :T, None])


def _known_ahead(y: np.ndarray, lead: np.ndarray) -> Panel:
    return replace(_plain(y[:, :T]), features=lead[:, : T + H, None])


def _pipeline(y: np.ndarray, lead: np.ndarray) -> Panel:
    """A level that its source estimates anew at each origin, from what was known then."""

    def then(back: int) -> Panel:
        known = T - back
        spread = np.concatenate([lead[:, :known], np.repeat(lead[:, known - 6 : known].mean(axis=1)[:, None], H, 1)], 1)
        level = np.log(spread / spread[:, :known].mean(axis=1, keepdims=True) * y[:, :known].mean())
        return replace(_plain(y[:, :known], back=back), offset=level, past=lambda more: then(back + more))

    return then(0)


def _world(seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """(4, T + 2H) series that follow their leads, the leads as known at any time."""
    random = np.random.default_rng(seed)
    lead = 100 * np.exp(np.cumsum(random.normal(0, 0.05, (4, T + 2 * H)), axis=1))
    y = np.concatenate([lead[:, :3], lead[:, :-3]], axis=1) * np.exp(random.normal(0, 0.03, lead.shape))
    return y, lead


@pytest.mark.parametrize("make", [_leading, _known_ahead, _pipeline])
def test_what_came_after_an_origin_changes_nothing_that_was_said_there(make: Make) -> None:
    y, lead = _world()
    panel, back = make(y, lead), 30
    origin = T - back
    knows_ahead = H if make is _known_ahead else 0
    random = np.random.default_rng(0)
    other_y, other_lead = y.copy(), lead.copy()
    other_y[:, origin:] *= random.uniform(0.2, 5, other_y[:, origin:].shape)
    other_lead[:, origin + knows_ahead :] *= random.uniform(0.2, 5, other_lead[:, origin + knows_ahead :].shape)
    honest, scrambled = (forecast(one.before(back)) for one in (panel, make(other_y, other_lead)))
    assert np.array_equal(honest.mean, scrambled.mean)
    assert np.array_equal(honest.quantiles, scrambled.quantiles)
    for name, weights in honest.weights.items():
        assert np.array_equal(weights, scrambled.weights[name])


@pytest.mark.parametrize("make", [_leading, _known_ahead, _pipeline])
def test_weights_and_bands_learn_from_what_would_have_been_said_at_each_past_origin(make: Make) -> None:
    panel = make(*_world())
    names, step = pool(panel), H // 3
    now = replay(panel, names, ORIGINS)
    for origin in range(ORIGINS):
        back = step * (origin + 1)
        then = replay(panel.before(back), names, 0)
        came = np.full((len(panel), H), np.nan)
        came[:, : min(back, H)] = panel.y[:, T - back :][:, :H]
        error = then.guard.work_floored(came)[:, None, :] - then.ahead
        rows = now.windows.origin == origin
        assert now.windows.errors[rows] == pytest.approx(error, rel=1e-6, abs=1e-9, nan_ok=True)
        assert now.windows.base[rows] == pytest.approx(then.base, rel=1e-9)


def test_an_offset_whose_past_nobody_tells_is_refused() -> None:
    y, lead = _world()
    panel = replace(_plain(y[:, :T]), offset=np.log(lead[:, : T + H]))
    with pytest.raises(ValueError, match="past"):
        forecast(panel)


def test_a_regressor_that_foretells_leads_the_pool_and_one_that_does_not_leaves_it_as_it_was() -> None:
    y, lead = _world()
    foreign = 100 * np.exp(np.cumsum(np.random.default_rng(9).normal(0, 0.05, lead.shape), axis=1))
    led, misled, alone = (forecast(one) for one in (_leading(y, lead), _leading(y, foreign), _plain(y[:, :T])))
    by_level = ("prophet_offset", "ets_offset", "pipeline_ratio")
    assert min(sum(led.weights[name] for name in by_level)) > 0.75
    missed = [np.abs(one.mean - y[:, T : T + H]).mean() for one in (led, misled, alone)]
    assert missed[0] < 0.9 * missed[2]
    assert missed[1] == pytest.approx(missed[2], rel=0.1)
