"""Delimited text (CSV with `,` `;` tab or `|`) as raw tables.

Belongs here: the header, records, malformed lines. Does not belong here: bytes and encodings
(`pipelines.sources.text`) and the exact reading of stray quotes (`pipelines.sources.quotes`).

Records are found with NumPy over the whole block (a line feed ends a record when the quotes before it are
even in number), so that the line of each record is known also after multi-line fields, and a line with a
wrong number of fields is taken out before Arrow's reader sees it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from pipelines.faults import FileError
from pipelines.feeds import Feed
from pipelines.layout import HEADER_SEARCH_ROWS, find_header
from pipelines.mapping import FieldMapping
from pipelines.privacy import redact_cells
from pipelines.sources.contents import Content
from pipelines.sources.decimal_commas import Points, decimal_commas, with_points
from pipelines.sources.quotes import QUOTED_LIMIT, careful_records
from pipelines.sources.tables import MalformedRow, Origin, RawTable, raw_table
from pipelines.sources.text import REPLACEMENT, TextBlock, text_blocks
from pipelines.two_row_headers import two_row_header

DELIMITERS = (",", "\t", ";", "|")
_HEADER_BYTES = 1 << 16
_LF, _CR, _QUOTE = 10, 13, 34
_IS_SPACE = np.isin(np.arange(256), list(b" \t\n\r\x0b\x0c"))  # of every byte
Offsets = NDArray[np.int64]


@dataclass(frozen=True)
class Header:
    """Where a file's header stands and how its fields are delimited; `end` is the byte after it."""

    texts: tuple[str, ...]
    delimiter: str
    line: int
    next_line: int
    end: int


def delimited_tables(content: Content, feed: Feed, mapping: FieldMapping) -> Iterator[RawTable]:
    """The file's rows, their decimal commas as points. Raises FileError as `_tables` does."""
    tables = _tables(content, feed, mapping)
    first = next(tables, None)
    if first is None:
        return
    commas: dict[int, Points] = {}
    # Elsewhere a comma in a number parts thousands; and where a mapping states the sign, the readings follow it.
    if first.origin.delimiter == ";" and mapping.decimal != ",":
        commas = decimal_commas(_tables(content, feed, mapping), feed, mapping)
    for raw in chain([first], tables):
        yield with_points(raw, commas)


def _tables(content: Content, feed: Feed, mapping: FieldMapping) -> Iterator[RawTable]:
    """The file's rows. Raises FileError: `empty_file`, `unknown_layout`, and those of `text_blocks`."""
    header: Header | None = None
    carry, next_line, is_first = TextBlock(b"", is_damaged=False), 1, True
    for block, is_last in _with_last(text_blocks(content)):
        data = replace(block, data=carry.data + block.data, is_damaged=carry.is_damaged or block.is_damaged)
        skipped = 0
        if header is None:
            if len(data.data) < _HEADER_BYTES and not is_last:
                carry = data
                continue
            header = read_header(data.data, feed, mapping)
            data = replace(data, data=data.data[header.end :])
            next_line, skipped = header.next_line, header.line - 1
        table, used = _block_table(data, header, next_line, is_last, skipped)
        carry = replace(data, data=data.data[used:])
        next_line += data.data[:used].count(b"\n")
        if is_first or table.table.num_rows or table.malformed or table.rows_skipped:
            yield replace(
                table, origin=Origin("csv", encoding=data.encoding, delimiter=header.delimiter, header_row=header.line)
            )
        is_first = False
    if header is None:
        raise FileError("empty_file")


def read_header(data: bytes, feed: Feed, mapping: FieldMapping) -> Header:
    """The header among the first rows, with whichever delimiter makes most of it known."""
    line_end = -1
    for _ in range(2 * HEADER_SEARCH_ROWS):
        line_end = data.find(b"\n", line_end + 1)
        if line_end < 0:
            break
    text = (data if line_end < 0 else data[: line_end + 1]).decode(errors="replace")
    if not text.strip():
        raise FileError("empty_file")
    best: Header | None = None
    for delimiter in DELIMITERS:
        rows, lines = _first_rows(text, delimiter)
        index = find_header(rows, feed, mapping)
        if index is not None and (best is None or len(rows[index]) > len(best.texts)):
            below = rows[index + 1] if index + 1 < len(rows) else []
            joined = two_row_header(rows[index], below, feed, mapping)
            last = lines[index if joined is None else index + 1]
            line = lines[index - 1] + 1 if index else 1
            texts = joined or _without_surplus(rows, index)
            best = Header(texts, delimiter, line, last + 1, _offset_of_line(data, last))
    if best is None:
        first = next(line for line in text.splitlines() if line.strip())
        raise FileError("unknown_layout", redact_cells(re.split(r"[,;|\t]", first[:80]), has_people=True))
    return best


def _without_surplus(rows: Sequence[Sequence[str]], index: int) -> tuple[str, ...]:
    """The header, less empty cells at its end that the row below it does not have."""
    texts = list(rows[index])
    below = len(rows[index + 1]) if index + 1 < len(rows) and any(rows[index + 1]) else len(texts)
    while len(texts) > below and not texts[-1].strip():
        texts.pop()
    return tuple(texts)


def _first_rows(text: str, delimiter: str) -> tuple[list[list[str]], list[int]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows, lines = [], []
    with suppress(csv.Error):  # whatever came before a field of more than 128 kB is all that a header search needs
        for row in reader:
            rows.append(row)
            lines.append(reader.line_num)
            if len(rows) == HEADER_SEARCH_ROWS:
                break
    return rows, lines


def _offset_of_line(data: bytes, lines: int) -> int:
    offset = 0
    for _ in range(lines):
        found = data.find(b"\n", offset)
        if found < 0:
            return len(data)
        offset = found + 1
    return offset


def _with_last(blocks: Iterator[TextBlock]) -> Iterator[tuple[TextBlock, bool]]:
    held: TextBlock | None = None
    for block in blocks:
        if held is not None:
            yield held, False
        held = block
    if held is not None:
        yield held, True


def _block_table(block: TextBlock, header: Header, line: int, is_last: bool, skipped: int) -> tuple[RawTable, int]:
    """The block's records and the number of bytes they take (a record may go on in the next block)."""
    data, width = block.data, len(header.texts)
    if not data.strip(b"\n"):  # nothing but empty lines: an archive can hold millions
        return _table(header, [], [], [], skipped + len(data)), len(data)
    bytes_ = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(bytes_ == _QUOTE)
    if not _is_regular(bytes_, quotes, ord(header.delimiter), is_last):
        return _careful_table(block, header, line, is_last, skipped)
    starts, ends, lines = _records(bytes_, quotes, is_last)
    if not len(starts):
        return _table(header, [], [], [], skipped), 0
    used = int(min(ends[-1] + 1, len(data)))
    counts = _field_counts(bytes_, quotes, ord(header.delimiter), starts, ends)
    is_blank = _blank(bytes_, starts, ends)
    is_trimmed = False
    for i in np.flatnonzero((counts > width) & ~is_blank):
        if empty := _empty_surplus(data[starts[i] : ends[i]], header.delimiter, int(counts[i]) - width):
            ends[i], counts[i], is_trimmed = ends[i] - empty, width, True
    is_bad = (counts != width) & ~is_blank
    if block.is_damaged:
        is_bad |= _damaged(data, starts, ends)
    rows = np.flatnonzero(~(is_bad | is_blank))
    malformed = [_malformed(data, header, starts[i], ends[i], line + int(lines[i])) for i in np.flatnonzero(is_bad)]
    if len(rows) == len(starts) and not is_trimmed:
        text = memoryview(data)[:used]
    else:
        text = memoryview(b"\n".join([data[starts[i] : ends[i]] for i in rows]))
    is_multiline = bool(len(quotes)) and len(starts) != int(lines[-1]) + 1
    columns = _parse(text, header, is_multiline)
    if columns is None or (columns and len(columns[0]) != len(rows)):
        return _careful_table(block, header, line, is_last, skipped)
    source_rows = pa.array(lines[rows] + line, pa.int64())
    return raw_table(header.texts, columns, source_rows, malformed, skipped + int(is_blank.sum())), used


def _is_regular(bytes_: NDArray[np.uint8], quotes: Offsets, delimiter: int, is_last: bool) -> bool:
    """Whether every opening quote begins a field and every closing one ends it."""
    if not len(quotes):
        return True
    if len(quotes) % 2 and (is_last or len(bytes_) - quotes[-1] > QUOTED_LIMIT):
        return False
    before = np.where(quotes == 0, _LF, bytes_[quotes - 1])
    after = bytes_[np.minimum(quotes + 1, len(bytes_) - 1)]
    after = np.where(quotes + 1 >= len(bytes_), _LF, after)
    opens, closes = before[0::2], after[1::2]
    return bool(np.isin(opens, (delimiter, _LF, _QUOTE)).all() and np.isin(closes, (delimiter, _LF, _CR, _QUOTE)).all())


def _records(bytes_: NDArray[np.uint8], quotes: Offsets, is_last: bool) -> tuple[Offsets, Offsets, Offsets]:
    """Start and end (without the line feed) of each record, and its first line counted from 0."""
    feeds = np.flatnonzero(bytes_ == _LF)
    closing = np.arange(len(feeds))
    if len(quotes):
        closing = np.flatnonzero(np.searchsorted(quotes, feeds) % 2 == 0)
    ends = feeds[closing]
    starts = np.concatenate(([0], ends + 1)).astype(np.int64)
    lines = np.concatenate(([0], closing + 1)).astype(np.int64)
    if is_last and starts[-1] < len(bytes_):
        ends = np.concatenate((ends, [len(bytes_)])).astype(np.int64)
    return starts[: len(ends)], ends, lines[: len(ends)]


def _field_counts(
    bytes_: NDArray[np.uint8], quotes: Offsets, delimiter: int, starts: Offsets, ends: Offsets
) -> Offsets:
    delimiters = np.flatnonzero(bytes_ == delimiter)
    if len(quotes):
        delimiters = delimiters[np.searchsorted(quotes, delimiters) % 2 == 0]
    return np.searchsorted(delimiters, ends) - np.searchsorted(delimiters, starts) + 1


def _empty_surplus(record: bytes, delimiter: str, surplus: int) -> int:
    """How many bytes to take off the end when the fields beyond the header's are empty; 0 when they are not."""
    kept = record.rstrip(b"\r")
    return len(record) - len(kept) + surplus if kept.endswith(delimiter.encode() * surplus) else 0


def _blank(bytes_: NDArray[np.uint8], starts: Offsets, ends: Offsets) -> NDArray[np.bool_]:
    """Lines without anything but blanks; only short ones can be."""
    blank = np.zeros(len(starts), np.bool_)
    short = np.flatnonzero(ends - starts <= 8)
    if len(short):
        solid = np.concatenate(([0], np.cumsum(~_IS_SPACE[bytes_], dtype=np.int32)))
        blank[short] = solid[ends[short]] == solid[starts[short]]
    return blank


def _damaged(data: bytes, starts: Offsets, ends: Offsets) -> NDArray[np.bool_]:
    damaged = np.zeros(len(starts), np.bool_)
    found = data.find(REPLACEMENT)
    while found >= 0:
        index = int(np.searchsorted(ends, found))
        if index >= len(ends):
            break
        damaged[index] = True
        found = data.find(REPLACEMENT, int(ends[index]))
    return damaged


def _malformed(data: bytes, header: Header, start: int, end: int, line: int) -> MalformedRow:
    text = data[start:end].decode(errors="replace").rstrip("\r")
    reason = "bad_encoding" if "\ufffd" in text else "wrong_field_count"
    return MalformedRow(line, reason, tuple(part.strip('"') for part in text.split(header.delimiter)))


def _parse(text: memoryview, header: Header, is_multiline: bool) -> list[pa.ChunkedArray] | None:
    names = [f"c{index}" for index in range(len(header.texts))]
    if not len(text):
        return [pa.chunked_array([pa.array([], pa.string())])] * len(names)
    try:
        table = pacsv.read_csv(
            pa.BufferReader(pa.py_buffer(text)),
            read_options=pacsv.ReadOptions(column_names=names, block_size=len(text) + 1, use_threads=False),
            parse_options=pacsv.ParseOptions(delimiter=header.delimiter, newlines_in_values=is_multiline),
            convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), null_values=[]),
        )
    except pa.ArrowInvalid:
        return None  # the careful reader names the line at fault
    return list(table.columns)


def _careful_table(block: TextBlock, header: Header, line: int, is_last: bool, skipped: int) -> tuple[RawTable, int]:
    rows, source_rows, malformed, blanks, used = careful_records(
        block, header.delimiter, len(header.texts), line, is_last
    )
    return _table(header, rows, source_rows, malformed, skipped + blanks), used


def _table(
    header: Header,
    rows: Sequence[Sequence[str]],
    source_rows: Sequence[int],
    malformed: Sequence[MalformedRow],
    skipped: int,
) -> RawTable:
    columns = [pa.array([row[index] for row in rows], pa.string()) for index in range(len(header.texts))]
    return raw_table(header.texts, columns, pa.array(source_rows, pa.int64()), malformed, skipped)
