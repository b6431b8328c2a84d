"""What flows through the intake: file tasks, blocks of rows, and what became of them.

Belongs here: the elements of the Beam graph. Does not belong here: any step of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from pipelines.alignment import Shape
from pipelines.layout import Layout
from pipelines.mapping import NO_MAPPING, FieldMapping
from pipelines.sources.tables import MalformedRow, lineage_name


@dataclass(frozen=True)
class FileTask:
    """One source file to be staged: what it is, where it is, how it is mapped.

    `path` is read; `name` is what lineage calls it; `segment_id` is the hash of content, mapping and contract;
    `turn` counts the readings of this content.
    """

    feed: str
    path: Path
    name: str
    sha256: str
    size_bytes: int
    mtime_ns: int
    received_at: datetime
    segment_id: str
    mapping: FieldMapping = NO_MAPPING
    sent_by: str | None = None
    is_inbox: bool = True
    turn: int = 1


@dataclass(frozen=True)
class Batch:
    """Files of one feed that are staged together: one large file, or many small ones."""

    batch_id: str
    feed: str
    files: tuple[FileTask, ...]


@dataclass
class Tally:
    """What became of one file's rows so far: read = good + rejected; titles, blanks and totals are skipped."""

    rows_good: int = 0
    rows_rejected: int = 0
    rows_skipped: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    units: dict[str, float] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Take another part of the same file in."""
        self.rows_good += other.rows_good
        self.rows_rejected += other.rows_rejected
        self.rows_skipped += other.rows_skipped
        self.reasons.update(other.reasons)
        self.units.update(other.units)


@dataclass(frozen=True)
class Fault:
    """Why a file could not be taken."""

    reason: str
    zh: str
    en: str


@dataclass(frozen=True)
class Source:
    """Where rows come from: file `file` (index into the batch), its sheet or member, and how its header was read."""

    file: int
    member: str
    layout: Layout

    def name(self, batch: Batch) -> str:
        """What lineage calls it: the file's name, or `file!member`."""
        return lineage_name(batch.files[self.file].name, self.member)


@dataclass(frozen=True)
class Block:
    """Aligned rows of one shape, of one or more files of a batch.

    `table` holds `in_<field>…`, `_extra`, `_source_row`, `_reject_id` (the reject that the row corrects, if any) and
    `_source` (index into `sources`); `malformed` are
    rows that could not be split, each with its source's index; `skipped` are counts per file; `faults` are files
    that could not be taken (on the last block of a batch, which has no rows and `is_last`).
    """

    batch: Batch
    number: int
    shape: Shape | None = None
    table: pa.Table | None = None
    sources: tuple[Source, ...] = ()
    malformed: tuple[tuple[int, MalformedRow], ...] = ()
    skipped: tuple[tuple[int, int], ...] = ()
    faults: tuple[tuple[int, Fault], ...] = ()
    is_last: bool = False


@dataclass(frozen=True)
class Checked:
    """A block's outcome: typed rows, rejects (columns of `ops.rejects`), a tally per file, and the good rows among
    them that correct rejects (columns of `ops.reject_resolutions`).
    """

    batch: Batch
    number: int
    rows: pa.Table | None
    rejects: pa.Table | None
    tallies: dict[int, Tally]
    faults: tuple[tuple[int, Fault], ...]
    corrections: pa.Table | None = None
    is_last: bool = False


@dataclass(frozen=True)
class Part:
    """One written part: names in the landing folder (None when it had no such rows) and its tallies.

    Only the last part of a batch names it: a batch of many files is longer than all that its parts say.
    """

    batch: Batch | None
    number: int
    rows_file: str | None
    rejects_file: str | None
    tallies: dict[int, Tally]
    faults: tuple[tuple[int, Fault], ...]
    corrections_file: str | None = None
