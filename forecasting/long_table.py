"""A long table of series, CSV or Parquet: unique_id, ds, y and further columns, typed once and read part by part.

Belongs here: the columns' types, what makes a table unusable. Does not belong here: bytes (`table_stream`), calendars,
gaps and flags of single series (`series_source`).

Rows are put into a database of their own on disk, in order of series and time, so that memory does not grow with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forecasting.hierarchy import DateArray, FloatArray, IntArray
from forecasting.table_stream import in_pieces, open_table, refused_if_unreadable
from store.messages import TongmaiError

REQUIRED = ("unique_id", "ds", "y")
_NOTHING = ("NA", "N/A", "NaN", "nan", "NULL", "null", "None", "none", "#N/A", "-", "")
_YEARS = (1800, 2200)
_DATE_FORMATS = (
    "%Y/%m/%d",
    "%Y%m%d",
    "%Y-%m",
    "%Y/%m",
    "%Y%m",
    "%Y %b",
    "%Y.%m.%d",
    "%d.%m.%Y",
    "%Y年%m月%d日",
    "%Y年%m月",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y%m%dT%H%M%S",
)
_OFFSET = ":[0-9.]+ ?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)$"
_INDEX = re.compile(r"|index|Unnamed: \d+|__index_level_\d+__")  # row numbers that exports add: no regressors
_MEMORY = "48MB"
_BATCH_ROWS = 100_000


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of some series in order of series and time: `series` (R,) places in `LongTable.ids`; `ds` (R,) seconds, or
    counters; `y` (R,) NaN where empty; `not_finite` (R,) y that was infinite; `further`: numeric column -> (R,)."""

    series: IntArray
    ds: DateArray
    y: FloatArray
    not_finite: np.ndarray[Any, np.dtype[np.bool_]]
    further: dict[str, FloatArray]


@dataclass(frozen=True, eq=False)
class LongTable:
    """A table that can be used: its series' `ids` in order, the types of ids and of `ds` (int64 when `is_counter`),
    the names of `numeric` and `ignored` further columns, and its rows in `store`."""

    ids: tuple[str, ...]
    id_type: pa.DataType
    ds_type: pa.DataType
    numeric: tuple[str, ...]
    ignored: tuple[str, ...]
    folder: Path
    store: duckdb.DuckDBPyConnection

    @property
    def is_counter(self) -> bool:
        """Whether `ds` counts periods (1, 2, 3, …) and names no day."""
        return bool(pa.types.is_integer(self.ds_type))

    def rows(self, chosen: Iterable[int]) -> Rows:
        """The rows of some of the series."""
        places = sorted(int(one) for one in chosen)
        found = self.store.execute(
            f"""SELECT * FROM rows WHERE series BETWEEN {places[0]} AND {places[-1]}
            AND series IN ({", ".join(map(str, places))}) ORDER BY series, ds"""
        ).to_arrow_table()
        y = found["y"].to_numpy().astype(np.float64)
        return Rows(
            series=found["series"].to_numpy().astype(np.int64),
            ds=found["ds"].to_numpy().astype("datetime64[s]"),
            y=np.where(np.isfinite(y), y, np.nan),
            not_finite=np.isinf(y),
            further={name: found[f"x{place}"].to_numpy().astype(float) for place, name in enumerate(self.numeric)},
        )


@contextmanager
def opened_long_table(path: Path, *, is_hourly: bool = False) -> Iterator[LongTable]:
    """A file's table, while it is needed. Days of a time zone are days there; hours are counted in UTC.

    Raises TongmaiError: no_file, unreadable_file, empty_file, missing_columns, missing_keys, bad_dates, bad_numbers,
    bare_years, duplicate_rows.
    """
    with TemporaryDirectory(prefix="tongmai-series-") as place:
        folder = Path(place)
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": _MEMORY,
            "temp_directory": place,
            "threads": 1,
        }
        with duckdb.connect(str(folder / "rows.duckdb"), config=config) as store:
            yield _typed(store, path, folder, is_hourly)


def _typed(store: duckdb.DuckDBPyConnection, path: Path, folder: Path, is_hourly: bool) -> LongTable:
    with refused_if_unreadable(path):
        stream = open_table(path)
        names = [name.strip() for name in stream.names]
        rest = _further(names, path)
        fields = [stream.batches.schema.field(names.index(name)) for name in (*REQUIRED, *rest)]
        zone = getattr(fields[1].type, "tz", None)
        columns = [names.index(name) for name in (*REQUIRED, *rest)]
        loaded = _load(store, (_renamed(batch, columns, is_hourly) for batch in stream.batches))
    if loaded is None:
        raise TongmaiError("empty_file", f"{path} 里没有数据行", f"{path} holds no rows of data")
    text = [pa.types.is_string(kind) or pa.types.is_large_string(kind) for kind in loaded.types]
    values = {
        name: _given(f"x{place - 3}" if place > 2 else name, is_text, stream.decimal if place > 1 else ".")
        for place, (name, is_text) in enumerate(zip((*REQUIRED, *rest), text, strict=True))
        if place > 0
    }
    numeric = tuple(name for name in rest if not _INDEX.fullmatch(name) and _is_numeric(store, values[name]))
    ds_type, day = _time(store, values["ds"], text[1], zone, is_hourly)
    number = f"try_cast({values['y']} AS DOUBLE)"
    _refuse_rows(store, path, values, day, number)
    if pa.types.is_integer(ds_type):
        _refuse_years(store, path)
    ids = _number_series(store)
    further = "".join(f", try_cast({values[name]} AS DOUBLE) AS x{place}" for place, name in enumerate(numeric))
    store.execute(
        f"""CREATE TABLE rows AS SELECT series.place AS series, {day} AS ds, {number} AS y {further}
        FROM raw JOIN series ON raw.unique_id::VARCHAR = series.unique_id ORDER BY 1, 2"""
    )
    store.execute("DROP TABLE raw")
    ignored = tuple(name for name in rest if name not in numeric)
    table = LongTable(ids, fields[0].type, ds_type, numeric, ignored, folder, store)
    _refuse_repeated(table, path, is_hourly)
    return table


def _further(names: list[str], path: Path) -> list[str]:
    """The columns beside the required ones."""
    missing = [name for name in REQUIRED if names.count(name) != 1]
    if missing:
        told, found = ", ".join(missing), ", ".join(names)
        raise TongmaiError(
            "missing_columns",
            f"{path} 须各有一列：{told}；现有列：{found}",
            f"{path} needs one column each of: {told}; it has: {found}",
        )
    return [name for name in names if name not in REQUIRED and names.count(name) == 1]


def _renamed(batch: pa.RecordBatch, columns: list[int], is_hourly: bool) -> pa.RecordBatch:
    """The columns unique_id, ds, y, x0, x1, …, and a time of a zone as the clock there shows it, for hours as UTC."""
    arrays = [batch.column(column) for column in columns]
    if getattr(arrays[1].type, "tz", None) is not None:
        utc = arrays[1].cast(pa.timestamp("us", arrays[1].type.tz), safe=False)
        arrays[1] = utc.cast(pa.timestamp("us")) if is_hourly else pc.local_timestamp(utc)
    return pa.RecordBatch.from_arrays(arrays, [*REQUIRED, *(f"x{place}" for place in range(len(columns) - 3))])


def _load(store: duckdb.DuckDBPyConnection, batches: Iterator[pa.RecordBatch]) -> pa.Schema | None:
    """Into table `raw`, piece by piece, since a transaction is held in memory; None where there is nothing."""
    schema = None
    for piece in in_pieces(batches):
        into = "CREATE TABLE raw AS" if schema is None else "INSERT INTO raw"
        store.register("piece", piece)
        store.execute(f"{into} SELECT * FROM piece WHERE NOT (unique_id IS NULL AND ds IS NULL AND y IS NULL)")
        store.unregister("piece")
        schema = piece.schema
    return schema if schema is not None and _one(store, "SELECT count(*) FROM raw")[0] else None


def _one(store: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    row = store.execute(query).fetchone()
    assert row is not None
    return row


def _given(column: str, is_text: bool, decimal: str) -> str:
    """What a column says: NULL where a text says that there is nothing."""
    if not is_text:
        return column
    nothing = ", ".join(f"'{word}'" for word in _NOTHING)
    text = f"CASE WHEN trim({column}) NOT IN ({nothing}) THEN trim({column}) END"
    return text if decimal == "." else f"replace({text}, '{decimal}', '.')"


def _is_numeric(store: duckdb.DuckDBPyConnection, value: str) -> bool:
    there, read = _one(store, f"SELECT count({value}), count(try_cast({value}::VARCHAR AS DOUBLE)) FROM raw")
    return bool(there == read > 0)


def _time(
    store: duckdb.DuckDBPyConnection, ds: str, is_text: bool, zone: str | None, is_hourly: bool
) -> tuple[pa.DataType, str]:
    """The type that `ds` has and keeps, and the expression of its seconds since 1970, or of its counter."""
    counts, offsets = _one(
        store,
        f"""SELECT coalesce(bool_and(regexp_full_match(trim({ds}::VARCHAR), '[0-9]{{1,5}}')), false),
        coalesce(bool_or({is_text} AND regexp_matches({ds}::VARCHAR, '{_OFFSET}')), false)
        FROM raw WHERE {ds} IS NOT NULL""",
    )
    if counts:
        return pa.int64(), f"CAST({ds} AS BIGINT)"
    formats = "', '".join(_DATE_FORMATS)
    ways = [f"try_cast({ds} AS TIMESTAMP)", f"try_strptime({ds}::VARCHAR, ['{formats}'])"]
    if is_text:
        ways.append(
            f"CASE WHEN regexp_full_match({ds}, '[0-9]{{4}}[- ]?[Qq][1-4]') THEN make_timestamp("
            f"left({ds}, 4)::BIGINT, 3 * right({ds}, 1)::BIGINT - 2, 1, 0, 0, 0.0) END"
        )
    seconds = f"epoch(coalesce({', '.join(ways)}))::BIGINT"
    if not (is_hourly and offsets):
        return pa.timestamp("us", zone), seconds
    instant = f"epoch_us(try_cast({ds} AS TIMESTAMPTZ)) // 1000000"
    return pa.timestamp("us", "UTC"), f"CASE WHEN regexp_matches({ds}, '{_OFFSET}') THEN {instant} ELSE {seconds} END"


def _refuse_rows(store: duckdb.DuckDBPyConnection, path: Path, values: dict[str, str], day: str, number: str) -> None:
    """Rows without a key, dates and numbers that are none."""
    lost = {"unique_id": "unique_id IS NULL", "ds": f"{values['ds']} IS NULL"}
    for told, where in lost.items():
        count = _one(store, f"SELECT count(*) FROM raw WHERE {where}")[0]
        if count:
            raise TongmaiError(
                "missing_keys", f"{path} 有 {count} 行缺少 {told}", f"{path} has {count} rows without {told}"
            )
    for reason, column, where, zh, en in (
        ("bad_dates", "ds", f"{day} IS NULL", "ds 不是日期", "ds that is no date (write 2026-01-31)"),
        (
            "bad_numbers",
            "y",
            f"{values['y']} IS NOT NULL AND {number} IS NULL",
            "y 不是数（写成 1234.5，不带千位分隔）",
            "y that is no number (write 1234.5, without separators)",
        ),
    ):
        count = _one(store, f"SELECT count(*) FROM raw WHERE {where}")[0]
        if count:
            one, unread = _one(store, f"SELECT unique_id::VARCHAR, {column}::VARCHAR FROM raw WHERE {where} LIMIT 1")
            raise TongmaiError(
                reason,
                f"{path} 有 {count} 行的 {zh}，例如 {one}: {unread}",
                f"{path} has {count} rows with {en}, for example {one}: {unread}",
            )


def _refuse_years(store: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Numbers that are all years of the calendar are no counter; no frequency is yearly."""
    first, last = _one(store, "SELECT min(ds::BIGINT), max(ds::BIGINT) FROM raw")
    if _YEARS[0] <= first and last <= _YEARS[1]:
        raise TongmaiError(
            "bare_years",
            f"{path} 的 ds 只有年份（{first} 至 {last}）：没有年度频率；请写整日期（2026-01-31）或从 1 起编号",
            f"{path} has bare years in ds ({first} to {last}): no frequency is yearly; "
            "write whole days (2026-01-31), or number the periods from 1",
        )


def _number_series(store: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Table `series`, the ids in order with their places."""
    ids = [str(row[0]) for row in store.execute("SELECT DISTINCT unique_id::VARCHAR FROM raw").fetchall()]
    ids.sort()
    numbered = pa.table({"unique_id": pa.array(ids, pa.string()), "place": pa.array(range(len(ids)), pa.int32())})
    store.register("numbered", numbered)
    store.execute("CREATE TABLE series AS SELECT * FROM numbered")
    store.unregister("numbered")
    return tuple(ids)


def _refuse_repeated(table: LongTable, path: Path, is_hourly: bool) -> None:
    """No series may have two rows of one time; rows lie in order, so equal ones lie together."""
    count, example = 0, ""
    last = np.full((2, 1), np.iinfo(np.int64).min)
    for batch in table.store.execute("SELECT series, ds FROM rows").to_arrow_reader(_BATCH_ROWS):
        keys = np.concatenate([last, np.array([column.to_numpy() for column in batch.columns], dtype=np.int64)], axis=1)
        same = np.flatnonzero((keys[:, 1:] == keys[:, :-1]).all(axis=0))
        if len(same) and not count:
            series, time = keys[:, same[0]]
            example = f"{table.ids[series]}, {time if table.is_counter else time.astype('datetime64[s]')}"
        count += len(same)
        last = keys[:, -1:]
    if count:
        zh, en = (
            ("；钟表拨回的那一小时请写时差（+08:00）", "; write the offset (+08:00) of clocks set back")
            if is_hourly
            else ("", "")
        )
        raise TongmaiError(
            "duplicate_rows",
            f"{path} 有 {count} 行的 unique_id 与 ds 重复，例如 {example}{zh}",
            f"{path} repeats unique_id and ds in {count} rows, for example {example}{en}",
        )
