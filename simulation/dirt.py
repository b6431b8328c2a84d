"""Dirt: what goes wrong in real files, how often, and what becomes of it.

Belongs here: every kind of dirt with its rate and due outcome, in one place. Does not belong here:
rendering (pages.py) and the report of it (truth.py). Reasons and flags are those of the intake.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from simulation.pages import Cell, Instant, Page, plain_number
from simulation.streams import Bools, Ints, iso_instant

Outcome = Literal["rejected", "duplicate", "converted", "flagged", "older_version"]
Row = Mapping[str, Any]

REPEAT_SHARE = 0.0010  # a row repeated at the end of its file
RESEND_SHARE = 0.0006  # a row sent once more in the sender's next file
CUT_LINE_SHARE = 0.0003  # a line that breaks off
BLANK_LINE_SHARE = 0.0005
EXCEL_EPOCH_DAYS = 25_569  # 1970-01-01 as a spreadsheet's serial day


@dataclass(frozen=True)
class Dirt:
    """One kind: `share` of a feed's rows get `spoil(row)` in `column`.

    `spoil` returns the replacing cell, or nothing when the row does not suit. `expect` is the clean value as it
    should be read. Kinds that need text (`is_textual`) do not occur in Parquet.
    """

    kind: str
    column: str
    share: float
    outcome: Outcome
    reason: str
    spoil: Callable[[Row], Cell]
    is_textual: bool = False


@dataclass(frozen=True)
class Spoilt:
    """One injected fault: the row of the page it sits in (rows past the table's end are repeats)."""

    row: int
    kind: str
    outcome: Outcome
    reason: str
    column: str
    expect: Any = None


_FULL_WIDTH = str.maketrans("0123456789.", "０１２３４５６７８９．")


def _seconds(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp())


def _shifted(column: str, minutes: int) -> Callable[[Row], Cell]:
    return lambda row: Instant(_seconds(row[column]) + 60 * minutes)


def _chinese(moment: datetime) -> str:
    return f"{moment.year}年{moment.month}月{moment.day}日 {moment:%H:%M:%S}"


def _serial(moment: datetime) -> str:
    return f"{_seconds(moment) / 86_400 + EXCEL_EPOCH_DAYS:.7f}"


def _of(column: str, write: Callable[[Any], Cell]) -> Callable[[Row], Cell]:
    return lambda row: write(row[column])


def _full_width(value: float) -> str:
    return plain_number(value).translate(_FULL_WIDTH)


def _with_commas(value: float) -> str:
    return f"{value:,.1f}"


def _square_metres(value: float) -> str:
    return f"{plain_number(value)}㎡"


def _three_more(value: float) -> float:
    return value + 3


def _day_serial(day: date) -> str:
    return str(day.toordinal() - date(1970, 1, 1).toordinal() + EXCEL_EPOCH_DAYS)


def _nothing(_: Row) -> Cell:
    return None


def _always(cell: Cell) -> Callable[[Row], Cell]:
    return lambda _: cell


def _volume(column: str, rates: float) -> tuple[Dirt, ...]:
    return (
        Dirt("full_width_digits", column, rates, "converted", "", _of(column, _full_width), True),
        Dirt("unit_in_value", column, rates, "converted", "", _of(column, lambda v: f"{plain_number(v)}m³"), True),
        Dirt("missing_required", column, rates / 2, "rejected", "missing_required", _nothing),
        Dirt("negative_volume", column, rates / 2, "rejected", "out_of_range", _of(column, lambda v: -v)),
        Dirt("absurd_volume", column, rates / 3, "rejected", "out_of_range", _of(column, lambda v: v * 1_000 + 30_000)),
        Dirt("not_a_number", column, rates / 4, "rejected", "bad_number", _always("待定"), True),
    )  # fmt: skip


def _instant(column: str, rates: float) -> tuple[Dirt, ...]:
    return (
        Dirt("excel_serial", column, rates, "converted", "", _of(column, _serial), True),
        Dirt("chinese_time", column, rates, "converted", "", _of(column, _chinese), True),
        Dirt("bad_timestamp", column, rates / 2, "rejected", "bad_timestamp", _always("2025-13-45 08:00"), True),
    )


_GRADE = (
    Dirt("unknown_grade", "grade", 0.0004, "rejected", "bad_grade", _always("特强混凝土")),
    Dirt("missing_required", "grade", 0.0003, "rejected", "missing_required", _nothing),
)
_DISTRICT = Dirt("unknown_district", "district_code", 0.0005, "rejected", "unknown_district", _always("某某区"))

KINDS: Mapping[str, tuple[Dirt, ...]] = {
    "orders": (
        *_volume("ordered_m3", 0.0012),
        *_instant("placed_at", 0.0010),
        *_GRADE,
        _DISTRICT,
        Dirt("thousands_separator", "ordered_m3", 0.0008, "converted", "", _of("ordered_m3", _with_commas), True),
        Dirt("slump_tolerance", "slump_mm", 0.0030, "converted", "", _of("slump_mm", lambda v: f"{v}±20"), True),
        Dirt("window_reversed", "pour_to_at", 0.0004, "rejected", "pour_window", _shifted("pour_from_at", -60)),
        Dirt("outside_city", "site_lon", 0.0005, "flagged", "outside_city", _always(116.397)),
        Dirt("other_method", "pour_method", 0.0005, "flagged", "other_pour_method", _always("人工推车")),
        Dirt("unknown_status", "status", 0.0002, "rejected", "bad_code", _always("不详")),
    ),
    "deliveries": (
        *_volume("load_m3", 0.0008),
        *_instant("departed_at", 0.0006),
        *_GRADE,
        Dirt("times_decrease", "arrived_at", 0.0006, "rejected", "times_decrease", _shifted("departed_at", -25)),
        Dirt("departed_late", "batched_at", 0.0002, "rejected", "departed_late", _shifted("departed_at", -26 * 60)),
        Dirt("returns_more", "returned_m3", 0.0002, "rejected", "returned_exceeds_load", _of("load_m3", _three_more)),
        Dirt("missing_key", "ticket_id", 0.0002, "rejected", "missing_required", _nothing),
    ),
    "permits": (
        Dirt("missing_required", "issued_on", 0.004, "rejected", "missing_required", _nothing),
        Dirt("bad_date", "issued_on", 0.003, "rejected", "bad_date", _always("2025年13月45日"), True),
        Dirt("negative_area", "floor_area_m2", 0.003, "rejected", "out_of_range", _of("floor_area_m2", lambda v: -v)),
        Dirt("thousands_separator", "floor_area_m2", 0.010, "converted", "", _of("floor_area_m2", _with_commas), True),
        Dirt("full_width_digits", "floor_area_m2", 0.006, "converted", "", _of("floor_area_m2", _full_width), True),
        Dirt("unit_in_value", "floor_area_m2", 0.006, "converted", "", _of("floor_area_m2", _square_metres), True),
        Dirt("excel_serial", "issued_on", 0.006, "converted", "", _of("issued_on", _day_serial), True),
        Dirt("other_use", "use", 0.004, "flagged", "other_use", _always("综合体")),
        _DISTRICT,
    ),
}  # fmt: skip


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

    done: list[Spoilt] = []
    for kind in KINDS.get(feed, ()):
        rows = take(kind.share)
        if kind.column not in layout.headers or (kind.is_textual and layout.format == "parquet"):
            continue
        if len(rows) == 0:
            continue
        clean = page.table.take(pa.array(rows)).to_pylist()
        for row, values in zip(rows.tolist(), clean, strict=True):
            if values[kind.column] is None or (kind.kind == "thousands_separator" and values[kind.column] < 1_000):
                continue
            page.cells.setdefault(kind.column, {})[row] = kind.spoil(values)
            expect = _plain(values[kind.column]) if kind.outcome == "converted" else None
            done.append(Spoilt(row, kind.kind, kind.outcome, kind.reason, kind.column, expect))

    resend = take(RESEND_SHARE)
    repeats = np.sort(take(REPEAT_SHARE))
    if len(repeats):
        first = page.table.num_rows
        page.table = pa.concat_tables([page.table, page.table.take(pa.array(repeats))])
        done += [Spoilt(first + place, "repeat_in_file", "duplicate", "", "") for place in range(len(repeats))]
    if layout.format in ("csv", "jsonl"):
        rows = page.table.num_rows
        blank = rng.integers(0, rows, rng.poisson(BLANK_LINE_SHARE * rows))
        cut = rng.integers(0, rows, rng.poisson(CUT_LINE_SHARE * rows))
        page.strays = sorted([(int(row), "blank") for row in blank] + [(int(row), "cut") for row in cut])
    return done, np.sort(resend)


def _plain(value: Any) -> Any:
    """A clean value as JSON: instants with their offset, days as ISO text."""
    if isinstance(value, datetime):
        return iso_instant(_seconds(value))
    if isinstance(value, date):
        return value.isoformat()
    return None if isinstance(value, float) and math.isnan(value) else value
