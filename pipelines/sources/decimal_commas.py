"""Numbers with a decimal comma (`12,5`) in files delimited by `;`.

Belongs here: which columns have them, and their numbers with a point. Does not belong here: other spellings of
numbers (`pipelines.readings`).

`12,500` may be twelve and a half or twelve thousand five hundred. It is settled for a whole file before its
rows are read: a column has a decimal comma when some of its values can be nothing else and none can only have
a thousands comma; a column of which nothing can be told goes with the others of its file. Where commas are
proven to be decimal and no point is, points part thousands: `1.200` is twelve hundred. Elsewhere it
is one and a fifth, and a note says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

import pyarrow.compute as pc

from pipelines.feeds import Feed
from pipelines.feeds.contract import Kind
from pipelines.layout import resolve
from pipelines.mapping import FieldMapping
from pipelines.sources.tables import RawTable
from store.messages import Text

Points = Literal["thousands", "decimal", "unclear"]
_DECIMAL = r"^\s*[-+]?([0-9]+,([0-9]{1,2}|[0-9]{4,})|[0-9]{1,3}(\.[0-9]{3})+,[0-9]+|0,[0-9]+)\s*$"
_THOUSANDS = r"^\s*[-+]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+|,[0-9]{3})\s*$"
_COMMA = r"^\s*[-+]?[0-9][0-9.]*,[0-9]+\s*$"
_POINT = r"^\s*[-+]?([0-9]*\.([0-9]{1,2}|[0-9]{4,})|0\.[0-9]+)\s*$"
_GROUPED = r"^\s*[-+]?[1-9][0-9]{0,2}(\.[0-9]{3})+\s*$"
_NUMBERS = frozenset({Kind.NUMBER, Kind.INTEGER, Kind.MONEY})


def decimal_commas(tables: Iterable[RawTable], feed: Feed, mapping: FieldMapping) -> dict[int, Points]:
    """The columns of numbers with a decimal comma -> what their points are.

    Raises FileError as `resolve` does.
    """
    decimal: set[int] = set()
    thousands: set[int] = set()
    points: set[int] = set()
    grouped: set[int] = set()
    numbers: tuple[int, ...] = ()
    for raw in tables:
        numbers = numbers or _numbers(raw, feed, mapping)
        for index in numbers:
            column = raw.table[f"c{index}"]
            if pc.any(pc.match_substring_regex(column, _DECIMAL)).as_py():
                decimal.add(index)
            if pc.any(pc.match_substring_regex(column, _THOUSANDS)).as_py():
                thousands.add(index)
            if pc.any(pc.match_substring_regex(column, _POINT)).as_py():
                points.add(index)
            if pc.any(pc.match_substring_regex(column, _GROUPED)).as_py():
                grouped.add(index)
    if not decimal - thousands:
        return {}
    found: dict[int, Points] = dict.fromkeys(set(numbers) - thousands, "decimal")
    found |= dict.fromkeys(grouped & found.keys(), "unclear")
    found |= dict.fromkeys((decimal - points) & found.keys(), "thousands")
    return found


def with_points(raw: RawTable, columns: Mapping[int, Points]) -> RawTable:
    """`raw` with the decimal commas of those columns as points, and without the points that part thousands."""
    if not columns:
        return raw
    table = raw.table
    for index, points in columns.items():
        column = table[f"c{index}"]
        plain = pc.replace_substring(pc.replace_substring(column, ".", ""), ",", ".")
        is_other = pc.match_substring_regex(column, f"{_COMMA}|{_GROUPED}" if points == "thousands" else _COMMA)
        table = table.set_column(index, f"c{index}", pc.if_else(is_other, plain, column))
    names = ", ".join(raw.header[index] for index in sorted(columns))
    notes = [Text(f"按小数逗号读取的列：{names}", f"columns read with a decimal comma: {names}")]
    if unclear := ", ".join(raw.header[index] for index, points in sorted(columns.items()) if points == "unclear"):
        notes.append(
            Text(
                f'这些列中形如 1.200 的数读作 1.2；若其中的点是千分位，请在映射文件中写明 decimal = ","：{unclear}',
                f"columns in which a number like 1.200 is read as 1.2; if its point parts thousands, state "
                f'decimal = "," in a mapping file: {unclear}',
            )
        )
    return replace(raw, table=table, origin=replace(raw.origin, notes=(*raw.origin.notes, *notes)))


def _numbers(raw: RawTable, feed: Feed, mapping: FieldMapping) -> tuple[int, ...]:
    layout = resolve(feed, raw.header, mapping)
    kinds = {column.name: column.kind for column in feed.all_fields}
    is_number = (binding for binding in layout.bindings if kinds.get(binding.name, Kind.NUMBER) in _NUMBERS)
    return tuple(sorted({b.index for b in is_number if b.index is not None and b.index < len(raw.header)}))
