"""Checks run over blocks: typed rows on one side, rejects on the other, and every row on one of them.

Belongs here: running compiled checks, telling rejected rows from those that are no data. Does not belong
here: compiling (`pipelines.check_sql`), writing (`pipelines.landing`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from pipelines import crs
from pipelines.alignment import Shape, column_of, text_of
from pipelines.blocks import Block, Checked, Source, Tally
from pipelines.check_sql import Check, compiled, element_column
from pipelines.elements import with_lists
from pipelines.faults import refined, row_sentence
from pipelines.privacy import redact
from pipelines.rejects.corrections import REJECT_ID
from pipelines.rejects.rows import (
    ROW_KEY,
    Reject,
    SourceCells,
    correction_table,
    is_no_data,
    malformed_text,
    reject_table,
    row_keys,
    row_text,
)
from pipelines.sources.tables import MalformedRow
from pipelines.tidy import tidy
from store.connections import BUSINESS_TIME_ZONE
from store.messages import Text


class Checker:
    """Runs checks on a DuckDB connection of its own. One per worker; close it when done."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._unusual: defaultdict[Shape, frozenset[str]] = defaultdict(frozenset)
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute(f"SET TimeZone = '{BUSINESS_TIME_ZONE}'")
        crs.register(self._connection)

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def check(self, block: Block) -> Checked:
        """The block's typed rows, its rejects, and a tally per file. No row vanishes."""
        tallies: dict[int, Tally] = {}
        for file, count in block.skipped:
            tallies.setdefault(file, Tally()).rows_skipped += count
        rejects = [_malformed(block.sources[index], row) for index, row in block.malformed]
        rows: pa.Table | None = None
        corrections: pa.Table | None = None
        if block.table is not None and block.table.num_rows:
            rows, faulty, corrections = self._run(block, block.table, tallies)
            rejects += faulty
        for reject in rejects:
            tally = tallies.setdefault(reject.source.file, Tally())
            tally.rows_rejected += 1
            tally.reasons[reject.reason] += 1
        return Checked(
            block.batch,
            block.number,
            rows if rows is not None and rows.num_rows else None,
            reject_table(rejects, block.batch) if rejects else None,
            tallies,
            block.faults,
            corrections,
            block.is_last,
        )

    def _run(
        self, block: Block, table: pa.Table, tallies: dict[int, Tally]
    ) -> tuple[pa.Table, list[Reject], pa.Table | None]:
        assert block.shape is not None
        tidied = tidy(table, block.shape.feed, self._key)
        if block.shape.feed.lists:
            tidied = with_lists(self._connection, tidied, block.shape, self._key)
        check, result = self._checked(block.shape, _with_lineage(tidied, block))
        fault, position = result["_fault"], result["_position"].to_numpy()
        is_good = pc.is_null(fault).to_numpy()
        rejects: list[Reject] = []
        if not is_good.all():
            faulty = table.take(position[~is_good])
            for column in block.shape.feed.lists:
                name = element_column(column)
                faulty = faulty.append_column(name, tidied[name].take(pa.array(position[~is_good])))
            faulty = faulty.append_column(ROW_KEY, row_keys(result.filter(~is_good), block.shape.feed))
            rejects = _rejects(block, check, faulty, fault.drop_null().to_pylist(), tallies)
            result = result.filter(is_good)
        for index, count in Counter(table["_source"].to_numpy()[position[is_good]].tolist()).items():
            tally = tallies.setdefault(block.sources[index].file, Tally())
            tally.rows_good += count
            tally.units.update(block.shape.factors)
        corrections = correction_table(result, table[REJECT_ID].take(position[is_good]), block.shape.feed)
        return result.drop_columns(["_fault", "_position"]), rejects, corrections

    def _checked(self, shape: Shape, table: pa.Table) -> tuple[Check, pa.Table]:
        """The check's result: of the usual spellings, and of others where this block or one before it has some."""
        self._connection.register("block", table)
        try:
            while True:
                check = compiled(shape, _empty(table), self._unusual[shape])
                result = self._connection.execute(check.sql).to_arrow_table()
                unread = {n for n in check.is_usual if result[n].null_count > table[column_of(n)].null_count}
                if not unread:
                    return check, result
                self._unusual[shape] |= unread
        finally:
            self._connection.unregister("block")


def _malformed(source: Source, row: MalformedRow) -> Reject:
    text = malformed_text(source.layout, row)
    return Reject(source, row.source_row, row.reason, None, row_sentence(row.reason, None), text)


def _empty(table: pa.Table) -> frozenset[str]:
    """Text columns that hold nothing in any row, because the source lacks them or leaves them blank."""
    fields = zip(table.schema, table.columns, strict=True)
    return frozenset(f.name for f, column in fields if pt.is_string(f.type) and column.null_count == table.num_rows)


def _rejects(block: Block, check: Check, rows: pa.Table, numbers: list[int], tallies: dict[int, Tally]) -> list[Reject]:
    """Rejects of the faulty rows, less those that are no data at all."""
    rejects = []
    for row, number in zip(_printable(rows).to_pylist(), numbers, strict=True):
        source, fault = block.sources[row["_source"]], check.faults[number]
        cells = SourceCells(source.layout, row)
        if is_no_data(cells, lacks_required=fault.reason == "missing_required"):
            tallies.setdefault(source.file, Tally()).rows_skipped += 1
        else:
            text, name = row_text(cells), fault.column.name
            is_stated = bool(source.layout.mapping.formats_of(name))
            reason = refined(fault.reason, row.get(column_of(name)), is_stated=is_stated)
            sentence = fault.text if reason == fault.reason else row_sentence(reason, fault.column)
            sentence = _of_element(sentence, row.get(element_column(fault.column)))
            reject = Reject(source, row["_source_row"], reason, fault.column, sentence, text)
            rejects.append(replace(reject, row_key=row[ROW_KEY], corrects=row[REJECT_ID]))
    return rejects


def _of_element(text: Text, element: str | None) -> Text:
    """The sentence, about that element of a list when there is one."""
    return Text(f"{redact(element)}：{text.zh}", f"{redact(element)}: {text.en}") if element else text


def _printable(rows: pa.Table) -> pa.Table:
    """Times and numbers as the text that any block makes of them; a time that no calendar holds is its number."""
    for index, column in enumerate(rows.columns):
        if pt.is_floating(column.type) or pt.is_date(column.type):
            rows = rows.set_column(index, rows.schema.names[index], text_of(column))
        if pt.is_list(column.type) and not pt.is_string(column.type.value_type):
            rows = rows.set_column(index, rows.schema.names[index], _texts_of_lists(column))
        if pt.is_timestamp(column.type):
            try:
                text = text_of(column)
            except pa.ArrowInvalid:
                text = column.cast(pa.int64()).cast(pa.string())
            rows = rows.set_column(index, rows.schema.names[index], text)
    return rows


def _texts_of_lists(column: pa.ChunkedArray) -> pa.Array:
    lists = column.combine_chunks()
    texts = text_of(pa.chunked_array([lists.flatten()])).combine_chunks()
    ends = np.cumsum(pc.list_value_length(lists).fill_null(0).to_numpy())
    return pa.ListArray.from_arrays(
        pa.array(np.concatenate(([0], ends)).astype(np.int32)), texts, mask=pc.is_null(lists)
    )


def _with_lineage(table: pa.Table, block: Block) -> pa.Table:
    # One chunk, because DuckDB scans several in any order; and the position, because SQL promises no order.
    table = table.combine_chunks().append_column("_position", pa.array(np.arange(table.num_rows)))
    index = table["_source"].combine_chunks()
    files = [block.batch.files[source.file] for source in block.sources]

    def per_source(texts: list[str]) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(index, pa.array(texts, pa.string()))

    table = table.append_column("_segment_id", per_source([file.segment_id for file in files]))
    table = table.append_column("_source_file", per_source([source.name(block.batch) for source in block.sources]))
    received_at = pa.array([file.received_at for file in files], pa.timestamp("us", tz="UTC"))
    return table.append_column("_received_at", received_at.take(index))
