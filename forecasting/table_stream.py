"""A CSV or Parquet file as a stream of record batches, however large it is.

Belongs here: bytes, encodings, delimiters, files that are no tables. Does not belong here: what columns mean
(`long_table`).
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from store.messages import EXIT_USAGE, TongmaiError

_DELIMITERS = ",;\t|"
_BLOCK_BYTES = 1 << 20
_BATCH_ROWS = 16_384
_PIECE_BYTES = 1 << 22


@dataclass(frozen=True)
class TableStream:
    """`names` of its columns as they stand, `batches` to be read once, `decimal` the sign before decimals."""

    names: tuple[str, ...]
    batches: pa.RecordBatchReader
    decimal: str


@contextmanager
def refused_if_unreadable(path: Path) -> Iterator[None]:
    """What goes wrong while bytes are read is the file's fault. Raises TongmaiError(`unreadable_file`)."""
    try:
        yield
    except (pa.ArrowException, duckdb.Error, OSError, UnicodeDecodeError, csv.Error) as error:
        cause = str(error).splitlines()[0][:200]
        raise TongmaiError(
            "unreadable_file",
            f"读不了 {path}：{cause}；须为 CSV（有表头）或 Parquet",
            f"cannot read {path}: {cause}; it must be CSV with a header, or Parquet",
        ) from error


def open_table(path: Path) -> TableStream:
    """Raises TongmaiError: no_file, empty_file; pyarrow's and Python's own errors otherwise."""
    if not path.is_file():
        raise TongmaiError("no_file", f"没有这个文件：{path}", f"there is no file {path}", EXIT_USAGE)
    if path.stat().st_size == 0:
        raise TongmaiError("empty_file", f"{path} 是空文件", f"{path} is an empty file")
    if path.suffix.lower() not in (".parquet", ".pq"):
        return _open_csv(path)
    file = pa_parquet.ParquetFile(path, pre_buffer=False, buffer_size=_BLOCK_BYTES)
    batches = file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False)
    return TableStream(
        tuple(file.schema_arrow.names), pa.RecordBatchReader.from_batches(file.schema_arrow, batches), "."
    )


def in_pieces(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches put together until they are worth storing."""
    gathered: list[pa.RecordBatch] = []
    for batch in batches:
        gathered.append(batch)
        if sum(one.nbytes for one in gathered) >= _PIECE_BYTES:
            yield pa.Table.from_batches(gathered)
            gathered = []
    if gathered:
        yield pa.Table.from_batches(gathered)


def _open_csv(path: Path) -> TableStream:
    """Every column as text; types are decided later, where a value that does not fit can be told."""
    encoding = _encoding(path)
    with _decoded(path, encoding) as stream:
        start = stream.read(_BLOCK_BYTES).decode("utf-8", errors="ignore")
    header = start.lstrip("\ufeff\r\n").split("\n", 1)[0].rstrip("\r")
    delimiter = max(_DELIMITERS, key=header.count)
    names = tuple(next(csv.reader([header], delimiter=delimiter), []))
    batches = pa_csv.open_csv(
        _decoded(path, encoding),
        read_options=pa_csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
        parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types={name: pa.string() for name in names}, null_values=[""], strings_can_be_null=True
        ),
    )
    # where fields are parted by semicolons, the comma is the decimal point
    return TableStream(names, batches, "," if delimiter == ";" else ".")


def _encoding(path: Path) -> str:
    """utf-8 where the whole file can be read so, else the national encoding."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with pa.input_stream(str(path)) as stream:
        try:
            while block := stream.read(_BLOCK_BYTES):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "gb18030"
    return "utf-8"


def _decoded(path: Path, encoding: str) -> pa.NativeFile:
    stream = pa.input_stream(str(path))
    return stream if encoding == "utf-8" else pa.transcoding_input_stream(stream, encoding, "utf-8")
