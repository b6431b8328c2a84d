"""Lines of one record, gathered: a long layout has one line per element of a list, and a key's lines are one record.

Belongs here: from lines to records, whatever their order in the file. Does not belong here: reading elements
(`pipelines.elements`). Lines wait in a DuckDB table that spills to disk, so that memory does not grow with the file;
only one record's lines stand in memory at once. Sheets and members of an archive are gathered each by itself.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from pipelines.alignment import DISAGREES, ELSEWHERE, EXTRA, Shape, column_of
from pipelines.feeds.contract import KNOWN_AT, UPDATED_AT, Kind
from pipelines.layout import Layout
from pipelines.rejects.corrections import REJECT_ID
from pipelines.sources.tables import SOURCE_ROW, RawTable
from pipelines.tidy import clean

Aligned = tuple[Layout, RawTable, Shape, pa.Table]
_MEMORY_LIMIT = "512MB"
_LINES = 65_536
_VERSION = tuple(column_of(column.name) for column in (UPDATED_AT, KNOWN_AT))


def as_records(tables: Iterator[Aligned]) -> Iterator[Aligned]:
    """Aligned tables of one file; those of a long layout as records, after all of the file has been read."""
    waiting: dict[tuple[str, Shape], tuple[Layout, RawTable, _Lines]] = {}
    try:
        for layout, raw, shape, table in tables:
            if not layout.is_long:
                yield layout, raw, shape, table
                continue
            if (raw.member, shape) not in waiting:
                waiting[raw.member, shape] = layout, replace(raw, malformed=(), rows_skipped=0), _Lines(shape)
            lines = waiting[raw.member, shape][2]
            lines.add(table)
            yield layout, raw, shape, lines.records_of(table.slice(0, 0), np.zeros(0, np.int64))
        for (_, shape), (layout, raw, lines) in waiting.items():
            for records in lines.records():
                yield layout, raw, shape, records
    finally:
        for _, _, lines in waiting.values():
            lines.close()


class _Lines:
    """The lines of one layout, and the records that they make."""

    def __init__(self, shape: Shape) -> None:
        self._feed = shape.feed
        self._parts = [column_of(path) for path in shape.parts]
        self._naming = column_of(f"{self._feed.lists[0].name}.{self._feed.lists[0].members[0].name}")
        self._keys = [column_of(name) for name in self._feed.key]
        self._above: dict[str, pa.Scalar] = {}
        self._count = 0
        self._has_versions = False
        self._folder = tempfile.TemporaryDirectory(prefix="tongmai-lines-")
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": "1",
            "memory_limit": _MEMORY_LIMIT,
            "temp_directory": self._folder.name,
        }
        self._connection = duckdb.connect(config=config)

    def close(self) -> None:
        """Give the lines' memory and disk back."""
        self._connection.close()
        self._folder.cleanup()

    def add(self, table: pa.Table) -> None:
        """Take lines in; a key that is blank beside a material (a merged cell) is that of the line above."""
        material = self._text(table, self._naming)
        for name in self._keys:
            key = self._text(table, name)
            if pt.is_string(key.type):
                above = self._above.get(name, pa.scalar(None, key.type))
                filled = pc.fill_null_forward(pa.concat_arrays([pa.array([above.as_py()], key.type), key]))[1:]
                if len(filled):
                    self._above[name] = filled[-1]
                key = pc.if_else(pc.is_valid(material), pc.coalesce(key, filled), key)
            table = table.set_column(table.schema.get_field_index(name), name, key)
        numbers = pa.array(np.arange(self._count, self._count + table.num_rows))
        self._connection.register("incoming", table.append_column("_line", numbers).combine_chunks())
        keys = ", ".join(f"coalesce(CAST({name} AS VARCHAR), chr(30))" for name in self._keys)
        blank = " AND ".join(f"{name} IS NULL" for name in self._keys)
        told = [name for name in _VERSION if table[name].null_count < table.num_rows]
        version = ", ".join(["NULL", *(f"nullif(trim(CAST({name} AS VARCHAR)), '')" for name in told)])
        self._has_versions |= bool(told)
        select = (
            f"SELECT *, CASE WHEN {blank} THEN 'line ' || _line ELSE concat_ws(chr(31), {keys}) END AS _key, "
            f"CAST(coalesce({version}) AS VARCHAR) AS _version"
        )
        verb = "INSERT INTO lines" if self._count else "CREATE OR REPLACE TABLE lines AS"
        self._connection.execute(f"{verb} {select} FROM incoming")
        self._connection.unregister("incoming")
        self._count += table.num_rows

    def records(self) -> Iterator[pa.Table]:
        """The records in the order of their first lines."""
        self._part_versions()
        reader = self._connection.execute(
            "SELECT * EXCLUDE (_key, _line, _version) FROM lines JOIN "
            "(SELECT _key, min(_line) AS _first FROM lines GROUP BY _key) USING (_key) ORDER BY _first, _line"
        ).to_arrow_reader(_LINES)
        held: list[pa.Table] = []
        for batch in reader:
            table = pa.Table.from_batches([batch])
            firsts = table["_first"].to_numpy()
            # The last record of the batch may go on in the next one.
            cut = int(np.searchsorted(firsts, firsts[-1]))
            if cut == 0 and held and held[-1]["_first"][-1].as_py() == firsts[0]:
                held.append(table)
                continue
            yield self._whole([*held, table.slice(0, cut)])
            held = [table.slice(cut)]
        if held:
            yield self._whole(held)

    def _part_versions(self) -> None:
        """Give the versions of one key a key of their own.

        They are versions when each has most of the key's elements; else the lines of one record have different times,
        which is told (`lines_disagree`), as is a line that does not say of which version it is.
        """
        if not self._has_versions:
            return
        naming = f'lower(trim(CAST("{self._naming}" AS VARCHAR)))'
        several = "SELECT _key FROM lines GROUP BY _key HAVING min(_version) <> max(_version)"
        versions = (
            f"SELECT _key, _version, list(DISTINCT {naming}) AS elements "
            f"FROM lines WHERE _key IN ({several}) GROUP BY _key, _version"
        )
        parted = (
            f"SELECT _key FROM ({versions}) GROUP BY _key HAVING bool_and(_version IS NOT NULL) "
            "AND 2 * min(len(elements)) > len(list_distinct(flatten(list(elements))))"
        )
        self._connection.execute(f"UPDATE lines SET _key = _key || chr(31) || _version WHERE _key IN ({parted})")

    def _whole(self, tables: list[pa.Table]) -> pa.Table:
        table = pa.concat_tables(tables).combine_chunks()
        firsts = table["_first"].to_numpy()
        starts = np.flatnonzero(np.diff(firsts, prepend=-1))
        return self.records_of(table.drop_columns(["_first"]), starts)

    def records_of(self, lines: pa.Table, starts: NDArray[np.int64]) -> pa.Table:
        """One row per record: `starts` are the first lines of each, which stand together."""
        ends = pa.array(np.append(starts, lines.num_rows).astype(np.int32))
        record = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, lines.num_rows)))
        columns: dict[str, pa.Array] = {}
        disagreeing: dict[int, str] = {}
        for name in lines.column_names:
            column = lines[name].combine_chunks()
            if name in self._parts:
                columns[name] = pa.ListArray.from_arrays(ends, column)
            elif name == SOURCE_ROW:
                columns[name] = column.take(pa.array(starts))
            else:
                text = column if name in (EXTRA, ELSEWHERE, REJECT_ID) else self._text(lines, name)
                columns[name], others = _one_each(text, record, len(starts))
                if name == EXTRA:
                    columns[name] = _merged(columns[name], text, starts, others)
                elif name not in (
                    ELSEWHERE,
                    REJECT_ID,
                ):  # a record that corrects several lines' rejects names the first
                    disagreeing |= dict.fromkeys(others, name)
        told = [disagreeing.get(number) for number in range(len(starts))] if disagreeing else []
        columns[DISAGREES] = pa.array(told, pa.string()) if told else pa.nulls(len(starts), pa.string())
        return pa.table(columns)

    def _text(self, table: pa.Table, name: str) -> pa.Array:
        """A column without its blanks, so that a blank neither disagrees nor names anything."""
        column = table[name]
        field = self._feed.field(name.removeprefix(column_of("")))
        if pt.is_string(column.type) and field.kind not in (Kind.PERSON, Kind.PROSE, Kind.LIST):
            column = clean(column, field, b"")
        return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _one_each(column: pa.Array, record: NDArray[np.int64], count: int) -> tuple[pa.Array, list[int]]:
    """Each record's first value, and the records whose lines give more than one."""
    codes = column.dictionary_encode().indices.fill_null(-1).to_numpy()
    lines = np.flatnonzero(codes >= 0)
    is_first = np.diff(record[lines], prepend=-1) != 0
    first = np.full(count, -1, np.int64)
    first[record[lines][is_first]] = lines[is_first]
    differs = codes[lines] != codes[first[record[lines]]]
    return column.take(pa.array(first, mask=first < 0)), np.unique(record[lines][differs]).tolist()


def _merged(firsts: pa.Array, column: pa.Array, starts: NDArray[np.int64], others: list[int]) -> pa.Array:
    """`_extra` of each record: of lines that differ, every text of a column, in the order of the lines."""
    if not others:
        return firsts
    ends = np.append(starts[1:], len(column))
    merged = firsts.to_pylist()
    for number in others:
        texts: dict[str, list[str]] = {}
        for line in column[starts[number] : ends[number]].to_pylist():
            for header, text in json.loads(line or "{}", strict=False).items():
                texts.setdefault(header, []).append(text)
        alike = {header: found[:1] if len(set(found)) == 1 else found for header, found in sorted(texts.items())}
        merged[number] = json.dumps(
            {header: " | ".join(found) for header, found in alike.items()}, ensure_ascii=False, separators=(",", ":")
        )
    return pa.array(merged, pa.string())
