"""One command per stage after the intake, and `tongmai run`, which is all of them.

Belongs here: options in, one call to a stage's door, the result out. Does not belong here: what a stage does.
"""

from __future__ import annotations

from datetime import date, datetime
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.commands.options import HomeOption, JsonOption, console, home_of, said, show
from store.home import Home
from store.locks import is_held
from store.messages import EXIT_FAILED, EXIT_USAGE, TongmaiError, progress

commands = typer.Typer()
CITY_WEEKS = 52
ORLIB_S = 600.0  # for an OR-Library file, where no time limit is given
WAIT_S = 60.0  # for another run to end; a scheduler does not hang on it, and a dying run has gone by then


def _finite(number: float | None) -> float | None:
    if number is not None and not isfinite(number):
        raise typer.BadParameter(said(f"不是有限的数：{number}", f"not a finite number: {number}"))
    return number


@commands.command(help=said("dbt 建库并检查", "Build and test the warehouse with dbt"))
def build(
    home: HomeOption = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help=said(
                "按当日已知的数据另建一库（past/日期）",
                "build what was known that day, in a home past/<day> of its own",
            ),
        ),
    ] = None,
    full: Annotated[
        bool,
        typer.Option("--full", help=said("全部重建（平时只重建变了的部分）", "make all anew, not only what changed")),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    from orchestration.past import past_home
    from orchestration.warehouse import build as build_warehouse

    place = home_of(home)
    show(build_warehouse(place if as_of is None else past_home(place, as_of.date()), full).to_dict(), as_json)


@commands.command(
    help=said(
        "预测各区县、各强度等级的需求；带 --series 则预测任何长表",
        "Forecast demand by district and grade class; with --series, forecast any long table",
    )
)
def forecast(
    home: HomeOption = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help=said("只用这一天已知的数据", "use what was known then")),
    ] = None,
    horizon: Annotated[
        int | None,
        typer.Option(
            min=1, max=1000, help=said("期数（城市：周，至多 52）", "periods ahead (the city: weeks, 52 at most)")
        ),
    ] = None,
    scenario: Annotated[
        str,
        typer.Option(
            help=said(
                "情景：base, permits_minus_50，或政策事件文件中的名称",
                "scenario: base, permits_minus_50, or a name of the events file",
            )
        ),
    ] = "base",
    events: Annotated[
        Path | None,
        typer.Option(
            metavar="F.csv",
            help=said(
                "政策事件文件（默认 data/reference/scenario_events.csv）",
                "policy events (default data/reference/scenario_events.csv)",
            ),
        ),
    ] = None,
    series: Annotated[
        Path | None,
        typer.Option(
            metavar="F",
            help=said("CSV 或 Parquet 长表：unique_id, ds, y", "long table, CSV or Parquet: unique_id, ds, y"),
        ),
    ] = None,
    freq: Annotated[
        str | None, typer.Option(help=said("长表的频率：W MS QS D h", "its frequency: W MS QS D h"))
    ] = None,
    season: Annotated[
        int | None,
        typer.Option(min=1, max=9000, help=said("季节长度（期；1 为无）", "its season in periods; 1 for none")),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help=said("写到 OUT.parquet 或 OUT.csv", "write OUT.parquet or OUT.csv")),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help=said("只用一个模型，如 ets、theta、prophet_plain", "one model alone: ets, theta, prophet_plain …")
        ),
    ] = None,
    known_future: Annotated[
        str | None,
        typer.Option(help=said("事先已知的列（逗号分隔）", "columns known in advance, comma-separated")),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    if series is None:
        _refuse_without_series(
            {"--freq": freq, "--season": season, "--out": out, "--model": model, "--known-future": known_future}
        )
        from forecasting.run import forecast as make_forecast

        day: date | None = None if as_of is None else as_of.date()
        weeks = _city_weeks(horizon)
        report = make_forecast(home_of(home), as_of=day, horizon_weeks=weeks, scenario=scenario, events=events)
        show(report.to_dict(), as_json)
        return
    from forecasting.series_run import forecast_series_file

    if horizon is None:
        raise typer.BadParameter(said("--series 还需要 --horizon", "--series also needs --horizon"))
    names = [name.strip() for name in (known_future or "").split(",") if name.strip()]
    done = forecast_series_file(series, freq, out, horizon, season, model or "ensemble", names)
    show(done.to_dict(whole=as_json), as_json)


def _refuse_without_series(options: dict[str, object]) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        told = ", ".join(given)
        raise typer.BadParameter(said(f"{told} 只与 --series 同用", f"{told} goes with --series only"))


def _city_weeks(horizon: int | None) -> int:
    if horizon is not None and horizon > CITY_WEEKS:
        raise typer.BadParameter(
            said(f"城市预测至多 {CITY_WEEKS} 周", f"the city is forecast {CITY_WEEKS} weeks at most")
        )
    return horizon or CITY_WEEKS


@commands.command(
    help=said(
        "产能分配与整合规划；带选项即为假设分析，不改变当前规划",
        "Plan capacity allocation and consolidation; with options it is a what-if and leaves the current plan",
    )
)
def plan(
    max_closures: Annotated[
        int | None, typer.Option(help=said("最多关停与合并几家", "closures and merges at most"))
    ] = None,
    max_closures_per_year: Annotated[
        int | None, typer.Option(help=said("其中每年最多几家", "of them in one year at most"))
    ] = None,
    haul_limit: Annotated[float | None, typer.Option(help=said("运输时限（分钟）", "haul limit in minutes"))] = None,
    carbon_price: Annotated[float | None, typer.Option(help=said("碳价（元/吨）", "carbon price, CNY per t"))] = None,
    demand: Annotated[str | None, typer.Option(help=said("需求变化，如 +20%", "change of demand, e.g. +20%"))] = None,
    risk_weight: Annotated[
        float | None,
        typer.Option(
            help=said(
                "最贵的那些情景月（CVaR，水平为假设 risk_level）的权重 λ，默认 0",
                "weight λ of the dearest months, CVaR at the level assumed as risk_level (0)",
            )
        ),
    ] = None,
    min_utilisation: Annotated[
        str | None,
        typer.Option(
            help=said(
                "在用站每月最低利用率，如 40%，低于部分计价",
                "least utilisation of a working plant in every month, e.g. 40%; what falls short is priced",
            )
        ),
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(help=said("必须保留的站（可重复）", "plant that stays; repeatable"))
    ] = None,
    close: Annotated[
        list[str] | None, typer.Option(help=said("必须关停的站（可重复）", "plant that goes; repeatable"))
    ] = None,
    merge_pair: Annotated[
        list[str] | None,
        typer.Option(
            metavar="P:INTO",
            help=said("可跨企业合并的一对站，如 P012:P040（可重复）", "pair that may merge across owners; repeatable"),
        ),
    ] = None,
    front: Annotated[
        bool,
        typer.Option(
            "--front",
            help=said("另求成本—碳—供应保障的一组方案（较慢）", "alternatives of cost, carbon and security too (slow)"),
        ),
    ] = False,
    regrets: Annotated[
        bool,
        typer.Option(
            "--regrets",
            help=said("另求每座站（含保留的）反过来决定的代价（较慢）", "every plant's regret, kept ones too (slow)"),
        ),
    ] = False,
    flips: Annotated[
        bool,
        typer.Option(
            "--flips",
            help=said(
                "另求假设变多少会翻转决定（较慢）", "how far assumptions are from turning decisions over too (slow)"
            ),
        ),
    ] = False,
    time_limit: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            callback=_finite,
            help=said(
                "最多搜索几秒；到时给出当前最好的方案、差距与未算的部分；现有站与所选方案仍逐月精确分配，"
                "--front、--regrets、--flips 另计",
                "seconds to search; then the best plan so far, its gap and what was left out; today's plants and the"
                " chosen plan are still faced with every month, --front, --regrets and --flips come on top",
            ),
        ),
    ] = None,
    orlib: Annotated[
        Path | None,
        typer.Option(help=said("改为求解一个 OR-Library 仓库选址文件", "solve an OR-Library cap file instead")),
    ] = None,
    capacity: Annotated[
        float | None,
        typer.Option(
            min=0, callback=_finite, help=said("文件写 capacity 处的产能", "where such a file says 'capacity'")
        ),
    ] = None,
    single_source: Annotated[
        bool,
        typer.Option(help=said("每个客户只由一座仓库供应（仅 --orlib）", "one warehouse per customer (--orlib only)")),
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    if orlib is not None:
        _refuse_with_orlib(
            {
                "--max-closures": max_closures,
                "--max-closures-per-year": max_closures_per_year,
                "--haul-limit": haul_limit,
                "--carbon-price": carbon_price,
                "--demand": demand,
                "--risk-weight": risk_weight,
                "--min-utilisation": min_utilisation,
                "--keep": keep,
                "--close": close,
                "--merge-pair": merge_pair,
                "--front": front,
                "--regrets": regrets,
                "--flips": flips,
            }
        )
        from planning.orlib import solve

        answer = solve(
            orlib, seconds=time_limit or ORLIB_S, is_single_source=single_source, capacity=capacity
        ).to_dict()
        show(answer if as_json else {name: value for name, value in answer.items() if name != "served"}, as_json)
        return
    _refuse_without_orlib({"--capacity": capacity, "--single-source": single_source})
    from planning.run import plan as make_plan

    given = {} if time_limit is None else {"seconds": time_limit}
    report = make_plan(
        home_of(home),
        max_closures=max_closures,
        max_closures_per_year=max_closures_per_year,
        haul_limit_min=haul_limit,
        carbon_price_cny_per_t=carbon_price,
        demand_change=_share(demand),
        risk_weight=risk_weight,
        min_utilisation=_share(min_utilisation),
        keep=tuple(keep or ()),
        close=tuple(close or ()),
        merge_pairs=tuple(merge_pair or ()),
        has_front=front,
        has_regrets=regrets,
        has_flips=flips,
        **given,
    )
    told = report.to_dict()
    if as_json:
        show(told, as_json)
        return
    show({name: value for name, value in told.items() if name != "weeks"}, as_json)
    for week in report.weeks:
        show({str(week["week_start"]): {name: value for name, value in week.items() if name != "week_start"}}, as_json)


def _refuse_with_orlib(options: dict[str, object]) -> None:
    if told := _given(options):
        raise TongmaiError(
            "contradictory_options",
            f"{told} 是城市规划的选项，不与 --orlib 同用。",
            f"{told}: for the city's plan, not with --orlib.",
            EXIT_USAGE,
        )


def _refuse_without_orlib(options: dict[str, object]) -> None:
    if told := _given(options):
        raise TongmaiError(
            "contradictory_options", f"{told} 只与 --orlib 同用。", f"{told} goes with --orlib only.", EXIT_USAGE
        )


def _given(options: dict[str, object]) -> str:
    """The names of those that were given, zeros included."""
    return ", ".join(
        name for name, value in options.items() if value is not None and value is not False and value != []
    )


def _share(text: str | None) -> float | None:
    """`+20%`, `-5%`, `40%` or `0.2` as a share."""
    if text is None:
        return None
    try:
        return float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
    except ValueError as error:
        raise typer.BadParameter(
            said(f"不是百分比：{text}，例如 +20% 或 0.2", f"not a share: {text}; for example +20% or 0.2")
        ) from error


@commands.command(help=said("检查并发布一个只读版本", "Audit and publish a read-only version"))
def publish(home: HomeOption = None, as_json: JsonOption = False) -> None:
    from store.publish import publish as publish_version

    show(publish_version(home_of(home)).to_dict(), as_json)


@commands.command(
    help=said("用收件箱里的文件跑完全部阶段（夜间任务）", "Run every stage on what lies in the inbox (the nightly job)")
)
def run(
    wait: Annotated[
        float,
        typer.Option(min=0, help=said("另一个任务正在运行时最多等几秒", "seconds to wait for another run to end")),
    ] = WAIT_S,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    reports = run_all(home_of(home), as_json, wait_s=wait)
    if count := files_left_out(reports):  # what could be loaded is published, and a scheduler learns of the rest
        typer.echo(said(f"有 {count} 个文件未能入库。", f"{count} files could not be taken."), err=True)
        raise typer.Exit(EXIT_FAILED)


def files_left_out(reports: dict[str, Any]) -> int:
    """How many files the stages' reports say could not be taken; one that is still being written is none of them."""
    return sum(file["status"] == "failed" for file in reports.get("raw", {}).get("files", ()))


def run_all(home: Home, as_json: bool, *, wait_s: float = WAIT_S) -> dict[str, Any]:
    """The nightly job in this process, and its summary; returns each stage's report."""
    from orchestration.run import run as run_job

    if is_held(home, "run"):
        progress(
            "run",
            f"另一个任务正在运行，最多等 {wait_s:.0f} 秒……",
            f"another run is under way; waiting for it, {wait_s:.0f} s at most …",
        )
    progress("run", "启动夜间任务（Dagster，本进程内）", "starting the nightly job (Dagster, in this process)")
    reports = run_job(home, wait_s=wait_s)
    if as_json:
        show(reports, as_json)
        return reports
    from orchestration.summary import print_summary

    print_summary(console, home, reports)
    return reports
