"""The pool: weights that lean on past errors as far as these agree, and know nothing later."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from forecasting.pool import ETS_RATIO, NAIVE, PROPHET, RATIO, Past, combine, learn_weights, members, prior_weights

CUTOFF = date(2025, 6, 2)


def taught(weeks_before: int, best: str, series: int = 60) -> Past:
    """An origin at which one member was exact and all others were off by their own noise."""
    random = np.random.default_rng(100 + weeks_before)
    actual = random.gamma(5.0, 20.0, (series, 52))
    said = {
        name: actual if name == best else actual + random.normal(0, 30, actual.shape) for name in prior_weights(True)
    }
    return Past(CUTOFF - timedelta(weeks=weeks_before), said, actual, np.full(series, 100.0))


def test_weights_add_up_and_move_to_the_member_that_was_right() -> None:
    weights = learn_weights([taught(52, ETS_RATIO), taught(44, ETS_RATIO)], CUTOFF, True)
    assert sum(weights.values()) == pytest.approx(np.ones(52))
    assert (weights[ETS_RATIO][:44] > 2 * prior_weights(True)[ETS_RATIO][:44]).all()
    assert all((weight > 0).all() for weight in weights.values())


def test_weeks_that_had_not_come_by_the_cutoff_teach_nothing() -> None:
    late = learn_weights([taught(2, NAIVE)], CUTOFF, True)
    assert late[NAIVE][0] != prior_weights(True)[NAIVE][0]
    assert late[NAIVE][4:] == pytest.approx(prior_weights(True)[NAIVE][4:])
    future = taught(-8, NAIVE)
    assert learn_weights([future], CUTOFF, True)[NAIVE] == pytest.approx(prior_weights(True)[NAIVE])


def test_few_errors_leave_the_prior() -> None:
    weights = learn_weights([taught(52, NAIVE, series=8)], CUTOFF, True)
    assert weights[PROPHET] == pytest.approx(prior_weights(True)[PROPHET])


def test_without_permits_their_members_have_no_say() -> None:
    assert not {RATIO, ETS_RATIO} & set(prior_weights(False))


def test_members_follow_a_pipeline_that_halves_and_history_alone_does_not() -> None:
    pipeline = np.concatenate([np.full(80, 100.0), np.full(30, 50.0)])[None]
    actual = 0.9 * pipeline[:, :80]
    found = members(actual, pipeline, np.ones(110))
    assert found[RATIO][0] == pytest.approx(45.0)
    assert found[ETS_RATIO][0] == pytest.approx(45.0, rel=0.02)
    assert found["ets"][0] == pytest.approx(90.0, rel=0.02)
    assert found["theta"][0] == pytest.approx(90.0, rel=0.02)


def test_the_pool_says_the_weighted_mean_and_keeps_its_weights_beyond_a_year() -> None:
    weights = prior_weights(False)
    said = {name: np.full((2, 60), float(position)) for position, name in enumerate(weights)}
    expected = sum(position * weights[name][0] for position, name in enumerate(weights))
    assert combine(said, weights) == pytest.approx(np.full((2, 60), expected))
