"""Spreadsheets (XLSX, XLS) as raw tables.

Belongs here: sheets, their header row, cells to columns. Does not belong here: dates that are numbers (a
reading). All visible sheets that hold the feed's columns are read, each a member of the file when there are several.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

from pipelines.faults import FileError
from pipelines.feeds import Feed
from pipelines.layout import HEADER_SEARCH_ROWS, find_header, resolve
from pipelines.mapping import FieldMapping
from pipelines.sources.contents import Content
from pipelines.sources.tables import Origin, RawTable, raw_table


def spreadsheet_tables(content: Content, feed: Feed, mapping: FieldMapping) -> Iterator[RawTable]:
    """One raw table per visible sheet with all columns of the feed; rows of other sheets are skipped and counted.

    Raises FileError: `truncated_file`, `empty_file`, and of the first sheet that comes nearest `missing_columns`,
    `unknown_unit` or `unknown_layout`.
    """
    with content.open() as stream:
        try:
            sheets = list(_sheets(CalamineWorkbook.from_filelike(stream)))
        except (CalamineError, OSError, ValueError) as error:
            raise FileError("truncated_file", str(error)) from error
    tables: list[RawTable] = []
    faults: list[FileError] = []
    skipped = 0
    for sheet in sheets:
        table = _table(sheet, feed, mapping) if sheet.is_visible else None
        try:
            if table is not None:
                resolve(feed, table.header, mapping)
                tables.append(table)
        except FileError as error:
            faults.append(error)
            table = None
        if table is None:
            skipped += sum(1 for row in sheet.rows if any(cell != "" for cell in row))
    if not tables:
        is_empty = not any(sheet.rows for sheet in sheets)
        raise next(iter(faults), FileError("empty_file" if is_empty else "unknown_layout"))
    tables[0] = replace(tables[0], rows_skipped=tables[0].rows_skipped + skipped)
    for table in tables:
        yield replace(table, member=table.origin.sheet) if len(tables) > 1 else table


@dataclass(frozen=True)
class _Sheet:
    """A sheet's rows, and how many empty ones stand above them. A clerk does not see what is hidden."""

    name: str
    rows: list[list[Any]]
    first_row: int
    is_visible: bool


def _sheets(workbook: CalamineWorkbook) -> Iterator[_Sheet]:
    for described in workbook.sheets_metadata:
        sheet = workbook.get_sheet_by_name(described.name)
        start = sheet.start
        yield _Sheet(
            described.name, sheet.to_python(), start[0] if start else 0, described.visible == SheetVisibleEnum.Visible
        )


def _table(sheet: _Sheet, feed: Feed, mapping: FieldMapping) -> RawTable | None:
    """The sheet's rows below its header; None when it has none."""
    rows = sheet.rows
    index = find_header([[_text(cell) for cell in row] for row in rows[:HEADER_SEARCH_ROWS]], feed, mapping)
    if index is None:
        return None
    header, body = [_text(cell) for cell in rows[index]], rows[index + 1 :]
    columns = (
        [_column(cells) for cells in zip(*body, strict=True)] if body else [pa.nulls(0, pa.string())] * len(header)
    )
    start = sheet.first_row + index + 2
    origin = Origin("spreadsheet", header_row=start - 1, sheet=sheet.name)
    return raw_table(header, columns, pa.array(range(start, start + len(body)), pa.int64()), (), index, origin)


def _column(cells: Sequence[Any]) -> pa.Array:
    """Cells of one column, kept typed when they are all numbers or all times, else as text."""
    types = set(map(type, cells))
    if types <= {str}:
        return pa.array(cells, pa.string())
    if types <= {float, int}:
        return pa.array(cells, pa.float64())
    if types <= {float, int, str} and not any(cell for cell in cells if isinstance(cell, str)):
        return pa.array([None if cell == "" else cell for cell in cells], pa.float64())
    if types <= {datetime, str} and not any(cell for cell in cells if isinstance(cell, str)):
        return _seconds([cell or None for cell in cells])
    return pa.array([_text(cell) for cell in cells], pa.string())


def _seconds(cells: Sequence[datetime | None]) -> pa.Array:
    """Times to the nearest second: spreadsheets keep them as fractions of days, which round oddly."""
    return pc.round_temporal(pa.array(cells, pa.timestamp("us")), unit="second")


def _text(cell: Any) -> str:
    match cell:
        case bool():
            return "true" if cell else "false"
        case float():
            return _number(cell)
        case datetime():
            return (cell + timedelta(milliseconds=500)).replace(microsecond=0).isoformat(" ")
        case None:
            return ""
        case _:
            return str(cell)


def _number(cell: float) -> str:
    if abs(cell) >= 1e15:
        return f"{cell:.15e}"  # its last digits are lost, and a reader of ids must see that
    return str(int(cell)) if cell.is_integer() else repr(cell)
