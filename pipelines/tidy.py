"""Cells made comparable before they are read: blanks, tokens for "nothing", full-width characters, people.

Belongs here: whole-column text hygiene in Arrow. Does not belong here: reading values.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.feeds.contract import Kind
from pipelines.layout import Layout
from pipelines.privacy import hash_people

_NOTHING = pa.array(["", "-", "--", "—", "——", "/", "\\N", "NULL", "null", "None", "N/A", "n/a", "NaN", "nan", "无"])
# The first two UTF-8 bytes of every full-width letter, digit and sign (U+FF01 to U+FF5E), and of ideographic spaces.
_FULL_WIDTH = (b"\xef\xbc", b"\xef\xbd", b"\xe3\x80\x80")


def tidy(table: pa.Table, layout: Layout, key: bytes) -> pa.Table:
    """`table` with its text columns trimmed, emptied of tokens for "nothing", folded, and people hashed."""
    names = {binding.index: binding.name for binding in layout.bindings if binding.index is not None}
    for index, type_ in enumerate(layout.types):
        if type_ not in ("string", "large_string", "null"):
            continue
        column = table[f"c{index}"].cast(pa.string())
        column = pc.utf8_trim_whitespace(column)
        if index in names and _has_full_width(column):
            column = pc.utf8_trim_whitespace(pc.utf8_normalize(column, "NFKC"))
        column = pc.if_else(pc.is_in(column, _NOTHING), pa.scalar(None, pa.string()), column)
        if index in names and layout.feed.field(names[index]).kind is Kind.PERSON:
            column = hash_people(column, key)
        table = table.set_column(index, f"c{index}", column)
    return table


def _has_full_width(column: pa.ChunkedArray) -> bool:
    for chunk in column.chunks:
        data = chunk.buffers()[2]
        if data is not None and any(mark in (text := data.to_pybytes()) for mark in _FULL_WIDTH):
            return bool(text)
    return False
