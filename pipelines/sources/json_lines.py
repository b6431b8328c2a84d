"""JSON Lines as raw tables.

Belongs here: objects to columns. Does not belong here: documents (`pipelines.sources.json_documents`). Keys may
come and go from line to line; DuckDB parses each line once into one column per key.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.faults import FileError
from pipelines.feeds import Feed
from pipelines.sources.contents import Content
from pipelines.sources.json_documents import find_records, record_blocks
from pipelines.sources.nested import Flattening
from pipelines.sources.points import points_as_text
from pipelines.sources.tables import MalformedRow, Origin, RawTable, raw_table
from pipelines.sources.text import TextBlock, text_blocks

_LF = 10


_SURROGATES = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_PAIR_BYTES = 12


def json_tables(content: Content, feed: Feed) -> Iterator[RawTable]:
    """The file's objects. Raises FileError: `empty_file`, `truncated_file`, and those of `text_blocks`.

    A key stays a column for the rest of the file, so that a few last lines that all lack it fail by
    themselves and not the file.
    """
    records = find_records(content, feed)
    blocks = text_blocks(content) if records is None else record_blocks(content, records)
    line, is_empty, keys = 1, True, list[str]()
    flattening = Flattening(feed)
    for block in blocks:
        is_empty = False
        raw = _table(_without_halves(block), line, keys)
        yield flattening.flat(points_as_text(raw, feed, _connection()), _connection())
        keys, line = list(raw.header), line + block.data.count(b"\n")
    if is_empty:
        raise FileError("empty_file")


def _without_halves(block: TextBlock) -> TextBlock:
    """The block with the escapes of half characters replaced: DuckDB makes bytes of them that are no text."""
    if b"\\u" not in block.data:
        return block
    data = _SURROGATES.sub(lambda match: match[0] if len(match[0]) == _PAIR_BYTES else b"\\ufffd", block.data)
    return replace(block, data=data)


def _table(block: TextBlock, first_line: int, known_keys: Sequence[str]) -> RawTable:
    """The block's objects; whatever is irregular in it (blank, broken, no object) costs a second look at its lines."""
    lines = _lines(block.data, first_line)
    origin = Origin("json", encoding=block.encoding)
    if not block.is_damaged and (found := _keys_of_all(lines)):
        keys = sorted({*known_keys, *found})
        return raw_table(keys, _columns(lines, keys), lines["n"], origin=origin)
    connection = _connection()
    is_blank = pc.equal(pc.binary_length(pc.utf8_trim_whitespace(lines["line"])), 0)
    filled = lines.filter(pc.invert(is_blank)).combine_chunks()
    connection.register("lines", filled)
    # Of what is not a JSON object the keys are NULL; n, because a scan promises no order.
    parsed = connection.execute(
        "SELECT n, CASE WHEN ltrim(line)[1] = '{' THEN TRY(json_keys(line)) END AS keys FROM lines ORDER BY n"
    ).to_arrow_table()
    is_object = pc.is_valid(parsed["keys"])
    if block.is_damaged:
        is_object = pc.and_(is_object, pc.invert(pc.match_substring(filled["line"], "\ufffd")))
    malformed = [_malformed(row["n"], row["line"]) for row in filled.filter(pc.invert(is_object)).to_pylist()]
    connection.register("parsed", parsed.filter(is_object))
    rows = connection.execute("SELECT DISTINCT unnest(keys) FROM (SELECT DISTINCT keys FROM parsed)").fetchall()
    keys = sorted({*known_keys, *(key for (key,) in rows)})
    objects = filled.filter(is_object).combine_chunks()
    columns = _columns(objects, keys) if keys else []
    return raw_table(keys, columns, objects["n"], malformed, lines.num_rows - filled.num_rows, origin)


def _lines(data: bytes, first: int) -> pa.Table:
    """The lines (`line`, each with its line feed) and their numbers (`n`), without copying them."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _LF) + 1
    if not len(ends) or ends[-1] < len(data):
        ends = np.append(ends, len(data))
    offsets = np.concatenate(([0], ends)).astype(np.int32)
    line = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(data))
    return pa.table({"line": line, "n": np.arange(first, first + len(ends))})


def _keys_of_all(lines: pa.Table) -> set[str]:
    """The objects' keys when every line is an object with some key; else none."""
    connection = _connection()
    connection.register("lines", lines)
    try:
        found = connection.execute("SELECT DISTINCT json_keys(line) FROM lines").fetchall()
    except (duckdb.Error, UnicodeDecodeError):  # its message may cut a character of the line
        return set()  # a line that is no JSON, or a blank one
    return {key for (keys,) in found for key in keys} if all(keys for (keys,) in found) else set()


_per_thread = threading.local()


def _connection() -> duckdb.DuckDBPyConnection:
    """This thread's connection: opening one takes longer than parsing a small file."""
    if not hasattr(_per_thread, "connection"):
        _per_thread.connection = duckdb.connect(config={"threads": 1})
    return cast(duckdb.DuckDBPyConnection, _per_thread.connection)


def _columns(objects: pa.Table, keys: list[str]) -> list[pa.Array]:
    """One column of texts per key, in the order of the objects."""
    connection = _connection()
    connection.register("objects", objects)
    shape = json.dumps(dict.fromkeys(keys, "VARCHAR"), ensure_ascii=False)
    table = connection.execute("SELECT n, json_transform(line, ?) AS object FROM objects", [shape]).to_arrow_table()
    if not table["n"].equals(objects["n"]):  # a scan promises no order, and sorting always would be a fifth of the work
        table = table.sort_by("n")
    struct = table["object"].combine_chunks()
    return [pc.struct_field(struct, [index]) for index in range(len(keys))]


def _malformed(line: int, text: str) -> MalformedRow:
    return MalformedRow(line, "bad_encoding" if "\ufffd" in text else "bad_json", (text,), is_json=True)
