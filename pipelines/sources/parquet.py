"""Parquet as raw tables.

Belongs here: Parquet's types to those that readings understand. Does not belong here: landing segments.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as pt

from pipelines.faults import FileError
from pipelines.sources.contents import Content, seekable
from pipelines.sources.limits import FIELD_BYTES, expanded_limit
from pipelines.sources.tables import Origin, RawTable, raw_table

_ROWS = 65_536
_BATCH_BYTES = 64 << 20
_ELEMENT_BYTES = 16  # the least that an element of a list is as text
_ORIGIN = Origin("parquet")
_per_thread = threading.local()  # opening a connection takes longer than reading a small file's metadata


def parquet_tables(content: Content) -> Iterator[RawTable]:
    """The file's rows in batches. Raises FileError: `truncated_file` when it is damaged, `archive_too_large` when it
    expands too far, `field_too_large`.
    """
    try:
        with seekable(content) as source:
            limit_bytes = expanded_limit(source.seek(0, io.SEEK_END))
            with pq.ParquetFile(content.path or source) as file:
                header, metadata = file.schema_arrow.names, file.metadata
            groups = _groups(source)
            if max(sum(group.bytes for group in groups), sum(group.values for group in groups)) > limit_bytes:
                raise FileError("archive_too_large")
            first = 1
            for number, group in enumerate(groups):
                rows_at_once = _rows_at_once(content.path or source, metadata, number, group)
                with pq.ParquetFile(content.path or source, metadata=metadata) as file:
                    for batch in file.iter_batches(rows_at_once, row_groups=[number]):
                        limit_bytes -= sum(map(_text_bytes, batch.columns))
                        if limit_bytes < 0:
                            raise FileError("archive_too_large")
                        rows = pa.array(range(first, first + batch.num_rows), pa.int64())
                        yield raw_table(header, [_plain(column) for column in batch.columns], rows, origin=_ORIGIN)
                        first += batch.num_rows
            if first == 1:
                yield raw_table(
                    header, [pa.nulls(0, pa.string())] * len(header), pa.array([], pa.int64()), origin=_ORIGIN
                )
    except (pa.ArrowException, duckdb.Error, UnicodeError, OSError) as error:
        raise FileError("truncated_file", str(error).partition("\n")[0][:120]) from error


@dataclass(frozen=True)
class _Group:
    """What the metadata tell of a group of rows: its rows, its uncompressed bytes and its cells.

    A cell counts as a byte, as it is one at least in text: a run of a billion equal ones is a few bytes of the file.
    """

    rows: int
    bytes: int
    values: int


def _groups(source: IO[bytes]) -> list[_Group]:
    """The file's groups of rows; read by DuckDB, because Arrow ends the process over damaged metadata of a column."""
    if not hasattr(_per_thread, "connection"):
        _per_thread.connection = duckdb.connect(config={"threads": 1})
    try:
        found = _per_thread.connection.execute(
            "SELECT any_value(row_group_num_rows), sum(total_uncompressed_size)::HUGEINT, sum(num_values)::HUGEINT "
            "FROM parquet_metadata(?) GROUP BY row_group_id ORDER BY row_group_id",
            [f"/dev/fd/{source.fileno()}"],
        ).fetchall()
    except duckdb.Error:
        del _per_thread.connection  # what damage has done to it is not known
        raise
    return [_Group(*group) for group in found]


def _rows_at_once(source: Path | IO[bytes], metadata: pq.FileMetaData, number: int, group: _Group) -> int:
    """How many rows of that group stand in memory together: an entry of a dictionary counts for each that may name it.

    Raises FileError(`field_too_large`).
    """
    columns = [metadata.schema.column(index) for index in range(len(metadata.schema))]
    texts = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
    row_bytes = max(group.bytes, 8 * group.values) / max(1, group.rows)
    if texts:
        with pq.ParquetFile(source, metadata=metadata, read_dictionary=texts) as file:
            names = sorted({path.partition(".")[0] for path in texts})
            for batch in file.iter_batches(1, row_groups=[number], columns=names):
                longest = [length for column in batch.columns for length in _longest_entries(column)]
                if max(longest, default=0) > FIELD_BYTES:
                    raise FileError("field_too_large")
                row_bytes += sum(longest)
                break
    return int(min(_ROWS, max(1, _BATCH_BYTES // max(1, row_bytes))))


def _longest_entries(column: pa.Array) -> Iterator[int]:
    """The longest text in each dictionary of a column."""
    if pt.is_dictionary(column.type):
        yield pc.max(pc.binary_length(column.dictionary.cast(pa.string()))).as_py() or 0
    elif pt.is_struct(column.type):
        for index in range(column.type.num_fields):
            yield from _longest_entries(column.field(index))
    elif pt.is_list(column.type) or pt.is_large_list(column.type) or pt.is_map(column.type):
        yield from _longest_entries(column.values)


def _text_bytes(column: pa.Array) -> int:
    """How many bytes of text a column has, or how much memory with lists. Raises FileError(`field_too_large`)."""
    if pt.is_dictionary(column.type):
        lengths = pc.binary_length(column.dictionary.cast(pa.string()))
        return int(pc.sum(lengths.take(column.indices)).as_py() or 0)
    if pt.is_list(column.type) or pt.is_large_list(column.type):
        elements = pc.max(pc.list_value_length(column)).as_py() or 0
        if elements > FIELD_BYTES // _ELEMENT_BYTES:
            raise FileError("field_too_large")
    if pt.is_string(column.type) or pt.is_large_string(column.type):
        return int(pc.sum(pc.binary_length(column)).as_py() or 0)
    return 0 if pt.is_primitive(column.type) else int(column.nbytes)


def _plain(column: pa.Array) -> pa.Array:
    """Numbers, days and times stay typed; everything else becomes text (nested values as JSON)."""
    type_ = column.type
    if pt.is_dictionary(type_):
        return _plain(column.dictionary_decode())
    if pt.is_floating(type_) and not pt.is_float64(type_):
        return column.cast(pa.float32()).cast(pa.string()).cast(pa.float64())  # 12.3, not 12.300000190734863
    if pt.is_string(type_):
        column.validate(full=True)  # Parquet's reader believes that texts are UTF-8, and whoever comes next fails
    if pt.is_string(type_) or pt.is_float64(type_) or pt.is_timestamp(type_) or pt.is_date32(type_):
        return _instants(column) if pt.is_timestamp(type_) else column
    if pt.is_integer(type_):
        return column.cast(pa.int64()) if not pt.is_uint64(type_) else column.cast(pa.string())
    if pt.is_nested(type_):
        texts = [
            None if value is None else json.dumps(value, ensure_ascii=False, default=str)
            for value in column.to_pylist()
        ]
        return pa.array(texts, pa.string())
    return column.cast(pa.string())


def _instants(column: pa.Array) -> pa.Array:
    """Times as they are; as numbers, which nobody takes for times, where some lie beyond what microseconds can hold."""
    try:
        column.cast(pa.timestamp("us", column.type.tz), safe=column.type.unit != "ns")
    except pa.ArrowInvalid:
        return column.cast(pa.int64()).cast(pa.string())
    return column
