"""Signals of drift, against weeks that are known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from forecasting.backtest import Backtest
from forecasting.drift import covered
from forecasting.hierarchy import Hierarchy

HIERARCHY = Hierarchy(("a", "b"), ("x",))
NODES = len(HIERARCHY.nodes)


def test_one_week_that_broke_counts_once_and_not_once_per_origin() -> None:
    replays, quantiles = [], []
    for weeks in (40, 32, 24, 16):
        actual = np.full((NODES, weeks), 10.0)
        actual[:, -1] = 99.0
        history = SimpleNamespace(hierarchy=HIERARCHY)
        replays.append(SimpleNamespace(weeks=weeks, actual=actual, forecast=SimpleNamespace(history=history)))
        quantiles.append(np.linspace(5.0, 15.0, 7)[:, None, None] * np.ones((7, NODES, weeks)))
    tested = Backtest(tuple(replays), tuple(quantiles), (), np.ones((4, 4)))  # type: ignore[arg-type]
    assert [signal.value for signal in covered(tested)] == pytest.approx([3 / 4])
