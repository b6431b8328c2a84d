"""Every fixed text of the page, in both languages.

Belongs here: labels, titles, notes. Does not belong here: sentences with figures in them (`headlines`) and
what a column means (that is its comment in the database).
"""

from __future__ import annotations

from store.messages import Lang, Text

TEXTS: dict[str, Text] = {
    "title": Text("砼脉 · 预拌混凝土供需总览", "Tongmai · Ready-mixed concrete, supply and demand"),
    "name": Text("砼脉", "Tongmai"),
    "subname": Text("Tongmai", "砼脉"),
    "question": Text(
        "未来哪里需要混凝土？现有站点能否在运距内供上？哪些站点应当保留、合并、扩建或关停？",
        "Where will concrete be needed, can today's plants serve it within the haul limit,"
        " and which plants should be kept, merged, expanded or closed so that they do?",
    ),
    "skip": Text("跳到正文", "Skip to content"),
    "other_language": Text("English", "中文"),
    "synthetic_badge": Text("合成数据", "Synthetic data"),
    "synthetic_note": Text(
        "本页全部数字来自虚拟城市，企业、站点和工程均为虚构，仅供演示。",
        "Every figure on this page comes from a virtual city: its enterprises, plants and projects are invented.",
    ),
    "version": Text("数据版本", "Data version"),
    "release": Text("发布版本", "Release"),
    "published": Text("发布于", "Published"),
    "data_until": Text("数据截至", "Data up to"),
    "checks": Text("发布检查", "Release checks"),
    "checks_passed": Text("项通过", "passed"),
    "new_version": Text("已发布新版本。", "A new version has been published."),
    "reload": Text("刷新查看", "Show it"),
    "headlines": Text("要点", "Headlines"),
    "today": Text("今天", "Today"),
    "reallocated": Text("同样站点重新调配", "Same plants, reallocated"),
    "planned": Text("方案", "Plan"),
    "map_title": Text("哪里会紧张", "Where it gets tight"),
    "map_note": Text(
        "颜色：未来 13 周预测需求占可达产能（分摊）的比例。点：方案对各站点的决定。点击区县查看曲线。",
        "Colour: the next 13 weeks' forecast as a share of reachable capacity. Dots: the plan's decision for each"
        " plant. Click a district for its curve.",
    ),
    "schematic": Text("示意图，非行政区划边界", "Schematic, not boundaries"),
    "map_alternative": Text("同样的数字见下方“供需平衡”表。", "The same figures are in the balance table below."),
    "no_data": Text("无数据", "no data"),
    "fan_title": Text("需求走势与预测", "Demand and forecast"),
    "fan_note": Text("每周交付量，m³", "Delivered per week, m³"),
    "district": Text("区县", "District"),
    "grade_class": Text("强度等级", "Grade class"),
    "all_grades": Text("全部等级", "All grades"),
    "whole_city": Text("全市", "Whole city"),
    "back_to_city": Text("回到全市", "Back to the city"),
    "history": Text("实际", "Actual"),
    "mean": Text("预测均值", "Forecast mean"),
    "band_80": Text("80% 区间", "80% band"),
    "band_95": Text("95% 区间", "95% band"),
    "reach_line": Text("可达产能（分摊）", "Reachable capacity (share)"),
    "spring_festival": Text("春节", "Spring Festival"),
    "forecast_from": Text("预测起点", "Forecast starts"),
    "week_of": Text("周（周一）", "Week of (Monday)"),
    "as_table": Text("以表格查看", "Show as a table"),
    "chart_failed": Text("曲线数据没有取到，请刷新页面。", "The curve could not be loaded. Reload the page."),
    "no_script": Text(
        "地图与曲线需要启用 JavaScript；下方表格不需要。", "Map and curve need JavaScript; the tables below do not."
    ),
    "balance_title": Text("供需平衡：未来 13 周", "Balance: the next 13 weeks"),
    "balance_note": Text(
        "“可达”指运输时限内能供到。各区县的可达产能互有重叠：毛量不可相加；分摊量按需求分给各区县，合计等于全市产能。"
        "80% 区间由联合情景的季度合计得出，不是各周区间之和。",
        "Reachable means within the haul limit. Districts' reaches overlap: gross amounts do not add up; shares divide"
        " each plant's capacity among the districts and add up to the city's. The 80% band comes from joint scenarios"
        " of the quarter's total, not from adding weekly bands.",
    ),
    "brief_title": Text("方案要点", "The plan in brief"),
    "decisions_title": Text("方案：每个站点的决定与理由", "The plan: what happens to each plant, and why"),
    "decisions_note": Text(
        "“反选代价”是把这一决定反过来全市每年要多付的钱：越大，决定越牢靠。",
        "Regret is what the city would pay more per year if this one decision were reversed: the larger, the firmer.",
    ),
    "changes": Text("有变动", "Changes"),
    "everything": Text("全部", "All"),
    "quality_title": Text("数据质量：读入的每一行都有去处", "Data quality: every row read is accounted for"),
    "quality_note": Text(
        "读入 ＝ 装载 ＋ 重复 ＋ 拒收。标题、空白与合计行另计为跳过。",
        "Read = loaded + duplicate + rejected. Titles, blanks and totals lines are counted apart as skipped.",
    ),
    "live_title": Text("实时：最近的 15 分钟窗口", "Live: the newest 15-minute windows"),
    "live_none": Text(
        "实时服务没有运行。运行 tongmai live 后，这里每隔几秒更新。",
        "Live is not running. Start it with `tongmai live`; this panel then updates every few seconds.",
    ),
    "live_refreshed": Text("最近刷新", "Last refreshed"),
    "window": Text("窗口开始", "Window from"),
    "ordered_m3": Text("下单 m³", "Ordered m³"),
    "delivered_m3": Text("交付 m³", "Delivered m³"),
    "tickets": Text("运单", "Tickets"),
    "is_final": Text("状态", "State"),
    "final": Text("已定", "final"),
    "open": Text("仍可能变动", "may still change"),
    "download": Text("下载 CSV", "Download CSV"),
    "no_forecast": Text("这个版本还没有预测。", "This version holds no forecast yet."),
    "no_plan": Text("这个版本还没有方案。", "This version holds no plan yet."),
    "footer": Text(
        "只读页面，数据来自已发布版本；任何数字都可追溯到来源文件的行。",
        "A read-only page on the published version; every figure can be walked back to a line of a source file.",
    ),
    "empty_title": Text("还没有已发布的版本", "Nothing has been published yet"),
    "empty_note": Text(
        "在服务器上运行下面任一命令，完成后刷新本页。", "Run one of these on the server, then reload this page."
    ),
    "empty_demo": Text("用虚拟城市试一遍全程", "Try the whole river with a virtual city"),
    "empty_run": Text("处理 inbox/ 里的真实文件", "Process the real files in inbox/"),
    "missing_title": Text("没有这个页面", "There is no such page"),
    "home": Text("回到总览", "Back to the overview"),
}

DECISION_NAMES: dict[str, Text] = {
    "keep": Text("保留", "Keep"),
    "merge": Text("合并", "Merge"),
    "close": Text("关停", "Close"),
    "expand": Text("扩建", "Expand"),
    "open": Text("新建", "Open"),
    "not_opened": Text("不建", "Not opened"),
}

LOAD_CLASSES: tuple[tuple[float, Text], ...] = (
    (0.3, Text("30% 以下", "below 30%")),
    (0.5, Text("30–50%", "30–50%")),
    (0.7, Text("50–70%", "50–70%")),
    (0.85, Text("70–85%", "70–85%")),
    (1.0, Text("85–100%", "85–100%")),
    (float("inf"), Text("超过 100%", "above 100%")),
)
"""Upper bounds of the map's classes (forecast ÷ reach share) and their legend."""


def say(text: Text, lang: Lang) -> str:
    return text.zh if lang == "zh" else text.en


def load_class(load_share: float | None) -> int | None:
    """The map class of a district, 0 = most room; None without a capacity."""
    if load_share is None:
        return None
    return next(place for place, (bound, _) in enumerate(LOAD_CLASSES) if load_share <= bound)
