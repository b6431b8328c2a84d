"""One ticket as a Python dict: read, typed, checked, hashed, as people write it when rows are dicts.

Belongs here: the same checks as in `bench.duckdb_alone`, row by row, with nothing but the standard library. Does not
belong here: who carries the rows (`bench.beam_rows`, `bench.dlt_peer`).
"""

from __future__ import annotations

import hashlib
import math
import re
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

SHANGHAI = timezone(timedelta(hours=8))
FIRST, LAST = datetime(1991, 9, 15, tzinfo=SHANGHAI), datetime(2100, 1, 1, tzinfo=SHANGHAI)
EVENTS = ("batched_at", "departed_at", "arrived_at", "discharge_started_at", "discharged_at", "returned_at")
NUMBERS = {"load_m3": (0, 25), "cumulative_m3": (0, 20_000), "slump_plant_mm": (0, 270), "haul_km": (0, 500)}
REQUIRED = ("ticket_id", "order_id", "plant_id", "grade", "load_m3")
STATUS = {
    "签收": ("签收", "accepted", "已签收", "正常", "完成", "已完成"),
    "退货": ("退货", "rejected", "已退货", "拒收", "退回"),
    "转运": ("转运", "diverted", "转料", "转工地", "已转运"),
    "在途": ("在途", "in_transit", "运输中", "已出厂", "已发货"),
}
GRADE = r"L?C([1-9][0-9]|100)([A-Z].*)?"
_GRADE = re.compile(GRADE)
_STATUS = {text: code for code, texts in STATUS.items() for text in texts}


def typed_row(cells: dict[str, str | None]) -> tuple[dict[str, Any], str | None]:
    """The cells' typed row with its content hash, and what is wrong with it (None when nothing is)."""
    row: dict[str, Any] = {name: (text or "").strip() or None for name, text in cells.items()}
    for name in REQUIRED:
        if row[name] is None:
            return row, f"missing_required:{name}"
    try:
        for name in NUMBERS:
            row[name] = None if row[name] is None else float(row[name])
        for name in EVENTS:
            row[name] = None if row[name] is None else datetime.fromisoformat(row[name]).replace(tzinfo=SHANGHAI)
    except ValueError:
        return row, f"unreadable:{name}"
    row["slump_plant_mm"] = None if row["slump_plant_mm"] is None else round(row["slump_plant_mm"])
    if row["status"] is not None and (code := _STATUS.get(row["status"].lower())) is None:
        return row, "unreadable:status"
    row["status"] = code if row["status"] is not None else None
    if not _GRADE.fullmatch(row["grade"]):
        return row, "unreadable:grade"
    row["_content_hash"] = hashlib.md5("\x1f".join(map(str, row.values())).encode()).hexdigest()
    return row, _broken_rule(row)


def _broken_rule(row: dict[str, Any]) -> str | None:
    for name, (low, high) in NUMBERS.items():
        value = row[name]
        if value is not None and not (math.isfinite(value) and low <= value <= high):
            return f"out_of_range:{name}"
    if row["load_m3"] <= 0:
        return "out_of_range:load_m3"
    times = [row[name] for name in EVENTS if row[name] is not None]
    if any(not FIRST <= time < LAST for time in times):
        return "bad_timestamp"
    if any(later < earlier for earlier, later in pairwise(times)):
        return "times_decrease"
    batched_at, departed_at = row["batched_at"], row["departed_at"]
    if batched_at and departed_at and departed_at > batched_at + timedelta(hours=24):
        return "departed_late"
    return None
