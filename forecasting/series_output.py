"""The forecasts of a file's series as a file: made in any order, written in order of series and time.

Belongs here: keeping forecasts on disk until all are there, the output's columns and types. Does not belong here:
forecasting.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from forecasting.hierarchy import FloatArray, IntArray
from forecasting.series_source import SeriesSource
from forecasting.settings import QUANTILES
from store.messages import TongmaiError

_AT_ONCE = 512  # series in one row group


class SeriesSpool:
    """An array (N, *shape) in a file, put row by row and read in blocks, so that it need not be in memory."""

    def __init__(self, file: Path, shape: tuple[int, ...]) -> None:
        self._file, self._shape = file, shape
        self._bytes = 8 * int(np.prod(shape))
        self._stream: BinaryIO

    def __enter__(self) -> Self:
        self._stream = self._file.open("w+b")
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def put(self, rows: IntArray, values: FloatArray) -> None:
        """values (n, *shape) as the rows (n,)."""
        for row, value in zip(rows, values, strict=True):
            self._stream.seek(int(row) * self._bytes)
            self._stream.write(np.ascontiguousarray(value, dtype=np.float64).tobytes())

    def block(self, first: int, count: int) -> FloatArray:
        """(count, *shape) rows from `first` on."""
        self._stream.seek(first * self._bytes)
        return np.frombuffer(self._stream.read(count * self._bytes)).reshape(count, *self._shape)


def write_forecasts(out: Path, source: SeriesSource, spool: SeriesSpool) -> None:
    """unique_id, ds, mean and the quantiles, whole or not at all: beside `out` first, then in its place."""
    beside = out.with_name(f".{out.name}.part")
    is_parquet = out.suffix.lower() == ".parquet"
    days_only = not is_parquet and _is_midnight(source)
    try:
        blocks = (table if is_parquet else _texts(table, days_only) for table in _tables(source, spool))
        first = next(blocks)
        with (
            pa_parquet.ParquetWriter(beside, first.schema)
            if is_parquet
            else pa_csv.CSVWriter(beside, first.schema, write_options=pa_csv.WriteOptions(quoting_style="needed"))
        ) as writer:
            writer.write_table(first)
            for table in blocks:
                writer.write_table(table)
        beside.replace(out)
    except OSError as error:
        raise TongmaiError(
            "cannot_write", f"写不了 {out}：{error.strerror}", f"cannot write {out}: {error.strerror}"
        ) from error
    finally:
        beside.unlink(missing_ok=True)


def _tables(source: SeriesSource, spool: SeriesSpool) -> Iterator[pa.Table]:
    """Blocks of series in order of unique_id, which keeps its type, and so does ds."""
    ids, largest = source.ids, np.finfo(np.float64).max
    for first in range(0, len(source), _AT_ONCE):
        count = min(_AT_ONCE, len(source) - first)
        values = np.clip(spool.block(first, count), -largest, largest)
        names = np.repeat(np.array(ids[first : first + count], dtype=object), source.horizon)
        numbers = {name: pa.array(values[:, place].ravel()) for place, name in enumerate(("mean", *QUANTILES))}
        yield pa.table(
            {"unique_id": pa.array(names, pa.string()).cast(source.table.id_type), "ds": _times(source, first, count)}
            | numbers
        )


def _times(source: SeriesSource, first: int, count: int) -> pa.Array:
    times = np.concatenate([source.times_ahead(row) for row in range(first, first + count)])
    if source.table.is_counter:
        return pa.array(times.astype(np.int64))
    naive = pa.array(times.astype("datetime64[us]"))
    zone = source.table.ds_type.tz
    if zone is None:
        return naive
    if source.frequency.name == "h":
        return naive.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", zone))
    return pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="latest")


def _is_midnight(source: SeriesSource) -> bool:
    """Whether all times that are forecast are whole days of no zone."""
    if source.table.is_counter or source.table.ds_type.tz is not None or source.frequency.name == "h":
        return False
    return bool((source.ends == source.ends.astype("datetime64[D]")).all())


def _texts(table: pa.Table, days_only: bool) -> pa.Table:
    """For CSV: days as days, times to the second."""
    times = table["ds"].combine_chunks()
    if not pa.types.is_timestamp(times.type):
        return table
    kind = pa.date32() if days_only else pa.timestamp("s", times.type.tz)
    return table.set_column(1, "ds", times.cast(kind, safe=False).cast(pa.string()))
