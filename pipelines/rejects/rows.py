"""Rejected rows: what is kept of them, and which faulty rows are no data at all.

Belongs here: the reject's record, its redacted text, recognising totals, footers and repeated headers.
Does not belong here: deciding that a row is wrong (`pipelines.checks`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.alignment import EXTRA, column_of, json_text
from pipelines.blocks import Batch, Source
from pipelines.feeds.contract import Feed, Field, Kind
from pipelines.layout import Layout, is_private_header
from pipelines.mapping import fingerprint
from pipelines.names import content_id, digest
from pipelines.privacy import MASK, mask_json, redact, redact_cells, redact_field, redact_json
from pipelines.rejects.corrections import tag
from pipelines.sources.tables import MalformedRow
from store.messages import Text
from store.tables import REJECTS

_TOTAL = r"\s*(本页|本日|本月|累计)?\s*(合\s*计|总\s*计|小\s*计|共\s*计|sub-?total|grand total|totals?)\s*[:：]?"
_FOOT = r"\s*(制表|填表|填报|审核|复核|打印|导出|备注|说明|注\s*[:：]|第\s*\d+\s*页|单位\s*[:：]|统计时间)"
_TOTALS, _FOOTER = re.compile(f"{_TOTAL}.*", re.I), re.compile(_FOOT)
NO_DATA = f"(?i)^({_TOTAL}|{_FOOT})"  # how the first cell of a total or a footer begins
_TOTALS_CELLS = 3
_FOOTER_CELLS = 2
_TEXT_LIMIT = 4_000
ROW_KEY = "_row_key"


@dataclass(frozen=True)
class Reject:
    """One rejected row; `row_key` is its key as JSON when that could be read, `corrects` the reject that the row was
    sent to correct.
    """

    source: Source
    source_row: int
    reason: str
    column: Field | None
    sentence: Text
    raw_text: str
    row_key: str | None = None
    corrects: str | None = None


class SourceCells:
    """A row's cells under the header texts of its file."""

    def __init__(self, layout: Layout, row: Mapping[str, Any]) -> None:
        self.texts: dict[str, str] = {}
        self.private: set[str] = set()
        self.fixed: set[str] = set()  # headers of fields that are no free text
        for binding in layout.bindings:
            value = row[column_of(binding.name)]
            if binding.index is None or value is None or not str(value).strip():
                continue
            header = layout.header[binding.index] or f"column_{binding.index + 1}"
            self.texts[header] = json_text(value) if isinstance(value, list) else str(value).strip()
            if layout.feed.field(binding.name).is_private:
                self.private.add(header)
            if layout.feed.field(binding.name).kind is not Kind.PROSE:
                self.fixed.add(header)
        if row[EXTRA]:
            self.texts.update(json.loads(row[EXTRA], strict=False))
        self.first = [self.texts[header] for header in layout.header[:_TOTALS_CELLS] if header in self.texts]


def reject_table(rejects: Sequence[Reject], batch: Batch) -> pa.Table:
    """Rejects as a table with the columns of `ops.rejects`."""
    rows = [
        (
            batch.files[reject.source.file].segment_id,
            batch.feed,
            reject.source.name(batch),
            reject.source_row,
            reject.reason,
            reject.column.name if reject.column else None,
            reject.sentence.zh,
            reject.sentence.en,
            reject.raw_text,
            reject_id(batch.files[reject.source.file].segment_id, reject.source.member, reject.source_row),
            reject.row_key,
            json.dumps(header_keys(reject.source.layout), ensure_ascii=False),
            reject.corrects,
        )
        for reject in rejects
    ]
    names = REJECTS.column_names[: len(rows[0])]  # what follows is known only when it is loaded
    types = [pa.int64() if column.type == "BIGINT" else pa.string() for column in REJECTS.columns]
    columns = [pa.array(values, type_) for values, type_ in zip(zip(*rows, strict=True), types, strict=False)]
    return pa.table(columns, names=names)


def reject_id(segment_id: str, member: str, source_row: int) -> str:
    """A reject's number: the same for one line of one content, however often and by whatever mapping it is read.

    The letter keeps spreadsheets from taking it for a number.
    """
    return "R" + digest(content_id(segment_id), member, str(source_row))[:12]


def header_keys(layout: Layout) -> list[str]:
    """What each column of the source is called where a row's cells are kept: its header, told apart and redacted; and
    the tag of the header that the mapping is for, where these are other texts (joined, located, parted, redacted).
    """
    named = dict(layout.extras)
    keys = [redact_field(named.get(index, text) or f"column_{index + 1}") for index, text in enumerate(layout.header)]
    own = layout.mapping.header
    return keys if own is None or own == fingerprint(keys) else [*keys, tag(own)]


def row_keys(rows: pa.Table, feed: Feed) -> pa.Array:
    """Per row the feed's key as JSON; null when a part of it is missing or is no text to keep."""
    parts = [rows[name].cast(pa.string()) for name in feed.key]  # as text: some days are on nobody's calendar
    keys = pa.table(parts, names=list(feed.key)).to_pylist()
    texts = [json.dumps(key, ensure_ascii=False) if None not in key.values() else None for key in keys]
    return pa.array([text if text is None or redact_field(text) == text else None for text in texts], pa.string())


def correction_table(rows: pa.Table, reject_ids: pa.ChunkedArray, feed: Feed) -> pa.Table | None:
    """The good rows that correct a reject; None when there are none."""
    if reject_ids.null_count == len(reject_ids):
        return None
    corrections = pa.table(
        {
            "reject_id": reject_ids.combine_chunks(),
            "feed": pa.repeat(pa.scalar(feed.name), rows.num_rows),
            "segment_id": rows["_segment_id"].cast(pa.string()),
            "source_file": rows["_source_file"].cast(pa.string()),
            "source_row": rows["_source_row"],
        }
    )
    return corrections.filter(pc.is_valid(corrections["reject_id"]))


def row_text(cells: SourceCells) -> str:
    """A row's redacted text: header and value as JSON."""

    def kept(header: str, text: str) -> str:
        if header in cells.private:
            return MASK
        text = mask_json(text)
        return redact_field(text) if header in cells.fixed else redact(text)

    texts = {redact_field(header): kept(header, text) for header, text in cells.texts.items()}
    return json.dumps(texts, ensure_ascii=False)


def malformed_text(layout: Layout, row: MalformedRow) -> str:
    """A malformed row's cells as they came, redacted: those under private headers, and whatever looks private."""
    if row.is_json:
        text = row.cells[0][: 2 * _TEXT_LIMIT]  # what is stored is cut, and so need not be looked through as a whole
        return redact_json(text, lambda key: is_private_header(layout.feed, key))[:_TEXT_LIMIT]
    private = {index for index, header in enumerate(layout.header) if is_private_header(layout.feed, header)}
    private |= {b.index for b in layout.bindings if b.index is not None and layout.feed.field(b.name).is_private}
    cells = [MASK if index in private else cell[: 2 * _TEXT_LIMIT] for index, cell in enumerate(row.cells)]
    return redact_cells(cells, has_people=bool(private))[:_TEXT_LIMIT]


def is_no_data(cells: SourceCells, *, lacks_required: bool) -> bool:
    """Whether a faulty row is a repeated header or, when it lacks required cells, a blank, a total or a footer."""
    texts = list(cells.texts.values())
    if texts and texts == list(cells.texts):
        return True
    if not lacks_required:
        return False
    if not texts or any(_TOTALS.fullmatch(text) for text in cells.first):
        return True
    return len(texts) <= _FOOTER_CELLS and bool(_FOOTER.match(texts[0]))
