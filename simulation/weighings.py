"""Weighings: a batch's or mix's materials as a controller writes them - wide, nested, or a line each.

Belongs here: turning a page's slot columns into these three. Does not belong here: their values
(batches.py, mixes.py), header texts (controllers.py), text styles (pages.py).

A slot column is called `<slot>.<member>`: `cement_1.actual_kg`. A slot without a value in any member is no weighing
of that row. Cells may replace `<slot>.material` too, where the material's name is written in the row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulation.layouts import Layout
from simulation.pages import Page
from simulation.streams import Bools, Ints

MATERIAL = "material"
LIST = "materials"


def slots_of(layout: Layout) -> dict[str, list[str]]:
    """Slot -> its members, in the order of the layout's columns."""
    slots: dict[str, list[str]] = {}
    for name in layout.headers:
        slot, _, member = name.partition(".")
        if member:
            slots.setdefault(slot, []).append(member)
    return slots


def _is_present(table: pa.Table, slots: Mapping[str, list[str]]) -> Bools:
    """Which slots were weighed; shape (rows, slots)."""
    columns = []
    for slot, members in slots.items():
        valid = [pc.is_valid(table[f"{slot}.{member}"]) for member in members]
        columns.append(np.logical_or.reduce([np.asarray(column) for column in valid]))
    return np.stack(columns, axis=1)


def json_lists(page: Page, literal: Callable[[str], pa.Array]) -> pa.Array:
    """Each row's weighings as JSON text; `literal(column)` gives a slot column as it stands in the file."""
    slots = slots_of(page.layout)
    present = _is_present(page.table, slots)
    elements = []
    for place, (slot, members) in enumerate(slots.items()):
        name = json.dumps(page.layout.materials[slot], ensure_ascii=False)
        named = pa.array([name] * page.table.num_rows)
        if renamed := page.cells.get(f"{slot}.{MATERIAL}"):
            mask = np.zeros(page.table.num_rows, dtype=bool)
            mask[sorted(renamed)] = True
            texts = [json.dumps(renamed[row], ensure_ascii=False) for row in sorted(renamed)]
            named = pc.replace_with_mask(named, mask, pa.array(texts))
        parts: list[pa.Array | str] = ['{"material":', named]
        for member in members:
            parts += [f',"{page.layout.headers[f"{slot}.{member}"]}":', literal(f"{slot}.{member}")]
        element = pc.binary_join_element_wise(*parts, "}", "")
        elements.append(pc.if_else(pa.array(present[:, place]), element, pa.scalar(None, pa.string())))
    joined = pc.binary_join_element_wise(*elements, ",", null_handling="skip")
    return pc.binary_join_element_wise("[", joined, "]", "")


def typed_lists(page: Page, typed: Callable[[str], pa.Array]) -> pa.Array:
    """Each row's weighings as a list of structs; `typed(column)` gives a slot column with its replaced cells."""
    slots = slots_of(page.layout)
    present = _is_present(page.table, slots)
    rows, places = np.nonzero(present)
    offsets = np.append(0, np.cumsum(present.sum(axis=1)))
    size = page.table.num_rows
    at = pa.array(places * size + rows)
    members = next(iter(slots.values()))
    names = pa.array([page.layout.materials[slot] for slot in slots])
    fields = {MATERIAL: names.take(pa.array(places))}
    for member in members:
        stacked = pa.concat_arrays([typed(f"{slot}.{member}") for slot in slots])
        fields[page.layout.headers[f"{next(iter(slots))}.{member}"]] = stacked.take(at)
    elements = pa.StructArray.from_arrays(list(fields.values()), list(fields))
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), elements)


def unrolled(page: Page) -> tuple[Page, Ints]:
    """The page with a line per weighing, and the first line of each of its rows.

    What is not about the weighing is repeated on every line, or stands on a row's first line only.
    """
    layout, table = page.layout, page.table
    slots = slots_of(layout)
    present = _is_present(table, slots)
    row, place = np.nonzero(present)
    first = np.searchsorted(row, np.arange(table.num_rows))
    line_of = np.full(present.shape, -1)
    line_of[row, place] = np.arange(len(row))
    is_first = np.diff(row, prepend=-1) > 0

    names = list(slots)
    scalars = [name for name in layout.headers if "." not in name]
    columns: dict[str, pa.Array] = {}
    for name in scalars:
        column = table[name].combine_chunks().take(pa.array(row))
        columns[name] = _kept(column, is_first) if layout.blanks_repeats else column
    members = next(iter(slots.values()))
    columns[MATERIAL] = pa.DictionaryArray.from_arrays(
        pa.array(place.astype(np.int32)), pa.array([layout.materials[slot] for slot in names])
    )
    at = pa.array(place * table.num_rows + row)
    for member in members:
        stacked = [_plain(table[f"{slot}.{member}"].combine_chunks()) for slot in names]
        columns[member] = pa.concat_arrays(stacked).take(at)
    cells: dict[str, dict[int, object]] = {}
    for name, replaced in page.cells.items():
        slot, _, member = name.partition(".")
        for where, cell in replaced.items():
            if member:
                cells.setdefault(member, {})[int(line_of[where, names.index(slot)])] = cell
            else:
                stop = first[where] + 1 if layout.blanks_repeats else first[where] + int(present[where].sum())
                cells.setdefault(name, {}).update(dict.fromkeys(range(int(first[where]), int(stop)), cell))
    headers = {name: layout.headers[name] for name in scalars} | {MATERIAL: layout.materials[MATERIAL]}
    headers |= {member: layout.headers[f"{names[0]}.{member}"] for member in members}
    lines = Page(replace(layout, headers=headers, list_style="", materials={}), pa.table(columns))
    lines.cells = cells  # type: ignore[assignment]
    lines.strays = [(int(first[where]), kind) for where, kind in page.strays]
    return lines, first


def _kept(column: pa.Array, is_kept: Bools) -> pa.Array:
    return pc.if_else(pa.array(is_kept), _plain(column), pa.scalar(None, _plain(column).type))


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
