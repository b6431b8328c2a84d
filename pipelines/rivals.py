"""Rows of JSON whose keys are several spellings of one thing, parted by the spelling that each row has.

Belongs here: which columns rival, and the rows of each spelling as a table of their own. Does not belong here: which
of two columns in one row is read (`pipelines.layout`). Every object brings its own keys, so what a row means must
not depend on which rows happen to be read together with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.feeds import Feed
from pipelines.layout import claim
from pipelines.mapping import FieldMapping
from pipelines.preparation import cell_texts
from pipelines.sources.tables import SOURCE_ROW, RawTable

Rivals = tuple[tuple[int, ...], ...]  # columns that stand for one thing in different ways, each way a group


def parted(raw: RawTable, feed: Feed, mapping: FieldMapping) -> Iterator[RawTable]:
    """`raw` in parts of which each has the columns of the spellings that all of its rows have."""
    rivals = _rivals(feed, raw.header, mapping) if raw.origin.format == "json" else ()
    if not rivals or not raw.table.num_rows:
        yield raw
        return
    ways = [way for group in rivals for way in group]
    has = np.stack([_is_told(raw.table, way) for way in ways], axis=1)
    start = 0
    for group in rivals:
        of_group = has[:, start : start + len(group)]
        of_group[~of_group.any(axis=1), 0] = True  # nothing is told: one spelling stays, so that the field has a source
        start += len(group)
    spellings, which = np.unique(has, axis=0, return_inverse=True)
    for number, told in enumerate(spellings):
        absent = {index for way, is_told in zip(ways, told, strict=True) if not is_told for index in way}
        part = raw if number == 0 else replace(raw, malformed=(), rows_skipped=0)
        rows = raw.table.take(pa.array(np.flatnonzero(which.reshape(-1) == number)))
        yield _without(replace(part, table=rows), absent)


@lru_cache(maxsize=256)
def _rivals(feed: Feed, header: tuple[str, ...], mapping: FieldMapping) -> tuple[Rivals, ...]:
    """Groups of columns for one field or part of a list, of one header text, or of the layouts of one list."""
    claims: dict[str, list[int]] = defaultdict(list)
    layouts: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    lists = {column.name for column in feed.lists}
    for index, text in enumerate(header):
        name = claim(feed, text.strip(), mapping)
        claims[f"field {name}" if name else f"text {text.strip()}"].append(index)
        if name and (own := name.partition(".")[0]) in lists:
            layouts[own][(0, 2, 1)[min(name.count("."), 2)]].append(index)  # whole, wide, long
    rivals: list[Rivals] = [tuple((index,) for index in columns) for columns in claims.values() if len(columns) > 1]
    for ways in layouts.values():
        if len(ways) > 1:
            rivals.append(tuple(tuple(ways[way]) for way in sorted(ways)))
    return tuple(rivals)


def _is_told(table: pa.Table, columns: Sequence[int]) -> np.ndarray:
    """Whether a row has something in one of the columns."""
    told = np.zeros(table.num_rows, bool)
    for index in columns:
        told |= pc.is_valid(cell_texts(table[f"c{index}"])).to_numpy()
    return told


def _without(raw: RawTable, absent: set[int]) -> RawTable:
    kept = [index for index in range(len(raw.header)) if index not in absent]
    columns = {f"c{place}": raw.table[f"c{index}"] for place, index in enumerate(kept)}
    table = pa.table({**columns, SOURCE_ROW: raw.table[SOURCE_ROW]})
    return replace(raw, header=tuple(raw.header[index] for index in kept), table=table)
