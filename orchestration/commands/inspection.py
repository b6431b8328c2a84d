"""Commands that look and change nothing: status, sql, trace, doctor.

Belongs here: asking, and printing the answer. Does not belong here: computing it.
"""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from orchestration.commands.options import HomeOption, JsonOption, console, home_of, said, show
from store.messages import EXIT_FAILED, EXIT_USAGE, TongmaiError

commands = typer.Typer()


@commands.command(
    help=said("台账合计、当前版本、锁与待收文件", "Ledger totals, current version, locks and waiting files")
)
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    from orchestration.status import read_status

    found = read_status(home_of(home))
    feeds = [] if as_json else found.pop("feeds")
    show(found, as_json)
    for feed in feeds:
        reasons = ", ".join(f"{reason['reason']} {reason['rejected']}" for reason in feed["reasons"])
        counts = said(
            f"{feed['files']} 个文件，读 {feed['read']}＝装载 {feed['loaded']}＋重复 {feed['duplicate']}"
            f"＋拒收 {feed['rejected']}",
            f"{feed['files']} files, read {feed['read']} = {feed['loaded']} loaded + {feed['duplicate']} duplicate "
            f"+ {feed['rejected']} rejected",
        )
        typer.echo(f"  {feed['feed']}: {counts}" + (f" ({reasons})" if reasons else ""))


@commands.command(help=said("对已发布版本执行只读 SQL", "Query the published version, read-only"))
def sql(
    query: Annotated[str, typer.Argument(help="SQL")],
    home: HomeOption = None,
    limit: Annotated[int, typer.Option(min=1, help=said("最多显示的行数", "rows to show at most"))] = 100,
    as_json: JsonOption = False,
) -> None:
    import duckdb

    from store.connections import reader

    if not query.strip(" ;\n\t"):
        raise TongmaiError("bad_sql", "没有要执行的查询。", "There is no query to run.", EXIT_USAGE)
    with reader(home_of(home).published) as connection:
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
    cells = [["" if value is None else escape(str(value)) for value in row] for row in rows[:limit]]
    if sum(map(len, names)) + 2 * len(names) > console.width:  # not even the names fit in a line: row by row
        for row in cells:
            console.print(
                *(f"{escape(name)}: {cell}" for name, cell in zip(names, row, strict=True)),
                "",
                sep="\n",
                soft_wrap=True,
            )
    else:
        table = Table(box=None, pad_edge=False)
        for name in names:
            table.add_column(escape(name), overflow="fold")
        for row in cells:
            table.add_row(*row)
        console.print(table)
    if len(rows) > limit:
        typer.echo(said(f"只显示前 {limit} 行（--limit 可调）", f"first {limit} rows only (see --limit)"), err=True)


@commands.command(
    help=said(
        "追溯：运单→盘→称量→批号→进场与检验→试块→工程，或批号→运单与工程",
        "Trace a ticket to its batches, lots, reports, specimens and project; or a lot, or a project, to its tickets",
    )
)
def trace(
    wanted: Annotated[str, typer.Argument(metavar="ID", help=said("运单号、批号或工程编号", "ticket, lot or project"))],
    plant: Annotated[
        str | None, typer.Option(help=said("批号在多站重复时，只看该站", "of lots of one number, only this plant's"))
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    from orchestration.trace import read_trace
    from orchestration.trace_text import print_trace

    found = read_trace(home_of(home), wanted, plant)
    if as_json:
        show(found, as_json)
    else:
        print_trace(console, found)


@commands.command(
    help=said(
        "检查 Python、版本、磁盘、字体、锁，并说明怎么办", "Check Python, versions, disk, fonts, locks; say what to do"
    )
)
def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    from orchestration.doctor import examine

    findings = examine(home_of(home))
    if as_json:
        typer.echo(json.dumps([finding.to_dict() for finding in findings], ensure_ascii=False))
    else:
        marks = {"ok": "✓", "warn": "!", "fail": "✗"}
        for finding in findings:
            console.print(f"{marks[finding.status]} {finding.check:<10} {finding.text}", highlight=False, markup=False)
    if any(finding.status == "fail" for finding in findings):
        raise typer.Exit(EXIT_FAILED)
