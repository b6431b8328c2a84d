"""Parquet as raw tables.

Belongs here: Parquet's types to those that readings understand. Does not belong here: landing segments.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from pipelines.faults import FileError
from pipelines.sources.contents import Content, seekable
from pipelines.sources.tables import Origin, RawTable, raw_table

_ROWS = 65_536
_ORIGIN = Origin("parquet")


def parquet_tables(content: Content) -> Iterator[RawTable]:
    """The file's rows in batches. Raises FileError(`truncated_file`) when the file is damaged."""
    try:
        with seekable(content) as source, pq.ParquetFile(content.path or source) as file:
            header = file.schema_arrow.names
            first = 1
            for batch in file.iter_batches(batch_size=_ROWS):
                rows = pa.array(range(first, first + batch.num_rows), pa.int64())
                yield raw_table(header, [_plain(column) for column in batch.columns], rows, origin=_ORIGIN)
                first += batch.num_rows
            if first == 1:
                yield raw_table(
                    header, [pa.nulls(0, pa.string())] * len(header), pa.array([], pa.int64()), origin=_ORIGIN
                )
    except (pa.ArrowException, UnicodeError, OSError) as error:
        raise FileError("truncated_file", str(error).partition("\n")[0][:120]) from error


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
        return column
    if pt.is_integer(type_):
        return column.cast(pa.int64()) if not pt.is_uint64(type_) else column.cast(pa.string())
    if pt.is_nested(type_):
        texts = [
            None if value is None else json.dumps(value, ensure_ascii=False, default=str)
            for value in column.to_pylist()
        ]
        return pa.array(texts, pa.string())
    return column.cast(pa.string())
