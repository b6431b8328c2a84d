"""Objects within records, one level of them, as columns of their own (`permit.no`).

Belongs here: columns of JSON objects to columns. Does not belong here: lists (a field's members).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.feeds import Feed
from pipelines.feeds.contract import Kind
from pipelines.layout import aliases, normalise
from pipelines.sources.tables import SOURCE_ROW, RawTable

_COLUMNS = 200


@dataclass
class Flattening:
    """One file's nested keys. A key once found stays a column for the rest of the file."""

    feed: Feed
    nested: dict[str, list[str]] = field(default_factory=dict)

    def flat(self, raw: RawTable, connection: duckdb.DuckDBPyConnection) -> RawTable:
        """`raw` with each column of objects replaced by one column per key, named `<column>.<key>`."""
        if any(column.kind is Kind.GEOMETRY for column in self.feed.fields):
            return raw
        objects = {name: raw.table[f"c{index}"] for index, name in enumerate(raw.header)}
        for name, column in objects.items():
            if name in self.nested or (_is_object(column) and not self._is_list(name)):
                self._learn(name, column, connection)
        if not self.nested:
            return raw
        columns: dict[str, pa.ChunkedArray] = {}
        for name, column in objects.items():
            keys = self.nested.get(name)
            if keys is None:
                columns[name] = column
                continue
            is_object = pc.starts_with(column, "{")
            rest = pc.if_else(is_object, pa.scalar(None, pa.string()), column)
            if rest.null_count < len(rest):
                columns[name] = rest
            connection.register("nested", pa.table({"object": pc.if_else(is_object, column, pa.scalar(None))}))
            for key in keys:
                path = '$."' + key.replace('"', '\\"') + '"'
                query = "SELECT TRY(json_extract_string(object, ?)) AS value FROM nested"
                joined = f"{name}.{key}" if f"{name}.{key}" not in objects else f"{name}..{key}"
                columns[joined] = connection.execute(query, [path]).to_arrow_table()["value"]
        table = pa.table([*columns.values(), raw.table[SOURCE_ROW]], names=[*_numbered(len(columns)), SOURCE_ROW])
        return replace(raw, header=tuple(columns), table=table)

    def _is_list(self, name: str) -> bool:
        """Whether the contract wants a list there: an object in its place is a fault of that row alone."""
        known = aliases(self.feed).get(normalise(name))
        return known is not None and known.kind is Kind.LIST

    def _learn(self, name: str, column: pa.ChunkedArray, connection: duckdb.DuckDBPyConnection) -> None:
        connection.register("nested", pa.table({"object": column}))
        found = connection.execute(
            "SELECT DISTINCT unnest(TRY(json_keys(object))) AS key FROM nested "
            "WHERE starts_with(object, '{') ORDER BY ALL"
        ).fetchall()
        keys = sorted({*self.nested.get(name, ()), *(key for (key,) in found)})
        if keys and len(keys) <= _COLUMNS:
            self.nested[name] = keys


def _is_object(column: pa.ChunkedArray) -> bool:
    """Whether the first value that is there is an object."""
    index = pc.index(pc.is_valid(column), True).as_py()
    return index >= 0 and str(column[index].as_py()).startswith("{")


def _numbered(count: int) -> list[str]:
    return [f"c{index}" for index in range(count)]
