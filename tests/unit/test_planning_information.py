"""The interval of the value of perfect information: no end is named that no search has proven."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from planning.brief import policy_brief
from planning.footprint import Footprint
from planning.information import Foresight, perfect_information_cny

SEEN = Foresight(scenario=1, plan_cny=110.0, best_cny=90.0, bound_cny=80.0, plants_kept=3)
RESULT = cast(Any, SimpleNamespace(bound_cny=95.0, objective_cny=100.0, gap=0.05, stochastic_value_cny=None))


def test_every_bound_proven_gives_both_ends() -> None:
    assert perfect_information_cny(RESULT, [SEEN, SEEN]) == (5.0, 20.0)


@pytest.mark.parametrize("bound_cny", [0.0, float("-inf"), float("nan")])
def test_a_scenario_without_a_bound_leaves_no_upper_end_and_that_is_told(bound_cny: float) -> None:
    seen = [SEEN, replace(SEEN, bound_cny=bound_cny)]
    assert perfect_information_cny(RESULT, seen) == (5.0, None)
    nothing = cast(Footprint, SimpleNamespace(cost_cny=0.0, kgco2e=0.0, haul_min=0.0, unserved_m3=0.0))
    brief = policy_brief([], RESULT, seen, (nothing,) * 3, {"reach_share_m3": []}, {})
    told = dict(brief)["information"]
    assert "at least" in told.en and "no upper end" in told.en and "至少" in told.zh


def test_nothing_seen_is_nothing_told() -> None:
    assert perfect_information_cny(RESULT, []) is None
