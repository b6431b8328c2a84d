"""The backtest's report: one page, both languages, that needs nothing but itself.

Belongs here: the page's sections and words. Does not belong here: its numbers (`accuracy_figures`), its plots
(`charts`).
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

import numpy as np

from forecasting.accuracy_figures import Figures, read_figures
from forecasting.charts import bars, fan, lines
from forecasting.hierarchy import LEVELS
from forecasting.origin import NAIVE, PLAIN, RATIO
from forecasting.promotion import LOCK_WAIT_S
from forecasting.settings import HORIZON_BANDS, QUANTILES, band_name
from store.connections import writer
from store.home import Home
from store.locks import hold
from store.messages import Text, TongmaiError

_BANDS = [band_name(band) for band in HORIZON_BANDS]
_LEVEL_NAMES = {
    "city": Text("全市", "city"),
    "district": Text("区县", "district"),
    "grade_class": Text("强度分类", "grade class"),
    "district_grade_class": Text("区县×强度", "district × grade"),
}
_STYLE = """body{font:15px/1.6 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif;max-width:960px;
margin:2em auto;padding:0 1em;color:#222}h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em;
border-bottom:1px solid #ddd}
.en{color:#555;font-size:.92em}table{border-collapse:collapse;font-size:.85em;width:100%}td,th{padding:.2em .5em;
text-align:right;border-bottom:1px solid #eee}td:first-child,th:first-child{text-align:left}svg{width:100%;height:auto;
font-size:11px}figure{margin:1em 0}p{margin:.3em 0}"""


def write_accuracy_page(home: Home, run_id: str, out: Path | None = None) -> Path:
    """Write the report of a run with a backtest; returns where it stands.

    Raises TongmaiError: `no_backtest`, `cannot_write`, `locked`, `warehouse_busy`.
    """
    with hold(home, "warehouse", wait_s=LOCK_WAIT_S), writer(home) as connection:
        figures = read_figures(connection, run_id)
    path = out or home.root / "reports" / f"backtest-{run_id}.html"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(path.name + ".tmp")
        unfinished.write_text(accuracy_page(figures), encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise TongmaiError(
            "cannot_write", f"报告写不到 {path}：{error}。", f"The report cannot be written to {path}: {error}."
        ) from error
    return path


def accuracy_page(figures: Figures) -> str:
    """The whole page."""
    sections: tuple[Callable[[Figures], str], ...] = (
        _verdict, _origins, _by_horizon, _by_district, _coverage, _reliability, _steps, _worst, _questions,
    )  # fmt: skip
    title = Text("需求预测回测报告", "Backtest of the demand forecast")
    return (
        f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>{title.zh} · {title.en}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title.zh}<br><span class=en>{title.en}</span></h1>"
        + "".join(section(figures) for section in sections)
        + "</body></html>\n"
    )


def _verdict(figures: Figures) -> str:
    run = figures.run
    skill, low, high = figures.skill("district", "1-52", NAIVE)
    plain, ratio = (_percent(figures.skill("district", "1-52", model)[0]) for model in (PLAIN, RATIO))
    inside = figures.score("district", "1-52", "coverage80")
    text = Text(
        f"批次 {run['run_id']}，数据截至 {run['cutoff']} 当周；{len(figures.origins)} 个历史起点。"
        f"区县周误差比季节朴素法小 {skill:.0%}（95% 区间 {low:.0%} 至 {high:.0%}），"
        f"比不看许可的 Prophet 小 {plain}，比管道×比值小 {ratio}，"
        f"偏差 {figures.score('district', '1-52', 'bias'):+.1%}，"
        f"八成区间实际包含 {inside:.0%}。",
        f"Run {run['run_id']}, data through the week of {run['cutoff']}; {len(figures.origins)} past origins. The "
        f"districts' weekly error is {skill:.0%} below the seasonal naive's (95 % interval {low:.0%} to {high:.0%}), "
        f"{plain} below that of Prophet without permits, {ratio} below that of pipeline × ratio; "
        f"bias {figures.score('district', '1-52', 'bias'):+.1%}; the 80 % band held {inside:.0%}.",
    )
    return _both(text)


def _origins(figures: Figures) -> str:
    text = Text(
        "每个起点只用当日平台已知的数据（含许可的报送延迟），重新学习滞后核、季节与模型，"
        "再预测其后各周；只与已到来的周比较。",
        "Each origin sees only what the platform knew on its day (permits with their reporting delay), learns kernel, "
        "season and models anew, and forecasts the weeks after; only weeks that have come are judged.",
    )
    rows = [[str(cutoff), str(weeks)] for cutoff, weeks in figures.origins]
    counts = [[band, *(f"{count:,}" for count in figures.counts.get(band, (0, 0)))] for band in _BANDS]
    return (
        _head("怎样检验", "How it was tested")
        + _both(text)
        + _table(["起点 origin", "可比较的周 weeks judged"], rows)
        + _table(["提前周数 weeks ahead", "起点数 origins", "序列周 series-weeks"], counts)
    )


def _by_horizon(figures: Figures) -> str:
    text = Text(
        "WAPE＝Σ|误差|/Σ实际；bias＝Σ(预测−实际)/Σ实际；mase、rmsse 以去年同周的平均变动为单位；"
        "scrps 为七个分位数的平均损失，以实际量为单位。1 − MAE/MAE 的 95% 区间由自助法得出，"
        "按目标重叠的相邻起点成段重抽。",
        "WAPE = Σ|error| / Σactual; bias = Σ(forecast − actual) / Σactual; mase and rmsse are in units of the mean "
        "change from the same week of last year; scrps is the mean loss of seven quantiles, in units of the actual. "
        "Intervals of 1 − MAE/MAE (95 %) are a bootstrap's, which draws neighbouring origins together as far as their "
        "targets overlap.",
    )
    parts = [_head("各提前期的误差", "Accuracy by horizon") + _both(text)]
    for level in LEVELS:
        models = figures.models(level)
        name = _LEVEL_NAMES[level]
        shown = {
            figures.label(model): [figures.score(level, band, "wape", model) for band in _BANDS] for model in models
        }
        parts.append(f"<h3>{name.zh} {name.en} · WAPE</h3><figure>{bars(_BANDS, shown)}</figure>")
        metrics = ("mase", "rmsse", "wape", "scrps", "bias")
        rows = [
            [
                f"{figures.label(model)} {band}",
                *(_figure(figures.score(level, band, metric, model)) for metric in metrics),
            ]
            for model in models
            for band in _BANDS
        ]
        parts.append(_table(["", *metrics], rows))
        skills = [
            [f"{figures.label(model)} {band}", *(_percent(value) for value in figures.skill(level, band, model))]
            for model in models[1:]
            for band in [*_BANDS, "1-52"]
        ]
        parts.append(_table(["优于 skill against", "1 − MAE/MAE", "2.5 %", "97.5 %"], skills))
    return "".join(parts)


def _by_district(figures: Figures) -> str:
    names = figures.series("district")
    models = [figures.main, NAIVE, RATIO]
    shown = {
        figures.label(model): [figures.score("district", "1-52", "wape", model, name) for name in names]
        for model in models
    }
    head = _head("各区县的误差（全部周）", "Accuracy by district, all weeks ahead")
    return head + f"<figure>{bars(names, shown)}</figure>"


def _coverage(figures: Figures) -> str:
    shown = {_named(level): [figures.score(level, band, "coverage80") for band in _BANDS] for level in LEVELS}
    rows = [
        [
            f"{_named(level)} {band}",
            *(_percent(figures.score(level, band, metric)) for metric in ("coverage80", "coverage95")),
        ]
        + [_percent(value) for value in figures.spread.get((level, band), (np.nan, np.nan))]
        for level in LEVELS
        for band in _BANDS
    ]
    text = Text(
        "目标 80% 与 95%。每个起点的区间由其他起点学得；同一起点的各周同错，故各起点的包含率相差很大。",
        "Aims: 80 % and 95 %. An origin's bands are learned from the other origins; the weeks of one origin are wrong "
        "together, so single origins differ widely.",
    )
    head = ["", "80 %", "95 %", "80 %：最低的起点 lowest origin", "最高的起点 highest origin"]
    plot = f"<figure>{bars(_BANDS, shown)}</figure>"
    return _head("区间的包含率", "Coverage of the bands") + _both(text) + plot + _table(head, rows)


def _reliability(figures: Figures) -> str:
    x = list(QUANTILES.values())
    shown = {_named(level): shares for level, shares in figures.reliability.items()}
    text = Text(
        "横轴为分位数，纵轴为实际低于它的比例；在虚线上即诚实。",
        "Across: the quantile; up: the share of weeks that came below it. On the dashed line is honest.",
    )
    rows = [[name, *(_percent(share) for share in shares)] for name, shares in shown.items()]
    return (
        _head("可靠性图", "Reliability diagram")
        + _both(text)
        + f"<figure>{lines(x, shown, diagonal=True)}</figure>"
        + _table(["", *(f"{level:.1%}" for level in x)], rows)
    )


def _steps(figures: Figures) -> str:
    text = Text(
        "方法每一步带来的改变（区县，误差为 WAPE；校准只改变区间）。",
        "What each step of the method adds (districts; error is WAPE; calibration changes the bands only).",
    )
    rows = [
        [f"{name.zh} {name.en}", *(_percent(value) for value in values)] for name, values in figures.value_added(_BANDS)
    ]
    head = ["", *(f"WAPE {band}" for band in _BANDS), "80 %", "scrps"]
    return _head("预测增值", "Forecast value added") + _both(text) + _table(head, rows)


def _worst(figures: Figures) -> str:
    text = Text(
        "每个区县合计偏差最大的一个起点，取前六；浅色带为八成区间。",
        "Each district's origin whose sum was furthest off, the first six; the pale band is the 80 % band.",
    )
    parts = [_head("最差的情形", "Worst cases") + _both(text)]
    for case in figures.cases:
        weeks = len(case.actual)
        text = Text(
            f"{case.unique_id}，起点 {case.cutoff}："
            f"{weeks} 周合计{'高' if case.error > 0 else '低'}估 {abs(case.error):.0%}",
            f"{case.unique_id}, origin {case.cutoff}: {weeks} weeks in sum {abs(case.error):.0%} too "
            f"{'high' if case.error > 0 else 'low'}",
        )
        drawn = fan(case.actual, case.mean, case.low, case.high, ["实际 actual", "预测 forecast"])
        parts.append(_both(text) + f"<figure>{drawn}</figure>")
    return "".join(parts)


def _questions(figures: Figures) -> str:
    gap = figures.origin_gap_weeks
    answers = (
        Text(
            f"起点是否独立？不是。起点相隔约 {gap:.0f} 周，{_BANDS[-1]} 周的目标彼此重叠，有效样本数少于起点数；"
            "自助法因此按目标重叠的长度成段重抽相邻起点（至多一半起点）；起点少，区间只是大致的。",
            f"Are the origins independent? No. They lie about {gap:.0f} weeks apart, so targets {_BANDS[-1]} weeks "
            "ahead overlap and count for fewer than their number. So the bootstrap draws neighbouring origins "
            "together, as many as overlap (half of all at most); with so few origins its intervals are rough.",
        ),
        Text(
            "何时知道什么？数据只有一道门：按 known_at 取当日已知的许可版本与供货修订；"
            "没有到达日期的补录数据，起点由现在的历史截断而成。",
            "What was known when? There is one door to the data: permit versions and revisions of deliveries by "
            "known_at. For a backfill without arrival days, origins are cut from today's history.",
        ),
        Text(
            "如何证明没有泄漏？测试把起点之后得知的一切打乱，要求输出逐位相同"
            "（tests/integration/test_forecasting_run.py）。",
            "How is leakage ruled out? A test scrambles everything that became known after an origin and demands the "
            "same output to the bit (tests/integration/test_forecasting_run.py).",
        ),
        Text(
            "参数是在检验段上调的吗？不是。缺省值在合成城市的其他种子上选定；"
            "误差模型与区间从历史起点学得，报告中的区间留出本起点。",
            "Were settings tuned on these weeks? No. Defaults were chosen on other seeds of the virtual city; error "
            "model and bands are learned from past origins, in this report with the origin itself left out.",
        ),
        Text(
            "留一起点的包含率偏乐观吗？是：相邻起点的目标重叠。各起点的最低与最高值已列出；"
            "只用更早的起点学习时的包含率，在别的合成城市上测得，见 docs/decisions/0017。",
            "Does leave-one-origin-out coverage flatter? Yes, since neighbours overlap: lowest and highest single "
            "origins are listed. What bands learned from earlier origins only hold, on other virtual cities, stands in "
            "docs/decisions/0017.",
        ),
    )
    return _head("统计学家的提问", "A statistician's questions") + "".join(_both(answer) for answer in answers)


def _named(level: str) -> str:
    return f"{_LEVEL_NAMES[level].zh} {_LEVEL_NAMES[level].en}"


def _head(zh: str, en: str) -> str:
    return f"<h2>{zh} <span class=en>{en}</span></h2>"


def _both(text: Text) -> str:
    return f'<p>{escape(text.zh)}</p><p class=en lang="en">{escape(text.en)}</p>'


def _table(head: list[str], rows: list[list[str]]) -> str:
    cells = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>{cells}</table>"


def _figure(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "–"


def _percent(value: float) -> str:
    return f"{value:.1%}" if np.isfinite(value) else "–"
