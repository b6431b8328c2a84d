"""How a text or a typed cell becomes an instant, a day or a month: one SQL expression each.

Belongs here: the spellings of times (DuckDB expressions). Does not belong here: other kinds of values
(`pipelines.readings`). Naive times are Shanghai's. An expression yields NULL for what it cannot read; a year of two
digits lies outside FIRST_… to LAST_… and is rejected by that.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.feeds.contract import Field, Kind
from pipelines.sql_text import Reading, as_text, quote

FIRST_INSTANT = "TIMESTAMPTZ '1991-09-15 00:00:00+08'"  # since then Shanghai has been at UTC+8 all year
LAST_INSTANT = "TIMESTAMPTZ '2100-01-01 00:00:00+08'"
FIRST_DAY, LAST_DAY = "DATE '1950-01-01'", "DATE '2100-01-01'"
_SHANGHAI_US = 8 * 3600 * 1_000_000
_EXCEL_EPOCH = "TIMESTAMP '1899-12-30 00:00:00'"
_EXCEL_DAYS = "BETWEEN 20000 AND 80000"
_MONTH = "^((?:19|20)[0-9]{2}) *[-年/.]? *(0?[1-9]|1[0-2]) *(?:月份?)?$"
_JANUARY_OR_OCTOBER = "[0-9]{4}[.]1"  # a cell 2025.10 that a spreadsheet took for a number
_HAS_WORDS = "[上下凌早周期拜T,]|[AaPp][Mm]$"
_WORDS = (
    (r"[(（]?(星期|周|礼拜)[一二三四五六日天][)）]?", " "),
    (r"(上午|凌晨|早上)(.*)$", r"\2 AM"),  # not 中午 and 晚上: 11 and 12 o'clock may be meant in two ways
    (r"下午(.*)$", r"\1 PM"),
    (r"([0-9])\s*([AaPp][Mm])$", r"\1 \2"),
    (r"([0-9])T([0-9])", r"\1 \2"),
    (r",([0-9]+)$", r".\1"),
)
_CHINESE_TIME = (
    (r"^([0-9]{4})[.]([0-9]{1,2})[.]", r"\1-\2-"),
    ("[年月/]", "-"),
    ("[日号]", " "),
    ("[时点分]", ":"),
    ("秒", ""),
    (r":\s*( [AaPp][Mm])?$", r"\1"),
    (r"\s+", " "),
    (r"^(\S+) ([0-9]{1,2})( [AaPp][Mm])?$", r"\1 \2:00\3"),  # 14时: an hour alone
    (r" (1[3-9]|2[0-3])(:.*) [Pp][Mm]$", r" \1\2"),  # 下午14:30
)
_TIDIED = (
    "%Y-%m-%d %I:%M:%S %p",
    "%Y-%m-%d %I:%M %p",
    "%Y%m%d %H%M%S",
    "%Y%m%d %H%M",
    "%Y%m%d %H:%M:%S",
    "%Y%m%d %H:%M",
)
_COMPACT = ("%Y%m%d", "%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d%H%M%S%g")
_OFFSET = r"\s*(?:GMT|UTC)?\s*([-+])([0-9]{1,2})(?::?([0-9]{2}))?$"
_NAMED_ZONE = r".*:[0-9]{2}.* ?[A-Z][A-Za-z]+/[A-Za-z_/]+"


def instant(x: str, type_: str) -> Reading:
    """A TIMESTAMPTZ; naive times are Shanghai's."""
    if type_.startswith(("timestamp", "date")):
        return Reading(f"TRY_CAST({x} AS TIMESTAMPTZ)" if "tz=" in type_ else _shanghai(f"TRY_CAST({x} AS TIMESTAMP)"))
    if type_ != "string":
        x = as_text(x, type_)
    # A cast to TIMESTAMP drops an offset (a sign after the time, Z, UTC), which is right for +08:00 and for no other.
    is_zoned = f"ends_with({x}, 'Z') OR ends_with({x}, 'UTC') OR contains({x}, '+') OR {x} LIKE '%:%-%'"
    is_elsewhere = f"({is_zoned}) AND NOT ends_with({x}, '+08:00')"
    here = _shanghai(f"TRY_CAST({x} AS TIMESTAMP)")
    usual = f"CASE WHEN {is_elsewhere} THEN TRY_CAST({x} AS TIMESTAMPTZ) ELSE {here} END"
    return Reading(usual, x, _unusual_instant(x))


def _unusual_instant(x: str) -> str:
    worded = f"CASE WHEN regexp_matches({x}, {quote(_HAS_WORDS)}) THEN {_replaced(x, _WORDS)} ELSE {x} END"
    tidy = _replaced(worded, _CHINESE_TIME)
    number = f"TRY_CAST({x} AS DOUBLE)"
    excel = f"{_EXCEL_EPOCH} + to_microseconds(CAST(round({number} * 86400) AS BIGINT) * 1000000)"
    compact = f"try_strptime({x}, [{', '.join(map(quote, _COMPACT))}])"
    told = f"coalesce(TRY_CAST({tidy} AS TIMESTAMP), try_strptime({tidy}, [{', '.join(map(quote, _TIDIED))}]))"
    zoned = f"regexp_replace({x}, {quote(_OFFSET)}, '\\1\\2:\\3')"  # GMT+8, +0800, +08 -> +08:00
    zoned = f"regexp_replace(regexp_replace({zoned}, '([-+])([0-9]):', '\\10\\2:'), ':$', ':00')"
    return (
        f"CASE WHEN {number} {_EXCEL_DAYS} THEN {_shanghai(excel)} "
        f"WHEN regexp_full_match({x}, '[0-9]{{13}}') THEN make_timestamptz(CAST({x} AS BIGINT) * 1000) "
        f"WHEN regexp_full_match({x}, '[0-9]{{10}}([.][0-9]+)?') "
        f"THEN make_timestamptz(CAST(round({number} * 1000000) AS BIGINT)) "
        f"WHEN {number} IS NOT NULL THEN {_shanghai(compact)} "
        f"WHEN regexp_full_match({x}, '[0-9]{{8}}T[0-9]{{6}}Z') "
        f"THEN make_timestamptz(epoch_us(try_strptime({x}, '%Y%m%dT%H%M%SZ'))) "
        f"WHEN regexp_matches({x}, {quote(':[0-9]{2}.*' + _OFFSET)}) THEN TRY_CAST({zoned} AS TIMESTAMPTZ) "
        f"WHEN regexp_full_match({x}, {quote(_NAMED_ZONE)}) THEN TRY_CAST({x} AS TIMESTAMPTZ) "
        f"ELSE {_shanghai(told)} END"
    )


def _replaced(x: str, replacements: Sequence[tuple[str, str]]) -> str:
    for pattern, replacement in replacements:
        x = f"trim(regexp_replace({x}, {quote(pattern)}, {quote(replacement)}, 'g'))"
    return x


def stated_time(column: Field, x: str, formats: Sequence[str]) -> str:
    """A day or a time in one of the formats that a mapping states."""
    naive = f"try_strptime({x}, [{', '.join(map(quote, formats))}])"
    if column.kind is Kind.MONTH:
        naive = f"date_trunc('month', {naive})"
    return _shanghai(naive) if column.kind is Kind.INSTANT else f"CAST({naive} AS DATE)"


def _shanghai(naive: str) -> str:
    # The arithmetic is three times as fast as a cast through the time zone.
    return f"make_timestamptz(epoch_us({naive}) - {_SHANGHAI_US})"


def day(x: str, type_: str) -> Reading:
    """A DATE; of an instant the day it has in Shanghai."""
    if type_.startswith("date"):
        return Reading(f"TRY_CAST({x} AS DATE)")
    local_day = f"CAST(make_timestamp(epoch_us({instant(x, type_).whole}) + {_SHANGHAI_US}) AS DATE)"
    if type_ != "string":
        return Reading(local_day)
    return Reading(f"CASE WHEN length({x}) <= 10 THEN TRY_CAST({x} AS DATE) END", x, local_day)


def month(x: str, text: str, type_: str) -> str:
    """The first day of a month that is written alone (2025-03, 202503, 2025年3月) or by one of its days.

    `2025.1` is NULL: it is January, or what a spreadsheet leaves of 2025.10.
    """
    number = f"CAST(regexp_extract({text}, {quote(_MONTH)}, %d) AS INTEGER)"
    alone = f"make_date({number % 1}, {number % 2}, 1)"
    its_first = f"CAST(date_trunc('month', {day(x, type_).whole}) AS DATE)"
    if type_.startswith(("date", "timestamp")):
        return its_first
    unclear = f"regexp_full_match({text}, {quote(_JANUARY_OR_OCTOBER)})"
    return (
        f"CASE WHEN {unclear} THEN NULL WHEN regexp_matches({text}, {quote(_MONTH)}) THEN {alone} ELSE {its_first} END"
    )
