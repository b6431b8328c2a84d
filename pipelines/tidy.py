"""Cells made comparable before they are read: blanks, tokens for "nothing", full-width characters, people.

Belongs here: whole-column text hygiene in Arrow. Does not belong here: reading values.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from pipelines.alignment import SOURCE_PREFIX
from pipelines.feeds import Feed
from pipelines.feeds.contract import Field, Kind
from pipelines.privacy import MASK, hash_people, mask_numbers

NOTHING = pa.array(
    ["", "-", "--", "—", "——", "/", "\\N", "NULL", "null", "None", "N/A", "n/a", "NaN", "nan", "#N/A", MASK, "无"]
)


def tidy(table: pa.Table, feed: Feed, key: bytes) -> pa.Table:
    """An aligned table with its text columns trimmed, emptied of tokens for "nothing", folded, people hashed."""
    for index, name in enumerate(table.column_names):
        if (
            name.startswith(SOURCE_PREFIX)
            and (field := feed.field(name.removeprefix(SOURCE_PREFIX))).kind is not Kind.LIST
        ):
            column = table[index]
            if pt.is_string(column.type) and column.null_count < len(column):
                table = table.set_column(index, name, clean(column, field, key))
    return table


def clean(column: pa.ChunkedArray, field: Field, key: bytes) -> pa.ChunkedArray:
    """One column of texts of `field`, made comparable."""
    column = pc.utf8_trim_whitespace(column)
    if not pc.all(pc.string_is_ascii(column)).as_py():
        column = pc.utf8_trim_whitespace(pc.utf8_normalize(column, "NFKC"))  # every text, whatever block it is in
    # A boolean's 无 means no; everywhere else it means that there is nothing to say.
    nothing = NOTHING[:-1] if field.kind is Kind.BOOLEAN else NOTHING
    column = pc.if_else(pc.is_in(column, nothing), pa.scalar(None, pa.string()), column)
    if field.kind is Kind.PROSE:
        column = mask_numbers(column)
    return hash_people(column, key) if field.kind is Kind.PERSON else column
