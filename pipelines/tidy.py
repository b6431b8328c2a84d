"""Cells made comparable before they are read: blanks, tokens for "nothing", full-width characters, people.

Belongs here: whole-column text hygiene in Arrow. Does not belong here: reading values.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from pipelines.alignment import column_of
from pipelines.feeds import Feed
from pipelines.feeds.contract import Kind
from pipelines.privacy import hash_people, mask_phones

_NOTHING = pa.array(["", "-", "--", "—", "——", "/", "\\N", "NULL", "null", "None", "N/A", "n/a", "NaN", "nan", "无"])
# The first two UTF-8 bytes of every full-width letter, digit and sign (U+FF01 to U+FF5E), and the ideographic space.
_FULL_WIDTH = (b"\xef\xbc", b"\xef\xbd", b"\xe3\x80\x80")


def tidy(table: pa.Table, feed: Feed, key: bytes) -> pa.Table:
    """An aligned table with its text columns trimmed, emptied of tokens for "nothing", folded, people hashed."""
    for field in feed.all_fields:
        name = column_of(field.name)
        index = table.schema.get_field_index(name)
        column = table[index]
        if not pt.is_string(column.type) or column.null_count == len(column):
            continue
        column = pc.utf8_trim_whitespace(column)
        if _has_full_width(column):
            column = pc.utf8_trim_whitespace(pc.utf8_normalize(column, "NFKC"))
        # A boolean's 无 means no; everywhere else it means that there is nothing to say.
        nothing = _NOTHING[:-1] if field.kind is Kind.BOOLEAN else _NOTHING
        column = pc.if_else(pc.is_in(column, nothing), pa.scalar(None, pa.string()), column)
        if field.kind is Kind.PROSE:
            column = mask_phones(column)
        if field.kind is Kind.PERSON:
            column = hash_people(column, key)
        table = table.set_column(index, name, column)
    return table


def _has_full_width(column: pa.ChunkedArray) -> bool:
    for chunk in column.chunks:
        data = chunk.buffers()[2]
        if data is not None:
            text = data.to_pybytes()
            if any(mark in text for mark in _FULL_WIDTH):
                return True
    return False
