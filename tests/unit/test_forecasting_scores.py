"""Scores of a backtest, against numbers that are known."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.scores import coverage, skill_interval


def test_a_silent_series_foretold_as_silent_says_nothing_of_bands() -> None:
    actual = np.array([[[5.0, 20.0]], [[np.nan, 10.0]]])
    low, high = np.full((2, 1, 2), 4.0), np.full((2, 1, 2), 12.0)
    held = coverage(actual, low, high)
    silent = np.zeros((2, 1, 2))
    assert held == pytest.approx(2 / 3)
    joined = [np.concatenate(pair, axis=1) for pair in ((actual, silent), (low, silent), (high, silent))]
    assert coverage(*joined) == held
    assert coverage(actual, silent, silent) == 0, "silence foretold of a series that delivers is a miss"
    assert np.isnan(coverage(silent, silent, silent))


def test_neighbours_drawn_together_widen_the_interval_where_they_are_wrong_together() -> None:
    good, bad = np.repeat([1.0, 3.0], 6), np.full(12, 4.0)  # one half of the origins is worse than the other
    error, other = good[:, None, None], bad[:, None, None]
    (low, high), (lower, higher) = (skill_interval(error, other, 1, block) for block in (1, 6))
    assert lower < low < 0.5 < high < higher
    assert skill_interval(error, other, 1, 6) == (lower, higher)
