"""Readings: what each spelling of a value is read as, and what cannot be read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from pipelines.faults import refined
from pipelines.feeds import FEEDS
from pipelines.feeds.contract import Field, Kind
from pipelines.mapping import FieldMapping
from pipelines.readings import reading
from store.messages import Text

SHANGHAI = timezone(timedelta(hours=8))


TOLERANCES = [(text, 180) for text in ("18±2cm", "18±2 cm", "18cm±2", "180(±20)", "180±20mm", "180mm±20mm", "180 ± 20")]


def read(column: Field, text: str, factor: float = 1.0, codes: dict[str, str] | None = None) -> Any:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Asia/Shanghai'")
    mapping = FieldMapping(values=((column.name, tuple((codes or {}).items())),))
    sql = f"SELECT {reading(column, 'x', 'string', factor, mapping).whole} FROM (SELECT CAST(? AS VARCHAR) AS x)"
    row = connection.execute(sql, [text]).fetchone()
    connection.close()
    assert row is not None
    return row[0]


def field(kind: Kind, unit: str | None = None) -> Field:
    return Field("x", kind, Text("", ""), unit=unit)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-05 14:30:05", (2026, 3, 5, 14, 30, 5)),
        ("2026-03-05T14:30:05", (2026, 3, 5, 14, 30, 5)),
        ("2026/3/5 14:30", (2026, 3, 5, 14, 30)),
        ("2026/3/5", (2026, 3, 5)),
        ("2026.3.5 14:30:05", (2026, 3, 5, 14, 30, 5)),
        ("2026年3月5日", (2026, 3, 5)),
        ("2026年3月5日 14:30", (2026, 3, 5, 14, 30)),
        ("2026年03月05日14时30分", (2026, 3, 5, 14, 30)),
        ("2026年3月5日14时", (2026, 3, 5, 14)),
        ("2026年3月5日 14时30分05秒", (2026, 3, 5, 14, 30, 5)),
        ("20260305", (2026, 3, 5)),
        ("20260305143005", (2026, 3, 5, 14, 30, 5)),
        ("46086.5", (2026, 3, 5, 12)),
        ("46086", (2026, 3, 5)),
        ("2026-03-05T14:30:05+08:00", (2026, 3, 5, 14, 30, 5)),
        ("2026-03-05T06:30:05Z", (2026, 3, 5, 14, 30, 5)),
        ("2026-03-05T01:30:05-05:00", (2026, 3, 5, 14, 30, 5)),
        ("2026-03-05 06:30:05 UTC", (2026, 3, 5, 14, 30, 5)),
        ("2026-03-05 01:30:05-05", (2026, 3, 5, 14, 30, 5)),
        ("2026-03-05T15:30:05+09", (2026, 3, 5, 14, 30, 5)),
        ("2026-03-05 24:00", (2026, 3, 6)),
        ("2026-03-05T24:00:00Z", (2026, 3, 6, 8)),
        ("2026.3.5", (2026, 3, 5)),
        ("2026年3月5日 下午2:30", (2026, 3, 5, 14, 30)),
        ("2026年3月5日下午2时30分05秒", (2026, 3, 5, 14, 30, 5)),
        ("2026/3/5 下午 14:30", (2026, 3, 5, 14, 30)),
        ("2026-03-05 上午12:10", (2026, 3, 5, 0, 10)),
        ("2026年3月5日 凌晨1时", (2026, 3, 5, 1)),
        ("2026-03-05 02:30 PM", (2026, 3, 5, 14, 30)),
        ("2026-3-5 2:30:05pm", (2026, 3, 5, 14, 30, 5)),
        ("2026年3月5日 星期四", (2026, 3, 5)),
        ("2026-03-05 (周四) 14:30", (2026, 3, 5, 14, 30)),
        ("20260305 143005", (2026, 3, 5, 14, 30, 5)),
        ("20260305T143005", (2026, 3, 5, 14, 30, 5)),
        ("20260305T063005Z", (2026, 3, 5, 14, 30, 5)),
        ("2026-03-05T14:30:05+0800", (2026, 3, 5, 14, 30, 5)),
        ("2026-03-05 14:30:05 +0800", (2026, 3, 5, 14, 30, 5)),
        ("2026-03-05 14:30:05 GMT+8", (2026, 3, 5, 14, 30, 5)),
        ("2026-03-05 01:30:05 GMT-05:00", (2026, 3, 5, 14, 30, 5)),
        ("2026-03-05 12:15:05+05:45", (2026, 3, 5, 14, 30, 5)),
        ("2026-03-05 14:30:05 Asia/Shanghai", (2026, 3, 5, 14, 30, 5)),
        ("2026-07-05 02:30:05 America/New_York", (2026, 7, 5, 14, 30, 5)),
        ("2026-03-05 01:30:05 America/New_York", (2026, 3, 5, 14, 30, 5)),
        ("2026-03-05 14:30:05.000", (2026, 3, 5, 14, 30, 5)),
        ("2026-03-05 14:30:05.25", (2026, 3, 5, 14, 30, 5, 250_000)),
        ("2026-03-05 14:30:05,250", (2026, 3, 5, 14, 30, 5, 250_000)),
        ("2026-03-05T06:30:05.250Z", (2026, 3, 5, 14, 30, 5, 250_000)),
        ("20260305143005250", (2026, 3, 5, 14, 30, 5, 250_000)),
        ("1772692205.25", (2026, 3, 5, 14, 30, 5, 250_000)),
        ("46086.99999999", (2026, 3, 6)),
        ("1772692205", (2026, 3, 5, 14, 30, 5)),
        ("1772692205000", (2026, 3, 5, 14, 30, 5)),
    ],
)
def test_instants(text: str, expected: tuple[int, ...]) -> None:
    assert read(field(Kind.INSTANT), text) == datetime(*expected, tzinfo=SHANGHAI)  # type: ignore[misc,arg-type]
    assert read(field(Kind.DAY), text) == date(*expected[:3])


@pytest.mark.parametrize(
    "text",
    [
        "2025-13-45 08:00", "2026-02-30", "昨天", "12:30", "3月5日", "99999999", "2026-03-05 24:30", "2026-03-05 25:00",
        "下午2:30", "2026-03-05 中午12:00", "2026-03-05 晚上12点", "3/5/2026", "31/12/2026", "2026-03-05 14:30 CST",
        "2026-03-05 上午14:30",
    ],
)  # fmt: skip
def test_what_is_no_time(text: str) -> None:
    assert read(field(Kind.INSTANT), text) is None
    assert read(field(Kind.DAY), text) is None


def test_a_year_of_two_digits_is_no_year_of_ours() -> None:
    for text in ("26-03-05", "26/3/5 14:30", "26年3月5日"):
        assert read(field(Kind.DAY), text).year < 1950  # and so outside what is accepted: bad_timestamp, bad_date


@pytest.mark.parametrize(("text", "day"), [("2026-03-01 15:59:59Z", 1), ("2026-03-01 16:00:00Z", 2)])
def test_a_business_day_begins_at_midnight_in_shanghai(text: str, day: int) -> None:
    assert read(field(Kind.DAY), text) == date(2026, 3, day)


@pytest.mark.parametrize(
    ("text", "utc_hour"),
    [
        ("2026-11-01T01:30:00-04:00", 5),  # the hour that comes twice: the offset says which
        ("2026-11-01T01:30:00-05:00", 6),
        ("2026-03-08 01:59:59 America/New_York", 6),
        ("2026-03-08 03:00:00 America/New_York", 7),  # one second later
    ],
)
def test_clocks_that_change_elsewhere(text: str, utc_hour: int) -> None:
    assert read(field(Kind.INSTANT), text).astimezone(UTC).hour == utc_hour


@pytest.mark.parametrize(
    ("text", "unit", "factor", "expected"),
    [
        ("12.5", "m3", 1.0, 12.5),
        ("1,234.5", "m3", 1.0, 1234.5),
        ("1,234,567", "m3", 1.0, 1234567.0),
        ("12方", "m3", 1.0, 12.0),
        ("12.5 m3", "m3", 1.0, 12.5),
        ("2万方", "m3", 1.0, 20000.0),
        ("12", "km", 0.001, 0.012),
        ("12km", "km", 0.001, 12.0),
        ("￥380", "CNY/m3", 1.0, 380.0),
        ("80%", "1", 1.0, 0.8),
        ("-3", "m3", 1.0, -3.0),
        ("1.2e3", "m3", 1.0, 1200.0),
        ("twelve", "m3", 1.0, None),
        ("12车", "m3", 1.0, None),
    ],
)
def test_numbers(text: str, unit: str, factor: float, expected: float | None) -> None:
    assert read(field(Kind.NUMBER, unit), text, factor) == (pytest.approx(expected) if expected is not None else None)


@pytest.mark.parametrize(
    ("text", "factor", "expected"),
    [
        ("12565873269.98", 1.0, "12565873269.98"),
        ("12,565,873,269.98", 1.0, "12565873269.98"),
        ("1234.5678", 10_000.0, "12345678.00"),
        ("0.1万元", 1.0, "1000.00"),
        ("¥ 1,000", 1.0, "1000.00"),
        ("3亿元", 1.0, "300000000.00"),
        ("面议", 1.0, None),
    ],
)
def test_money_is_exact(text: str, factor: float, expected: str | None) -> None:
    assert read(field(Kind.MONEY, "CNY"), text, factor) == (Decimal(expected) if expected else None)


@pytest.mark.parametrize(
    ("text", "expected"), [("180", 180), ("180±20", 180), ("180+-20", 180), ("18cm", 180), ("高", None), *TOLERANCES]
)
def test_slumps(text: str, expected: int | None) -> None:
    assert read(FEEDS["orders"].field("slump_mm"), text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("C30", "C30"),
        ("c30", "C30"),
        ("C30P6", "C30P6"),
        ("C35F150", "C35F150"),
        ("LC20", "LC20"),
        ("细石C25", "细石C25"),
        ("C 40", "C40"),
        ("C30 水下", "C30水下"),
        ("C30-P6", "C30-P6"),
        ("C20/C25", None),
        ("C40及以上", None),
        ("≥C30", None),
        ("C30～C35", None),
        ("C5", None),
        ("C300", None),
        ("M10", None),
        ("30", None),
    ],
)
def test_grades(text: str, expected: str | None) -> None:
    assert read(field(Kind.GRADE), text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("520103", "520103"),
        ("520103000000", "520103"),
        ("云岩区", "520103"),
        ("云岩", "520103"),
        ("贵阳市云岩区", "520103"),
        ("520103001", "520103"),
        ("520103001002", "520103"),
        ("贵阳云岩区", "520103"),
        ("贵州省 贵阳市 云岩区", "520103"),
        ("清镇市", "520181"),
        ("贵阳清镇", "520181"),
        ("贵阳市", None),
        ("Yunyan", "520103"),
        ("Yunyan District", "520103"),
        ("500101", "500101"),
        ("火星区", None),
    ],
)
def test_districts(text: str, expected: str | None) -> None:
    assert read(field(Kind.DISTRICT), text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("泵送", "pump"), ("PUMP", "pump"), ("自卸", "chute"), ("飞机", "other")]
)
def test_codes_with_a_catch_all(text: str, expected: str) -> None:
    assert read(FEEDS["orders"].field("pour_method"), text) == expected


def test_codes_without_a_catch_all() -> None:
    status = FEEDS["orders"].field("status")
    assert read(status, "已取消") == "cancelled"
    assert read(status, "不明") is None
    assert read(status, "不明", codes={"不明": "placed"}) == "placed"


@pytest.mark.parametrize(
    ("text", "expected"), [("是", True), ("true", True), ("否", False), ("无", False), ("也许", None)]
)
def test_booleans(text: str, expected: bool | None) -> None:
    assert read(field(Kind.BOOLEAN), text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20240001.0", "20240001"),
        ("00123", "00123"),
        ("V1.0", "V1.0"),
        ("1.23457E+17", None),
        ("1e+17", None),
        ("K0+100", "K0+100"),
    ],
)
def test_ids_that_were_numbers(text: str, expected: str | None) -> None:
    assert read(field(Kind.TEXT), text) == expected


def test_no_zero_is_negative() -> None:
    assert str(read(field(Kind.NUMBER, "m3"), "-0")) == "0.0"


def test_money_in_fractions_of_a_unit() -> None:
    assert read(field(Kind.MONEY, "CNY"), "12345", factor=0.01) == Decimal("123.45")


@pytest.mark.parametrize(
    "text", ["2025-10", "202510", "2025.10", "2025年10月", "2025年10月份", "2025/10", "2025-10-31"]
)
def test_october_is_no_january(text: str) -> None:
    assert read(field(Kind.MONTH), text) == date(2025, 10, 1)


def test_a_month_that_a_spreadsheet_has_cut_is_not_guessed() -> None:
    assert read(field(Kind.MONTH), "2025.1") is None
    assert refined("bad_date", "2025.1") == "unclear_month"
    assert read(field(Kind.MONTH), "2025.9") == date(2025, 9, 1)
