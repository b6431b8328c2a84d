"""Origins in turn: each is taught by those before it, by what had come, and as far as errors agree; the city's pool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forecasting.engine.rolling import Rolled, roll
from forecasting.frequency import FREQUENCIES
from forecasting.hierarchy import FloatArray
from forecasting.origin import POOL, POOL_WITHOUT_PERMITS
from forecasting.panel import Panel

WEEKS, HORIZON, SERIES = 156, 26, 40


def city(seed: int = 3) -> FloatArray:
    """(N, WEEKS) a pipeline that turns down, week by week drawn with noise, and the pipeline itself for half a year
    more."""
    random = np.random.default_rng(seed)
    size = random.uniform(50, 200, (SERIES, 1))
    pipeline = size * np.interp(np.arange(WEEKS + HORIZON), [0, 60, WEEKS + HORIZON], [1.0, 1.0, 0.5])
    return pipeline, pipeline[:, :WEEKS] * random.lognormal(-0.02, 0.2, (SERIES, WEEKS))


def at(back: int, pipeline: FloatArray, y: FloatArray) -> Panel:
    """What is known `back` weeks before the end."""
    weeks = WEEKS - back
    return Panel(
        ids=tuple(str(row) for row in range(SERIES)),
        ends=np.repeat(np.datetime64("2025-12-22", "s") - np.timedelta64(7 * back, "D"), SERIES),
        frequency=FREQUENCIES["W"],
        y=y[:, :weeks],
        horizon=HORIZON,
        seasons=(52,),
        offset=np.log(pipeline[:, : weeks + HORIZON]),
        season=np.zeros((SERIES, weeks + HORIZON)),
    )


def rolled(backs: tuple[int, ...] = (52, 44, 36, 28, 20, 0), y: FloatArray | None = None) -> list[Rolled]:
    pipeline, drawn = city()
    return roll([at(back, pipeline, drawn if y is None else y) for back in backs], POOL, 60.0)


def test_weights_add_up_and_move_to_the_members_that_were_right() -> None:
    first, *_, last = rolled()
    for one in (first, last):
        assert sum(one.weights.values()) == pytest.approx(np.ones(HORIZON))
    assert {name: weight[0] for name, weight in first.weights.items()} == pytest.approx(
        {name: weight / sum(POOL.values()) for name, weight in POOL.items()}
    )
    led = [
        sum(one.weights[name][20] for name in ("prophet_offset", "pipeline_ratio", "ets_offset"))
        for one in (first, last)
    ]
    assert led[1] > led[0], "permits announced the downturn"
    assert all((weight > 0).all() for weight in last.weights.values())


def test_an_origin_learns_only_from_weeks_that_had_come() -> None:
    _, drawn = city()
    changed = drawn.copy()
    changed[:, WEEKS - 20 :] *= 3.0
    before, after = rolled(), rolled(y=changed)
    for one, other in zip(before[:-1], after[:-1], strict=True):
        assert (one.mean == other.mean).all() and all((one.weights[name] == other.weights[name]).all() for name in POOL)
    assert (before[-1].mean != after[-1].mean).all()
    near = rolled((2, 0))
    assert near[1].weights["ets"][0] != near[0].weights["ets"][0]
    assert (near[1].weights["ets"][13:] == near[0].weights["ets"][13:]).all(), "only two weeks had come"


def test_a_series_that_fell_silent_teaches_no_weights() -> None:
    pipeline, drawn = city()
    silent = range(SERIES // 5)
    origins = [at(back, pipeline, drawn) for back in (52, 44, 36, 28)]
    now = at(0, pipeline, drawn)
    kept = [row for row in range(SERIES) if row not in silent]
    without = roll([panel.rows(kept) for panel in (*origins, now)], POOL, 60.0)[-1]
    still = now.y.copy()
    still[list(silent)] = 1e-6  # as a source hands over what has stopped
    with_silent = roll([*origins, replace(now, y=still)], POOL, 60.0)[-1]
    for name in POOL:
        assert with_silent.weights[name] == pytest.approx(without.weights[name])


def test_few_errors_leave_the_first_weights() -> None:
    pipeline, drawn = city()
    few = [replace(panel.rows(range(8)), summing=None) for panel in (at(52, pipeline, drawn), at(0, pipeline, drawn))]
    first, last = roll(few, POOL, 60.0)
    assert all((last.weights[name] == first.weights[name]).all() for name in POOL)


def test_without_permits_their_members_have_no_say() -> None:
    assert not {"pipeline_ratio", "ets_offset", "prophet_offset"} & set(POOL_WITHOUT_PERMITS)


def test_members_follow_a_pipeline_that_halves_and_history_alone_does_not() -> None:
    halved = np.repeat(np.concatenate([np.full(WEEKS, 100.0), np.full(HORIZON, 50.0)])[None], SERIES, axis=0)
    noise = np.random.default_rng(1).lognormal(0.0, 0.02, (SERIES, WEEKS))
    said = roll([at(0, halved, 0.9 * halved[:, :WEEKS] * noise)], POOL, 60.0)[0].members
    for led in ("pipeline_ratio", "ets_offset", "prophet_offset"):
        assert said[led].mean() == pytest.approx(45.0, rel=0.03), led
    for alone in ("ets", "theta", "seasonal_naive"):
        assert said[alone].mean() == pytest.approx(90.0, rel=0.03), alone


def test_the_mean_is_the_mean_and_not_the_median() -> None:
    pipeline = np.full((SERIES, WEEKS + HORIZON), 100.0)
    y = 100.0 * np.random.default_rng(2).lognormal(-0.125, 0.5, (SERIES, WEEKS))
    assert roll([at(0, pipeline, y)], POOL, 60.0)[0].mean.mean() == pytest.approx(100.0, rel=0.03)
