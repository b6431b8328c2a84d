"""What an explanation says: what was detected, how each header was read, what would happen to the rows.

Belongs here: the report's parts, JSON-ready. Does not belong here: finding any of it out, or printing it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pipelines.blocks import Fault
from pipelines.choosing import Reason

Use = Literal["field", "extra", "personal", "dropped", "joined"]
Recognition = Literal["name", "alias", "list_part", "deployment_alias", "mapping", "joined", ""]


@dataclass(frozen=True)
class Suggestion:
    """A field that a column may be for; `score` in 0–1 weighs the header's text and the content's shape."""

    field: str
    score: float
    readable: float


@dataclass(frozen=True)
class TimeFormat:
    """In which order a column's days are written: one of `formats` is evidence, two are none.

    They fit all of its values but `unfitting` of them (different texts, of which `examples` are some).
    """

    formats: tuple[str, ...]
    values: int
    unfitting: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColumnReport:
    """One column of a table.

    `use`: it feeds `field`, is kept in `_extra`, is dropped (by the mapping, or as personal data), or is a part of
    a joined column. `factor` turns `unit_written` into `unit_kept`. `filled` is the share of the looked-at rows
    that have a value, `examples` are redacted. `unknown_texts` are texts of a code column that no code knows.
    """

    header: str
    use: Use
    field: str | None = None
    recognised_by: Recognition = ""
    unit_kept: str | None = None
    unit_written: str | None = None
    factor: float = 1.0
    filled: float = 0.0
    examples: tuple[str, ...] = ()
    suggestion: Suggestion | None = None
    time_format: TimeFormat | None = None
    unknown_texts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class TableReport:
    """One table of the file (its only one, or a sheet or member): how it was found and how its header is read."""

    member: str
    format: str
    compression: str
    encoding: str
    delimiter: str
    header_row: int | None
    sheet: str
    notes: tuple[Fault, ...]
    fingerprint: str
    columns: tuple[ColumnReport, ...]
    constants: dict[str, str]
    defaults: dict[str, str]
    joined: dict[str, tuple[str, ...]]
    skip: dict[str, tuple[str, ...]]
    missing_required: tuple[str, ...]
    fault: Fault | None = None
    suggested_joins: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class RejectExample:
    """One row that would be rejected: where it stands, and its redacted text."""

    file: str
    row: int
    text: str


@dataclass(frozen=True)
class RejectReport:
    """Rows that would be rejected for one reason in one column."""

    reason: str
    column: str | None
    count: int
    zh: str
    en: str
    examples: tuple[RejectExample, ...]


@dataclass(frozen=True)
class RowsReport:
    """What would become of the rows: read = would_load + duplicate + rejected; skipped stand outside.

    `is_complete` is false when only the first rows were read. `duplicate` counts repeats within the file only.
    `flags` counts remarks, `units` are the factors applied, `sample` are rows as they would load.
    """

    read: int = 0
    would_load: int = 0
    duplicate: int = 0
    rejected: int = 0
    skipped: int = 0
    is_complete: bool = True
    duplicate_rows: tuple[int, ...] = ()
    rejects: tuple[RejectReport, ...] = ()
    flags: dict[str, int] = field(default_factory=dict)
    units: dict[str, float] = field(default_factory=dict)
    sample: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class BetterFeed:
    """A feed whose fields more of the headers name."""

    feed: str
    recognised: int
    recognised_here: int
    headers: int


@dataclass(frozen=True)
class Explanation:
    """What `tongmai ingest` would do with a file. `fault` says why it would take none of it."""

    feed: str
    file: str
    size_bytes: int
    mapping_reason: Reason
    mapping_file: str
    mapping_hash: str
    is_already_loaded: bool
    fault: Fault | None
    tables: tuple[TableReport, ...]
    rows: RowsReport
    better_feed: BetterFeed | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)
