"""Numbers with a decimal comma (`12,5`) in files delimited by `;`.

Belongs here: which columns have them, and their numbers with a point. Does not belong here: other spellings of
numbers (`pipelines.readings`).

`12,500` may be twelve and a half or twelve thousand five hundred. It is settled for a whole file before its
rows are read: a column has a decimal comma when some of its values can be nothing else and none can only have
a thousands comma; a column of which nothing can be told goes with the others of its file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

import pyarrow.compute as pc

from pipelines.feeds import Feed
from pipelines.feeds.contract import Kind
from pipelines.layout import resolve
from pipelines.mapping import FieldMapping
from pipelines.sources.tables import RawTable
from store.messages import Text

_DECIMAL = r"^\s*[-+]?([0-9]+,([0-9]{1,2}|[0-9]{4,})|[0-9]{1,3}(\.[0-9]{3})+,[0-9]+|0,[0-9]+)\s*$"
_THOUSANDS = r"^\s*[-+]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+|,[0-9]{3})\s*$"
_COMMA = r"^\s*[-+]?[0-9][0-9.]*,[0-9]+\s*$"
_NUMBERS = frozenset({Kind.NUMBER, Kind.INTEGER, Kind.MONEY})


def decimal_commas(tables: Iterable[RawTable], feed: Feed, mapping: FieldMapping) -> frozenset[int]:
    """The columns of numbers that have a decimal comma. Raises FileError as `resolve` does."""
    decimal: set[int] = set()
    thousands: set[int] = set()
    numbers: tuple[int, ...] = ()
    for raw in tables:
        numbers = numbers or _numbers(raw, feed, mapping)
        for index in numbers:
            column = raw.table[f"c{index}"]
            if pc.any(pc.match_substring_regex(column, _DECIMAL)).as_py():
                decimal.add(index)
            if pc.any(pc.match_substring_regex(column, _THOUSANDS)).as_py():
                thousands.add(index)
    if not decimal - thousands:
        return frozenset()
    return frozenset(numbers) - thousands


def with_points(raw: RawTable, columns: Collection[int]) -> RawTable:
    """`raw` with the decimal commas of those columns as points."""
    if not columns:
        return raw
    table = raw.table
    for index in columns:
        column = table[f"c{index}"]
        plain = pc.replace_substring(pc.replace_substring(column, ".", ""), ",", ".")
        has_comma = pc.match_substring_regex(column, _COMMA)
        table = table.set_column(index, f"c{index}", pc.if_else(has_comma, plain, column))
    names = ", ".join(raw.header[index] for index in sorted(columns))
    note = Text(f"按小数逗号读取的列：{names}", f"columns read with a decimal comma: {names}")
    return replace(raw, table=table, origin=replace(raw.origin, notes=(*raw.origin.notes, note)))


def _numbers(raw: RawTable, feed: Feed, mapping: FieldMapping) -> tuple[int, ...]:
    layout = resolve(feed, raw.header, mapping)
    kinds = {column.name: column.kind for column in feed.all_fields}
    is_number = (binding for binding in layout.bindings if kinds.get(binding.name, Kind.NUMBER) in _NUMBERS)
    return tuple(sorted({b.index for b in is_number if b.index is not None and b.index < len(raw.header)}))
