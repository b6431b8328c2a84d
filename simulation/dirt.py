"""Dirt: what goes wrong in real files, how often, and what becomes of it.

Belongs here: every kind of dirt with its rate and due outcome, in one place. Does not belong here:
putting it into files (spoiling.py, rendering.py) and the report of it (truth.py).
Reasons and flags are those of the intake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from simulation.pages import Cell, Instant, plain_number

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
    should be read. Kinds that need text (`is_textual`) do not occur in Parquet; others than
    those that fill a blank (`fills_blank`) need a value.
    """

    kind: str
    column: str
    share: float
    outcome: Outcome
    reason: str
    spoil: Callable[[Row], Cell]
    is_textual: bool = False
    fills_blank: bool = False


_FULL_WIDTH = str.maketrans("0123456789.", "０１２３４５６７８９．")


def seconds(moment: datetime) -> int:
    """City seconds of a wall-clock time."""
    return int(moment.replace(tzinfo=UTC).timestamp())


def _shifted(column: str, minutes: int) -> Callable[[Row], Cell]:
    return lambda row: Instant(seconds(row[column]) + 60 * minutes)


def _chinese(moment: datetime) -> str:
    return f"{moment.year}年{moment.month}月{moment.day}日 {moment:%H:%M:%S}"


def _serial(moment: datetime) -> str:
    return f"{seconds(moment) / 86_400 + EXCEL_EPOCH_DAYS:.7f}"


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


def _kg(value: float) -> str:
    return f"{plain_number(value)}kg"


def _earlier(column: str, days: int) -> Callable[[Row], Cell]:
    return lambda row: (row[column] - timedelta(days=days)).isoformat()


def _ten_times(value: float) -> float:
    return value * 10 + 250


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


def _weight(column: str, rates: float) -> tuple[Dirt, ...]:
    return (
        Dirt("full_width_digits", column, rates, "converted", "", _of(column, _full_width), True),
        Dirt("unit_in_value", column, rates, "converted", "", _of(column, _kg), True),
        Dirt("negative_weight", column, rates / 2, "rejected", "out_of_range", _of(column, lambda v: -v)),
        Dirt("not_a_number", column, rates / 2, "rejected", "bad_number", _always("故障"), True),
    )  # fmt: skip


_GRADE = (
    Dirt("unknown_grade", "grade", 0.0004, "rejected", "bad_grade", _always("特强混凝土")),
    Dirt("missing_required", "grade", 0.0003, "rejected", "missing_required", _nothing),
)
_REVERSED = Dirt(
    "period_reversed", "valid_to", 0.004, "rejected", "period_reversed", _earlier("valid_from", 30), fills_blank=True
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
    "batches": (
        *_weight("cement_1.actual_kg", 0.0008),
        *_instant("mixed_at", 0.0008),
        Dirt("wrong_weight", "stone_2.actual_kg", 0.0006, "flagged", "density_unlikely", _always(24_000.0)),
        Dirt("unknown_material", "admixture_1.material", 0.0010, "flagged", "other_materials", _always("纤维")),
        Dirt("absurd_volume", "batch_m3", 0.0003, "rejected", "out_of_range", _always(30.0)),
        Dirt("missing_required", "batch_m3", 0.0003, "rejected", "missing_required", _nothing),
        Dirt("missing_ticket", "ticket_id", 0.0004, "rejected", "missing_required", _nothing),
        Dirt("missing_key", "batch_id", 0.0002, "rejected", "missing_required", _nothing),
    ),
    "mixes": (
        Dirt("unit_in_value", "cement_1.kg_per_m3", 0.006, "converted", "", _of("cement_1.kg_per_m3", _kg), True),
        Dirt("not_a_number", "water_1.kg_per_m3", 0.002, "rejected", "bad_number", _always("适量"), True),
        Dirt("absurd_weight", "sand_1.kg_per_m3", 0.002, "rejected", "out_of_range", _always(7_300.0)),
        Dirt("percent", "sand_ratio", 0.004, "converted", "", _of("sand_ratio", lambda v: f"{v * 100:.1f}%"), True),
        Dirt("absurd_ratio", "water_binder_ratio", 0.002, "rejected", "out_of_range", _always(4.7)),
        Dirt("bad_date", "filed_on", 0.002, "rejected", "bad_date", _always("2025年13月45日"), True),
        Dirt("unknown_status", "status", 0.002, "rejected", "bad_code", _always("不详")),
        Dirt("unknown_grade", "grade", 0.002, "rejected", "bad_grade", _always("特强混凝土")),
    ),
    "strength_tests": (
        *_GRADE,
        Dirt("unit_in_value", "cube_1_mpa", 0.0015, "converted", "", _of("cube_1_mpa", lambda v: f"{v}MPa"), True),
        Dirt("full_width_digits", "cube_2_mpa", 0.0015, "converted", "", _of("cube_2_mpa", _full_width), True),
        Dirt("excel_serial", "cast_on", 0.0015, "converted", "", _of("cast_on", _day_serial), True),
        Dirt("missing_cube", "cube_3_mpa", 0.0010, "rejected", "missing_required", _nothing),
        Dirt("not_a_number", "cube_3_mpa", 0.0006, "rejected", "bad_number", _always("破型异常"), True),
        Dirt("no_strength", "cube_1_mpa", 0.0006, "rejected", "out_of_range", _always(0.0)),
        Dirt("absurd_strength", "cube_2_mpa", 0.0006, "rejected", "out_of_range", _of("cube_2_mpa", _ten_times)),
        Dirt("tested_early", "tested_on", 0.0008, "rejected", "tested_before_cast", _earlier("cast_on", 2)),
        Dirt("bad_date", "tested_on", 0.0005, "rejected", "bad_date", _always("2025年13月45日"), True),
        Dirt("age_differs", "age_d", 0.0015, "flagged", "age_differs", _of("age_d", lambda v: v + 5)),
        Dirt("odd_size", "size_mm", 0.0006, "flagged", "size_unusual", _always(70)),
        Dirt("other_result", "result", 0.0010, "flagged", "other_result", _always("基本合格")),
        Dirt("missing_key", "specimen_id", 0.0004, "rejected", "missing_required", _nothing),
    ),
    "material_receipts": (
        *_instant("received_at", 0.0012),
        Dirt("full_width_digits", "net_t", 0.0012, "converted", "", _of("net_t", _full_width), True),
        Dirt("unit_in_value", "net_t", 0.0020, "converted", "", _of("net_t", lambda v: f"{v}吨"), True),
        Dirt("missing_required", "net_t", 0.0008, "rejected", "missing_required", _nothing),
        Dirt("negative_weight", "net_t", 0.0008, "rejected", "out_of_range", _of("net_t", lambda v: -v)),
        Dirt("not_a_number", "net_t", 0.0005, "rejected", "bad_number", _always("未过磅"), True),
        Dirt("missing_lot", "lot_no", 0.0010, "rejected", "missing_required", _nothing),
        Dirt("unknown_material", "material", 0.0015, "flagged", "other_material", _always("硅灰")),
        Dirt("absurd_price", "unit_price_cny_per_t", 0.0006, "rejected", "out_of_range", _always(-5.0)),
        Dirt("other_result", "test_result", 0.0008, "flagged", "other_test_result", _always("让步接收")),
    ),
    "statements": (
        *_GRADE,
        Dirt("unit_in_value", "m3_delivered", 0.0030, "converted", "", _of("m3_delivered", lambda v: f"{v}方"), True),
        Dirt("thousands_separator", "m3_ordered", 0.0040, "converted", "", _of("m3_ordered", _with_commas), True),
        Dirt("negative_volume", "m3_delivered", 0.0010, "rejected", "out_of_range", _of("m3_delivered", lambda v: -v)),
        Dirt("not_a_number", "m3_delivered", 0.0010, "rejected", "bad_number", _always("待核"), True),
        Dirt("not_a_number", "cement_t", 0.0005, "rejected", "bad_number", _always("见附表"), True),
    ),
    "crosswalk": (
        Dirt("missing_required", "canonical_id", 0.004, "rejected", "missing_required", _nothing),
        Dirt("unknown_kind", "kind", 0.003, "rejected", "bad_code", _always("车辆")),
        _REVERSED,
        Dirt("bad_date", "valid_from", 0.002, "rejected", "bad_date", _always("2025年13月45日"), True),
        Dirt("no_first_day", "valid_from", 0.004, "flagged", "valid_from_is_assumed", _nothing),
    ),
}  # fmt: skip
