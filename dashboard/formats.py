"""Numbers, days and instants as a person reads them, in Chinese or English.

Belongs here: rounding, units, separators. Does not belong here: sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from store.connections import BUSINESS_TIME_ZONE
from store.messages import Lang

NONE = "—"
_SHANGHAI = ZoneInfo(BUSINESS_TIME_ZONE)


def whole(value: float | None) -> str:
    return NONE if value is None else _minus(f"{round(value) + 0:,}")


def percent(share: float | None, digits: int = 0) -> str:
    return NONE if share is None else _minus(f"{share * 100:.{digits}f}%")


def change(before: float, after: float) -> str:
    """The relative change with its sign, −12.3%; a change from nothing has none."""
    return NONE if not before else _minus(f"{(after / before - 1) * 100:+.1f}%")


def volume(m3: float, lang: Lang) -> str:
    """40.3 万 m³ / 403,000 m³: three or four figures that can be said aloud."""
    if lang == "zh" and abs(m3) >= 1e4:
        return _minus(f"{m3 / 1e4:,.1f} 万 m³")
    return _minus(f"{round(m3, -3 if abs(m3) >= 1e5 else -1 if abs(m3) >= 1e4 else 0):,.0f} m³")


def between(low: str, high: str, separator: str = "–") -> str:
    """Two formatted amounts with what they share said once: 6.9–7.7 万 m³, CNY 342 → 297 million."""
    first, second = low.split(" "), high.split(" ")
    place = 1 if first[0] == second[0] == "CNY" else 0
    if first[:place] + first[place + 1 :] == second[:place] + second[place + 1 :]:
        number = f"{first[place]}{separator}{second[place]}"
        return " ".join([*second[:place], number, *second[place + 1 :]])
    return f"{low}{separator if separator.strip() != separator else f' {separator} '}{high}"


def apart(amounts: Sequence[str]) -> tuple[str, list[str]]:
    """The unit that formatted amounts share and their bare numbers; unlike units stay with their numbers."""
    words = [amount.split(" ") for amount in amounts]
    place = 1 if all(each[0] == "CNY" for each in words) else 0
    units = {" ".join(each[:place] + each[place + 1 :]) for each in words}
    return (units.pop(), [each[place] for each in words]) if len(units) == 1 else ("", list(amounts))


def money(cny: float | None, lang: Lang) -> str:
    """3.21 亿元, 321 万元 / CNY 321 million."""
    if cny is None:
        return NONE
    scale, unit = _scale(cny, ((1e8, " 亿元"), (1e4, " 万元"), (1, " 元")) if lang == "zh" else _MILLIONS)
    number = _minus(_significant(cny / scale))
    return f"{number}{unit}" if lang == "zh" else f"CNY {number}{unit}"


def carbon(kgco2e: float, lang: Lang) -> str:
    """12.3 万吨 CO₂e / 123,000 t CO₂e."""
    tonnes = kgco2e / 1e3
    if lang == "zh":
        scale, unit = _scale(tonnes, ((1e4, " 万吨"), (1, " 吨")))
        return f"{_significant(tonnes / scale)}{unit} CO₂e"
    return f"{_significant(tonnes)} t CO₂e"


def minutes(value: float, lang: Lang) -> str:
    return f"{value:.1f} 分钟" if lang == "zh" else f"{value:.1f} min"


def day(value: date, lang: Lang) -> str:
    return f"{value.year}年{value.month}月{value.day}日" if lang == "zh" else f"{value.day} {value:%b %Y}"


def instant(value: datetime) -> str:
    """City time to the minute."""
    return f"{value.astimezone(_SHANGHAI):%Y-%m-%d %H:%M}"


def clock(value: datetime) -> str:
    return f"{value.astimezone(_SHANGHAI):%H:%M}"


def age(since: datetime, now: datetime, lang: Lang) -> str:
    """How long ago, in the largest unit that gives at least one."""
    seconds = max((now - since).total_seconds(), 0.0)
    for unit_s, zh, en in ((86400.0, "天", "day"), (3600.0, "小时", "hour"), (60.0, "分钟", "minute")):
        count = int(seconds // unit_s)
        if count:
            return f"{count} {zh}前" if lang == "zh" else f"{count} {en}{'s' if count > 1 else ''} ago"
    return "刚刚" if lang == "zh" else "just now"


_MILLIONS = ((1e9, " billion"), (1e6, " million"), (1, ""))


def _scale(value: float, scales: tuple[tuple[float, str], ...]) -> tuple[float, str]:
    return next((pair for pair in scales if abs(value) >= pair[0]), scales[-1])


def _significant(value: float) -> str:
    """Three significant figures, never fewer than the whole number has."""
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:,.{digits}f}"


def _minus(text: str) -> str:
    return text.replace("-", "−")  # the minus sign, as wide as the plus
