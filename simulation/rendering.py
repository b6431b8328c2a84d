"""Rendering: a page turned into the bytes that a plant's system would have written.

Belongs here: CSV, XLSX, JSON Lines, Parquet, and the line each row ends up on. Does not belong here: text styles
(pages.py), lists (weighings.py), which rows, and what is wrong with them. Rendering works on whole columns; only
replaced cells, spreadsheets and stray lines are handled one by one.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simulation.layouts import Layout
from simulation.pages import Cell, Instant, Page, cell_text, strings
from simulation.streams import Ints
from simulation.weighings import LIST, json_lists, typed_lists, unrolled


@dataclass(frozen=True)
class Rendered:
    """A file's bytes; the 1-based line (or sheet row) of its rows and of lines cut short; lines that hold no data."""

    content: bytes
    lines: Ints
    cut_lines: list[int]
    skipped: int


FIXED_CREATED = datetime(2025, 1, 1)  # spreadsheets carry a creation time: keep their bytes equal
GZIP_LEVEL = 1
TOTALLED = frozenset(
    ("ordered_m3", "load_m3", "returned_m3", "net_t", "m3_delivered", "m3_ordered", "cement_t", "cny_sales")
)


def render(page: Page) -> Rendered:
    """The page's file. Rows that take several lines stand at their first one."""
    if page.layout.list_style == "long":
        lines, first = unrolled(page)
        rendered = render(lines)
        return replace(rendered, lines=rendered.lines[first])
    if page.layout.format == "parquet":
        return Rendered(_parquet(page), np.arange(page.table.num_rows) + 1, [], 0)
    if page.layout.format == "xlsx":
        return _xlsx(page)
    return _text(page)


def _text(page: Page) -> Rendered:
    """CSV or JSON Lines: columns are joined to lines, then stray lines are slipped in."""
    layout, rows = page.layout, page.table.num_rows
    is_json = layout.format == "jsonl"
    columns = []

    def literal(name: str) -> pa.Array:
        column = _literals(layout, name, page.table[name])
        return _replaced(column, page.cells[name], layout) if name in page.cells else column

    for name, header in layout.scalar_headers.items():
        column = literal(name)
        if is_json:
            column = pc.binary_join_element_wise(f'"{header}":', column, "")
        columns.append(column)
    if layout.list_style == "nested":
        columns.append(pc.binary_join_element_wise(f'"{LIST}":', json_lists(page, literal), ""))
    line_end = "\n" if is_json else "\r\n"
    body = pc.binary_join_element_wise(*columns, "," if is_json else layout.delimiter)
    frame = ("{", "}" + line_end) if is_json else ("", line_end)
    lines = pc.binary_join_element_wise(frame[0], body, frame[1], "")
    head = "" if is_json else layout.delimiter.join(layout.headers.values()) + line_end

    pieces, done = [head], 0
    for row, kind in page.strays:
        stray = "" if kind == "blank" else _cut(body[row].as_py(), layout)
        pieces += [_joined(lines, done, row), stray + line_end]
        done = row
    pieces.append(_joined(lines, done, rows))
    content = "".join(pieces).encode(layout.encoding)
    if layout.is_gzipped:
        content = gzip.compress(content, GZIP_LEVEL, mtime=0)

    top = 1 if is_json else 2
    before = np.array([row for row, _ in page.strays], dtype=np.int64)
    numbers = np.arange(rows) + top + np.searchsorted(before, np.arange(rows), side="right")
    cut_lines = [row + top + place for place, (row, kind) in enumerate(page.strays) if kind == "cut"]
    return Rendered(content, numbers, cut_lines, len(page.strays) - len(cut_lines))


def _joined(lines: pa.Array, start: int, stop: int) -> str:
    """Lines `start` to `stop` as one text: a string column's values already lie end to end."""
    _, offsets, values = lines.buffers()
    if start == stop or values is None:
        return ""
    first, last = np.frombuffer(offsets, dtype=np.int32)[[start, stop]].tolist()
    return str(values.slice(first, last - first).to_pybytes().decode())


def _cut(line: str, layout: Layout) -> str:
    """A copy of a line that breaks off: five fields of a CSV line, half of a JSON one."""
    if layout.format == "jsonl":
        return "{" + line[: len(line) // 2]
    return layout.delimiter.join(line.split(layout.delimiter)[:5])


def _literals(layout: Layout, name: str, column: pa.ChunkedArray) -> pa.Array:
    """Text as it stands in the file: nothing for null in CSV, quoted strings and `null` in JSON."""
    text = strings(layout, name, column)
    if layout.format == "csv":
        return text.fill_null("")
    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        text = pc.binary_join_element_wise('"', text, '"', "")
    return text.fill_null("null")


def _replaced(column: pa.Array, cells: Mapping[int, Cell], layout: Layout) -> pa.Array:
    rows = sorted(cells)
    mask = np.zeros(len(column), dtype=bool)
    mask[rows] = True
    return pc.replace_with_mask(column, mask, pa.array([_literal(cells[row], layout) for row in rows], pa.string()))


def _literal(cell: Cell, layout: Layout) -> str:
    value = cell_text(cell, layout) if isinstance(cell, Instant) else cell
    if layout.format == "jsonl":
        return json.dumps(value, ensure_ascii=False)
    if value is None:
        return ""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f'"{text}"' if layout.delimiter in text else text


def _xlsx(page: Page) -> Rendered:
    """A workbook: merged title row, header row, data, a totals row; numbers as numbers, times as text."""
    import xlsxwriter

    layout, rows = page.layout, page.table.num_rows
    top = 2 if layout.title else 1
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_numbers": False})
    book.set_properties({"title": layout.title or "", "created": FIXED_CREATED})
    sheet = book.add_worksheet("数据")
    if layout.title:
        sheet.merge_range(0, 0, 0, len(layout.headers) - 1, layout.title)
    for place, (name, header) in enumerate(layout.headers.items()):
        sheet.write_string(top - 1, place, header)
        column = page.table[name]
        is_number = pa.types.is_floating(column.type) or pa.types.is_integer(column.type)
        if is_number and (scale := (layout.scales or {}).get(name)):
            column = pc.round(pc.multiply(column, scale), 6)
        values: list[Any] = (column if is_number else strings(layout, name, column)).to_pylist()
        for row, cell in page.cells.get(name, {}).items():
            values[row] = cell_text(cell, layout) if isinstance(cell, Instant) else cell
        _write_column(sheet, top, place, values)
        if layout.has_totals and is_number and name in TOTALLED:
            sheet.write_number(top + rows, place, float(pc.sum(column).as_py() or 0.0))
    if layout.has_totals:
        sheet.write_string(top + rows, 0, "合计")
    book.close()
    return Rendered(buffer.getvalue(), np.arange(rows) + 1 + top, [], (top - 1) + int(layout.has_totals))


def _write_column(sheet: Any, top: int, place: int, values: Sequence[Any]) -> None:
    for row, value in enumerate(values, start=top):
        if value is None:
            continue
        if isinstance(value, str):
            sheet.write_string(row, place, value)
        else:
            sheet.write_number(row, place, value)


def _parquet(page: Page) -> bytes:
    """Typed columns with English names; instants carry their zone. Replaced cells must fit their type."""

    def typed(name: str) -> pa.Array:
        column = page.table[name].combine_chunks()
        if pa.types.is_dictionary(column.type):
            column = strings(page.layout, name, page.table[name])
        if name in page.cells:
            cells = page.cells[name]
            mask = np.zeros(len(column), dtype=bool)
            mask[sorted(cells)] = True
            values = [cell.local_s if isinstance(cell, Instant) else cell for _, cell in sorted(cells.items())]
            column = pc.replace_with_mask(column, mask, pa.array(values, column.type))
        if pa.types.is_timestamp(column.type):
            column = pc.assume_timezone(column, "Asia/Shanghai")
        return column

    columns = {header: typed(name) for name, header in page.layout.scalar_headers.items()}
    if page.layout.list_style == "nested":
        columns[LIST] = typed_lists(page, typed)
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()
