"""Files of a batch, read as blocks of one layout each.

Belongs here: resolving layouts, gathering small files into blocks. Does not belong here: formats
(`pipelines.sources`) and checks. A small file enters a block only when all of it could be read, so that a
damaged one leaves nothing behind; a large file has its batch to itself, and its batch falls with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from pipelines.blocks import Batch, Block, Fault, FileTask
from pipelines.faults import FileError
from pipelines.feeds import FEEDS
from pipelines.layout import Layout, resolve
from pipelines.sources.formats import open_tables
from pipelines.sources.tables import MalformedRow, RawTable
from pipelines.sources.text import BLOCK_BYTES


@dataclass
class _Gathering:
    """Tables of one layout that wait to be a block."""

    tables: list[pa.Table] = field(default_factory=list)
    malformed: list[tuple[int, MalformedRow]] = field(default_factory=list)
    skipped: list[tuple[int, int]] = field(default_factory=list)
    size_bytes: int = 0


def read_blocks(batch: Batch, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """The batch's rows as blocks; the last one, which may be empty, names the files that failed."""
    gathered: dict[Layout, _Gathering] = defaultdict(_Gathering)
    faults: list[tuple[int, Fault]] = []
    number = 0
    for index, task in enumerate(batch.files):
        tables = _laid_out(task)
        try:
            if len(batch.files) > 1:
                tables = iter(list(tables))
            for layout, raw in tables:
                waiting = gathered[layout]
                _gather(waiting, index, raw)
                if waiting.size_bytes >= block_bytes:
                    yield _block(batch, number, layout, gathered.pop(layout))
                    number += 1
        except FileError as error:
            faults.append((index, Fault(error.reason, *error.text)))
            if len(batch.files) == 1:
                gathered.clear()
    for layout, waiting in gathered.items():
        yield _block(batch, number, layout, waiting)
        number += 1
    yield Block(batch, number, faults=tuple(faults))


def _laid_out(task: FileTask) -> Iterator[tuple[Layout, RawTable]]:
    feed = FEEDS[task.feed]
    layouts: dict[tuple[Sequence[str], Sequence[str]], Layout] = {}
    for raw in open_tables(task.path, feed, task.mapping):
        shape = (raw.header, raw.types)
        if shape not in layouts:
            layouts[shape] = resolve(feed, raw.header, task.mapping, raw.types)
        yield layouts[shape], raw


def _gather(waiting: _Gathering, index: int, raw: RawTable) -> None:
    table = raw.table.append_column("_file", pa.repeat(pa.scalar(index, pa.int32()), raw.table.num_rows))
    waiting.tables.append(table)
    waiting.malformed += [(index, row) for row in raw.malformed]
    if raw.rows_skipped:
        waiting.skipped.append((index, raw.rows_skipped))
    waiting.size_bytes += table.nbytes


def _block(batch: Batch, number: int, layout: Layout, waiting: _Gathering) -> Block:
    table = pa.concat_tables(waiting.tables)
    return Block(batch, number, layout, table, tuple(waiting.malformed), tuple(waiting.skipped))
