"""Raw tables as a mapping wants them: rows that it leaves out, columns that it joins.

Belongs here: what a mapping does to whole rows and columns before they are put under the fields' names.
Does not belong here: naming columns (`pipelines.layout`), reading values (`pipelines.readings`).
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from pipelines.alignment import text_of
from pipelines.feeds import Feed
from pipelines.feeds.contract import Kind
from pipelines.layout import joins
from pipelines.mapping import FieldMapping
from pipelines.sources.tables import SOURCE_ROW, RawTable
from pipelines.tidy import NOTHING

_WHOLE = frozenset({Kind.INSTANT, Kind.DAY})  # half a time is none


def prepared(raw: RawTable, feed: Feed, mapping: FieldMapping) -> RawTable:
    """`raw` without the rows that the mapping skips (counted as skipped), with its joined columns at the end."""
    if mapping.skip:
        raw = _without_skipped(raw, mapping)
    targets = mapping.targets
    for header, parts in joins(raw.header, mapping):
        is_whole = feed.field(targets[header]).kind in _WHOLE
        column = _joined([cell_texts(raw.table[f"c{index}"]) for index in parts], is_whole=is_whole)
        place = raw.table.schema.get_field_index(SOURCE_ROW)
        table = raw.table.add_column(place, f"c{len(raw.header)}", column)
        raw = replace(raw, header=(*raw.header, header), table=table)
    return raw


def _without_skipped(raw: RawTable, mapping: FieldMapping) -> RawTable:
    unwanted = dict(mapping.skip)
    masks = [
        pc.fill_null(pc.is_in(cell_texts(raw.table[f"c{index}"]), pa.array(unwanted[text.strip()], pa.string())), False)
        for index, text in enumerate(raw.header)
        if text.strip() in unwanted
    ]
    if not masks:
        return raw
    is_skipped = masks[0]
    for mask in masks[1:]:
        is_skipped = pc.or_(is_skipped, mask)
    table = raw.table.filter(pc.invert(is_skipped))
    return replace(raw, table=table, rows_skipped=raw.rows_skipped + raw.table.num_rows - table.num_rows)


def cell_texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cells as trimmed text, null where there is nothing; days without a time of day."""
    if pt.is_timestamp(column.type):
        days = column.cast(pa.date32(), safe=False)
        is_days = pc.all(pc.equal(days.cast(column.type), column)).as_py()
        column = days.cast(pa.string()) if is_days in (True, None) else text_of(column)
    elif pt.is_floating(column.type):
        whole = pc.all(pc.equal(column, pc.round(column))).as_py()
        column = (column.cast(pa.int64(), safe=False) if whole in (True, None) else column).cast(pa.string())
    elif not pt.is_string(column.type):
        column = text_of(column)
    column = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.is_in(column, NOTHING), pa.scalar(None, pa.string()), column)


def _joined(texts: list[pa.ChunkedArray], *, is_whole: bool) -> pa.ChunkedArray:
    """Texts of one row with a blank between them; null when all (or, of what must be whole, any) are null."""
    if is_whole:
        return pc.binary_join_element_wise(*texts, " ", null_handling="emit_null")
    joined = pc.binary_join_element_wise(*texts, " ", null_handling="skip")
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined)
