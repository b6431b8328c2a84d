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
_SERIAL, _FRACTION = r"^[2-7][0-9]{4}$", r"^(0|0?\.[0-9]+|[1-9](\.[0-9]+)?[eE]-0?[1-9][0-9]*)$"
_EPOCH_SERIAL = 25_569  # 1970-01-01 as spreadsheets count days
_DAY_S = 86_400


def prepared(raw: RawTable, feed: Feed, mapping: FieldMapping) -> RawTable:
    """`raw` without the rows that the mapping skips (counted as skipped), with its joined columns at the end."""
    if mapping.skip:
        raw = _without_skipped(raw, mapping)
    targets = mapping.targets
    for header, parts in joins(raw.header, mapping):
        kind = feed.field(targets[header]).kind
        texts = [cell_texts(raw.table[f"c{index}"]) for index in parts]
        if kind is Kind.INSTANT:
            texts = [_days_and_clocks(text) for text in texts]
        column = _joined(texts, is_whole=kind in _WHOLE)
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
        column = pc.if_else(pc.equal(days.cast(column.type), column), days.cast(pa.string()), text_of(column))
    elif not pt.is_string(column.type):
        column = text_of(column)
    column = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.is_in(column, NOTHING), pa.scalar(None, pa.string()), column)


def _days_and_clocks(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Days and times of day that an unformatted spreadsheet holds as numbers (45722, 0.34), written out."""
    is_day, is_clock = (pc.fill_null(pc.match_substring_regex(texts, form), False) for form in (_SERIAL, _FRACTION))
    if not pc.any(pc.or_(is_day, is_clock)).as_py():
        return texts
    numbers = pc.if_else(pc.or_(is_day, is_clock), texts, pa.scalar(None, pa.string())).cast(pa.float64())
    seconds = pc.min_element_wise(pc.round(pc.multiply(numbers, _DAY_S)), _DAY_S - 1, skip_nulls=False)
    clocks = pc.strftime(pc.cast(pc.if_else(is_clock, seconds, None), pa.int64()).cast(pa.timestamp("s")), "%H:%M:%S")
    days = pc.cast(pc.if_else(is_day, pc.subtract(numbers, _EPOCH_SERIAL), None), pa.int32()).cast(pa.date32())
    return pc.coalesce(clocks, days.cast(pa.string()), texts)


def _joined(texts: list[pa.ChunkedArray], *, is_whole: bool) -> pa.ChunkedArray:
    """Texts of one row with a blank between them; null when all (or, of what must be whole, any) are null."""
    if is_whole:
        return pc.binary_join_element_wise(*texts, " ", null_handling="emit_null")
    joined = pc.binary_join_element_wise(*texts, " ", null_handling="skip")
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined)
