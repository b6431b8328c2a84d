"""The peer that one would install instead: dlt into DuckDB, merged by primary key, with Parquet as its loader format.

Belongs here: dlt in its two usual ways. `arrow` hands over whole Arrow tables and is its fastest: it types and
merges, but no row is checked, rejected or explained. `rows` hands over dicts, and so can check them. Runs in
`.venv-bench`. Does not belong here: anything of Tongmai.

    python -m bench.dlt_peer arrow|rows FILE WAREHOUSE
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from bench.ticket_rows import EVENTS, NUMBERS, typed_row
from bench.tickets import COLUMNS

SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "DATA_WRITER__BUFFER_MAX_ITEMS": "100000",
}
BLOCK_BYTES = 8 << 20


def arrow_tables(source: Path) -> Iterator[pa.Table]:
    """The file's rows, typed, in tables."""
    texts = dict.fromkeys(COLUMNS, pa.string())
    if source.suffix == ".csv":
        options = pa_csv.ConvertOptions(column_types=texts, strings_can_be_null=True)
        read = pa_csv.ReadOptions(block_size=BLOCK_BYTES)
        batches: Any = pa_csv.open_csv(source, read_options=read, convert_options=options)
    elif source.suffix == ".jsonl":
        schema = pa_json.ParseOptions(explicit_schema=pa.schema(texts))
        batches = pa_json.open_json(source, pa_json.ReadOptions(block_size=BLOCK_BYTES), schema)
    else:
        batches = pq.ParquetFile(source).iter_batches()
    for batch in batches:
        table = pa.Table.from_batches([batch])
        for name in (*NUMBERS, *EVENTS):
            index = table.schema.get_field_index(name)
            table = table.set_column(index, name, _typed(table[index], name))
        yield table


def _typed(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    if name in NUMBERS:
        return column.cast(pa.float64())
    return pc.assume_timezone(column.cast(pa.timestamp("us")), "Asia/Shanghai")


def checked_rows(source: Path, rejects: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The file's rows as dicts, typed and checked; what is wrong is put aside."""
    for cells in _cells(source):
        row, fault = typed_row(cells)
        if fault is None:
            yield row
        else:
            rejects.append({"reason": fault, "text": json.dumps(cells, ensure_ascii=False)})


def _cells(source: Path) -> Iterator[dict[str, Any]]:
    if source.suffix == ".parquet":
        for batch in pq.ParquetFile(source).iter_batches():
            yield from batch.to_pylist()
        return
    with source.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file) if source.suffix == ".csv" else map(json.loads, file)


def load(way: str, source: Path, warehouse: Path) -> None:
    """Load one file."""
    os.environ.update(SETTINGS)
    rejects: list[dict[str, Any]] = []
    rows: Any = arrow_tables(source) if way == "arrow" else checked_rows(source, rejects)
    key = "ticket_id" if way == "arrow" else "_content_hash"
    pipeline = dlt.pipeline(
        "peer",
        pipelines_dir=str(warehouse.parent / f"{warehouse.stem}-dlt"),
        destination=dlt.destinations.duckdb(str(warehouse)),
        dataset_name="raw",
    )
    deliveries = dlt.resource(rows, name="deliveries", primary_key=key, write_disposition="merge")
    pipeline.run(deliveries, loader_file_format="parquet")
    if rejects:
        pipeline.run(dlt.resource(rejects, name="rejects", write_disposition="append"), loader_file_format="parquet")


if __name__ == "__main__":
    load(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
