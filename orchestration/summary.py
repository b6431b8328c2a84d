"""The summary at the end of a run, as a person reads it in a terminal.

Belongs here: layout and wording. Does not belong here: figures (`dashboard.overview` reads them, for the
page and for this).
"""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from dashboard.ledger import FeedLedger
from dashboard.overview import Overview, read_overview
from dashboard.plans import PlanHeadline
from dashboard.quarter import DistrictQuarter, Quarter
from store.home import Home
from store.messages import Text


def print_summary(console: Console, home: Home, reports: dict[str, Any]) -> None:
    """Rows per feed, next quarter per district, the plan's headline, where it all lies, what to try next."""
    overview = read_overview(home)
    console.print()
    if overview.version.is_synthetic:
        _say(
            console,
            Text(
                "合成数据：虚拟城市，不是真实企业的数字。", "Synthetic data: a virtual city, no real plant's figures."
            ),
        )
        console.print()
    console.print(_feeds(overview.feeds))
    if any(feed.reasons for feed in overview.feeds):
        console.print()
        console.print(_reasons(overview.feeds))
    console.print()
    _print_intake(console, reports.get("raw"))
    for report in (reports.get(stage, {}) for stage in ("forecast", "plan")):
        if "skipped" in report:
            _say(console, Text(f"已跳过：{report['zh']}", f"Skipped: {report['en']}"))
    if overview.quarter is not None:
        console.print()
        console.print(_quarter(overview.quarter))
    if overview.plan is not None:
        console.print()
        _print_plan(console, overview.plan)
    console.print()
    _print_place(console, home, overview)


def _say(console: Console, text: Text) -> None:
    console.print(str(text), highlight=False, markup=False, soft_wrap=True)


def _heading(text: Text) -> str:
    return f"[bold]{text}[/bold]"


def _table(title: Text, *columns: Text) -> Table:
    table = Table(title=_heading(title), title_justify="left", box=None, pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(str(column), justify="left" if place == 0 else "right", no_wrap=True)
    return table


def _feeds(feeds: tuple[FeedLedger, ...]) -> Table:
    table = _table(
        Text("各数据源行数（台账累计）", "Rows per feed (all of the ledger)"),
        Text("数据源", "feed"),
        Text("文件", "files"),
        Text("读入", "read"),
        Text("装载", "loaded"),
        Text("重复", "duplicate"),
        Text("拒收", "rejected"),
    )
    for feed in feeds:
        counts = (feed.files, feed.read, feed.loaded, feed.duplicate, feed.rejected)
        table.add_row(feed.feed, *(f"{count:,}" for count in counts))
    return table


def _reasons(feeds: tuple[FeedLedger, ...]) -> Table:
    """Why rows were rejected: a table of its own, or the reasons would be cut off in a narrow terminal."""
    table = _table(Text("主要拒收原因（行数）", "Top reject reasons (rows)"), Text("数据源", "feed"))
    table.add_column(str(Text("原因", "reasons")))
    for feed in feeds:
        if feed.reasons:
            table.add_row(feed.feed, ", ".join(f"{reason.reason} {reason.rejected:,}" for reason in feed.reasons))
    return table


def _print_intake(console: Console, report: dict[str, Any] | None) -> None:
    """What this run itself took in: a second run on the same files says that nothing was loaded twice."""
    if report is None:
        return
    files = report["files"]
    known = sum(file["status"] == "already_loaded" for file in files)
    failed = [file for file in files if file["status"] == "failed"]
    loaded = sum(file["loaded"] for file in files)
    _say(
        console,
        Text(
            f"本次运行：{len(files)} 个文件，装载 {loaded:,} 行；其中 {known} 个文件此前已装载，未重复装载。",
            f"This run: {len(files)} files, {loaded:,} rows loaded; {known} files were already loaded, none twice.",
        ),
    )
    for file in failed:
        _say(
            console,
            Text(f"未入库 {file['file']}：{file['message_zh']}", f"Not taken {file['file']}: {file['message_en']}"),
        )


def _quarter(quarter: Quarter) -> Table:
    days = f"{quarter.from_on} – {quarter.until_on}"
    table = _table(
        Text(f"下季度需求与可达产能（{days}，千 m³）", f"Next quarter, 1,000 m³ ({days})"),
        Text("区县", "district"),
        Text("需求均值", "demand"),
        Text("80% 区间", "80 % band"),
        Text("可达产能（分摊）", "reach (share)"),
        Text("余缺", "surplus"),
        Text("需求/产能", "load"),
    )
    for district in (*quarter.districts, quarter.city):
        table.add_row(*_district_row(district))
    return table


def _district_row(district: DistrictQuarter) -> tuple[str, ...]:
    low, high = _thousand(district.q10_m3), _thousand(district.q90_m3)
    load = "–" if district.load_share is None else f"{district.load_share:.0%}"
    return (
        str(district.name),
        _thousand(district.demand_m3),
        f"{low} – {high}",
        _thousand(district.reach_share_m3),
        _thousand(district.surplus_m3),
        load,
    )


def _thousand(m3: float | None) -> str:
    return "–" if m3 is None else f"{m3 / 1000:,.1f}"


def _print_plan(console: Console, plan: PlanHeadline) -> None:
    fewer = plan.plants_closed + plan.plants_merged - plan.plants_opened
    console.print(_heading(Text("规划：保留、合并、关停", "Plan: keep, merge, close")))
    _say(
        console,
        Text(
            f"保留 {plan.plants_kept} 家，合并 {plan.plants_merged} 家，关停 {plan.plants_closed} 家，"
            f"扩建 {plan.plants_expanded} 家，新建 {plan.plants_opened} 家（净减 {fewer} 家）。",
            f"{plan.plants_kept} kept, {plan.plants_merged} merged, {plan.plants_closed} closed, "
            f"{plan.plants_expanded} expanded, {plan.plants_opened} opened (net {fewer} fewer).",
        ),
    )
    table = Table(box=None, pad_edge=False)
    table.add_column(str(Text("每年", "per year")))
    for column in (
        Text("现状", "today"),
        Text("只优化调配", "same plants, reallocated"),
        Text("规划", "plan"),
        Text("规划比现状", "plan on today"),
    ):
        table.add_column(str(column), justify="right")
    for name, values, unit in (
        (
            Text("成本（百万元）", "cost (M CNY)"),
            (plan.cost_before_cny, plan.cost_reallocated_cny, plan.cost_after_cny),
            1e6,
        ),
        (
            Text("运输碳（吨 CO₂e）", "haul carbon (t CO₂e)"),
            (plan.kgco2e_before, plan.kgco2e_reallocated, plan.kgco2e_after),
            1e3,
        ),
        (
            Text("平均运输（分钟）", "mean haul (min)"),
            (plan.haul_min_before, plan.haul_min_reallocated, plan.haul_min_after),
            1.0,
        ),
        (
            Text("供不上（千 m³）", "not served (1,000 m³)"),
            (plan.unserved_m3_before, plan.unserved_m3_reallocated, plan.unserved_m3_after),
            1e3,
        ),
    ):
        before, _, after = values
        change = f"{after / before - 1:+.1%}" if before else "–"
        table.add_row(str(name), *(f"{value / unit:,.1f}" for value in values), change)
    console.print(table)
    gap = "–" if plan.gap is None else f"{plan.gap:.2%}"
    _say(
        console,
        Text(
            f"已证明的最优性差距：{gap}（{plan.scenarios} 个需求情景）。",
            f"Proven gap to the optimum: {gap} ({plan.scenarios} demand scenarios).",
        ),
    )


def _print_place(console: Console, home: Home, overview: Overview) -> None:
    version = overview.version
    _say(
        console,
        Text(
            f"已发布：{home.published}\n数据版本 {version.data_version}，数据截至 {version.data_until_on}。",
            f"Published: {home.published}\nData version {version.data_version}, data until {version.data_until_on}.",
        ),
    )
    console.print()
    console.print(
        _heading(Text("接着试试（激活 .venv 或在前面加 .venv/bin/）", "Try next (activate .venv or prefix .venv/bin/)"))
    )
    query = "SELECT plant_id, decision, reason_zh FROM plan.plant_decisions WHERE decision <> 'keep'"
    query_en = query.replace("reason_zh", "reason_en")
    for command in (
        Text("tongmai serve", "tongmai serve"),
        Text(f'tongmai sql "{query}"', f'tongmai sql "{query_en}"'),
    ):
        console.print(f"  {command}", highlight=False, markup=False, soft_wrap=True)
    console.print("  tongmai doctor", highlight=False, markup=False)
