"""Rejected rows: what is kept of them, and which faulty rows are no data at all.

Belongs here: the reject's record, its redacted text, recognising totals, footers and repeated headers.
Does not belong here: deciding that a row is wrong (`pipelines.checks`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipelines.blocks import FileTask
from pipelines.feeds.contract import Field
from pipelines.layout import Layout
from pipelines.privacy import MASK, is_personal_header, redact, redact_cells
from pipelines.sources.tables import MalformedRow
from store.messages import Text
from store.tables import REJECTS

_TOTALS = re.compile(
    r"\s*(本页|本日|本月|累计)?\s*(合\s*计|总\s*计|小\s*计|共\s*计|sub-?total|grand total|totals?)\s*[:：]?.*", re.I
)
_FOOTER = re.compile(
    r"\s*(制表|填表|填报|审核|复核|打印|导出|备注|说明|注\s*[:：]|第\s*\d+\s*页|单位\s*[:：]|统计时间)"
)
_TOTALS_CELLS = 3


@dataclass(frozen=True)
class Reject:
    """One rejected row."""

    file: FileTask
    source_row: int
    reason: str
    column: Field | None
    sentence: Text
    raw_text: str


def reject_table(rejects: Sequence[Reject], feed: str) -> pa.Table:
    """Rejects as a table with the columns of `ops.rejects`."""
    rows = [
        (
            reject.file.segment_id,
            feed,
            reject.file.name,
            reject.source_row,
            reject.reason,
            reject.column.name if reject.column else None,
            reject.sentence.zh,
            reject.sentence.en,
            reject.raw_text,
        )
        for reject in rejects
    ]
    types = [pa.int64() if column.type == "BIGINT" else pa.string() for column in REJECTS.columns]
    columns = [pa.array(values, type_) for values, type_ in zip(zip(*rows, strict=True), types, strict=True)]
    return pa.table(columns, names=REJECTS.column_names)


def row_text(layout: Layout | None, row: MalformedRow | Sequence[Any]) -> str:
    """A row's redacted text: header and value as JSON; a malformed row's cells as they came."""
    private = _private_columns(layout)
    if isinstance(row, MalformedRow):
        return redact_cells(row.cells, has_people=bool(private))[:4000]
    assert layout is not None
    texts = {
        header or f"column_{index + 1}": MASK if index in private else redact(str(cell))
        for index, (header, cell) in enumerate(zip(layout.header, row, strict=True))
        if cell not in (None, "")
    }
    return json.dumps(texts, ensure_ascii=False)


def _private_columns(layout: Layout | None) -> set[int]:
    if layout is None:
        return set()
    private = {index for index, header in enumerate(layout.header) if is_personal_header(header)}
    return private | {
        binding.index
        for binding in layout.bindings
        if binding.index is not None and layout.feed.field(binding.name).is_private
    }


def is_no_data(cells: Sequence[Any], header: Sequence[str], *, lacks_required: bool) -> bool:
    """Whether a faulty row is a repeated header or, when it lacks required cells, a blank, a total or a footer."""
    texts = ["" if cell is None else str(cell).strip() for cell in cells]
    if texts == [text.strip() for text in header]:
        return True
    if not lacks_required:
        return False
    filled = [text for text in texts if text]
    if not filled or any(_TOTALS.fullmatch(text) for text in texts[:_TOTALS_CELLS] if text):
        return True
    return len(filled) <= 2 and bool(_FOOTER.match(filled[0]))
