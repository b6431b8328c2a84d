"""Grids of cells (sheets, HTML tables) as raw tables: headers of one or two rows, merged cells, columns.

Belongs here: what all formats of cells have in common. Does not belong here: any of the formats.

Merged cells are taken at their word: a value merged over several rows
belongs to each of them, and a header merged over several columns to each of those (`水泥1 设定`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.faults import FileError
from pipelines.feeds import Feed
from pipelines.layout import HEADER_SEARCH_ROWS, find_header, resolve
from pipelines.mapping import FieldMapping
from pipelines.rejects.corrections import corrected_files
from pipelines.sources.tables import Origin, RawTable, raw_table
from pipelines.two_row_headers import two_row_header
from store.messages import Text

_BLOCK_CELLS = 1 << 18
_HEADERS_OF_TWO_ROWS = 2
Row = list[Any]
Range = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Grid:
    """A rectangle of cells; "" is an empty one.

    `rows` starts from the first row each time it is called; `above` empty rows stand before it; `merged` are
    ranges (first and last row and column, from 0) within the grid. A clerk does not see what is not visible.
    """

    name: str
    rows: Callable[[], Iterator[Row]]
    above: int = 0
    merged: tuple[Range, ...] = ()
    is_visible: bool = True


@dataclass(frozen=True)
class _Header:
    texts: tuple[str, ...]
    row: int
    height: int


def grid_tables(grids: Sequence[Grid], feed: Feed, mapping: FieldMapping, origin: Origin) -> Iterator[RawTable]:
    """The rows of each visible grid that has the feed's columns; those of the others are skipped and counted.

    Raises FileError: `empty_file`, and of the first grid that comes nearest `missing_columns`, `unknown_unit`
    or `unknown_layout`; `lost_mapping` of corrected rejects, which are never skipped.
    """
    found: list[tuple[Grid, _Header]] = []
    faults: list[FileError] = []
    skipped = 0
    left_out: list[str] = []
    for grid in grids:
        header = _header(grid, feed, mapping) if grid.is_visible else None
        try:
            if header is not None:
                resolve(feed, header.texts, mapping)
                found.append((grid, header))
                continue
        except FileError as error:
            faults.append(error)
        if grid.is_visible and (files := corrected_files(_texts(grid), feed.name)):
            raise FileError("lost_mapping", f"{grid.name}: {', '.join(files)}")
        rows = sum(1 for row in grid.rows() if any(cell != "" for cell in row))
        skipped += rows
        if rows:
            left_out.append(grid.name)
    if not found:
        raise next(iter(faults), FileError("unknown_layout" if skipped else "empty_file"))
    if left_out:
        origin = replace(origin, notes=(*origin.notes, _left_out(left_out)))
    for grid, header in found:
        member = grid.name if len(found) > 1 else ""
        for raw in _tables(grid, header, origin, skipped, mapping.decimal):
            yield replace(raw, member=member)
        skipped = 0


def _header(grid: Grid, feed: Feed, mapping: FieldMapping) -> _Header | None:
    rows = _texts(grid)
    joined = {index: _joined(rows, index, grid.merged) for index in {first[0] for first, _ in grid.merged}}
    candidates = [joined.get(index) or row for index, row in enumerate(rows[:HEADER_SEARCH_ROWS])]
    index = find_header(candidates, feed, mapping)
    if index is None:
        return None
    texts = joined.get(index)
    if texts is None and index + 1 < len(rows):
        texts = two_row_header(rows[index], rows[index + 1], feed, mapping)
    return _Header(tuple(texts or candidates[index]), index, _HEADERS_OF_TWO_ROWS if texts else 1)


def _texts(grid: Grid) -> list[list[str]]:
    return [[text_of_cell(cell) for cell in row] for row in islice(grid.rows(), HEADER_SEARCH_ROWS + 1)]


def _joined(rows: Sequence[Sequence[str]], index: int, merged: Sequence[Range]) -> Sequence[str] | None:
    """The header that row `index` makes together with the next one; None when they are not a header of two rows.

    They are when some cells above are merged across columns that have texts below, and every other column is
    merged over both rows or empty below.
    """
    if index + 1 >= len(rows):
        return None
    above, below = list(rows[index]), list(rows[index + 1])
    groups: set[int] = set()
    tall: set[int] = set()
    for (top, left), (bottom, right) in merged:
        if top == index and right < len(above):
            above[left : right + 1] = [above[left]] * (right + 1 - left)
            if bottom == index and right > left:
                groups.update(range(left, right + 1))
            if bottom == index + 1:
                tall.update(range(left, right + 1))
    is_header = (
        any(below[column] for column in groups)
        and all(not below[column] or column in groups for column in range(len(above)))
        and len(set(filter(None, above))) > 1
    )
    if not is_header:
        return None
    return [f"{text} {below[column]}".strip() if column in groups else text for column, text in enumerate(above)]


def _tables(grid: Grid, header: _Header, origin: Origin, skipped: int, decimal: str) -> Iterator[RawTable]:
    """The grid's rows below its header, in blocks."""
    first = header.row + header.height
    tall = [(low, high) for low, high in grid.merged if low[0] >= first and high[0] > low[0]]
    notes = origin.notes
    if tall:
        count = len(tall)
        notes = (
            *notes,
            Text(f"{count} 个合并单元格的值用于其各行", f"{count} merged cells count for each of their rows"),
        )
    header_row = grid.above + header.row + 1
    origin = replace(origin, sheet=grid.name, header_row=header_row, notes=notes)
    rows = islice(_filled(grid.rows(), tall), first, None)
    width = len(header.texts)
    line = grid.above + first + 1
    before = header.row + skipped
    while True:
        body = list(islice(rows, max(1, _BLOCK_CELLS // max(1, width))))
        if body or before >= 0:
            columns = [_column(cells, decimal) for cells in zip(*body, strict=True)] if body else []
            columns = columns or [pa.nulls(0, pa.string())] * width
            numbers = pa.array(range(line, line + len(body)), pa.int64())
            yield raw_table(header.texts, columns, numbers, (), max(before, 0), origin)
        if not body:
            return
        line, before = line + len(body), -1


def _filled(rows: Iterator[Row], tall: Sequence[Range]) -> Iterator[Row]:
    """The rows, with the value of each range that spans several rows in all of them (in its first column)."""
    if not tall:
        yield from rows
        return
    starting = defaultdict(list)
    for (top, left), (bottom, _) in tall:
        starting[top].append((left, bottom))
    lasting: dict[int, tuple[int, Any]] = {}
    for index, row in enumerate(rows):
        for column, (bottom, value) in list(lasting.items()):
            if index > bottom:
                del lasting[column]
            elif row[column] == "":
                row[column] = value
        for column, bottom in starting.get(index, ()):
            if column < len(row):
                lasting[column] = (bottom, row[column])
        yield row


def _column(cells: Sequence[Any], decimal: str) -> pa.Array:
    """Cells of one column, kept typed when they are all numbers or all times, else as text with that decimal sign."""
    types = set(map(type, cells))
    if types <= {str}:
        return pa.array(cells, pa.string())
    if types <= {float, int}:
        return pa.array(cells, pa.float64())
    if types <= {float, int, str} and not any(cell for cell in cells if isinstance(cell, str)):
        return pa.array([None if cell == "" else cell for cell in cells], pa.float64())
    if types <= {datetime, str} and not any(cell for cell in cells if isinstance(cell, str)):
        return _seconds([cell or None for cell in cells])
    texts = [text_of_cell(cell) for cell in cells]
    if decimal != ".":
        texts = [
            text.replace(".", decimal) if isinstance(cell, float) else text
            for cell, text in zip(cells, texts, strict=True)
        ]
    return pa.array(texts, pa.string())


def _seconds(cells: Sequence[datetime | None]) -> pa.Array:
    """Times to the nearest second: spreadsheets keep them as fractions of days, which round oddly."""
    return pc.round_temporal(pa.array(cells, pa.timestamp("us")), unit="second")


def text_of_cell(cell: Any) -> str:
    """A cell as text."""
    match cell:
        case str():
            return cell
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


def _left_out(names: Sequence[str]) -> Text:
    shown = ", ".join(names[:5])
    return Text(f"未读取的工作表（隐藏，或不是这类数据）：{shown}", f"sheets not read (hidden, or other data): {shown}")
