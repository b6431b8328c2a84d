"""What would become of a file's rows: the same reading and checking as landing, and nothing kept but counts.

Belongs here: counting, first examples, sample rows. Does not belong here: reading and checking themselves
(`pipelines.reading`, `pipelines.checks`). Memory: 16 bytes per row beside one block.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.blocks import Batch, Block, Checked, Fault, FileTask, Tally
from pipelines.checks import Checker
from pipelines.explain.report import RejectExample, RejectReport, RowsReport
from pipelines.feeds import FEEDS, Feed
from pipelines.privacy import MASK
from pipelines.reading import read_blocks
from store.home import Home

SAMPLE_ROWS = 5
EXAMPLES = 3
_HIDDEN = frozenset({"_version_at", "_content_hash", "_segment_id", "_source_file"})


@dataclass
class _Scan:
    """What has been seen so far."""

    feed: Feed
    tally: Tally = field(default_factory=Tally)
    hashes: list[Any] = field(default_factory=list)
    lines: list[Any] = field(default_factory=list)
    rejects: dict[tuple[str, str | None], tuple[int, str, str, list[RejectExample]]] = field(default_factory=dict)
    flags: Counter[str] = field(default_factory=Counter)
    sample: list[dict[str, Any]] = field(default_factory=list)

    def add(self, checked: Checked) -> None:
        """Take a block's outcome in."""
        for tally in checked.tallies.values():
            self.tally.add(tally)
        if checked.rows is not None:
            self._add_rows(checked.rows)
        if checked.rejects is not None:
            self._add_rejects(checked.rejects)

    def _add_rows(self, rows: pa.Table) -> None:
        texts = pc.utf8_slice_codeunits(rows["_content_hash"].cast(pa.string()), 0, 15)
        self.hashes.append(np.array([int(text, 16) for text in texts.to_pylist()], np.int64))
        self.lines.append(rows["_source_row"].to_numpy())
        self.flags.update(pc.list_flatten(rows["_flags"]).to_pylist())
        for row in rows.slice(0, SAMPLE_ROWS - len(self.sample)).to_pylist():
            private = {column.name for column in self.feed.fields if column.is_private}
            shown = {name: MASK if name in private and value else value for name, value in row.items()}
            self.sample.append({name: value for name, value in shown.items() if name not in _HIDDEN})

    def _add_rejects(self, rejects: pa.Table) -> None:
        names = ("reason", "column_name", "sentence_zh", "sentence_en", "source_file", "source_row", "raw_text")
        for reason, column, zh, en, file, row, text in zip(*(rejects[n].to_pylist() for n in names), strict=True):
            count, zh_first, en_first, examples = self.rejects.get((reason, column), (0, zh, en, []))
            if len(examples) < EXAMPLES:
                examples.append(RejectExample(file, row, text))
            self.rejects[reason, column] = (count + 1, zh_first, en_first, examples)

    def report(self, *, is_complete: bool) -> RowsReport:
        """The counts; repeats within the file are its duplicates."""
        hashes = np.concatenate(self.hashes) if self.hashes else np.array([], np.int64)
        lines = np.concatenate(self.lines) if self.lines else np.array([], np.int64)
        firsts = np.unique(hashes, return_index=True)[1]
        repeats = np.delete(lines, firsts)
        tally = self.tally
        return RowsReport(
            tally.rows_good + tally.rows_rejected,
            len(firsts),
            len(repeats),
            tally.rows_rejected,
            tally.rows_skipped,
            is_complete,
            tuple(int(line) for line in repeats[:EXAMPLES]),
            tuple(
                RejectReport(reason, column, count, zh, en, tuple(examples))
                for (reason, column), (count, zh, en, examples) in sorted(
                    self.rejects.items(), key=lambda entry: (-entry[1][0], entry[0][0], entry[0][1] or "")
                )
            ),
            dict(sorted(self.flags.items())),
            dict(sorted(tally.units.items())),
            tuple(self.sample),
        )


def scan(home: Home, task: FileTask, rows: int | None = None) -> tuple[RowsReport, Fault | None]:
    """What would become of the file's rows (of the first `rows` or so when given), and why it would fail."""
    found, fault, is_complete = _Scan(FEEDS[task.feed]), None, True
    checker = Checker(_key(home))
    try:
        for block in _blocks(task):
            found.add(checker.check(block))
            fault = next((fault for _, fault in block.faults), fault)
            if rows is not None and found.tally.rows_good + found.tally.rows_rejected >= rows:
                is_complete = False
                break
    finally:
        checker.close()
    return found.report(is_complete=is_complete and fault is None), fault


def _blocks(task: FileTask) -> Iterator[Block]:
    return read_blocks(Batch("explain", task.feed, (task,)))


def _key(home: Home) -> bytes:
    """The home's key or, where there is none yet, one that is thrown away: nothing hashed leaves this module."""
    return home.key.read_bytes() if home.key.exists() else secrets.token_bytes(32)
