"""The plan in a few sentences for the bureau.

Belongs here: sentences over finished figures. Does not belong here: reasons per plant (explain.py), figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from planning.consolidation import Result
from planning.design import Design
from planning.footprint import Footprint
from planning.information import Foresight, perfect_information_cny
from planning.instance import Instance, Policy
from planning.model import Floats
from planning.regret import explained_flips
from planning.risk import cvar_cny
from planning.transition import Transition
from store.messages import Text


def policy_brief(
    decisions: Sequence[str],
    result: Result,
    seen: Sequence[Foresight],
    states: tuple[Footprint, Footprint, Footprint],
    outlook: dict[str, list[Any]],
    names: dict[str, Text],
    policy: Policy,
) -> list[tuple[str, Text]]:
    """(topic, sentence) in reading order; `states` are before, reallocated, after."""
    before, reallocated, after = states
    count = {name: decisions.count(name) for name in ("keep", "merge", "close", "expand", "open")}
    kept = count["keep"] + count["expand"]
    total = kept + count["merge"] + count["close"]
    brief = [
        (
            "decisions",
            Text(
                f"现有 {total} 座站保留 {kept} 座（其中扩建 {count['expand']} 座），合并 {count['merge']} 座，"
                f"关停 {count['close']} 座，新建 {count['open']} 座。",
                f"Of {total} plants {kept} stay ({count['expand']} of them expand), {count['merge']} merge,"
                f" {count['close']} close; {count['open']} open.",
            ),
        ),
        (
            "cost",
            Text(
                f"年成本由 {before.cost_cny / 1e4:,.0f} 万元变为 {after.cost_cny / 1e4:,.0f} 万元；"
                f"只优化调配为 {reallocated.cost_cny / 1e4:,.0f} 万元。",
                f"Yearly cost goes from CNY {before.cost_cny / 1e6:,.2f} M to {after.cost_cny / 1e6:,.2f} M;"
                f" reallocation alone gives {reallocated.cost_cny / 1e6:,.2f} M.",
            ),
        ),
        (
            "carbon",
            Text(
                f"运输碳排放由每年 {before.kgco2e / 1e3:,.0f} 吨变为 {after.kgco2e / 1e3:,.0f} 吨；"
                f"只优化调配为 {reallocated.kgco2e / 1e3:,.0f} 吨。",
                f"Transport carbon goes from {before.kgco2e / 1e3:,.0f} t to {after.kgco2e / 1e3:,.0f} t a year;"
                f" reallocation alone gives {reallocated.kgco2e / 1e3:,.0f} t.",
            ),
        ),
        (
            "haul",
            Text(
                f"平均运输时间由 {before.haul_min:.1f} 分钟变为 {after.haul_min:.1f} 分钟；"
                f"只优化调配为 {reallocated.haul_min:.1f} 分钟。",
                f"Mean haul goes from {before.haul_min:.1f} to {after.haul_min:.1f} minutes;"
                f" reallocation alone gives {reallocated.haul_min:.1f}.",
            ),
        ),
        (
            "supply",
            Text(
                f"供不上的方量由每年 {before.unserved_m3:,.0f} 方变为 {after.unserved_m3:,.0f} 方；"
                f"只优化调配为 {reallocated.unserved_m3:,.0f} 方。",
                f"Unserved volume goes from {before.unserved_m3:,.0f} to {after.unserved_m3:,.0f} m³ a year;"
                f" reallocation alone gives {reallocated.unserved_m3:,.0f}.",
            ),
        ),
        ("proof", _proof(result)),
    ]
    brief.extend(("risk", told) for told in risk_told(policy, result.evaluation.monthly_cny))
    brief.extend(("information", said) for said in _information(result, seen))
    is_working = np.array(outlook["reach_share_m3"], float) > 0  # a ban is no news
    if is_working.any():
        worst = int(np.argmax(np.where(is_working, outlook["probability_short"], -1.0)))
        code, week = outlook["district_code"][worst], outlook["week_start"][worst]
        district = names.get(code, Text(code, code))
        chance = outlook["probability_short"][worst]
        brief.append(
            (
                "outlook",
                Text(
                    f"未来 52 周最紧的是{district.zh}在 {week} 那一周：需求超过可达产能（分摊）的概率为 {chance:.0%}。",
                    f"The tightest of the next 52 weeks is {week} in {district.en}: demand exceeds shared reachable"
                    f" capacity with probability {chance:.0%}.",
                ),
            )
        )
    return brief


def risk_told(policy: Policy, monthly_cny: Floats) -> list[Text]:
    """What the dearest months cost, where the objective weighs them; their share follows from the level of CVaR."""
    if not policy.risk_weight:
        return []
    share, each = 1 - policy.risk_level, cvar_cny(monthly_cny, policy.risk_level)
    return [
        Text(
            f"最贵的 {100 * share:.3g}% 情景月平均每月调配成本 {each / 1e4:,.1f} 万元（CVaR），"
            f"在目标中权重 {policy.risk_weight:g}。",
            f"The dearest {100 * share:.3g} % of sample months cost CNY {each / 1e3:,.0f} k a month on average (CVaR),"
            f" with weight {policy.risk_weight:g} in the objective.",
        )
    ]


def _proof(result: Result) -> Text:
    if result.bound_cny <= 0 < result.objective_cny:
        return Text(
            "时限内未能证明下界：方案可行，但离最优多远不知道。",
            "No bound was proven in the time given: the plan can be carried out; how far from the best is unknown.",
        )
    return Text(
        f"已证明目标值与最优相差不超过 {result.gap:.2%}。",
        f"The objective is proven to be within {result.gap:.2%} of the best possible.",
    )


def time_limit_told(
    instance: Instance,
    design: Design,
    regrets: Mapping[int, float],
    transition: Transition,
    weeks: tuple[int, int],
    seen: Sequence[Foresight],
) -> list[Text]:
    """What the time limit left out of a plan, in a sentence; `weeks` are those allocated and those asked for."""
    allocated, asked = weeks
    parts = [
        (bool(explained_flips(instance, design)) and not regrets, Text("反过来决定的代价", "regrets")),
        (transition.objective_cny is None, Text("分步实施的目标值", "the objective step by step")),
        (
            allocated < asked,
            Text(
                f"{asked} 周中后 {asked - allocated} 周的调配",
                f"the allocation of the last {asked - allocated} of {asked} weeks",
            ),
        ),
        (not seen, Text("完全信息的价值", "the value of perfect information")),
    ]
    left_out = [part for is_left_out, part in parts if is_left_out]
    if not left_out:
        return []
    return [
        Text(
            f"时限已到，未算：{'、'.join(part.zh for part in left_out)}。",
            f"Left out, as the time limit was reached: {', '.join(part.en for part in left_out)}.",
        )
    ]


def _information(result: Result, seen: Sequence[Foresight]) -> Iterator[Text]:
    """What weighing the scenarios was worth, and what knowing the one that comes would be."""
    value, interval = result.stochastic_value_cny, perfect_information_cny(result, seen)
    if value is not None:
        yield Text(
            f"只按平均预测规划，每年会多花 {value / 1e4:,.1f} 万元（随机解的价值）。",
            f"Planning on the mean forecast alone would cost CNY {value / 1e3:,.0f} k more a year (value of the"
            " stochastic solution).",
        )
    if interval is not None:
        least, most = interval
        yield _perfect_information(len(seen), least, most)


def _perfect_information(scenarios: int, least: float, most: float | None) -> Text:
    if most is None:
        return Text(
            f"若事先知道 {scenarios} 个情景中来的是哪一个，每年至少可再省 {least / 1e4:,.1f} 万元"
            "（完全信息的价值；时限内未能证明上限）。",
            f"Knowing which of the {scenarios} scenarios comes would save at least CNY {least / 1e3:,.0f} k more a year"
            " (value of perfect information; no upper end was proven in the time given).",
        )
    return Text(
        f"若事先知道 {scenarios} 个情景中来的是哪一个，每年可再省 {least / 1e4:,.1f} 至 {most / 1e4:,.1f} 万元"
        "（完全信息的价值，已证明的范围）：更好的预测也不会更值钱。",
        f"Knowing which of the {scenarios} scenarios comes would save CNY {least / 1e3:,.0f} k to {most / 1e3:,.0f}"
        " k more a year (value of perfect information, a proven range): no forecast can be worth more.",
    )
