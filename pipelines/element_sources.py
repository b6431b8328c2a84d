"""The elements of a list field as rows of their own, as the source has them.

Belongs here: the three layouts of a list (nested, wide, long) made one. Does not belong here: reading and checking
elements (`pipelines.elements`), lines of one record (`pipelines.gathering`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from pipelines.alignment import Shape, column_of, json_text, text_of
from pipelines.feeds.contract import Field, Kind
from pipelines.layout import normalise


@dataclass(frozen=True)
class Elements:
    """Elements that are read in one way: `_row`, `_nth`, `_label` and, per member given, `in_<member>`.

    An element without any of the members `kept_with` is none: columns and lines stand there also when nothing was
    weighed.
    """

    table: pa.Table
    factors: tuple[tuple[str, float], ...] = ()
    kept_with: tuple[str, ...] = ()


@dataclass
class Unread:
    """What of a list is not an element: rows whose text is no list, and texts with members that no contract knows."""

    rows: list[int]
    extras: dict[int, str]


def parts(
    connection: duckdb.DuckDBPyConnection, table: pa.Table, shape: Shape, column: Field, unread: Unread
) -> Iterator[Elements]:
    paths = [path.split(".") for path in shape.parts if path.startswith(f"{column.name}.")]
    factors = dict(shape.factors)
    if not paths:
        whole = table[column_of(column.name)].combine_chunks()
        stated = tuple((m.name, factors.get(f"{column.name}.{m.name}", 1.0)) for m in column.members)
        if pt.is_list(whole.type):
            yield Elements(_of_lists(whole, column, unread), stated)
        elif whole.null_count < len(whole):
            yield Elements(_of_texts(connection, whole, column, unread), stated)
    elif len(paths[0]) == 2:
        members = {member: table[column_of(f"{column.name}.{member}")].combine_chunks() for _, member in paths}
        flat = {column_of(member): lists.flatten() for member, lists in members.items()}
        counts = pc.list_value_length(next(iter(members.values()))).fill_null(0).to_numpy()
        stated = tuple((member, factors.get(f"{column.name}.{member}", 1.0)) for member in members)
        yield Elements(_numbered(flat, counts), stated, tuple(members))
    else:
        yield from _of_columns(table, shape, column)


def _of_columns(table: pa.Table, shape: Shape, column: Field) -> Iterator[Elements]:
    """Wide columns, element by element; those whose columns have the same types and units together."""
    elements: dict[str, dict[str, str]] = defaultdict(dict)
    for path in shape.parts:
        element, _, member = path.removeprefix(f"{column.name}.").rpartition(".")
        elements[element][member] = path
    alike: dict[tuple[object, ...], list[tuple[str, dict[str, str]]]] = defaultdict(list)
    factors, types = dict(shape.factors), dict(shape.types)
    for element, paths in elements.items():
        ways = tuple((m, factors.get(path, 1.0), types.get(path, "string")) for m, path in sorted(paths.items()))
        alike[ways].append((element, paths))
    rows = np.arange(table.num_rows, dtype=np.int32)
    for group in alike.values():
        members = group[0][1]
        data = {
            column_of(member): pa.chunked_array(
                [chunk for _, paths in group for chunk in table[column_of(paths[member])].chunks]
            )
            for member in members
        }
        names = pa.array([element.replace("·", ".") for element, _ in group], pa.string())
        which = pa.array(np.repeat(np.arange(len(group), dtype=np.int32), table.num_rows))
        named = pa.DictionaryArray.from_arrays(which, names)
        data |= {column_of(column.members[0].name): named, "_label": named}
        data |= {"_row": pa.array(np.tile(rows, len(group))), "_nth": which}
        stated = tuple((member, factors.get(path, 1.0)) for member, path in members.items())
        values = tuple(m for m in members if column.member(m).kind is Kind.NUMBER)
        yield Elements(pa.table(data), stated, values or tuple(members))


def _numbered(columns: dict[str, pa.Array], counts: np.ndarray, label: str | None = None) -> pa.Table:
    """Elements that stand row by row, `counts` of them in each."""
    starts = np.concatenate(([0], np.cumsum(counts)[:-1])) if len(counts) else np.zeros(0, np.int64)
    nth = np.arange(int(counts.sum())) - np.repeat(starts, counts)
    rows = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    return pa.table(columns | {"_row": pa.array(rows), "_nth": pa.array(nth.astype(np.int32))})


def _of_lists(lists: pa.Array, column: Field, unread: Unread) -> pa.Table:
    """Lists of structs, as Parquet has them."""
    if not pt.is_struct(lists.type.value_type):
        unread.rows += pc.indices_nonzero(pc.is_valid(lists)).to_pylist()
        return _numbered({}, np.zeros(len(lists), np.int64))
    structs = lists.flatten()
    counts = pc.list_value_length(lists).fill_null(0).to_numpy()
    columns, strangers = {}, False
    for index, field in enumerate(structs.type):
        member = _member(column, field.name)
        values = pc.struct_field(structs, [index])
        if member is None or column_of(member.name) in columns:
            strangers |= values.null_count < len(values)
        else:
            is_plain = pt.is_string(values.type) or (pt.is_float64(values.type) and member.kind is Kind.NUMBER)
            columns[column_of(member.name)] = values if is_plain else _text_of(values)
    if strangers:
        unread.extras |= {row: json_text(value) for row, value in
                          enumerate(lists.to_pylist()) if value}  # fmt: skip
    return _numbered(columns, counts)


def _text_of(values: pa.Array) -> pa.Array:
    return text_of(pa.chunked_array([values])).combine_chunks()


def _of_texts(connection: duckdb.DuckDBPyConnection, texts: pa.Array, column: Field, unread: Unread) -> pa.Table:
    """Lists written as JSON; what is no list of objects is left in `unread`."""
    connection.register("texts", pa.table({"_row": np.arange(len(texts), dtype=np.int32), "text": texts}))
    lists = connection.execute(
        "SELECT _row, CASE WHEN json_valid(text) THEN CASE WHEN json_type(text) = 'ARRAY' "
        "THEN from_json(text, '[\"JSON\"]') END END AS list FROM texts WHERE trim(text) NOT IN ('', '-', 'null')"
    ).to_arrow_table()
    unread.rows += lists.filter(pc.is_null(lists["list"]))["_row"].to_pylist()
    connection.register("lists", lists)
    found = connection.execute(
        "SELECT _row, nth::INTEGER AS _nth, element, "
        "CASE WHEN json_type(element) = 'OBJECT' THEN json_keys(element) END AS keys FROM "
        "(SELECT _row, unnest(list) AS element, generate_subscripts(list, 1) - 1 AS nth FROM lists)"
    ).to_arrow_table()
    is_object = pc.is_valid(found["keys"])
    unread.rows += found.filter(pc.invert(is_object))["_row"].to_pylist()
    found = found.filter(is_object)
    connection.register("found", found)
    keys = [
        key for (key,) in connection.execute("SELECT DISTINCT unnest(keys) AS key FROM found ORDER BY 1").fetchall()
    ]
    members: dict[str, str] = {}  # key -> member, the first key of a member only
    for key in sorted(keys, key=lambda key: [key != member.name for member in column.members]):
        member = _member(column, key)
        if member is not None and member.name not in members.values():
            members[key] = member.name
    if strangers := [key for key in keys if key not in members]:
        rows = connection.execute(
            "SELECT DISTINCT _row FROM found WHERE list_has_any(keys, ?)", [strangers]
        ).fetchnumpy()["_row"]
        unread.extras |= {int(row): texts[int(row)].as_py() for row in rows}
    shape = json.dumps(dict.fromkeys(members, "VARCHAR"), ensure_ascii=False)
    columns = {"_row": found["_row"], "_nth": found["_nth"]}
    if members:
        parsed = connection.execute("SELECT json_transform(element, ?) AS e FROM found", [shape]).to_arrow_table()
        struct = parsed["e"].combine_chunks()
        columns |= {column_of(name): pc.struct_field(struct, [i]) for i, name in enumerate(members.values())}
    return pa.table(columns)


@lru_cache(maxsize=4096)
def _member(column: Field, text: str) -> Field | None:
    """The member that a key of an element means."""
    for member in column.members:
        if normalise(text) in map(normalise, (member.name, *member.aliases)):
            return member
    return None
