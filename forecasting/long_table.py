"""A long table of series, CSV or Parquet: unique_id, ds, y and further columns, read as text says it.

Belongs here: reading the file, its columns' types, what makes it unreadable. Does not belong here: calendars, gaps and
flags of single series (`series_source`).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from forecasting.hierarchy import DateArray, FloatArray, IntArray
from store.messages import EXIT_USAGE, TongmaiError

REQUIRED = ("unique_id", "ds", "y")
_NOTHING = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "none", "#N/A", "-"]
_ENCODINGS = ("utf-8-sig", "gb18030")
_YEARS = (1800, 2200)
_DELIMITERS = ",;\t|"
_DATE_FORMATS = (
    "%Y/%m/%d",
    "%Y%m%d",
    "%Y-%m",
    "%Y/%m",
    "%Y.%m.%d",
    "%Y年%m月%d日",
    "%Y年%m月",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y%m%dT%H%M%S",
)


@dataclass(frozen=True, eq=False)
class LongTable:
    """Rows in order of `unique_id` and `ds`: `series` (R,) positions in `ids`; `ds` (R,) seconds, or counters when
    `is_counter`; `y` (R,) NaN where empty; `further`: numeric column -> (R,); `ignored` columns that are no numbers;
    `not_finite` (R,) y that was infinite."""

    ids: tuple[str, ...]
    id_type: pa.DataType
    series: IntArray
    ds: DateArray
    is_counter: bool
    y: FloatArray
    not_finite: np.ndarray[Any, np.dtype[np.bool_]]
    further: dict[str, FloatArray]
    ignored: tuple[str, ...]


def read_long_table(path: Path) -> LongTable:
    """Read a file. Raises TongmaiError: no_file, unreadable_file, empty_file, missing_columns, missing_keys, bad_dates,
    bad_numbers, bare_years, duplicate_rows."""
    raw = _read(path)
    names = [name.strip() for name in raw.column_names]
    if not names or (raw.num_rows == 0 and set(REQUIRED) <= set(names)):
        raise TongmaiError("empty_file", f"{path} 里没有数据行", f"{path} holds no rows of data")
    missing = [name for name in REQUIRED if names.count(name) != 1]
    if missing:
        told, found = ", ".join(missing), ", ".join(names)
        raise TongmaiError(
            "missing_columns",
            f"{path} 须各有一列：{told}；现有列：{found}",
            f"{path} needs one column each of: {told}; it has: {found}",
        )
    raw = raw.rename_columns(names)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("raw", raw)
        return _typed(connection, raw, path)


def _typed(connection: duckdb.DuckDBPyConnection, raw: pa.Table, path: Path) -> LongTable:
    is_text = {
        field.name: pa.types.is_string(field.type) or pa.types.is_large_string(field.type) for field in raw.schema
    }
    is_counter = _is_counter(connection, raw)
    day = "CAST(ds AS BIGINT)" if is_counter else f"epoch(CAST({_instant(is_text['ds'])} AS TIMESTAMP))::BIGINT"
    number = "try_cast(y AS DOUBLE)"
    rest = [name for name in raw.column_names if name not in REQUIRED]
    numeric = [name for name in rest if _is_numeric(connection, name)]
    further = "".join(f", try_cast({_quoted(name)} AS DOUBLE) AS {_quoted(name)}" for name in numeric)
    table = connection.execute(
        f"""SELECT unique_id::VARCHAR AS unique_id, {day} AS ds, {number} AS y,
        ds IS NULL AS no_ds, ds IS NOT NULL AND {day} IS NULL AS bad_ds, y IS NOT NULL AND {number} IS NULL AS bad_y,
        CASE WHEN {day} IS NULL THEN ds::VARCHAR WHEN {number} IS NULL THEN y::VARCHAR END AS unread {further}
        FROM raw WHERE NOT (unique_id IS NULL AND ds IS NULL AND y IS NULL)"""
    ).to_arrow_table()
    if table.num_rows == 0:
        raise TongmaiError("empty_file", f"{path} 里没有数据行", f"{path} holds no rows of data")
    _refuse_rows(table, path)
    if is_counter:
        _refuse_years(table, path)
    encoded = table["unique_id"].combine_chunks().dictionary_encode()
    ids = sorted(encoded.dictionary.to_pylist())
    place = {one: position for position, one in enumerate(ids)}
    series = np.array([place[one] for one in encoded.dictionary.to_pylist()])[encoded.indices.to_numpy()]
    # sorted here by whole numbers: of millions of texts the database would keep several copies
    order = np.lexsort((table["ds"].to_numpy(), series))
    series = series[order]
    ds = table["ds"].to_numpy()[order].astype(np.int64)
    y = table["y"].to_numpy()[order].astype(np.float64)
    same = (series[1:] == series[:-1]) & (ds[1:] == ds[:-1])
    if same.any():
        row = int(np.argmax(same)) + 1
        told = f"{ids[series[row]]}, {ds[row] if is_counter else ds[row].astype('datetime64[s]')}"
        raise TongmaiError(
            "duplicate_rows",
            f"{path} 有 {int(same.sum())} 行的 unique_id 与 ds 重复，例如 {told}",
            f"{path} repeats unique_id and ds in {int(same.sum())} rows, for example {told}",
        )
    return LongTable(
        ids=tuple(ids),
        id_type=raw.schema.field("unique_id").type,
        series=series,
        ds=ds.astype("datetime64[s]"),
        is_counter=is_counter,
        y=np.where(np.isfinite(y), y, np.nan),
        not_finite=np.isinf(y),
        further={name: table[name].to_numpy()[order].astype(np.float64) for name in numeric},
        ignored=tuple(name for name in rest if name not in numeric),
    )


def _read(path: Path) -> pa.Table:
    if not path.is_file():
        raise TongmaiError("no_file", f"没有这个文件：{path}", f"there is no file {path}", EXIT_USAGE)
    if path.stat().st_size == 0:
        raise TongmaiError("empty_file", f"{path} 是空文件", f"{path} is an empty file")
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pa_parquet.ParquetFile(path).read()
        return _read_csv(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
        cause = str(error).splitlines()[0][:200]
        raise TongmaiError(
            "unreadable_file",
            f"读不了 {path}：{cause}；须为 CSV（有表头）或 Parquet",
            f"cannot read {path}: {cause}; it must be CSV with a header, or Parquet",
        ) from error


def _read_csv(path: Path) -> pa.Table:
    """Every column as text; types are decided later, where a value that does not fit can be told."""
    content = pa.input_stream(str(path)).read()
    for encoding in _ENCODINGS:
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            if encoding == _ENCODINGS[-1]:
                raise
    header = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=header.count)
    names = next(csv.reader([header.rstrip("\r")], delimiter=delimiter))
    if delimiter == ";":
        text = text.replace(",", ".")  # where fields are parted by semicolons, the comma is the decimal point
    return pa_csv.read_csv(
        pa.BufferReader(text.lstrip("\r\n").encode()),
        parse_options=pa_csv.ParseOptions(delimiter=delimiter),
        convert_options=pa_csv.ConvertOptions(
            column_types={name: pa.string() for name in names}, null_values=_NOTHING, strings_can_be_null=True
        ),
    )


def _is_counter(connection: duckdb.DuckDBPyConnection, raw: pa.Table) -> bool:
    """Whether `ds` counts periods (1, 2, 3, …) and names no day."""
    if pa.types.is_temporal(raw.schema.field("ds").type):
        return False
    counts = connection.execute(
        """SELECT coalesce(bool_and(regexp_full_match(trim(ds::VARCHAR), '[0-9]{1,5}')), false)
        FROM raw WHERE ds IS NOT NULL"""
    ).fetchone()
    return bool(counts and counts[0])


def _instant(is_text: bool) -> str:
    if not is_text:
        formats = "', '".join(_DATE_FORMATS)
        return f"coalesce(try_cast(ds AS TIMESTAMP), try_strptime(ds::VARCHAR, ['{formats}']))"
    formats = "', '".join(_DATE_FORMATS)
    quarter = (
        "CASE WHEN regexp_full_match(trim(ds), '[0-9]{4}[- ]?[Qq][1-4]') THEN make_timestamp("
        "left(trim(ds), 4)::BIGINT, 3 * right(trim(ds), 1)::BIGINT - 2, 1, 0, 0, 0.0) END"
    )
    return f"coalesce(try_cast(trim(ds) AS TIMESTAMP), try_strptime(trim(ds), ['{formats}']), {quarter})"


def _is_numeric(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    column = _quoted(name)
    row = connection.execute(
        f"SELECT count({column}), count(try_cast({column}::VARCHAR AS DOUBLE)) FROM raw"
    ).fetchone()
    return row is not None and row[0] == row[1] > 0


def _refuse_rows(table: pa.Table, path: Path) -> None:
    """Rows without a key, dates and numbers that are none."""
    lost = {"unique_id": table["unique_id"].null_count, "ds": pc.sum(table["no_ds"]).as_py()}
    for told, count in lost.items():
        if count:
            raise TongmaiError(
                "missing_keys", f"{path} 有 {count} 行缺少 {told}", f"{path} has {count} rows without {told}"
            )
    for reason, wrong, zh, en in (
        ("bad_dates", "bad_ds", "ds 不是日期", "ds that is no date (write 2026-01-31)"),
        ("bad_numbers", "bad_y", "y 不是数", "y that is no number"),
    ):
        rows = np.flatnonzero(table[wrong].to_numpy())
        if len(rows):
            example = f"{table['unique_id'][int(rows[0])]}: {table['unread'][int(rows[0])]}"
            raise TongmaiError(
                reason,
                f"{path} 有 {len(rows)} 行的 {zh}，例如 {example}",
                f"{path} has {len(rows)} rows with {en}, for example {example}",
            )


def _refuse_years(table: pa.Table, path: Path) -> None:
    """Numbers that are all years of the calendar are no counter; no frequency is yearly."""
    first, last = int(pc.min(table["ds"]).as_py()), int(pc.max(table["ds"]).as_py())
    if _YEARS[0] <= first and last <= _YEARS[1]:
        raise TongmaiError(
            "bare_years",
            f"{path} 的 ds 只有年份（{first} 至 {last}）：没有年度频率；请写整日期（2026-01-31）或从 1 起编号",
            f"{path} has bare years in ds ({first} to {last}): no frequency is yearly; "
            "write whole days (2026-01-31), or number the periods from 1",
        )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
