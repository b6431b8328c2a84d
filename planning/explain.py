"""Why each plant stays, goes, grows or opens: one reason in two languages, with its own numbers.

Belongs here: words and the figures they cite. Does not belong here: computing regret or flows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from planning.design import Design, large_enterprises, usable_capacity_m3
from planning.footprint import Dispatch, Habit
from planning.instance import MONTHS_PER_YEAR, Instance
from planning.model import Floats
from planning.quota import TOLD_M3_PER_YEAR
from planning.touched import Touched
from store.messages import Text

TAKEOVERS_NAMED = 3


@dataclass(frozen=True)
class Takeover:
    """Who serves the cells of a closed plant: names with their share of its volume, and the change of its mean haul."""

    shares: tuple[tuple[str, float], ...]
    extra_km: float


@dataclass(frozen=True)
class Explanation:
    """One plant's decision with its reason. Utilisation is of the mart's capacity; None where there is none."""

    decision: str
    reason: Text
    regret_cny: float | None
    utilisation_before: float | None
    utilisation_after: float | None


class Explainer:
    """Reads the plan, today's habits and the regrets; speaks about one site at a time."""

    def __init__(
        self,
        instance: Instance,
        design: Design,
        dispatch: Dispatch,
        habit: Habit,
        km: Floats,
        regrets: dict[int, float],
        capacity_price: Floats,
        touched: Mapping[str, Touched],
    ) -> None:
        self.touched = touched
        self.instance, self.design, self.habit, self.km, self.regrets = instance, design, habit, km, regrets
        self.site_m3, self.site_short_m3 = dispatch.footprint.site_m3, dispatch.footprint.site_short_m3
        self.arc_m3 = np.bincount(dispatch.flow_arc, dispatch.flow_m3, len(instance.arc_site))
        self.capacity_price = capacity_price
        usable = usable_capacity_m3(instance, design)
        self.has_grown = design.is_open & (usable > instance.sites.usable_m3 + 0.5) & ~instance.sites.is_candidate
        share = np.divide(
            instance.sites.usable_m3,
            instance.sites.available_m3,
            out=np.zeros(len(instance.sites)),
            where=instance.sites.available_m3 > 0,
        )
        self.least_utilisation = instance.policy.least_load_share * share
        nominal = np.divide(usable, share, out=np.zeros(len(instance.sites)), where=share > 0)
        self.utilisation = np.divide(self.site_m3, nominal, out=np.zeros_like(nominal), where=nominal > 0)
        existing = instance.existing
        available = instance.sites.available_m3[existing]
        self.city_utilisation = float(
            instance.sites.observed_utilisation[existing] @ available / max(available.sum(), 1e-9)
        )
        yearly = np.maximum(MONTHS_PER_YEAR * instance.sites.available_m3, 1e-9)
        fixed = instance.sites.fixed_cny_per_year
        self.fixed_cny_per_m3 = fixed / yearly
        self.city_fixed_cny_per_m3 = float(fixed[existing].sum() / yearly[existing].sum())
        self.only_of_enterprise = {
            int(members[design.is_open[members]][0])
            for members in large_enterprises(instance)
            if design.is_open[members].sum() == 1
        }

    def explain(self, site: int) -> Explanation:
        decision = self.design.decision(self.instance, site)
        words = {
            "keep": self._keep,
            "expand": self._expand,
            "close": self._close,
            "merge": self._merge,
            "open": self._open,
            "not_opened": self._not_opened,
        }[decision]
        is_existing = not self.instance.sites.is_candidate[site]
        return Explanation(
            decision,
            words(site),
            self.regrets.get(site),
            float(self.instance.sites.observed_utilisation[site]) if is_existing else None,
            float(self.utilisation[site]) if self.design.is_open[site] else None,
        )

    def _close(self, site: int) -> Text:
        return _join(
            self._forced(site), self._idle(site), self._taken_over(site), self._touched(site), self._saved(site)
        )

    def _merge(self, site: int) -> Text:
        sites = self.instance.sites
        into = int(self.design.merge_into[site])
        moved = 0.0 if sites.is_on_red_line[into] else float(sites.merge_m3[site])
        red_line = Text("（该站在生态保护红线内，不得增容）", " (it stands on a red line and may not grow)")
        same = sites.enterprise_id[site] == sites.enterprise_id[into]
        owner = (
            Text("同企业的", " of the same enterprise") if same else Text("（按声明的合并对）", " (a declared pair)")
        )
        joined = Text(
            f"并入{owner.zh}{sites.name[into]}，随迁产能每月 {moved:,.0f} 方{red_line.zh if not moved else ''}。",
            f"Merges into {sites.name[into]}{owner.en}; {moved:,.0f} m³ a month of capacity move along"
            f"{red_line.en if not moved else ''}.",
        )
        taken, touched = self._taken_over(site), self._touched(site)
        return _join(self._forced(site), self._idle(site), joined, taken, touched, self._saved(site))

    def _keep(self, site: int) -> Text:
        worked = self._worked(site)
        if self.instance.policy.must_stay[site]:
            return _join(Text("按选项保留。", "Kept because an option says so."), worked)
        if site in self.only_of_enterprise:
            rule = Text("所属大型企业至少保留一座站。", "A large enterprise keeps at least one plant.")
            return _join(worked, rule)
        price = float(self.capacity_price[site])
        if price > 0.5:
            return _join(
                worked,
                Text(
                    f"部分月份产能用满：每月再多 1 方产能，每年可省 {MONTHS_PER_YEAR * price:,.0f} 元。",
                    "Its capacity is used up in some months: one more m³ a month would save CNY"
                    f" {MONTHS_PER_YEAR * price:,.0f} a year.",
                ),
            )
        rule = Text(
            "它在已找到的最省方案之内；关停它的代价由 --regrets 给出。",
            "It is part of the cheapest plan found; --regrets says what closing it would cost.",
        )
        return _join(worked, rule)

    def _expand(self, site: int) -> Text:
        sites = self.instance.sites
        extra, cost = sites.expansion_m3[site], sites.expansion_cny_per_year[site]
        return _join(
            Text(
                f"扩建一条线：每月可用产能增加 {extra:,.0f} 方，每年成本 {_cny(cost).zh}。",
                f"One more line: {extra:,.0f} m³ a month of usable capacity for {_cny(cost).en} a year.",
            ),
            self._worked(site),
        )

    def _open(self, site: int) -> Text:
        sites = self.instance.sites
        cost = sites.opening_cny_per_year[site] + sites.fixed_cny_per_year[site]
        return _join(
            Text(
                f"新建：每年投资摊销与固定成本 {_cny(cost).zh}，每月供 {self.site_m3[site]:,.0f} 方。",
                f"Opens: {_cny(cost).en} a year of capital and fixed cost; it serves"
                f" {self.site_m3[site]:,.0f} m³ a month.",
            ),
            self._short(site),
            self._flip(site, Text("若不建", "Without it")),
        )

    def _not_opened(self, site: int) -> Text:
        sites = self.instance.sites
        if sites.is_on_red_line[site]:
            return Text("位于生态保护红线内，不得新建。", "Stands on an ecological red line: it may not open.")
        cost = sites.opening_cny_per_year[site] + sites.fixed_cny_per_year[site]
        return Text(
            f"每年投资摊销与固定成本 {_cny(cost).zh}，现有站与已选站点供应更省。",
            f"{_cny(cost).en} a year of capital and fixed cost; other sites serve its cells for less.",
        )

    def _forced(self, site: int) -> Text | None:
        if self.instance.policy.must_go[site]:
            return Text("按选项关停。", "Closed because an option says so.")
        return None

    def _idle(self, site: int) -> Text:
        sites = self.instance.sites
        here = float(sites.observed_utilisation[site])
        saved = _cny(float(sites.fixed_cny_per_year[site]))
        each = self.fixed_cny_per_m3[site]
        return Text(
            f"近 52 周利用率 {here:.0%}（全市 {self.city_utilisation:.0%}）；年固定成本 {saved.zh}，"
            f"合每方产能 {each:.1f} 元（全市 {self.city_fixed_cny_per_m3:.1f} 元）。",
            f"Utilisation {here:.0%} in the last 52 weeks (city {self.city_utilisation:.0%}); fixed cost {saved.en} a"
            f" year, CNY {each:.1f} per m³ of capacity (city {self.city_fixed_cny_per_m3:.1f}).",
        )

    def _worked(self, site: int) -> Text:
        before = float(self.instance.sites.observed_utilisation[site])
        after = float(self.utilisation[site])
        shift = Text("（含第二班）", " (second shifts included)") if after > 1 else Text("", "")
        if self.has_grown[site]:
            shift = Text(f"（按扩大后的产能）{shift.zh}", f" (of its larger capacity){shift.en}")
        worked = Text(
            f"利用率由 {before:.0%} 变为 {after:.0%}{shift.zh}，每月供 {self.site_m3[site]:,.0f} 方。",
            f"Utilisation goes from {before:.0%} to {after:.0%}{shift.en}; it serves"
            f" {self.site_m3[site]:,.0f} m³ a month.",
        )
        return _join(worked, self._short(site))

    def _short(self, site: int) -> Text | None:
        yearly = MONTHS_PER_YEAR * float(self.site_short_m3[site])
        if yearly < TOLD_M3_PER_YEAR:
            return None
        least = float(self.least_utilisation[site])
        return Text(
            f"部分月份低于最低利用率 {least:.0%}：每年少 {yearly:,.0f} 方。",
            f"Below the minimum utilisation of {least:.0%} in some months: {yearly:,.0f} m³ a year short.",
        )

    def takeover(self, site: int) -> Takeover | None:
        """Who serves, under the plan, the volume that is this plant's by habit; None when it has none."""
        instance = self.instance
        mine = self.habit.share[site] * instance.mean_demand_m3
        served = np.bincount(instance.arc_point, self.arc_m3, instance.points)
        if not (mine @ (served > 0)) > 0:
            return None
        weight = np.divide(mine, served, out=np.zeros_like(mine), where=served > 0)[instance.arc_point] * self.arc_m3
        by_site = np.bincount(instance.arc_site, weight, len(instance.sites))
        order = np.argsort(-by_site, kind="stable")[:TAKEOVERS_NAMED]
        total = float(by_site.sum())
        km_after = float(weight @ instance.arc_km) / total
        reached = served > 0
        km_before = float(mine[reached] @ self.km[site][reached]) / float(mine[reached].sum())
        shares = tuple((instance.sites.name[q], float(by_site[q] / total)) for q in order.tolist() if by_site[q] > 0)
        return Takeover(shares, km_after - km_before)

    def _taken_over(self, site: int) -> Text | None:
        taken = self.takeover(site)
        if taken is None:
            return None
        longer = taken.extra_km > 0
        zh = "、".join(f"{name}（{share:.0%}）" for name, share in taken.shares)
        en = ", ".join(f"{name} ({share:.0%})" for name, share in taken.shares)
        return Text(
            f"承接其方量最多的是{zh}；全市重新调配后，这些客户的平均运距比今天{'长' if longer else '短'}"
            f" {abs(taken.extra_km):.1f} 公里。",
            f"The largest shares of its volume go to {en}; with the whole city reallocated these customers' mean haul"
            f" is {abs(taken.extra_km):.1f} km {'longer' if longer else 'shorter'} than today's.",
        )

    def _touched(self, site: int) -> Text | None:
        touched = self.touched.get(self.instance.sites.plant_id[site])
        if touched is None:
            return None
        told = touched.told()
        return Text(f"牵涉：{told.zh}", f"Touched: {told.en}")

    def _saved(self, site: int) -> Text | None:
        return self._flip(site, Text("若保留", "If kept"))

    def _flip(self, site: int, condition: Text) -> Text | None:
        regret = self.regrets.get(site)
        if regret is None:
            return None
        more = regret >= 0
        return Text(
            f"{condition.zh}，全市每年{'多花' if more else '少花'} {_cny(abs(regret)).zh}。",
            f"{condition.en}, the city would pay {_cny(abs(regret)).en} {'more' if more else 'less'} a year.",
        )


def _join(*parts: Text | None) -> Text:
    said = [part for part in parts if part]
    return Text("".join(part.zh for part in said), " ".join(part.en for part in said))


def _cny(amount: float) -> Text:
    return Text(f"{amount / 1e4:,.1f} 万元", f"CNY {amount / 1e3:,.0f} k")
