"""The commands of `tongmai`: options in, one call to a stage's door, a readable or JSON result out.

Belongs here: arguments, help texts (in the language chosen before this module is imported), printing.
Does not belong here: what a stage does. Heavy libraries are imported inside the command that needs them.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from store.home import Home
from store.locks import is_held
from store.messages import EXIT_FAILED, EXIT_USAGE, Text, TongmaiError, progress

app = typer.Typer(
    help=str(
        Text(
            "砼脉：一座城市预拌混凝土行业的数据平台。收单、建库、预测、规划、发布。",
            "Tongmai: the data platform of a city's ready-mixed-concrete industry: load, build, forecast, plan.",
        )
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
console = Console()


def _help(zh: str, en: str) -> str:
    return str(Text(zh, en))


HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help=_help("数据目录（默认 TONGMAI_HOME，否则 ./data）", "data home (default TONGMAI_HOME, else ./data)"),
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", help=_help("结果以 JSON 写到标准输出", "write the result as JSON to standard output")),
]
YearsOption = Annotated[int, typer.Option(min=1, max=10, help=_help("年数", "years of history"))]
ScaleOption = Annotated[
    float,
    typer.Option(min=0.001, max=2.0, help=_help("规模：1.0 约每年 2 000 万方", "scale: 1.0 is about 20 M m³ a year")),
]


@app.callback()
def _every_command(
    lang: Annotated[
        str | None,
        typer.Option(help=_help("语言：zh 或 en（默认随系统）", "language: zh or en (default: the locale's)")),
    ] = None,
) -> None:
    """`--lang` is read before this module is imported; it stands here so that the help shows it."""


def _home(home: Path | None) -> Home:
    return Home.default() if home is None else Home.at(home)


def _show(result: dict[str, Any], as_json: bool) -> None:
    """The result of a stage: JSON for programs, one line per figure for people."""
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, default=str))
        return
    for name, value in result.items():
        shown = json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else value
        console.print(f"  {name}: {shown}", highlight=False, markup=False, soft_wrap=True)


@app.command(
    help=_help(
        "生成虚拟城市，跑完全部阶段，打印摘要（等于 simulate 加 run）",
        "Make the virtual city, run every stage, print the summary (simulate, then run)",
    )
)
def demo(
    home: HomeOption = None, years: YearsOption = 3, scale: ScaleOption = 0.1, as_json: JsonOption = False
) -> None:
    from simulation.city import simulate as make_city

    place = _home(home)
    make_city(place, years=years, scale=scale)
    _run_all(place, as_json)


@app.command(
    help=_help("生成虚拟城市的文件（合成数据）", "Write the files of the virtual city (synthetic data) into the inbox")
)
def simulate(
    home: HomeOption = None,
    years: YearsOption = 3,
    scale: ScaleOption = 0.1,
    seed: Annotated[int, typer.Option(help=_help("随机种子", "random seed"))] = 20260101,
    end: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help=_help("最后一天", "last day of the data"))
    ] = datetime(2025, 12, 28),
    as_json: JsonOption = False,
) -> None:
    from simulation.city import simulate as make_city

    _show(make_city(_home(home), years=years, scale=scale, seed=seed, end=end.date()).to_dict(), as_json)


@app.command(
    help=_help(
        "装载收件箱，或装载指定的文件：tongmai ingest permits 文件… --mapping M.toml",
        "Load the inbox, or given files: tongmai ingest permits FILE… --mapping M.toml",
    )
)
def ingest(
    feed: Annotated[str | None, typer.Argument(help=_help("数据源", "feed"))] = None,
    files: Annotated[list[Path] | None, typer.Argument(help=_help("文件", "files"))] = None,
    mapping: Annotated[Path | None, typer.Option(help=_help("映射文件", "mapping file"))] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    from pipelines.ingest import ingest as load

    if feed is not None and not files:
        raise typer.BadParameter(_help("请给出要装载的文件", "name the files to load"))
    given = None if feed is None else [(feed, file) for file in files or []]
    report = load(_home(home), given, mapping)
    if as_json:
        _show(report.to_dict(), as_json)
    else:
        _print_files(report.to_dict()["files"])
    if report.failed:
        raise typer.Exit(EXIT_FAILED)


def _print_files(files: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    names = Text(
        "文件 状态 读入 装载 重复 拒收 跳过 原因", "file status read loaded duplicate rejected skipped reasons"
    )
    for name in str(names).split():
        table.add_column(name)
    for file in files:
        counts = [str(file[name]) for name in ("read", "loaded", "duplicate", "rejected", "skipped")]
        reasons = ", ".join(f"{reason} {count}" for reason, count in file["reasons"].items())
        table.add_row(file["file"], file["status"], *counts, reasons)
    console.print(table)


@app.command(help=_help("dbt 建库并检查", "Build and test the warehouse with dbt"))
def build(home: HomeOption = None, as_json: JsonOption = False) -> None:
    from orchestration.warehouse import build as build_warehouse

    _show(build_warehouse(_home(home)).to_dict(), as_json)


@app.command(help=_help("预测各区县、各强度等级的需求", "Forecast demand by district and grade class"))
def forecast(
    home: HomeOption = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help=_help("只用这一天已知的数据", "use what was known then")),
    ] = None,
    horizon: Annotated[int, typer.Option(min=1, max=52, help=_help("周数", "weeks ahead"))] = 52,
    scenario: Annotated[
        str, typer.Option(help=_help("情景：base, permits_minus_50", "scenario: base, permits_minus_50"))
    ] = "base",
    as_json: JsonOption = False,
) -> None:
    from forecasting.run import forecast as make_forecast

    day: date | None = None if as_of is None else as_of.date()
    report = make_forecast(_home(home), as_of=day, horizon_weeks=horizon, scenario=scenario)
    _show(report.to_dict(), as_json)


@app.command(
    help=_help(
        "产能分配与整合规划；带选项即为假设分析，不改变当前规划",
        "Plan capacity allocation and consolidation; with options it is a what-if and leaves the current plan",
    )
)
def plan(
    max_closures: Annotated[
        int | None, typer.Option(help=_help("最多关停与合并几家", "closures and merges at most"))
    ] = None,
    haul_limit: Annotated[float | None, typer.Option(help=_help("运输时限（分钟）", "haul limit in minutes"))] = None,
    carbon_price: Annotated[float | None, typer.Option(help=_help("碳价（元/吨）", "carbon price, CNY per t"))] = None,
    demand: Annotated[str | None, typer.Option(help=_help("需求变化，如 +20%", "change of demand, e.g. +20%"))] = None,
    keep: Annotated[
        list[str] | None, typer.Option(help=_help("必须保留的站（可重复）", "plant that stays; repeatable"))
    ] = None,
    close: Annotated[
        list[str] | None, typer.Option(help=_help("必须关停的站（可重复）", "plant that goes; repeatable"))
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    from planning.run import plan as make_plan

    report = make_plan(
        _home(home),
        max_closures=max_closures,
        haul_limit_min=haul_limit,
        carbon_price_cny_per_t=carbon_price,
        demand_change=_share(demand),
        keep=tuple(keep or ()),
        close=tuple(close or ()),
    )
    _show(report.to_dict(), as_json)


def _share(text: str | None) -> float | None:
    """`+20%`, `-5%` or `0.2` as a share."""
    if text is None:
        return None
    try:
        return float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
    except ValueError as error:
        raise typer.BadParameter(
            _help(f"不是变化率：{text}，例如 +20%", f"not a change: {text}; for example +20%")
        ) from error


@app.command(help=_help("检查并发布一个只读版本", "Audit and publish a read-only version"))
def publish(home: HomeOption = None, as_json: JsonOption = False) -> None:
    from store.publish import publish as publish_version

    _show(publish_version(_home(home)).to_dict(), as_json)


@app.command(
    help=_help(
        "用收件箱里的文件跑完全部阶段（夜间任务）", "Run every stage on what lies in the inbox (the nightly job)"
    )
)
def run(home: HomeOption = None, as_json: JsonOption = False) -> None:
    _run_all(_home(home), as_json)


def _run_all(home: Home, as_json: bool) -> None:
    from orchestration.run import run as run_job

    if is_held(home, "run"):
        progress("run", "另一个任务正在运行，等它结束……", "another run is under way; waiting for it to end …")
    progress("run", "启动夜间任务（Dagster，本进程内）", "starting the nightly job (Dagster, in this process)")
    reports = run_job(home)
    if as_json:
        _show(reports, as_json)
        return
    from orchestration.summary import print_summary

    print_summary(console, home, reports)


@app.command(help=_help("盯住收件箱，每几秒刷新实时供需", "Watch the inbox and refresh live supply and demand"))
def live(
    home: HomeOption = None,
    every: Annotated[float, typer.Option(min=0.5, help=_help("间隔秒数", "seconds between rounds"))] = 5.0,
    rounds: Annotated[int | None, typer.Option(min=1, help=_help("只跑几轮", "stop after so many rounds"))] = None,
) -> None:
    from pipelines.live import live as watch

    watch(_home(home), every_s=every, iterations=rounds)


@app.command(
    help=_help("打开总览页面（默认只在本机可见）", "Serve the overview page (on this machine only by default)")
)
def serve(
    home: HomeOption = None,
    host: Annotated[str, typer.Option(help=_help("监听地址", "address to listen on"))] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help=_help("端口", "port"))] = 8601,
) -> None:
    import uvicorn

    from dashboard.app import create_app

    typer.echo(
        _help(f"总览页面：http://{host}:{port}/（Ctrl-C 结束）", f"overview: http://{host}:{port}/ (Ctrl-C ends)")
    )
    uvicorn.run(create_app(_home(home)), host=host, port=port, log_level="warning")


@app.command(help=_help("台账合计、当前版本、锁与待收文件", "Ledger totals, current version, locks and waiting files"))
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    from orchestration.status import read_status

    _show(read_status(_home(home)), as_json)


@app.command(help=_help("对已发布版本执行只读 SQL", "Query the published version, read-only"))
def sql(
    query: Annotated[str, typer.Argument(help="SQL")],
    home: HomeOption = None,
    limit: Annotated[int, typer.Option(min=1, help=_help("最多显示的行数", "rows to show at most"))] = 100,
    as_json: JsonOption = False,
) -> None:
    import duckdb

    from store.connections import reader

    if not query.strip(" ;\n\t"):
        raise TongmaiError("bad_sql", "没有要执行的查询。", "There is no query to run.", EXIT_USAGE)
    with reader(_home(home).published) as connection:
        try:
            result = connection.execute(query)
        except RuntimeError as error:  # DuckDB's word for Ctrl-C in a query
            raise KeyboardInterrupt from error
        except duckdb.Error as error:
            raise TongmaiError(
                "bad_sql", f"SQL 不能执行：{error}", f"The SQL does not run: {error}", EXIT_USAGE
            ) from error
        names = [column[0] for column in result.description or []]
        rows = result.fetchall() if as_json else result.fetchmany(limit + 1)
    if as_json:
        records = [dict(zip(names, row, strict=True)) for row in rows]
        typer.echo(json.dumps(records, ensure_ascii=False, default=str))
        return
    table = Table(*names, box=None, pad_edge=False)
    for row in rows[:limit]:
        table.add_row(*("" if value is None else str(value) for value in row))
    console.print(table)
    if len(rows) > limit:
        typer.echo(_help(f"只显示前 {limit} 行（--limit 可调）", f"first {limit} rows only (see --limit)"), err=True)


@app.command(
    help=_help(
        "检查 Python、版本、磁盘、字体、锁，并说明怎么办", "Check Python, versions, disk, fonts, locks; say what to do"
    )
)
def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    from orchestration.doctor import examine

    findings = examine(_home(home))
    if as_json:
        typer.echo(json.dumps([finding.to_dict() for finding in findings], ensure_ascii=False))
    else:
        marks = {"ok": "✓", "warn": "!", "fail": "✗"}
        for finding in findings:
            console.print(f"{marks[finding.status]} {finding.check:<10} {finding.text}", highlight=False, markup=False)
    if any(finding.status == "fail" for finding in findings):
        raise typer.Exit(EXIT_FAILED)
