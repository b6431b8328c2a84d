"""Pages: what goes into one file - a layout, typed rows, replaced cells - and how values look as text.

Belongs here: the page and its text styles. Does not belong here: the bytes of a file (rendering.py), which rows,
and what is wrong with them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from simulation.layouts import Layout


class Instant(NamedTuple):
    """A replaced cell that is a time: city seconds, written in the layout's own style."""

    local_s: int


Cell: TypeAlias = str | float | int | Instant | None


@dataclass
class Page:
    """What goes into one file.

    `table` holds the layout's columns, typed: strings, doubles, int64, timestamp[s] (city wall
    clock), date32; dictionaries for codes and districts. `cells` replaces single cells; `strays` are
    extra lines, each put before a row: a blank one, or a copy of that row cut short.
    """

    layout: Layout
    table: pa.Table
    cells: dict[str, dict[int, Cell]] = field(default_factory=dict)
    strays: list[tuple[int, str]] = field(default_factory=list)  # (before row, "blank" | "cut"), ascending


def strings(layout: Layout, name: str, column: pa.ChunkedArray) -> pa.Array:
    """A typed column as text in the layout's style; nulls stay null."""
    array = column.combine_chunks()
    kind = array.type
    if pa.types.is_dictionary(kind):
        texts = _dictionary_texts(layout, name, array.dictionary)
        return texts.take(array.indices)
    if pa.types.is_floating(kind):
        scale = (layout.scales or {}).get(name)
        return (pc.round(pc.multiply(array, scale), 6) if scale else array).cast(pa.string())
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return styled(array.cast(pa.string()), layout, pa.types.is_date(kind))
    return array.cast(pa.string())


def styled(text: pa.Array, layout: Layout, is_day: bool) -> pa.Array:
    """ISO days and instants in the layout's style."""
    if layout.format == "jsonl" and not is_day:
        return pc.binary_join_element_wise(pc.replace_substring(text, " ", "T"), "+08:00", "")
    if layout.time_style == "slash":
        return pc.replace_substring(text, "-", "/")
    if layout.time_style == "chinese":
        return pc.replace_substring_regex(text, r"^(\d+)-0?(\d+)-0?(\d+)", r"\1年\2月\3日")
    return text


def _dictionary_texts(layout: Layout, name: str, dictionary: pa.Array) -> pa.Array:
    """What the layout writes for each entry of a dictionary: a code's text, or an entry as it is."""
    if name in layout.codes:
        return pa.array([layout.codes[name][code] for code in dictionary.to_pylist()], pa.string())
    if name == "district_code":
        pairs = [entry.split("|") for entry in dictionary.to_pylist()]
        return pa.array([pair[1 if layout.writes_district_names else 0] for pair in pairs], pa.string())
    return dictionary.cast(pa.string())


def cell_text(cell: Instant, layout: Layout) -> str:
    """One instant in the layout's style."""
    array = pa.array([cell.local_s], pa.timestamp("s")).cast(pa.string())
    return str(styled(array, layout, False)[0].as_py())


def plain_number(value: float) -> str:
    """A number as a person types it: 12.5, 36."""
    return re.sub(r"\.0$", "", f"{value}")
