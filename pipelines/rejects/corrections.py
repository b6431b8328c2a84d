"""Corrected rejects that come back: the columns that an export adds, told apart from those of the source.

Belongs here: the names of those columns, and taking them out of a file's rows. Does not belong here: writing an
export (`pipelines.rejects.workbook`), what is resolved by it (`pipelines.rejects.resolutions`).

A header that holds a reject's number is a correction's. Its added columns are no content: they are taken out before
a layout is made, so that the header is the source's again and finds the same mapping.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from pipelines.privacy import MASK
from pipelines.sources.tables import SOURCE_ROW, MalformedRow, RawTable
from store.messages import Text

REJECT_ID = "_reject_id"
NUMBER = Text("拒收编号", "reject_id")
FEED = Text("拒收数据源", "reject_feed")
SOURCE = Text("拒收文件", "reject_file")
HEADER = Text("拒收表头", "reject_header")
ADDED = (
    NUMBER,
    FEED,
    Text("拒收代码", "reject_reason"),
    Text("拒收字段", "reject_column"),
    Text("拒收说明", "reject_sentence"),
    SOURCE,
    Text("拒收行号", "reject_row"),
    Text("拒收原文", "reject_text"),
)
_TAG = re.compile(f"{HEADER.zh} {HEADER.en} [0-9a-f]{{16}}")


def tag(fingerprint: str) -> str:
    """The title of a column without cells that says which header the rows' mapping is for, where theirs is another."""
    return f"{HEADER.zh} {HEADER.en} {fingerprint}"


def tagged_fingerprint(header: Sequence[str]) -> str | None:
    """The fingerprint that a correction's header names; None when it names none."""
    texts = (header[index] for index, ours in added_columns(header).items() if ours is HEADER)
    return next((text.split()[-1] for text in texts), None)


def added_columns(header: Sequence[str]) -> dict[int, Text]:
    """Index -> which added column it is; empty when the header is no correction's."""
    texts = [text.strip().casefold() for text in header]
    found = {index: ours for index, text in enumerate(texts) for ours in ADDED if text in ours}
    found |= {index: HEADER for index, text in enumerate(texts) if _TAG.fullmatch(text)}
    return found if NUMBER in found.values() else {}


def corrected_files(rows: Sequence[Sequence[str]], feed: str) -> list[str]:
    """The files whose rejects of that feed these rows (the first is their header) correct; none of another sheet's."""
    added = added_columns(rows[0]) if rows else {}
    places = {ours: index for index, ours in added.items()}
    if FEED not in places or SOURCE not in places:
        return []
    mine = [row for row in rows[1:] if row[places[FEED]].strip() == feed]
    return list(dict.fromkeys(row[places[SOURCE]] for row in mine))


def source_header(header: Sequence[str]) -> tuple[str, ...]:
    """The header without what an export has added."""
    added = added_columns(header)
    return tuple(text for index, text in enumerate(header) if index not in added)


def without_added(raw: RawTable, feed: str) -> tuple[RawTable, pa.Array | pa.ChunkedArray | None]:
    """The rows without the added columns, and the rejects that they correct (None for a file that is no correction).

    Rows that say they are another feed's are left out and counted as skipped: a workbook has a sheet per feed.
    """
    added = added_columns(raw.header)
    if not added:
        return raw, None
    table, skipped = raw.table, raw.rows_skipped
    of_feed = next((index for index, ours in added.items() if ours is FEED), None)
    if of_feed is not None:
        names = pc.utf8_trim_whitespace(table[f"c{of_feed}"].cast(pa.string()))
        is_mine = pc.fill_null(pc.is_in(names, pa.array([feed, ""])), fill_value=True)
        table = table.filter(is_mine)
        skipped += raw.table.num_rows - table.num_rows
    number = next(index for index, ours in added.items() if ours is NUMBER)
    ids = pc.utf8_trim_whitespace(table[f"c{number}"].cast(pa.string()))
    ids = pc.if_else(pc.equal(ids, ""), pa.scalar(None, pa.string()), ids)
    kept = [index for index in range(len(raw.header)) if index not in added]
    columns = {f"c{place}": _unmasked(table[f"c{index}"]) for place, index in enumerate(kept)}
    bare = pa.table({**columns, SOURCE_ROW: table[SOURCE_ROW]})
    malformed = tuple(_without(row, frozenset(added)) for row in raw.malformed)
    header = tuple(raw.header[index] for index in kept)
    return replace(raw, header=header, table=bare, malformed=malformed, rows_skipped=skipped), ids


def _unmasked(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """What an export has masked is not known, and so missing."""
    if not pt.is_string(column.type):
        return column
    return pc.if_else(pc.equal(pc.utf8_trim_whitespace(column), MASK), pa.scalar(None, pa.string()), column)


def _without(row: MalformedRow, added: frozenset[int]) -> MalformedRow:
    if row.is_json:
        return row
    return replace(row, cells=tuple(cell for index, cell in enumerate(row.cells) if index not in added))
