"""The interval of the value of perfect information: no end is named that no search has proven."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from planning.brief import policy_brief, risk_told
from planning.footprint import Footprint
from planning.information import Foresight, perfect_information_cny

POLICY = cast(Any, SimpleNamespace(risk_weight=0.0, risk_level=0.8))
SEEN = Foresight(scenario=1, plan_cny=110.0, best_cny=90.0, bound_cny=80.0, plants_kept=3)
RESULT = cast(
    Any,
    SimpleNamespace(
        bound_cny=95.0,
        objective_cny=100.0,
        gap=0.05,
        stochastic_value_cny=None,
        evaluation=SimpleNamespace(monthly_cny=np.zeros(2)),
    ),
)


def test_every_bound_proven_gives_both_ends() -> None:
    assert perfect_information_cny(RESULT, [SEEN, SEEN]) == (5.0, 20.0)


@pytest.mark.parametrize("bound_cny", [0.0, float("-inf"), float("nan")])
def test_a_scenario_without_a_bound_leaves_no_upper_end_and_that_is_told(bound_cny: float) -> None:
    seen = [SEEN, replace(SEEN, bound_cny=bound_cny)]
    assert perfect_information_cny(RESULT, seen) == (5.0, None)
    nothing = cast(Footprint, SimpleNamespace(cost_cny=0.0, kgco2e=0.0, haul_min=0.0, unserved_m3=0.0))
    brief = policy_brief([], RESULT, seen, (nothing,) * 3, {"reach_share_m3": []}, {}, POLICY)
    told = dict(brief)["information"]
    assert "at least" in told.en and "no upper end" in told.en and "至少" in told.zh


def test_nothing_seen_is_nothing_told() -> None:
    assert perfect_information_cny(RESULT, []) is None


def test_the_share_of_dear_months_that_is_told_follows_from_the_level_assumed() -> None:
    weighed = cast(Any, SimpleNamespace(risk_weight=0.5, risk_level=0.8))
    told = risk_told(weighed, np.array([1e4, 2e4, 3e4, 4e4, 8e4]))[0]
    assert "The dearest 20 %" in told.en and "CNY 80 k" in told.en and "最贵的 20%" in told.zh
    assert risk_told(POLICY, np.ones(5)) == []
