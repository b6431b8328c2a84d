"""Spreadsheets (XLSX, XLS) as raw tables.

Belongs here: sheets, their header row, cells to columns. Does not belong here: dates that are numbers (a
reading). All sheets with a recognisable header are read; rows of a second sheet are counted on from the
last row of the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from python_calamine import CalamineError, CalamineWorkbook

from pipelines.faults import FileError
from pipelines.feeds import Feed
from pipelines.layout import HEADER_SEARCH_ROWS, find_header
from pipelines.mapping import FieldMapping
from pipelines.sources.tables import RawTable, raw_table
from pipelines.sources.text import open_bytes


def spreadsheet_tables(path: Path, feed: Feed, mapping: FieldMapping) -> Iterator[RawTable]:
    """One raw table per sheet with a header. Raises FileError: `truncated_file`, `unknown_layout`."""
    with open_bytes(path) as stream:
        try:
            sheets = _sheets(CalamineWorkbook.from_filelike(stream))
        except (CalamineError, OSError, ValueError) as error:
            raise FileError("truncated_file", str(error)) from error
    is_found, before = False, 0
    for rows, first_row in sheets:
        index = find_header([[_text(cell) for cell in row] for row in rows[:HEADER_SEARCH_ROWS]], feed, mapping)
        if index is not None:
            is_found = True
            header = [_text(cell) for cell in rows[index]]
            body = rows[index + 1 :]
            columns = (
                [_column(cells) for cells in zip(*body, strict=True)]
                if body
                else [pa.nulls(0, pa.string())] * len(header)
            )
            start = before + first_row + index + 2
            yield raw_table(header, columns, pa.array(range(start, start + len(body)), pa.int64()), (), index)
        before += first_row + len(rows)
    if not is_found:
        raise FileError("unknown_layout" if any(rows for rows, _ in sheets) else "empty_file")


def _sheets(workbook: CalamineWorkbook) -> list[tuple[list[list[Any]], int]]:
    """Per sheet its rows and the number of empty rows above them."""
    sheets = []
    for name in workbook.sheet_names:
        sheet = workbook.get_sheet_by_name(name)
        start = sheet.start
        sheets.append((sheet.to_python(), start[0] if start else 0))
    return sheets


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
        case str():
            return cell
        case bool():
            return "true" if cell else "false"
        case float():
            return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
        case datetime():
            return cell.isoformat(" ")
        case date() | time() | timedelta():
            return str(cell)
        case _:
            return "" if cell is None else str(cell)
