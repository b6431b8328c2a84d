"""Where data is missing rather than nothing: weeks nobody reported, permits that stopped coming, districts redrawn.

Belongs here: finding it, and what stands in for it. Does not belong here: reading marts (`history`), telling people
(`flags`).
"""

from __future__ import annotations

import csv
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from forecasting.hierarchy import BoolArray, FloatArray
from store.home import REFERENCE
from store.messages import TongmaiError

CHANGES_FILE = REFERENCE / "district_changes.csv"
_MIN_ARRIVALS = 10  # days on which permits came; fewer show no rhythm
_USUAL_GAPS = 1.5
_SHORTEST_STOP_D = 28


class Change(NamedTuple):
    """A district that takes `share` of an older one's past, from the day it was drawn."""

    new_code: str
    old_code: str
    share: float
    changed_on: date
    source: str


def missing_weeks(total: FloatArray, is_holiday_week: BoolArray) -> BoolArray:
    """(T,) weeks without a single delivery in the whole city that are no holiday: not reported, not zero."""
    return np.asarray((total <= 0) & ~is_holiday_week)


def bridge(values: FloatArray, is_missing: BoolArray) -> FloatArray:
    """(…, T) with missing weeks on the straight line between the weeks around them."""
    weeks = np.arange(values.shape[-1])
    if not is_missing.any() or is_missing.all():
        return values
    bridged = values.copy()
    for index in np.ndindex(values.shape[:-1]):
        bridged[index][is_missing] = np.interp(weeks[is_missing], weeks[~is_missing], values[index][~is_missing])
    return bridged


def stale_weeks(arrivals: list[date], as_of: date) -> int:
    """Whole weeks since permits last came, 0 while the pause is of a usual length. `arrivals`: days, ascending."""
    recent = [day for day in arrivals if (as_of - day).days <= 2 * 365]
    if len(recent) < _MIN_ARRIVALS:
        return 0
    usual = max(int((later - earlier).days) for earlier, later in pairwise(recent))
    pause = (as_of - recent[-1]).days
    return pause // 7 if pause > max(_SHORTEST_STOP_D, _USUAL_GAPS * usual) else 0


def read_changes(path: Path = CHANGES_FILE) -> tuple[Change, ...]:
    """The districts' changes, of file `district_changes.csv`. Raises TongmaiError(`bad_district_change`)."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    changes = []
    for number, line in enumerate(lines, start=2):
        try:
            change = Change(
                line["new_code"].strip(),
                line["old_code"].strip(),
                float(line["share"]),
                date.fromisoformat(line["changed_on"].strip()),
                line["source"],
            )
        except (KeyError, ValueError, AttributeError) as error:
            raise _bad(path, number, str(error)) from error
        if not 0 < change.share <= 1 or change.new_code == change.old_code:
            raise _bad(path, number, f"{change.old_code} → {change.new_code}, {change.share:g}")
        changes.append(change)
    for old in {change.old_code for change in changes}:
        total = sum(change.share for change in changes if change.old_code == old)
        if abs(total - 1) > 1e-6:
            raise _bad(path, len(lines) + 1, f"Σ share ({old}) = {total:g} ≠ 1")
    return tuple(changes)


def moved(rows: list[tuple[str, str, date, float]], changes: tuple[Change, ...]) -> list[tuple[str, str, date, float]]:
    """(district, kind, week, m3) rows with an old district's volume shared out to the new ones."""
    heirs: dict[str, list[Change]] = {}
    for change in changes:
        heirs.setdefault(change.old_code, []).append(change)
    found = []
    for district, kind, week, m3 in rows:
        shares = [(change.new_code, change.share) for change in heirs.get(district, [])] or [(district, 1.0)]
        found += [(code, kind, week, share * m3) for code, share in shares]
    return found


def _bad(path: Path, number: int, what: str) -> TongmaiError:
    return TongmaiError(
        "bad_district_change",
        f"{path.name} 第 {number} 行：{what}。每行一个新区划，share 在 0 到 1 之间，同一旧区划合计为 1。",
        f"Line {number} of {path.name}: {what}. One new district a line, share between 0 and 1, adding up to 1 for an "
        "old one.",
    )
