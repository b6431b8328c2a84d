"""The overview in four sentences with their figures, the way an official would repeat them.

Belongs here: wording what `overview` read. Does not belong here: reading, and labels (`texts`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from dashboard.formats import NONE, apart, between, carbon, change, day, minutes, money, percent, volume
from dashboard.overview import Overview
from dashboard.plans import PlanHeadline
from dashboard.quarter import WEEKS, DistrictQuarter, Quarter
from dashboard.texts import say
from store.messages import Lang, Text


@dataclass(frozen=True)
class Comparison:
    """One quantity today, with the same plants reallocated, and under the plan; `changes` of the last two on today."""

    label: str
    unit: str
    amounts: tuple[str, ...]
    changes: tuple[str, ...]


@dataclass(frozen=True)
class Headline:
    """A card: what it is about, its figure, the sentence below, and whether it should worry."""

    name: str
    title: str
    figure: str
    sentence: str
    tone: Literal["calm", "alert"] = "calm"
    comparisons: tuple[Comparison, ...] = ()


def headlines(overview: Overview, lang: Lang) -> tuple[Headline, ...]:
    """Demand, shortage, plan and effect: the first two without a forecast and the last two without a plan fall away."""
    cards: list[Headline] = []
    if overview.quarter:
        cards += [_demand(overview.quarter, lang), _shortage(overview.quarter, lang)]
    if overview.plan:
        cards += [_plan(overview.plan, lang), _effect(overview.plan, lang)]
    return tuple(cards)


def _demand(quarter: Quarter, lang: Lang) -> Headline:
    city = quarter.city
    zh = f"{day(quarter.from_on, 'zh')}至{day(quarter.until_on, 'zh')}（{quarter.weeks} 周）"
    en = f"{day(quarter.from_on, 'en')} to {day(quarter.until_on, 'en')} ({quarter.weeks} weeks)."
    if city.q10_m3 is not None and city.q90_m3 is not None:
        low, high = city.q10_m3, city.q90_m3
        band = Text(between(volume(low, "zh"), volume(high, "zh")), between(volume(low, "en"), volume(high, "en")))
        zh += f"，八成可能在 {band.zh}之间"
        en += f" Eight times in ten it lies within {band.en}."
    if city.reach_share_m3 is not None:
        zh += f"。可达产能 {volume(city.reach_share_m3, 'zh')}，用到 {percent(city.load_share)}"
        en += f" Reachable capacity is {volume(city.reach_share_m3, 'en')}, {percent(city.load_share)} of it used."
    return Headline(
        "demand",
        say(Text("下季度需求", "Next quarter's demand"), lang),
        volume(city.demand_m3, lang),
        zh + "。" if lang == "zh" else en,
    )


def _shortage(quarter: Quarter, lang: Lang) -> Headline:
    title = say(Text("下季度缺口", "Next quarter's shortage"), lang)
    known = [district for district in quarter.districts if district.load_share is not None]
    if not known:
        note = Text("还没有方案，无法与可达产能比较。", "Without a plan there is no capacity to compare with.")
        return Headline("shortage", title, NONE, say(note, lang))
    tightest = max(known, key=lambda district: district.load_share or 0.0)
    most = Text(
        f"最紧的是{tightest.name.zh}，用到可达产能的 {percent(tightest.load_share)}。",
        f"The tightest is {tightest.name.en}, at {percent(tightest.load_share)} of its reachable capacity.",
    )
    short = sorted(
        (district for district in known if (district.load_share or 0.0) > 1.0), key=lambda each: each.surplus_m3 or 0.0
    )
    if short:
        many = "s" if len(short) > 1 else ""
        names = _names(short)
        figure = Text(f"{len(short)} 个区县", f"{len(short)} district{many}")
        first = Text(
            f"{len(known)} 个区县中，{names.zh}的需求超过可达产能。",
            f"Of {len(known)} districts, demand exceeds reachable capacity in {names.en}. ",
        )
    else:
        figure = Text("无", "None")
        first = Text(
            f"{len(known)} 个区县的可达产能都够一季之用。",
            f"In all {len(known)} districts reachable capacity covers the quarter. ",
        )
    weekly = _short_weeks([district for district in known if district not in short])
    sentence = Text(first.zh + most.zh + weekly.zh, first.en + most.en + weekly.en)
    return Headline("shortage", title, say(figure, lang), say(sentence, lang), tone="alert" if short else "calm")


def _short_weeks(districts: Sequence[DistrictQuarter]) -> Text:
    """The districts that have enough over the quarter, yet not in every week (before a holiday, say)."""
    tight = [district for district in districts if district.weeks_short]
    if not tight:
        return Text("", "")
    weeks = max(district.weeks_short or 0 for district in tight)
    return Text(
        f"另有 {len(tight)} 个区县有些周不够，最多 {weeks} 周。",
        f" In some weeks it falls short in {len(tight)} more, in up to {weeks} of {WEEKS}.",
    )


def _names(districts: Sequence[DistrictQuarter], most: int = 4) -> Text:
    """Their names, at most `most` of them."""
    named, more = districts[:most], len(districts) - most
    return Text(
        "、".join(each.name.zh for each in named) + ("等" if more > 0 else ""),
        ", ".join(each.name.en for each in named) + (f" and {more} more" if more > 0 else ""),
    )


def _plan(plan: PlanHeadline, lang: Lang) -> Headline:
    gone = plan.plants_merged + plan.plants_closed
    total = plan.plants_kept + gone
    return Headline(
        "plan",
        say(Text("布局方案", "The plan"), lang),
        say(Text(f"保留 {plan.plants_kept} 座", f"{plan.plants_kept} plants kept"), lang),
        say(
            Text(
                f"现有 {total} 座中，合并 {plan.plants_merged} 座，关停 {plan.plants_closed} 座；"
                f"扩建 {plan.plants_expanded} 座，新建 {plan.plants_opened} 座。"
                f"方案考虑了 {plan.scenarios} 种需求情景。",
                f"Of {total} plants, {plan.plants_merged} merge into others and {plan.plants_closed} close;"
                f" {plan.plants_expanded} expand and {plan.plants_opened} new open."
                f" {plan.scenarios} demand scenarios were weighed.",
            ),
            lang,
        ),
    )


def _effect(plan: PlanHeadline, lang: Lang) -> Headline:
    proof = (
        Text("还没有证明与最优方案的差距。", "No bound has been proven for this plan.")
        if plan.gap is None
        else Text(
            f"已证明：任何方案的目标值都不会比它再低 {percent(plan.gap, 2)} 以上。",
            f"Proven: no plan can improve on its objective by more than {percent(plan.gap, 2)}.",
        )
    )
    source = _source_of_saving(plan)
    return Headline(
        "effect",
        say(Text("方案的效果（每年）", "What the plan changes (per year)"), lang),
        say(Text("成本 ", "Cost "), lang) + change(plan.cost_before_cny, plan.cost_after_cny),
        say(Text(source.zh + proof.zh, source.en + proof.en), lang),
        comparisons=(
            _compare(
                Text("成本", "Cost"),
                (plan.cost_before_cny, plan.cost_reallocated_cny, plan.cost_after_cny),
                money,
                lang,
            ),
            _compare(
                Text("运输碳", "Haul carbon"),
                (plan.kgco2e_before, plan.kgco2e_reallocated, plan.kgco2e_after),
                carbon,
                lang,
            ),
            _compare(
                Text("平均运输", "Mean haul"),
                (plan.haul_min_before, plan.haul_min_reallocated, plan.haul_min_after),
                minutes,
                lang,
            ),
            _compare(
                Text("供不上", "Unserved"),
                (plan.unserved_m3_before, plan.unserved_m3_reallocated, plan.unserved_m3_after),
                volume,
                lang,
            ),
        ),
    )


def _source_of_saving(plan: PlanHeadline) -> Text:
    """How much of the saving needs no change of plants; nothing where there is no saving to divide."""
    saved_cny = plan.cost_before_cny - plan.cost_after_cny
    alone_cny = plan.cost_before_cny - plan.cost_reallocated_cny
    if not 0 < alone_cny < saved_cny:
        return Text("", "")
    share = percent(alone_cny / saved_cny)
    return Text(
        f"省下的成本有 {share} 来自同样站点的重新调配，其余来自站点调整。",
        f"{share} of the saving comes from reallocation among today's plants, the rest from changing plants. ",
    )


def _compare(label: Text, values: tuple[float, ...], show: Callable[[float, Lang], str], lang: Lang) -> Comparison:
    unit, amounts = apart([show(value, lang) for value in values])
    return Comparison(say(label, lang), unit, tuple(amounts), tuple(change(values[0], value) for value in values[1:]))
