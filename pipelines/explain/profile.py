"""What stands in a file's columns: texts, examples, how days are written.

Belongs here: looking at cells, of the file's first rows. Does not belong here: headers, fields, mappings.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.explain.report import TimeFormat
from pipelines.preparation import cell_texts
from pipelines.privacy import redact
from pipelines.sources.tables import Origin, RawTable
from pipelines.sql_text import quote

PROFILED_ROWS = 200_000
TEXTS = 2_000
_FITTING_SHARE = 0.9
_UNFITTING = 3
_WRITTEN_DAY = (
    r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}( .*)?|\d{1,2}[- ][A-Za-z]{3,9}[- ,]+\d{4}|[A-Za-z]{3,9}\.? \d{1,2},? \d{4}"
)
_CLOCKS = ("", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p")
_DAYS = ("%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%m-%d-%Y", "%d-%m-%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y")
_NAMED = ("%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%b %d %Y", "%d %B %Y", "%B %d, %Y")
FORMATS = (*(day + clock for day in _DAYS for clock in _CLOCKS), *_NAMED)


@dataclass(frozen=True)
class Column:
    """One column's cells: how many rows were looked at, how many are filled, its most frequent texts."""

    rows: int
    filled: int
    distinct: int
    texts: tuple[tuple[str, int], ...]

    @property
    def values(self) -> list[str]:
        """The texts without their counts."""
        return [text for text, _ in self.texts]


NO_COLUMN = Column(0, 0, 0, ())


@dataclass(frozen=True)
class Profile:
    """One table of a file: its header, how it was found, its columns."""

    member: str
    header: tuple[str, ...]
    origin: Origin
    columns: tuple[Column, ...]


def profiles(tables: Sequence[RawTable]) -> list[Profile]:
    """One profile per member and header, of blocks of a file's first rows."""
    gathered: dict[tuple[str, tuple[str, ...]], list[RawTable]] = {}
    for raw in tables:
        gathered.setdefault((raw.member, raw.header), []).append(raw)
    return [
        Profile(
            member,
            header,
            parts[0].origin,
            tuple(_column([part.table[f"c{index}"] for part in parts]) for index in range(len(header))),
        )
        for (member, header), parts in gathered.items()
    ]


def _column(parts: Sequence[pa.ChunkedArray]) -> Column:
    texts = pa.chunked_array([chunk for part in parts for chunk in cell_texts(part).chunks], pa.string())
    counts = pc.value_counts(texts.drop_null())
    pairs = zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True)
    frequent = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:TEXTS]
    return Column(len(texts), len(texts) - texts.null_count, len(counts), tuple(frequent))


def time_format(column: Column, connection: duckdb.DuckDBPyConnection) -> TimeFormat | None:
    """The formats that fit the column's days, when they are written with the day or the month first.

    Never a guess: all formats that fit equally well are named, and the texts that do not fit.
    """
    values = column.values
    written = [text for text in values if re.fullmatch(_WRITTEN_DAY, text)]
    if not written or len(written) < len(values) * 0.8:
        return None
    counts = ", ".join(f"count(try_strptime(x, {quote(form)}))" for form in FORMATS)
    found = connection.execute(f"SELECT {counts} FROM unnest(CAST(? AS VARCHAR[])) AS t(x)", [written]).fetchone() or ()
    best = max(found)
    if best < _FITTING_SHARE * len(written):
        return None
    formats = tuple(form for form, count in zip(FORMATS, found, strict=True) if count == best)
    unread = "SELECT x FROM unnest(CAST(? AS VARCHAR[])) AS t(x) WHERE try_strptime(x, ?) IS NULL"
    others = [text for (text,) in connection.execute(unread, [values, formats[0]]).fetchall()]
    return TimeFormat(formats, column.filled, len(others), tuple(redact(text) for text in others[:_UNFITTING]))
