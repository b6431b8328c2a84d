"""Units that sources write, and what one of them is in the unit that a field keeps.

Belongs here: factors between units. Does not belong here: which field has which unit (the contracts).
"""

from __future__ import annotations

import re
import unicodedata

# unit kept -> unit written (folded) -> factor
_FACTORS: dict[str, dict[str, float]] = {
    "m3": {
        "m3": 1, "方": 1, "立方": 1, "立方米": 1, "万m3": 10_000, "万方": 10_000, "万立方米": 10_000, "l": 0.001,
        "yd3": 0.764554857984, "cuyd": 0.764554857984, "cu.yd.": 0.764554857984, "cy": 0.764554857984,
        "ft3": 0.028316846592,
    },
    "m3/h": {"m3/h": 1, "方/小时": 1, "立方米/小时": 1, "m3/小时": 1, "方/h": 1},
    "m2": {
        "m2": 1, "㎡": 1, "平方米": 1, "平米": 1, "万m2": 10_000, "万平方米": 10_000, "万平米": 10_000,
        "ft2": 0.09290304, "sqft": 0.09290304, "sq.ft.": 0.09290304, "sf": 0.09290304, "squarefeet": 0.09290304,
    },
    "CNY": {"元": 1, "cny": 1, "元/年": 1, "千元": 1_000, "万元": 10_000, "万": 10_000, "万元/年": 10_000, "亿元": 1e8},
    "CNY/m3": {"元/m3": 1, "元/方": 1, "元/立方米": 1, "元": 1, "cny/m3": 1},
    "km": {"km": 1, "公里": 1, "千米": 1, "m": 0.001, "米": 0.001, "里": 0.5, "mi": 1.609344, "miles": 1.609344},
    "mm": {"mm": 1, "毫米": 1, "cm": 10, "厘米": 10, "m": 1_000, "in": 25.4, "inches": 25.4},
    "L": {"l": 1, "升": 1, "kg": 1, "公斤": 1, "m3": 1_000, "ml": 0.001, "毫升": 0.001},
    "kg": {
        "kg": 1, "公斤": 1, "千克": 1, "t": 1_000, "吨": 1_000, "g": 0.001, "克": 0.001, "斤": 0.5,
        "lb": 0.45359237, "lbs": 0.45359237, "kg/盘": 1, "公斤/盘": 1, "千克/盘": 1, "t/盘": 1_000, "吨/盘": 1_000,
    },
    "kg/m3": {
        "kg/m3": 1, "kg/方": 1, "kg/立方": 1, "kg/立方米": 1, "公斤/方": 1, "公斤/m3": 1, "公斤/立方米": 1,
        "千克/方": 1,
        "千克/m3": 1, "千克/立方米": 1, "kg": 1, "公斤": 1, "千克": 1, "g/l": 1, "t/m3": 1_000, "吨/方": 1_000,
        "吨/m3": 1_000,
    },
    "CNY/t": {
        "元/t": 1, "元/吨": 1, "元": 1, "cny/t": 1, "元/kg": 1_000, "元/公斤": 1_000, "元/千克": 1_000,
        "万元/吨": 10_000,
        "万元/t": 10_000,
    },
    "MPa": {
        "mpa": 1, "n/mm2": 1, "牛/毫米2": 1, "兆帕": 1, "kpa": 0.001, "千帕": 0.001, "kn/cm2": 10, "gpa": 1_000,
        "psi": 0.00689475729,
    },
    "s": {"s": 1, "秒": 1, "sec": 1, "min": 60, "分": 60, "分钟": 60, "ms": 0.001},
    "d": {"d": 1, "天": 1, "日": 1, "days": 1, "day": 1, "周": 7},
    "h": {"h": 1, "小时": 1, "时": 1, "min": 1 / 60, "分钟": 1 / 60},
    "t": {"t": 1, "吨": 1, "kg": 0.001, "公斤": 0.001, "千克": 0.001, "万吨": 10_000, "万t": 10_000, "g": 1e-6},
    "1": {"%": 0.01},
}  # fmt: skip
# Words of units that no field above converts from; a header that names one of them must not be read as if it did not.
_FOREIGN = frozenset(
    {
        "年", "月", "日", "天", "a", "亩", "公顷", "车", "盘", "g", "克", "s", "秒", "斤",
        "美元", "usd", "$", "us$", "欧元", "eur", "€", "港元", "hkd", "cad", "gbp", "£", "日元", "jpy",
        "ton", "tons", "ft", "yd", "gal", "gl", "oz", "acres",
    }
)  # fmt: skip
_MULTIPLES = "十百千万亿"
BRACKETS = re.compile(r"[（(\[【{]([^（(\[【{)）\]】}]*)[)）\]】}]")  # no bracket within: else `[[[[…` costs its square


def fold(unit: str) -> str:
    """`unit` as the tables above spell it: NFKC folded (m³ becomes m3), lower case, no spaces."""
    return "".join(unicodedata.normalize("NFKC", unit).casefold().split())


def factor(kept: str | None, written: str) -> float | None:
    """What one `written` is in `kept`; None when the text is not a unit of that quantity."""
    return _FACTORS.get(kept or "", {}).get(fold(written))


def stated(kept: str | None, unit: str) -> float:
    """Factor of what a mapping states of a field: a unit, or the factor itself."""
    found = factor(kept, unit)
    return float(unit) if found is None else found


def in_brackets(text: str) -> list[str]:
    """What a header or key has in brackets, folded: a unit, perhaps."""
    return BRACKETS.findall(unicodedata.normalize("NFKC", text))


def of_water(kept: str | None, written: str) -> float | None:
    """What one `written`, a volume (L, L/m³), of water is in the mass `kept`: a litre is a kilogram."""
    volume, slash, whole = fold(written).partition("/")
    is_like = factor(kept, f"kg{slash}{whole}") is not None
    return _FACTORS["L"].get(volume) if is_like and is_volume(written) else None


def is_volume(written: str) -> bool:
    """Whether the text is litres or the like, by themselves or per something."""
    return fold(written).partition("/")[0] in {"l", "升", "ml", "毫升", "m3"} and fold(written) != "m3/h"


def is_unit(written: str) -> bool:
    """Whether the text is a unit at all (`万m³/年`), of whatever quantity."""
    words = _FOREIGN.union(*_FACTORS.values())
    return all(part in words or part.lstrip(_MULTIPLES) in words for part in fold(written).split("/"))


def is_other_measure(kept: str | None, word: str) -> bool:
    """Whether a header's last word is surely a measure that nobody converts to `kept` (`net_lb` of tonnes)."""
    is_measured = kept is not None and not kept.startswith("CNY")  # which money it is, the currency says
    return is_measured and factor(kept, word) is None and fold(word) in {"lb", "lbs", "kg", "ton", "tons", "gal", "oz"}


def spellings(kept: str | None) -> dict[str, float]:
    """Every spelling (folded) of the quantity's units with its factor."""
    return dict(_FACTORS.get(kept or "", {}))
