"""The elements of a list field as rows of their own, as the source has them.

Belongs here: the three layouts of a list (nested, wide, long) made one. Does not belong here: reading and checking
elements (`pipelines.elements`), lines of one record (`pipelines.gathering`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import lru_cache

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import units
from pipelines.alignment import Shape, column_of, with_unit
from pipelines.feeds.contract import Field, Kind
from pipelines.layout import UNIT_COLUMNS, normalise
from pipelines.preparation import cell_texts


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
    """What of a list is not read: rows whose text is no list, texts with members that no contract knows, and rows with
    a member under two keys that do not agree.
    """

    rows: list[int] = dataclass_field(default_factory=list)
    extras: dict[int, str] = dataclass_field(default_factory=dict)
    twice: list[int] = dataclass_field(default_factory=list)


@dataclass(frozen=True)
class Meaning:
    """What a key of an element means: a member (None: the unit of the others), and the unit that the key states."""

    member: Field | None
    unit: str = ""
    rank: int = 0


def parts(
    connection: duckdb.DuckDBPyConnection, table: pa.Table, shape: Shape, column: Field, unread: Unread
) -> Iterator[Elements]:
    paths = [path.split(".") for path in shape.parts if path.startswith(f"{column.name}.")]
    factors = dict(shape.factors)
    if not paths:
        whole = table[column_of(column.name)].combine_chunks()
        written = {name.removeprefix(f"{column.name}."): unit for name, unit in shape.mapping.units}
        named = [member for member in column.members if member.name in written]
        if whole.null_count < len(whole):
            found = _of_texts(connection, whole, column, unread, frozenset(member.name for member in named))
            yield Elements(
                found, tuple((member.name, units.stated(member.unit, written[member.name])) for member in named)
            )
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


def _of_texts(
    connection: duckdb.DuckDBPyConnection, texts: pa.Array, column: Field, unread: Unread, stated: frozenset[str]
) -> pa.Table:
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
    known = {key: meaning for key in keys if (meaning := _meaning(column, key)) is not None}
    if strangers := [key for key in keys if key not in known]:
        rows = connection.execute(
            "SELECT DISTINCT _row FROM found WHERE list_has_any(keys, ?)", [strangers]
        ).fetchnumpy()["_row"]
        unread.extras |= {int(row): texts[int(row)].as_py() for row in rows}
    columns = {"_row": found["_row"], "_nth": found["_nth"]}
    if known:
        form = json.dumps(dict.fromkeys(known, "VARCHAR"), ensure_ascii=False)
        parsed = connection.execute("SELECT json_transform(element, ?) AS e FROM found", [form]).to_arrow_table()
        struct = parsed["e"].combine_chunks()
        cells = {key: cell_texts(pa.chunked_array([pc.struct_field(struct, [i])])) for i, key in enumerate(known)}
        members, is_twice = _members(column, known, cells, stated)
        columns |= {column_of(name): values for name, values in members.items()}
        twice = np.unique(found["_row"].to_numpy()[is_twice]).tolist()
        unread.twice += twice
        unread.extras |= {row: texts[row].as_py() for row in twice}
    return pa.table(columns)


def _members(
    column: Field, known: dict[str, Meaning], cells: dict[str, pa.ChunkedArray], stated: frozenset[str]
) -> tuple[dict[str, pa.ChunkedArray], np.ndarray]:
    """Per member its texts, each element's from its own keys, with the unit that its key or the element states; and
    which elements have a member under two keys with two texts.

    Members whose unit the mapping has `stated` are as they come.
    """
    written = [cells[key] for key, meaning in known.items() if meaning.member is None]
    members: dict[str, pa.ChunkedArray] = {}
    is_twice = np.zeros(len(next(iter(cells.values()))), bool)
    for member in column.members:
        ways = sorted((meaning.rank, key) for key, meaning in known.items() if meaning.member is member)
        for _, key in ways:
            values = cells[key]
            if member.unit and member.name not in stated:
                if known[key].unit:
                    values = with_unit(values, pa.scalar(known[key].unit))
                elif written and member.has_unit_column:
                    values = with_unit(values, written[0])
            if member.name in members:
                is_twice |= pc.fill_null(pc.not_equal(members[member.name], values), False).to_numpy()
                values = pc.coalesce(members[member.name], values)
            members[member.name] = values
    return members, is_twice


@lru_cache(maxsize=4096)
def _meaning(column: Field, key: str) -> Meaning | None:
    """What a key of an element means; None when nobody knows it."""
    folded = normalise(key)
    if folded in UNIT_COLUMNS:
        return Meaning(None)
    for member in column.members:
        for rank, alias in enumerate(map(normalise, (member.name, *member.aliases))):
            rest = folded.removeprefix(alias)
            if not rest:
                return Meaning(member, next(filter(units.is_unit, units.in_brackets(key)), ""), rank)
            if rest != folded and units.factor(member.unit, rest) is not None:
                return Meaning(member, rest, rank)
    return None
