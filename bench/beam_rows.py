"""The peer that most people write first: Beam with one dict per element, deduplicated by GroupByKey.

Belongs here: that pipeline, with the libraries' own readers, into one DuckDB table. Does not belong here: Tongmai's
way, in which an element is a block (`pipelines.transforms`).

    python -m bench.beam_rows FILE WAREHOUSE
"""

from __future__ import annotations

import csv
import json
import logging
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import duckdb
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from bench.ticket_rows import typed_row
from bench.tickets import COLUMNS

ROWS_AT_ONCE = 10_000


class Checked(beam.DoFn):  # type: ignore[misc]
    """Cells -> (content hash, typed row), or a reject."""

    def process(self, cells: dict[str, Any]) -> Iterator[Any]:
        """One element per row."""
        row, fault = typed_row(cells)
        if fault is None:
            yield row["_content_hash"], row
        else:
            reject = {"reason": fault, "text": json.dumps(cells, ensure_ascii=False)}
            yield beam.pvalue.TaggedOutput("rejects", reject)


class Written(beam.DoFn):  # type: ignore[misc]
    """Lists of rows -> one table of a DuckDB file."""

    def __init__(self, warehouse: str, table: str) -> None:
        super().__init__()
        self._warehouse, self._table = warehouse, table

    def process(self, rows: list[dict[str, Any]]) -> Iterator[int]:
        """One insert per list."""
        with duckdb.connect(self._warehouse) as connection:
            connection.register("batch", pa.Table.from_pylist(rows))
            connection.execute(f"CREATE TABLE IF NOT EXISTS {self._table} AS FROM batch LIMIT 0")
            connection.execute(f"INSERT INTO {self._table} FROM batch")
        yield len(rows)


def cells(pipeline: beam.Pipeline, source: Path) -> beam.PCollection:
    """The file's rows as dicts of text."""
    if source.suffix == ".parquet":
        return pipeline | beam.io.ReadFromParquet(str(source))
    if source.suffix == ".csv":
        lines = pipeline | beam.io.ReadFromText(str(source), skip_header_lines=1)
        return lines | beam.Map(lambda line: dict(zip(COLUMNS, next(csv.reader([line])), strict=True)))
    return pipeline | beam.io.ReadFromText(str(source)) | beam.Map(json.loads)


def first_of(group: tuple[str, Iterable[dict[str, Any]]]) -> dict[str, Any]:
    """One of the rows that have the same content."""
    return next(iter(group[1]))


def load(source: Path, warehouse: Path) -> None:
    """Load one file."""
    batches = {"min_batch_size": ROWS_AT_ONCE, "max_batch_size": ROWS_AT_ONCE}
    with beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([])) as pipeline:
        checked = cells(pipeline, source) | beam.ParDo(Checked()).with_outputs("rejects", main="good")
        distinct = checked.good | beam.GroupByKey() | beam.Map(first_of)
        _ = distinct | "Batches" >> beam.BatchElements(**batches) | beam.ParDo(Written(str(warehouse), "deliveries"))
        rejects = checked.rejects | "Reject batches" >> beam.BatchElements(**batches)
        _ = rejects | "Rejects" >> beam.ParDo(Written(str(warehouse), "rejects"))


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    load(Path(sys.argv[1]), Path(sys.argv[2]))
