"""Pages: one file's rows, rendered in its layout to the bytes a plant's system would have written.

Belongs here: rendering (text styles, CSV, XLSX, JSON Lines, Parquet) and the line each row ends up on.
Does not belong here: which rows, and what is wrong with them. Rendering works on whole columns; only
replaced cells, spreadsheets and stray lines are handled one by one.
"""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simulation.layouts import Layout
from simulation.streams import Ints


class Instant(NamedTuple):
    """A replaced cell that is a time: city seconds, written in the layout's own style."""

    local_s: int


Cell: TypeAlias = str | float | int | Instant | None


@dataclass
class Page:
    """What goes into one file.

    `table` holds the layout's columns, typed: strings, doubles, int64, timestamp[s] (city wall
    clock), date32; dictionaries for codes and districts. `cells` replaces single cells; `strays` are
    extra lines, each put before a row: a blank one, or a copy of that row cut short.
    """

    layout: Layout
    table: pa.Table
    cells: dict[str, dict[int, Cell]] = field(default_factory=dict)
    strays: list[tuple[int, str]] = field(default_factory=list)  # (before row, "blank" | "cut"), ascending


@dataclass(frozen=True)
class Rendered:
    """A file's bytes; the 1-based line (or sheet row) of its rows and of lines cut short; lines that hold no data."""

    content: bytes
    lines: Ints
    cut_lines: list[int]
    skipped: int


FIXED_CREATED = datetime(2025, 1, 1)  # spreadsheets carry a creation time: keep their bytes equal
GZIP_LEVEL = 1


def render(page: Page) -> Rendered:
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
    for name, header in layout.headers.items():
        column = _literals(layout, name, page.table[name])
        if name in page.cells:
            column = _replaced(column, page.cells[name], layout)
        if is_json:
            column = pc.binary_join_element_wise(f'"{header}":', column, "")
        columns.append(column)
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


def _strings(layout: Layout, name: str, column: pa.ChunkedArray) -> pa.Array:
    """A typed column as text in the layout's style; nulls stay null."""
    array = column.combine_chunks()
    kind = array.type
    if pa.types.is_dictionary(kind):
        texts = _dictionary_texts(layout, name, array.dictionary)
        return texts.take(array.indices)
    if pa.types.is_floating(kind):
        scale = (layout.scales or {}).get(name)
        return (pc.round(pc.multiply(array, scale), 6) if scale else array).cast(pa.string())
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return styled(array.cast(pa.string()), layout, pa.types.is_date(kind))
    return array.cast(pa.string())


def styled(text: pa.Array, layout: Layout, is_day: bool) -> pa.Array:
    """ISO days and instants in the layout's style."""
    if layout.format == "jsonl" and not is_day:
        return pc.binary_join_element_wise(pc.replace_substring(text, " ", "T"), "+08:00", "")
    if layout.time_style == "slash":
        return pc.replace_substring(text, "-", "/")
    if layout.time_style == "chinese":
        return pc.replace_substring_regex(text, r"^(\d+)-0?(\d+)-0?(\d+)", r"\1年\2月\3日")
    return text


def _dictionary_texts(layout: Layout, name: str, dictionary: pa.Array) -> pa.Array:
    """What the layout writes for each entry of a dictionary: a code's text, or an entry as it is."""
    if name in layout.codes:
        return pa.array([layout.codes[name][code] for code in dictionary.to_pylist()], pa.string())
    if name == "district_code":
        pairs = [entry.split("|") for entry in dictionary.to_pylist()]
        return pa.array([pair[1 if layout.writes_district_names else 0] for pair in pairs], pa.string())
    return dictionary.cast(pa.string())


def _literals(layout: Layout, name: str, column: pa.ChunkedArray) -> pa.Array:
    """Text as it stands in the file: nothing for null in CSV, quoted strings and `null` in JSON."""
    text = _strings(layout, name, column)
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


def cell_text(cell: Instant, layout: Layout) -> str:
    """One instant in the layout's style."""
    array = pa.array([cell.local_s], pa.timestamp("s")).cast(pa.string())
    return str(styled(array, layout, False)[0].as_py())


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
        values: list[Any] = (column if is_number else _strings(layout, name, column)).to_pylist()
        for row, cell in page.cells.get(name, {}).items():
            values[row] = cell_text(cell, layout) if isinstance(cell, Instant) else cell
        _write_column(sheet, top, place, values)
        if layout.has_totals and is_number and name in ("ordered_m3", "load_m3", "returned_m3"):
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
    arrays = []
    for name in page.layout.headers:
        column = page.table[name].combine_chunks()
        if pa.types.is_dictionary(column.type):
            column = _strings(page.layout, name, page.table[name])
        if name in page.cells:
            cells = page.cells[name]
            mask = np.zeros(len(column), dtype=bool)
            mask[sorted(cells)] = True
            values = [cell.local_s if isinstance(cell, Instant) else cell for _, cell in sorted(cells.items())]
            column = pc.replace_with_mask(column, mask, pa.array(values, column.type))
        if pa.types.is_timestamp(column.type):
            column = pc.assume_timezone(column, "Asia/Shanghai")
        arrays.append(column)
    buffer = io.BytesIO()
    pq.write_table(pa.table(arrays, names=list(page.layout.headers.values())), buffer, compression="zstd")
    return buffer.getvalue()


def plain_number(value: float) -> str:
    """A number as a person types it: 12.5, 36."""
    return re.sub(r"\.0$", "", f"{value}")
