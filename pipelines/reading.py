"""Files of a batch, read as blocks of one shape each.

Belongs here: resolving layouts, gathering small files into blocks. Does not belong here: formats
(`pipelines.sources`) and checks. A small file enters a block only when all of it could be read, so that a
damaged one leaves nothing behind; a large file has its batch to itself, and its batch falls with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import pyarrow as pa

from pipelines.alignment import Shape, align
from pipelines.blocks import Batch, Block, Fault, FileTask, Source
from pipelines.faults import FileError
from pipelines.feeds import FEEDS
from pipelines.gathering import as_records
from pipelines.layout import Layout, resolve
from pipelines.preparation import prepared
from pipelines.rejects.corrections import REJECT_ID, without_added
from pipelines.rivals import parted
from pipelines.sources.formats import open_tables
from pipelines.sources.points import located
from pipelines.sources.tables import MalformedRow, RawTable
from pipelines.sources.text import BLOCK_BYTES


@dataclass
class _Gathering:
    """Rows of one shape that wait to be a block."""

    tables: list[pa.Table] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    numbers: dict[tuple[int, str, tuple[str, ...]], int] = field(default_factory=dict)
    malformed: list[tuple[int, MalformedRow]] = field(default_factory=list)
    skipped: list[tuple[int, int]] = field(default_factory=list)
    size_bytes: int = 0

    def add(self, index: int, layout: Layout, raw: RawTable, table: pa.Table) -> None:
        """Take rows of file `index` in."""
        source = self.numbers.setdefault((index, raw.member, layout.header), len(self.sources))
        if source == len(self.sources):
            self.sources.append(Source(index, raw.member, layout))
        self.tables.append(table.append_column("_source", pa.repeat(pa.scalar(source, pa.int32()), table.num_rows)))
        self.malformed += [(source, row) for row in raw.malformed]
        if raw.rows_skipped:
            self.skipped.append((index, raw.rows_skipped))
        self.size_bytes += table.nbytes

    def block(self, batch: Batch, number: int, shape: Shape) -> Block:
        """The block of what has been gathered."""
        table = pa.concat_tables(self.tables)
        return Block(batch, number, shape, table, tuple(self.sources), tuple(self.malformed), tuple(self.skipped))


def read_blocks(batch: Batch, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """The batch's rows as blocks; the last one has no rows and names the files that failed."""
    gathered: dict[Shape, _Gathering] = defaultdict(_Gathering)
    faults: list[tuple[int, Fault]] = []
    number = 0
    is_alone = len(batch.files) == 1
    for index, task in enumerate(batch.files):
        tables = as_records(_aligned(task, as_text=not is_alone))
        try:
            for layout, raw, shape, table in tables if is_alone else list(tables):
                waiting = gathered[shape]
                waiting.add(index, layout, raw, table)
                if waiting.size_bytes >= block_bytes:
                    yield gathered.pop(shape).block(batch, number, shape)
                    number += 1
        except FileError as error:
            faults.append((index, Fault(error.reason, *error.text)))
            if is_alone:
                gathered.clear()
    for shape, waiting in gathered.items():
        yield waiting.block(batch, number, shape)
        number += 1
    yield Block(batch, number, faults=tuple(faults), is_last=True)


_layout = lru_cache(maxsize=256)(resolve)  # files of one system have one header


def _aligned(task: FileTask, *, as_text: bool) -> Iterator[tuple[Layout, RawTable, Shape, pa.Table]]:
    feed = FEEDS[task.feed]
    for found in open_tables(task.path, feed, task.mapping):
        mapping = task.mapping.of(found.header)
        for table in parted(located(found, feed, mapping), feed, mapping):
            raw, corrected = without_added(table, feed.name)
            raw = prepared(raw, feed, mapping)
            layout = _layout(feed, raw.header, mapping)
            shape, rows = align(raw, layout, as_text=as_text)
            ids = pa.nulls(rows.num_rows, pa.string()) if corrected is None else corrected
            yield layout, raw, shape, rows.append_column(REJECT_ID, ids)
