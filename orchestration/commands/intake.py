"""The intake's commands: files in, and what became of them.

Belongs here: options in, one call to a door of `pipelines`, its report printed. Does not belong here: what
the intake does, nor Beam at the top of the module.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from orchestration.commands.options import HomeOption, JsonOption, console, home_of, said, show
from store.home import Home
from store.messages import EXIT_FAILED, Text, language, progress

commands = typer.Typer()


@commands.command(
    help=said(
        "装载收件箱，或装载指定的文件：tongmai ingest permits 文件… --mapping M.toml；"
        "--explain 只说明、不写入（文件会失败时退出码为 1）",
        "Load the inbox, or given files: tongmai ingest permits FILE… --mapping M.toml; "
        "--explain only tells (exit 1: it would fail)",
    )
)
def ingest(
    feed: Annotated[str | None, typer.Argument(help=said("数据源", "feed"))] = None,
    files: Annotated[list[Path] | None, typer.Argument(help=said("文件", "files"))] = None,
    mapping: Annotated[Path | None, typer.Option(help=said("映射文件", "mapping file"))] = None,
    is_explained: Annotated[
        bool,
        typer.Option(
            "--explain",
            help=said(
                "说明文件会怎样被读取、哪些行会被拒收，不写入任何数据",
                "tell how the files would be read and what would be rejected; write nothing",
            ),
        ),
    ] = False,
    write_mapping: Annotated[
        Path | None,
        typer.Option(
            metavar="M.toml",
            help=said("另写一份可编辑的映射文件（含 --explain）", "write a mapping file to edit (implies --explain)"),
        ),
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=1, help=said("只说明前面的约多少行", "explain about the first so many rows only"))
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help=said("覆盖已有的映射文件", "overwrite an existing mapping file"))
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    if feed is not None and not files:
        raise typer.BadParameter(said("请给出要装载的文件", "name the files to load"))
    if is_explained or write_mapping is not None:
        if feed is None or not files or (write_mapping is not None and len(files) != 1):
            raise typer.BadParameter(said("请给出数据源和一个文件", "name the feed and one file"))
        _explain(home_of(home), feed, files, mapping, write_mapping, rows, force, as_json)
        return
    from pipelines.ingest import ingest as load

    given = None if feed is None else [(feed, file) for file in files or []]
    report = load(home_of(home), given, mapping)
    if as_json:
        show(report.to_dict(), as_json)
    else:
        _print_files(report.to_dict()["files"])
    if report.failed:
        raise typer.Exit(EXIT_FAILED)


def _explain(
    home: Home,
    feed: str,
    files: list[Path],
    mapping: Path | None,
    write_mapping: Path | None,
    rows: int | None,
    is_forced: bool,
    as_json: bool,
) -> None:
    from orchestration.explanation import print_explanation
    from pipelines.explain import explain
    from pipelines.explain.draft import write_draft
    from pipelines.targets import check_target

    if write_mapping is not None:
        check_target(write_mapping, is_forced=is_forced)
    is_taken = True
    for file in files:
        report = explain(home, feed, file, mapping, rows=rows)
        is_taken &= report.fault is None
        if as_json:
            show(report.to_dict(), as_json)
        else:
            print_explanation(console, report)
        if write_mapping is not None:
            write_draft(report, write_mapping)
            progress(
                "ingest",
                f"映射文件写到 {write_mapping}；编辑后用 --mapping 指定它",
                f"mapping written to {write_mapping}; edit it and name it with --mapping",
            )
    if not is_taken and write_mapping is None:  # a draft that has been written is what was asked for
        raise typer.Exit(EXIT_FAILED)


def _print_files(files: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    names = Text(
        "文件 数据源 状态 读入 装载 重复 拒收 跳过 原因",
        "file feed status read loaded duplicate rejected skipped reasons",
    )
    for name in str(names).split():
        table.add_column(name, overflow="fold")
    for file in files:
        counts = [str(file[name]) for name in ("read", "loaded", "duplicate", "rejected", "skipped")]
        reasons = ", ".join(f"{reason} {count}" for reason, count in file["reasons"].items())
        table.add_row(escape(file["file"]), file["feed"], file["status"], *counts, reasons)
    console.print(table)


@commands.command(
    help=said(
        "写一份可填写的空表：tongmai template orders --out 订单.xlsx",
        "Write an empty XLSX to fill in: tongmai template orders --out orders.xlsx",
    )
)
def template(
    feed: Annotated[str, typer.Argument(help=said("数据源", "feed"))],
    out: Annotated[Path, typer.Option(metavar="F.xlsx", help=said("写到哪个文件", "file to write"))],
    force: Annotated[bool, typer.Option("--force", help=said("覆盖已有的文件", "overwrite an existing file"))] = False,
) -> None:
    from pipelines.template import write_template

    write_template(feed, out, language(), is_forced=force)
    progress("ingest", f"模板写到 {out}", f"template written to {out}")
