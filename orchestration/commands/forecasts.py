"""Commands around the forecast: backtest, compare, explain, promote.

Belongs here: options in, one call to a door of `forecasting`, the answer printed. Does not belong here: any maths.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from orchestration.commands.options import HomeOption, JsonOption, console, home_of, said, show
from store.messages import Text, progress

commands = typer.Typer()
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help=said("批次号（可只写开头）", "run, or how it begins"))]


@commands.command(
    help=said(
        "从 12 个历史起点回测，写出一页中英文报告；不改变现用的预测",
        "Backtest from 12 past origins and write a report page; the forecast in use stays",
    )
)
def backtest(
    origins: Annotated[int, typer.Option(min=2, max=52, help=said("历史起点数", "past origins"))] = 12,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="F.html",
            help=said("报告写到哪里（默认 数据目录/reports/）", "where to write the report (default HOME/reports/)"),
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    from forecasting.accuracy import write_accuracy_page
    from forecasting.run import full_backtest

    place = home_of(home)
    report = full_backtest(place, origins)
    page = write_accuracy_page(place, report.run_id, out)
    progress("forecast", f"报告写到 {page}", f"report written to {page}")
    found = {**report.to_dict(), "page": str(page)}
    if as_json:
        show(found, as_json)
        return
    _print_scores(report.scores)
    for name in ("run_id", "cutoff", "origins", "page", "seconds"):
        console.print(f"  {name}: {found[name]}", highlight=False, markup=False, soft_wrap=True)


def _print_scores(scores: dict[str, dict[str, dict[str, float]]]) -> None:
    columns = ("mase", "rmsse", "wape", "scrps", "bias", "coverage80", "coverage95", "skill_seasonal_naive")
    named = {"coverage80": "80 %", "coverage95": "95 %", "skill_seasonal_naive": str(Text("优于朴素", "skill"))}
    shown = {"district_grade_class": "district×grade"}
    table = Table(box=None, pad_edge=False)
    for name in (str(Text("层级", "level")), str(Text("周", "weeks")), *(named.get(name, name) for name in columns)):
        table.add_column(name, no_wrap=True)
    for level, bands in scores.items():
        for band, metrics in sorted(bands.items(), key=lambda item: (item[0] == "1-52", int(item[0].split("-")[0]))):
            table.add_row(
                shown.get(level, level), band, *(f"{metrics[name]:.3f}" if name in metrics else "–" for name in columns)
            )
    console.print(table)


@commands.command(help=said("两个预测批次或两个规划对照", "Two forecast runs or two plans side by side"))
def compare(first: RunArgument, second: RunArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    from forecasting.compare import compare as compare_runs
    from planning.compare import compare_plans

    plans = compare_plans(home_of(home), first, second)
    if plans is not None:
        _show_plans(plans, as_json)
        return
    found = compare_runs(home_of(home), first, second)
    if as_json:
        show(found, as_json)
        return
    same = said("来源相同", "made alike")
    console.print(said("不同之处：", "They differ in: ") + (", ".join(found["differs"]) or same), highlight=False)
    table = Table(box=None, pad_edge=False)
    for name in ("", found["runs"][0]["run_id"], found["runs"][1]["run_id"], said("变化", "change")):
        table.add_column(name, overflow="fold")
    for name in ("status", *found["differs"]):
        table.add_row(name, *(str(run[name]) for run in found["runs"]), "")
    for row in found["means"]:
        change = "–" if row["change"] is None else f"{row['change']:+.1%}"
        table.add_row(f"{row['unique_id']} m³/w", f"{row['first_m3']:,}", f"{row['second_m3']:,}", change)
    for level, bands in found["scores"].items():
        for band, metrics in bands.items():
            for metric, (one, other) in metrics.items():
                table.add_row(f"{level} {band} {metric}", _figure(one), _figure(other), _change(one, other))
    console.print(table)


def _show_plans(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show(found, as_json)
        return
    table = Table(box=None, pad_edge=False)
    for name in ("", *found["plans"]):
        table.add_column(name, overflow="fold")
    for part in ("options", "assumptions", "figures"):
        for name, (one, other) in found[part].items():
            table.add_row(
                name, *(f"{value:,.6g}" if isinstance(value, float) else str(value) for value in (one, other))
            )
    for row in found["decisions"]:
        table.add_row(f"{row['plant_id']} {row['plant_name']}", row["first"], row["second"])
    console.print(table)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _change(first: float | None, second: float | None) -> str:
    return "" if first is None or second is None else f"{second - first:+.3f}"


@commands.command(
    help=said(
        "用话说明一个区县的预测：许可、趋势、季节、节假日、近期水平各做了什么，变了什么，以往准不准",
        "A district's forecast in words: what permits, trend, season, calendar and level do, what changed, how right",
    )
)
def explain(
    district: Annotated[
        str,
        typer.Argument(metavar="DISTRICT", help=said("区县代码或名称，或 city", "district's code or name, or city")),
    ],
    grade: Annotated[str | None, typer.Option(help=said("强度分类", "grade class"))] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    from forecasting.explain import explain as explain_series

    found = explain_series(home_of(home), district, grade)
    if as_json:
        show(found.to_dict(), as_json)
        return
    for sentence in found.sentences:
        console.print(str(sentence), highlight=False, markup=False, soft_wrap=True)


@commands.command(
    help=said(
        "改用另一个预测批次（前进或退回），留有记录；随后运行 plan 与 publish",
        "Put another forecast run in use, forward or back, on the record; then run plan and publish",
    )
)
def promote(run: RunArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    from forecasting.promotion import promote as promote_run

    decision = promote_run(home_of(home), run)
    found: dict[str, Any] = decision.to_dict()
    if as_json:
        show(found, as_json)
    else:
        console.print(str(decision.text), highlight=False, markup=False, soft_wrap=True)
