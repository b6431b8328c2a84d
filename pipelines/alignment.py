"""Alignment: a file's columns put under the names of the contract's fields.

Belongs here: from a raw table and its layout to a table with one column per field, whatever the source's
order and headers were, so that files of many layouts share one check and one block. Does not belong here:
reading values (`pipelines.readings`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from pipelines.feeds import Feed
from pipelines.feeds.contract import Kind
from pipelines.layout import Layout
from pipelines.mapping import FieldMapping
from pipelines.privacy import mask_nested, mask_numbers
from pipelines.sources.tables import SOURCE_ROW, RawTable

EXTRA = "_extra"
SOURCE_PREFIX = "in_"
DISAGREES = "_disagrees"  # records made of lines: the aligned column of which these give more than one value
ELSEWHERE = "_elsewhere"  # a field of which another column of the row says something else
TYPED_KINDS = frozenset({Kind.NUMBER, Kind.INTEGER, Kind.MONEY, Kind.INSTANT, Kind.DAY})
_ESCAPES = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))


@dataclass(frozen=True)
class Shape:
    """What a check depends on: the feed, the mapping, factors of fields in other units, typed columns, and `parts`:
    the paths of the columns that hold parts of lists.
    """

    feed: Feed = field(repr=False)
    mapping: FieldMapping
    factors: tuple[tuple[str, float], ...]
    types: tuple[tuple[str, str], ...]
    parts: tuple[str, ...] = ()

    @property
    def is_long(self) -> bool:
        """Whether rows are records that have been gathered from lines."""
        return any(path.count(".") == 1 for path in self.parts)


def column_of(name: str) -> str:
    """The name under which an aligned table holds the source of field `name`."""
    return f"{SOURCE_PREFIX}{name}"


def align(raw: RawTable, layout: Layout, *, as_text: bool) -> tuple[Shape, pa.Table]:
    """The raw table as `in_<field>` for every field (null where the source has none), `_extra` (JSON text of
    unknown columns, keys sorted, no nulls) and `_source_row`; typed columns become text when `as_text`.
    """
    rows = raw.table.num_rows
    columns: dict[str, pa.Array | pa.ChunkedArray] = {}
    types: dict[str, str] = {}
    for binding in layout.bindings:
        if binding.index is None:
            column = pa.repeat(pa.scalar(binding.constant, pa.string()), rows)
        else:
            column = raw.table[f"c{binding.index}"]
        # Texts are made of typed cells in one way only, so that files alone and files together load the same.
        kind = layout.feed.field(binding.name).kind
        is_text = as_text or kind not in TYPED_KINDS
        if binding.unit_index is not None:
            column = with_unit(_spelled(column, layout.mapping), text_of(raw.table[f"c{binding.unit_index}"]))
        if not pt.is_string(column.type) and (is_text or pt.is_null(column.type)):
            column = _spelled(column, layout.mapping)
        if not pt.is_string(column.type):
            types[binding.name] = str(column.type)
        columns[column_of(binding.name)] = column
    absent = pa.nulls(rows, pa.string())
    parts = tuple(sorted(binding.name for binding in layout.bindings if "." in binding.name))
    names = [column_of(name) for name in (*(f.name for f in layout.feed.all_fields), *parts)]
    aligned = {name: columns.get(name, absent) for name in names}
    aligned[EXTRA] = _extra(raw, layout)
    aligned[ELSEWHERE] = _elsewhere(raw, layout)
    aligned[SOURCE_ROW] = raw.table[SOURCE_ROW]
    factors = tuple(sorted((b.name, b.factor) for b in layout.bindings if b.factor != 1.0))
    return Shape(layout.feed, layout.mapping, factors, tuple(sorted(types.items())), parts), pa.table(aligned)


def text_of(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A typed column as text: times without a needless fraction, whole numbers without decimals."""
    if pt.is_timestamp(column.type):
        form = "%Y-%m-%d %H:%M:%S" + ("%z" if column.type.tz else "")
        text = pc.strftime(column, format=form)
        return pc.replace_substring_regex(text, r"[.]0+([+-]\d+)?$", r"\1")  # by value: other rows change nothing
    if pt.is_nested(column.type):
        texts = [None if value is None else json_text(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])
    return column.cast(pa.string())


def _spelled(column: pa.ChunkedArray, mapping: FieldMapping) -> pa.ChunkedArray:
    """A column as text that will be read again, with the mapping's decimal sign in what were numbers."""
    text = text_of(column)
    return pc.replace_substring(text, ".", mapping.decimal) if pt.is_floating(column.type) else text


def json_text(value: Any) -> str:
    """A nested value as JSON."""
    return json.dumps(value, ensure_ascii=False, default=str)


def with_unit(amounts: pa.ChunkedArray, written: pa.ChunkedArray | pa.Scalar) -> pa.ChunkedArray:
    """Amounts with the unit (of their row) beside them, where they have none of their own."""
    is_bare = pc.match_substring_regex(amounts, r"[0-9.]\s*$")
    stated = pc.binary_join_element_wise(amounts, pc.utf8_trim_whitespace(written), " ")
    return pc.if_else(pc.fill_null(is_bare, False), pc.coalesce(stated, amounts), amounts)


def _elsewhere(raw: RawTable, layout: Layout) -> pa.Array | pa.ChunkedArray:
    """Per row a field that two of its columns could feed and that they give different texts."""
    found: pa.Array | pa.ChunkedArray = pa.nulls(raw.table.num_rows, pa.string())
    read = {binding.name: binding.index for binding in layout.bindings}
    for name, index in layout.others:
        texts = [pc.utf8_trim_whitespace(text_of(raw.table[f"c{place}"])) for place in (read[name], index)]
        differs = pc.fill_null(pc.and_(pc.not_equal(*texts), pc.not_equal(texts[1], "")), False)
        found = pc.if_else(differs, pa.scalar(name), found)
    return found


def _extra(raw: RawTable, layout: Layout) -> pa.Array | pa.ChunkedArray:
    entries = []
    for index, header in sorted(layout.extras, key=lambda extra: (extra[1], extra[0])):
        text = raw.table[f"c{index}"]
        text = pc.utf8_trim_whitespace(text if pt.is_string(text.type) else text_of(text))
        text = mask_numbers(mask_nested(text))
        for plain, escaped in _ESCAPES:
            text = pc.replace_substring(text, plain, escaped)
        text = pc.replace_substring_regex(text, "[\\x00-\\x1f]", " ")  # JSON knows no other control character
        text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
        entries.append(pc.binary_join_element_wise(f'{json.dumps(header, ensure_ascii=False)}:"', text, '",', ""))
    if not entries:
        return pa.nulls(raw.table.num_rows, pa.string())
    joined = pc.utf8_rtrim(
        pc.binary_join_element_wise(*entries, "", null_handling="replace", null_replacement=""), characters=","
    )
    json_text = pc.binary_join_element_wise("{", joined, "}", "")
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), json_text)
