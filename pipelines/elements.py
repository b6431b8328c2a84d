"""The elements of list fields: read, checked and sorted as rows of their own, then put back as one list per row.

Belongs here: from elements to a typed list column. Does not belong here: finding the elements in a source's layout
(`pipelines.element_sources`).

Whatever the layout, one batch gives one list: its elements stand in the order of their members' values.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from pipelines import element_sources, readings
from pipelines.alignment import ELSEWHERE, Shape, column_of
from pipelines.check_sql import element_column, element_faults, fault_column
from pipelines.element_sources import Elements, Unread
from pipelines.feeds.contract import Field
from pipelines.readings import is_unknown
from pipelines.sql_text import quote
from pipelines.tidy import clean

_BAD_LIST = 0  # the first of `element_faults`
_LABEL_LENGTH = 40


def with_lists(connection: duckdb.DuckDBPyConnection, table: pa.Table, shape: Shape, key: bytes) -> pa.Table:
    """The aligned table with each list field typed in its `in_<field>`, its first fault and that element's name, and
    the texts that only `_extra` can keep, instead of the columns that held its parts.
    """
    for column in shape.feed.lists:
        unread = Unread()
        parts = list(element_sources.parts(connection, table, shape, column, unread))
        parts = [Elements(_tidied(part.table, column, key), part.factors, part.kept_with) for part in parts]
        elements = _read(connection, parts, shape, column)
        for name, values in _gathered(elements, table.num_rows, column, unread).items():
            index = table.schema.get_field_index(name)
            table = table.set_column(index, name, values) if index >= 0 else table.append_column(name, values)
        if unread.twice:
            told = _sparse(dict.fromkeys(unread.twice, column.name), table.num_rows, pa.string())
            told = pc.coalesce(table[ELSEWHERE], told)
            table = table.set_column(table.schema.get_field_index(ELSEWHERE), ELSEWHERE, told)
    return table.drop_columns([column_of(path) for path in shape.parts])


def _tidied(table: pa.Table, column: Field, key: bytes) -> pa.Table:
    for member in column.members:
        index = table.schema.get_field_index(column_of(member.name))
        if index >= 0 and pt.is_string(table[index].type):
            table = table.set_column(index, table.column_names[index], clean(table[index], member, key))
    if "_label" not in table.column_names:
        name = column_of(column.members[0].name)
        label = table[name] if name in table.column_names else pa.nulls(table.num_rows, pa.string())
        table = table.append_column("_label", label)
    return table


def _read(connection: duckdb.DuckDBPyConnection, parts: list[Elements], shape: Shape, column: Field) -> pa.Table | None:
    """All elements, typed and in order: `_row`, the members, `_fault`, `_nth`, `_label`, `_other`."""
    parts = [part for part in parts if part.table.num_rows]
    selects = []
    for number, part in enumerate(parts):
        connection.register(f"elements_{number}", part.table)
        types = {name: str(part.table.schema.field(name).type) for name in part.table.column_names}
        selects.append(_select(shape, column, f"elements_{number}", types, dict(part.factors), part.kept_with))
    if not selects:
        return None
    order = ", ".join(("_row", *(f'"{member.name}"' for member in column.members)))
    elements = connection.execute(f"{' UNION ALL '.join(selects)} ORDER BY {order}").to_arrow_table()
    for number in range(len(parts)):
        connection.unregister(f"elements_{number}")
    return elements


def _select(
    shape: Shape,
    column: Field,
    view: str,
    types: dict[str, str],
    factors: dict[str, float],
    kept_with: tuple[str, ...],
) -> str:
    naming = column.members[0]
    typed, codes = [], ""
    for member in column.members:
        source = column_of(member.name)
        if source not in types:
            typed.append(f'CAST(NULL AS {member.sql_type}) AS "{member.name}"')
            continue
        type_ = "string" if types[source].startswith("dictionary") else types[source]
        path = f"{column.name}.{member.name}"
        sql = readings.reading(member, source, type_, factors.get(member.name, 1.0), shape.mapping, path).whole
        if member is naming:
            codes = f"LEFT JOIN ({_names(shape, column, view, sql)}) ON {source} = _given"
        else:
            typed.append(f'{sql} AS "{member.name}"')
    absent = "".join(
        f", CAST(NULL AS VARCHAR) AS {column_of(m.name)}" for m in column.members if column_of(m.name) not in types
    )
    absent += "" if codes else ", CAST(NULL AS VARCHAR) AS _other"
    cases = " ".join(
        f"WHEN {fault.condition} THEN {number}"
        for number, fault in enumerate(element_faults(column))
        if number != _BAD_LIST
    )
    told = ", ".join(f"CAST({column_of(member)} AS VARCHAR)" for member in kept_with)
    kept = f"WHERE coalesce({told}) IS NOT NULL" if told else ""
    names = ", ".join(f'"{member.name}"' for member in column.members)
    return (
        f"SELECT _row, {names}, CASE {cases} END AS _fault, _nth, CAST(_label AS VARCHAR) AS _label, _other "
        f"FROM (SELECT {', '.join(['*', *typed])} FROM (SELECT *{absent} FROM {view} {kept}) {codes})"
    )


def _names(shape: Shape, column: Field, view: str, sql: str) -> str:
    """What each text of the naming member means (`_given`, the member, `_other`): a block has few of them, and reading
    them in every spelling costs more than the rest of an element.
    """
    naming = column.members[0]
    name = meant = column_of(naming.name)
    if codes := shape.mapping.codes(f"{column.name}.{naming.name}"):
        meant = readings.recode(naming, name, codes)
    is_other = f'"{naming.name}" = {quote(naming.other or "")} AND {is_unknown(naming, meant)}'
    return (
        f'SELECT {name} AS _given, "{naming.name}", CASE WHEN {is_other} THEN {name} END AS _other '
        f'FROM (SELECT {name}, {sql} AS "{naming.name}" '
        f"FROM (SELECT DISTINCT CAST({name} AS VARCHAR) AS {name} FROM {view} WHERE {name} IS NOT NULL))"
    )


def _gathered(elements: pa.Table | None, rows: int, column: Field, unread: Unread) -> dict[str, pa.Array]:
    """Per row of the block: its list (null without elements), its first fault, and texts for `_extra`."""
    faults: dict[int, tuple[int, int, str]] = {}
    others: dict[int, str] = {}
    if elements is None:
        lists = pa.nulls(rows, pa.list_(pa.struct([(member.name, pa.string()) for member in column.members])))
    else:
        elements = elements.combine_chunks()
        ends = np.searchsorted(elements["_row"].to_numpy(), np.arange(rows + 1)).astype(np.int32)
        names = [member.name for member in column.members]
        structs = pa.StructArray.from_arrays([elements[name].combine_chunks() for name in names], names)
        is_empty = pa.array(ends[1:] == ends[:-1])
        lists = pa.ListArray.from_arrays(pa.array(ends), structs, mask=is_empty)
        wrong = elements.filter(pc.is_valid(elements["_fault"])).select(["_row", "_nth", "_fault", "_label"])
        for found in wrong.sort_by([("_row", "ascending"), ("_nth", "ascending")]).to_pylist():
            label = str(found["_label"] or f"#{found['_nth'] + 1}")[:_LABEL_LENGTH]
            faults.setdefault(found["_row"], (found["_fault"], found["_nth"], label))
        strange: dict[int, set[str]] = defaultdict(set)
        for found in elements.filter(pc.is_valid(elements["_other"])).select(["_row", "_other"]).to_pylist():
            strange[found["_row"]].add(found["_other"])
        others = {row: ", ".join(sorted(texts)) for row, texts in strange.items()}
    faults |= dict.fromkeys(unread.rows, (_BAD_LIST, 0, ""))
    return {
        column_of(column.name): lists,
        fault_column(column): _sparse({row: fault[0] for row, fault in faults.items()}, rows, pa.int32()),
        element_column(column): _sparse({row: fault[2] for row, fault in faults.items()}, rows, pa.string()),
        f"{column_of(column.name)}_unlisted": _sparse(others, rows, pa.string()),
        f"{column_of(column.name)}_verbatim": _sparse(unread.extras, rows, pa.string()),
    }


def _sparse(values: Mapping[int, object], rows: int, type_: pa.DataType) -> pa.Array:
    """A column that is null but in a few rows."""
    if not values:
        return pa.nulls(rows, type_)
    return pa.array([values.get(row) for row in range(rows)], type_)
