"""The command `tongmai rejects`: what was rejected, as a list, as JSON, or as a workbook to correct.

Belongs here: options in, one call to a door of `pipelines`, its result printed. Does not belong here: which rejects
there are and how they are resolved.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.commands.options import HomeOption, JsonOption, home_of, said, show
from store.messages import EXIT_USAGE, Text, TongmaiError

commands = typer.Typer()
_SHOWN, _LINES = 50, 20  # kinds of rejects, and lines of each


@commands.command(
    help=said(
        "列出未解决的拒收行；--out 导出为 XLSX，改正后放回收件箱即可",
        "List open rejects; --out writes an XLSX to correct and drop back into the inbox",
    )
)
def rejects(
    feed: Annotated[str | None, typer.Option(help=said("数据源（默认全部）", "feed (default: all)"))] = None,
    out: Annotated[Path | None, typer.Option(help=said("导出到这个 XLSX 文件", "write them to this XLSX file"))] = None,
    resolved: Annotated[bool, typer.Option("--resolved", help=said("只看已解决的", "those resolved"))] = False,
    every: Annotated[bool, typer.Option("--all", help=said("全部，含已解决的", "all, resolved ones too"))] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    from pipelines.feeds import FEEDS
    from pipelines.rejects.listing import RejectedRow, read_rejects
    from pipelines.rejects.workbook import write_workbook

    if feed is not None and feed not in FEEDS:
        known = ", ".join(FEEDS)
        raise TongmaiError(
            "unknown_feed", f"没有数据源“{feed}”。可用：{known}。", f"No feed '{feed}'. Feeds: {known}.", EXIT_USAGE
        )
    found = read_rejects(home_of(home), feed=feed, which="all" if every else "resolved" if resolved else "open")
    if out is not None:
        write_workbook(found, out)
    if as_json:
        show({**found.to_dict(), "out": None if out is None else str(out)}, as_json)
        return
    alike: dict[tuple[str, str, str, Text], list[RejectedRow]] = {}
    for row in found.rows:
        sentence = Text(row.sentence_zh, row.sentence_en)
        alike.setdefault((row.feed, row.source_file, row.reason, sentence), []).append(row)
    for (name, file, reason, sentence), rows in list(alike.items())[:_SHOWN]:
        lines = ", ".join(str(row.source_row) for row in rows[:_LINES]) + (" …" if len(rows) > _LINES else "")
        typer.echo(said(f"{name} {file}：{len(rows)} 行 [{reason}]", f"{name} {file}: {len(rows)} rows [{reason}]"))
        typer.echo(f"  {sentence}")
        typer.echo(said(f"  第 {lines} 行", f"  lines {lines}"))
    typer.echo(said(f"共 {len(found.rows)} 行拒收。", f"{len(found.rows)} rejected rows.") + _hint(out, len(alike)))


def _hint(out: Path | None, kinds: int) -> str:
    if out is not None:
        return said(
            f"已写入 {out}；改正后放入 inbox/<数据源>/ 即可。",
            f" Written to {out}; correct it, drop it into inbox/<feed>/.",
        )
    return said(f"（只显示前 {_SHOWN} 组）", f" (first {_SHOWN} kinds shown)") if kinds > _SHOWN else ""
