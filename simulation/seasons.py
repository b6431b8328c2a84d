"""The building year: how much of a normal day's concrete is poured on each day, and at which hour.

Belongs here: the calendar's pull on pouring. Does not belong here: how much a project needs.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from simulation.streams import Floats, day_number, day_of, stream

# first day of the lunar year; published calendar
CHINESE_NEW_YEAR = (date(2022, 2, 1), date(2023, 1, 22), date(2024, 2, 10), date(2025, 1, 29), date(2026, 2, 17))

_MONTH_LEVEL = np.array([0.90, 0.92, 1.02, 1.06, 1.06, 0.99, 0.97, 1.01, 1.05, 1.06, 1.06, 0.99])
_WEEKDAY_LEVEL = np.array([1.02, 1.03, 1.03, 1.03, 1.03, 1.00, 0.86])  # Monday first
# offset from New Year's Day -> level; sites empty two weeks before and fill up three weeks after
_CNY_OFFSET_D = np.array([-18, -14, -7, -3, 0, 7, 10, 15, 20, 26])
_CNY_LEVEL = np.array([1.0, 0.85, 0.45, 0.10, 0.03, 0.05, 0.22, 0.50, 0.82, 1.0])
_NATIONAL_DAY_LEVEL = {1: 0.30, 2: 0.35, 3: 0.45, 4: 0.60, 5: 0.65, 6: 0.70, 7: 0.80}  # October 1-7
EXAM_LEVEL = 0.50  # national college entrance examination, June 7-9: no pouring near schools
POLLUTION_LEVEL = 0.35  # days on which heavy-pollution rules stop most sites
POLLUTION_DAYS_PER_WINTER = 3

# share of pours that begin in each hour of the day
HOUR_SHARE = np.array([1, 1, 1, 1, 1, 2, 6, 12, 13, 12, 9, 6, 5, 8, 9, 7, 5, 3, 2, 2, 1, 0, 0, 0], dtype=float)
HOUR_SHARE /= HOUR_SHARE.sum()


def pollution_days(seed: int, first: int, days: int) -> list[int]:
    """Day numbers of the heavy-pollution stops in the period: a few in each December and January."""
    chosen: list[int] = []
    for year in range(day_of(first).year - 1, day_of(first + days).year + 1):
        opening = day_number(date(year, 12, 1))
        offsets = stream(seed, "pollution", year).choice(62, POLLUTION_DAYS_PER_WINTER, replace=False)
        chosen += [opening + int(offset) for offset in np.sort(offsets)]
    return [number for number in chosen if first <= number < first + days]


def exam_days(first: int, days: int) -> list[int]:
    return [n for n in range(first, first + days) if day_of(n).month == 6 and day_of(n).day in (7, 8, 9)]


def daily_level(seed: int, first: int, days: int) -> Floats:
    """Pouring level of each day from day number `first` on, shape (days,), about 1 on a normal day."""
    numbers = np.arange(first, first + days)
    dates = [day_of(n) for n in range(first, first + days)]
    year_share = np.array([(d.timetuple().tm_yday - 15) / 365.25 * 12 for d in dates])
    level: Floats = np.interp(year_share % 12, np.arange(13), np.append(_MONTH_LEVEL, _MONTH_LEVEL[0]))
    level *= _WEEKDAY_LEVEL[(numbers + 3) % 7]  # day 0 was a Thursday
    for new_year in CHINESE_NEW_YEAR:
        level *= np.interp(numbers - day_number(new_year), _CNY_OFFSET_D, _CNY_LEVEL)
    level *= np.array([_NATIONAL_DAY_LEVEL.get(d.day, 1.0) if d.month == 10 else 1.0 for d in dates])
    level[np.array(exam_days(first, days), dtype=int) - first] *= EXAM_LEVEL
    level[np.array(pollution_days(seed, first, days), dtype=int) - first] *= POLLUTION_LEVEL
    return level
