"""What every source yields: raw tables.

Belongs here: the type and its invariants. Does not belong here: any format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from store.messages import Text

SOURCE_ROW = "_source_row"


@dataclass(frozen=True)
class MalformedRow:
    """A row that could not be split into cells; `cells` are its best split (JSON: the line)."""

    source_row: int
    reason: str
    cells: tuple[str, ...]
    is_json: bool = False


@dataclass(frozen=True)
class Origin:
    """How a raw table was found in its file; what does not apply is empty or None.

    `header_row` is the line or row of the header's first row, counted from 1; `notes` tell what was left out
    or understood in a way that its sender may want to know.
    """

    format: str = ""
    compression: str = ""
    encoding: str = ""
    delimiter: str = ""
    header_row: int | None = None
    sheet: str = ""
    member: str = ""
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True)
class RawTable:
    """Some rows of one file: columns `c0`, `c1`, … in the header's order, and `_source_row`.

    `_source_row` is the line of the file on which the row begins (text), the row of the sheet, or the
    ordinal of the record (Parquet, GeoJSON), counted from 1. `member` names the sheet or the archive's member
    that the rows stand in (`march.xlsx!Sheet2`), and is empty when the file has but one. `rows_skipped` counts
    titles and blank lines that the source has dropped; they are in none of the columns.
    """

    header: tuple[str, ...]
    table: pa.Table
    malformed: tuple[MalformedRow, ...] = ()
    rows_skipped: int = 0
    member: str = ""
    origin: Origin = Origin()


def raw_table(
    header: Sequence[str],
    columns: Sequence[pa.Array | pa.ChunkedArray],
    source_rows: pa.Array,
    malformed: Sequence[MalformedRow] = (),
    rows_skipped: int = 0,
    origin: Origin = Origin(),
) -> RawTable:
    """A RawTable from its columns in order."""
    names = [*(f"c{index}" for index in range(len(header))), SOURCE_ROW]
    table = pa.table([*columns, source_rows], names=names)
    return RawTable(tuple(header), table, tuple(malformed), rows_skipped, origin=origin)


def lineage_name(file: str, member: str) -> str:
    """What lineage calls the place that a row came from: `file`, or `file!member`."""
    return f"{file}!{member}" if member else file
