"""An explanation for people: what `tongmai ingest --explain` prints on a terminal of 100 columns.

Belongs here: tables and sentences. Does not belong here: finding anything out (`pipelines.explain`).
"""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines.explain.report import ColumnReport, Explanation, RowsReport, TableReport
from pipelines.feeds import FEEDS
from store.messages import Text

_USES = {
    "field": Text("字段", "field"),
    "extra": Text("留在 _extra", "kept in _extra"),
    "personal": Text("个人信息，不保存", "personal, not kept"),
    "dropped": Text("按映射丢弃", "dropped by mapping"),
    "joined": Text("合并列的一部分", "part of a joined one"),
}
_RECOGNITIONS = {
    "name": Text("字段名", "name"),
    "alias": Text("别名", "alias"),
    "list_part": Text("清单列", "list column"),
    "deployment_alias": Text("feeds.toml", "feeds.toml"),
    "mapping": Text("映射文件", "mapping"),
    "joined": Text("映射文件合并", "mapping, joined"),
    "": Text("", ""),
}
_MAPPABLE = ("unknown_layout", "missing_columns", "unknown_unit")
_REASONS = {
    "explicit": Text("命令行指定", "named on the command line"),
    "fingerprint": Text("表头指纹相符", "its header's fingerprint fits"),
    "column_names": Text("所列的表头都在文件中", "all headers it names are in the file"),
    "none": Text("没有适用的映射文件", "no mapping file applies"),
}


def print_explanation(console: Console, report: Explanation) -> None:
    """Print the report: the verdict first, then headers, rows, rejects."""
    if not console.is_terminal:
        console.width = max(console.width, 100)
    feed = FEEDS[report.feed]
    _line(console, f"{report.file} → {feed.name} {feed.text}", style="bold")
    _line(console, str(_verdict(report)), style="red" if report.fault else "green")
    if report.better_feed is not None:
        better = report.better_feed
        text = Text(
            f"表头更像 {better.feed}：认得 {better.recognised} 列，{report.feed} 只认得 {better.recognised_here} 列。"
            f"请试 tongmai ingest {better.feed} …",
            f"The headers look more like {better.feed}: {better.recognised} of them are known there, "
            f"{better.recognised_here} here. Try: tongmai ingest {better.feed} …",
        )
        _line(console, str(text), style="yellow")
    reason = _REASONS[report.mapping_reason]
    _line(console, f"{Text('映射', 'mapping')}: {report.mapping_file or '—'} ({reason})")
    if report.is_already_loaded:
        _line(console, str(Text("此文件此前已入库，再次装载不会改变任何数据。", "This file is loaded already.")))
    shown: set[str] = set()
    for table in report.tables:
        _print_origin(console, table)
        if table.fault is not None and report.fault is None:
            _line(console, f"  {Text('不读：', 'not read: ')}{Text(table.fault.zh, table.fault.en)}", style="yellow")
        elif table.fingerprint not in shown:
            _print_table(console, report, table)
        shown.add(table.fingerprint)
    _print_rows(console, report.rows, report.file)
    if report.fault is not None and report.fault.reason in _MAPPABLE:
        text = Text(
            "加 --write-mapping M.toml 写出可编辑的映射文件。", "Add --write-mapping M.toml for a mapping file to edit."
        )
        console.print()
        _line(console, str(text), style="bold")


def _verdict(report: Explanation) -> Text:
    rows = report.rows
    if report.fault is not None:
        return Text(f"不会入库：{report.fault.zh} [{report.fault.reason}]", f"Would not load: {report.fault.en}")
    part = Text("", "") if rows.is_complete else Text("（只看了前面的行）", " (first rows only)")
    return Text(
        f"读 {rows.read} 行＝装载 {rows.would_load}＋文件内重复 {rows.duplicate}＋拒收 {rows.rejected}；"
        f"跳过 {rows.skipped}{part.zh}。没有写入任何数据。",
        f"{rows.read} rows read = {rows.would_load} would load + {rows.duplicate} repeated in the file + "
        f"{rows.rejected} rejected; {rows.skipped} skipped{part.en}. Nothing was written.",
    )


def _print_origin(console: Console, table: TableReport) -> None:
    found = [table.format, table.compression, table.encoding, repr(table.delimiter) if table.delimiter else ""]
    if table.header_row is not None:
        found.append(str(Text(f"表头在第 {table.header_row} 行", f"header in row {table.header_row}")))
    where = table.member or table.sheet
    console.print()
    _line(console, f"{where + ': ' if where else ''}{' · '.join(text for text in found if text)} · {table.fingerprint}")
    for note in table.notes:
        _line(console, f"  {Text(note.zh, note.en)}", style="yellow")


def _print_table(console: Console, report: Explanation, table: TableReport) -> None:
    shown = Table(box=None, pad_edge=False, show_edge=False)
    for name in (
        Text("表头", "header"), Text("去向", "goes to"), Text("依据", "known by"), Text("单位", "unit"),
        Text("有值", "filled"), Text("例", "examples"),
    ):  # fmt: skip
        is_last = name.en == "examples"
        shown.add_column(
            str(name), overflow="ellipsis" if is_last else "fold", no_wrap=is_last, max_width=36 if is_last else None
        )
    for column in table.columns:
        shown.add_row(
            escape(column.header),
            column.field or str(_USES[column.use]),
            str(_RECOGNITIONS[column.recognised_by]),
            _unit(column),
            f"{column.filled:.0%}",
            escape(" / ".join(column.examples)),
        )
    console.print(shown)
    for field_name, value in table.constants.items():
        _line(console, f"  {field_name} = {value} ({Text('常量', 'constant')})")
    for field_name, value in table.defaults.items():
        _line(console, f"  {field_name} = {value} ({Text('默认值', 'default')})")
    for field_name in table.missing_required:
        field = FEEDS[report.feed].field(field_name)
        missing = Text(
            f"  缺必填：{field_name} {field.text.zh}", f"  required, no source: {field_name} ({field.text.en})"
        )
        _line(console, str(missing))
    for field_name, parts in table.suggested_joins.items():
        pair = json.dumps(parts, ensure_ascii=False)
        joined = Text(
            f"日期与时间分在两列：在 [joined] 写 {field_name} = {pair}",
            f"a day and its time in two columns: write {field_name} = {pair} under [joined]",
        )
        _line(console, f"  {joined}", style="cyan")
    for column in table.columns:
        for hint in _hints(column):
            _line(console, f"  {hint}", style="cyan")


def _unit(column: ColumnReport) -> str:
    if column.unit_kept is None:
        return ""
    written = f"{column.unit_written or ''} × {column.factor:g} → "
    return (written if column.factor != 1 else "") + column.unit_kept


def _hints(column: ColumnReport) -> list[Text]:
    hints = []
    name = column.field
    if column.suggestion is not None:
        name = column.suggestion.field
        hints.append(Text(f"“{column.header}”可能是 {name}", f"'{column.header}' may be {name}"))
    if column.time_format is not None:
        formats, others = " / ".join(column.time_format.formats), " / ".join(column.time_format.examples)
        hints.append(
            Text(
                f"“{column.header}”的日期写法：{formats}（需在 [formats] 写明）"
                + (f"；不符：{others}" if others else ""),
                f"'{column.header}' is written {formats}: state it under [formats]"
                + (f"; not so: {others}" if others else ""),
            )
        )
    if column.unknown_texts:
        texts = ", ".join(f"{text} ({count})" for text, count in column.unknown_texts[:5])
        hints.append(Text(f"{name} 不认得的写法：{texts}", f"texts that {name} does not know: {texts}"))
    return hints


def _print_rows(console: Console, rows: RowsReport, file: str) -> None:
    if rows.duplicate_rows:
        lines = ", ".join(map(str, rows.duplicate_rows))
        _line(console, str(Text(f"\n重复行，例如第 {lines} 行", f"\nrepeated rows, such as {lines}")))
    for reject in rows.rejects:
        console.print()
        sentence = Text(reject.zh, reject.en)
        _line(console, f"{Text('拒收', 'rejected')} {reject.count}: {sentence} [{reject.reason}]", style="red")
        for example in reject.examples:
            member = example.file.removeprefix(file).removeprefix("!")  # the sheet or archive member, if any
            place = f"{Text('行', 'row')} {example.row}" + (f" ({member})" if member else "")
            _line(console, f"  {place}: {example.text[:300]}")
    for name, count in rows.flags.items():
        _line(console, f"{Text('标记', 'flagged')} {name}: {count}")
    for number, row in enumerate(rows.sample, start=1):
        filled = {name: value for name, value in row.items() if value not in (None, []) and name != "_extra"}
        console.print()
        _line(console, f"{Text('样例', 'sample')} {number}: {json.dumps(filled, ensure_ascii=False, default=str)}")


def _line(console: Console, text: str, **options: Any) -> None:
    console.print(text, markup=False, highlight=False, **options)
