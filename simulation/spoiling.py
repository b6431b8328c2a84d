"""Spoiling: puts dirt into a page and says what became of each row.

Belongs here: choosing rows and cells. Does not belong here: the kinds of dirt and their rates (dirt.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from simulation.dirt import (
    BLANK_LINE_SHARE,
    CUT_LINE_SHARE,
    KINDS,
    REPEAT_SHARE,
    RESEND_SHARE,
    Dirt,
    Outcome,
    seconds,
)
from simulation.layouts import Layout
from simulation.pages import Page
from simulation.streams import Bools, Ints, iso_instant
from simulation.weighings import LIST, MATERIAL


@dataclass(frozen=True)
class Spoilt:
    """One injected fault: the row of the page it sits in (rows past the table's end are repeats)."""

    row: int
    kind: str
    outcome: Outcome
    reason: str
    column: str
    expect: Any = None


def spoil(rng: np.random.Generator, page: Page, feed: str, may_spoil: Bools) -> tuple[list[Spoilt], Ints]:
    """Put dirt into the page's cells and stray lines; return what was done and which rows to send again.

    Each row takes at most one fault, and only rows that `may_spoil` (a key's only row). Rows repeated at the end of
    the file are appended to `page.table`.
    """
    layout = page.layout
    free = rng.permutation(np.flatnonzero(may_spoil))
    used = 0

    def take(share: float) -> Ints:
        nonlocal used
        count = min(int(rng.poisson(share * page.table.num_rows)), len(free) - used)
        used += count
        return free[used - count : used]

    chosen = [(kind, take(kind.share)) for kind in KINDS.get(feed, ())]
    chosen = [(kind, rows) for kind, rows in chosen if len(rows) and _suits(kind, layout)]
    done = _replace(page, chosen) if chosen else []

    resend = take(RESEND_SHARE)
    repeats = np.sort(take(REPEAT_SHARE))
    if len(repeats) and layout.list_style != "long":  # the lines of one key are one record there
        first = page.table.num_rows
        page.table = pa.concat_tables([page.table, page.table.take(pa.array(repeats))])
        done += [Spoilt(first + place, "repeat_in_file", "duplicate", "", "") for place in range(len(repeats))]
    if layout.format in ("csv", "jsonl"):
        rows = page.table.num_rows
        blank = rng.integers(0, rows, rng.poisson(BLANK_LINE_SHARE * rows))
        cut = rng.integers(0, rows, rng.poisson(CUT_LINE_SHARE * rows))
        page.strays = sorted([(int(row), "blank") for row in blank] + [(int(row), "cut") for row in cut])
    return done, np.sort(resend)


def _replace(page: Page, chosen: Sequence[tuple[Dirt, Ints]]) -> list[Spoilt]:
    """Replace each kind's cell in its rows."""
    clean = iter(page.table.take(pa.array(np.concatenate([rows for _, rows in chosen]))).to_pylist())
    done = []
    for kind, rows in chosen:
        scale = (page.layout.scales or {}).get(kind.column)
        for row, values in zip(rows.tolist(), clean, strict=False):
            value = values.get(kind.column, "")
            if (value is None and not kind.fills_blank) or (kind.kind == "thousands_separator" and value < 1_000):
                continue
            written = values if scale is None else {**values, kind.column: value * scale}
            page.cells.setdefault(kind.column, {})[row] = kind.spoil(written)
            done.append(_spoilt(row, kind, value))
    return done


def _suits(kind: Dirt, layout: Layout) -> bool:
    """Whether a file of that layout can hold that kind."""
    slot, _, member = kind.column.partition(".")
    if member == MATERIAL:
        return layout.list_style in ("nested", "long") and layout.format != "parquet" and slot in layout.materials
    if kind.column not in layout.headers or (kind.is_textual and layout.format == "parquet"):
        return False
    if kind.kind == "missing_key" and layout.list_style == "long":
        return False  # lines without a key go on with the record above
    if kind.kind.startswith("missing") and layout.blanks_repeats:
        return False
    return not (kind.kind == "unit_in_value" and layout.scales and kind.column in layout.scales)


def _spoilt(row: int, kind: Dirt, value: Any) -> Spoilt:
    """What became of a row; a list's value is told with its element and member."""
    expect = _plain(value) if kind.outcome == "converted" else None
    slot, _, member = kind.column.partition(".")
    if not member:
        return Spoilt(row, kind.kind, kind.outcome, kind.reason, kind.column, expect)
    if expect is not None:
        expect = {MATERIAL: slot.rsplit("_", 1)[0], "member": member, "value": expect}
    return Spoilt(row, kind.kind, kind.outcome, kind.reason, LIST, expect)


def _plain(value: Any) -> Any:
    """A clean value as JSON: instants with their offset, days as ISO text."""
    if isinstance(value, datetime):
        return iso_instant(seconds(value))
    if isinstance(value, date):
        return value.isoformat()
    return None if isinstance(value, float) and math.isnan(value) else value
