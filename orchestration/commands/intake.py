"""The intake's commands: files in, and what became of them.

Belongs here: options in, one call to a door of `pipelines`, its report printed. Does not belong here: what
the intake does, nor Beam at the top of the module.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from orchestration.commands.options import HomeOption, JsonOption, console, home_of, said, show
from store.messages import EXIT_FAILED, Text

commands = typer.Typer()


@commands.command(
    help=said(
        "装载收件箱，或装载指定的文件：tongmai ingest permits 文件… --mapping M.toml",
        "Load the inbox, or given files: tongmai ingest permits FILE… --mapping M.toml",
    )
)
def ingest(
    feed: Annotated[str | None, typer.Argument(help=said("数据源", "feed"))] = None,
    files: Annotated[list[Path] | None, typer.Argument(help=said("文件", "files"))] = None,
    mapping: Annotated[Path | None, typer.Option(help=said("映射文件", "mapping file"))] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    from pipelines.ingest import ingest as load

    if feed is not None and not files:
        raise typer.BadParameter(said("请给出要装载的文件", "name the files to load"))
    given = None if feed is None else [(feed, file) for file in files or []]
    report = load(home_of(home), given, mapping)
    if as_json:
        show(report.to_dict(), as_json)
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
