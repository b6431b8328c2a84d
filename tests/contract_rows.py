"""Rows and files made from any contract: valid and dirty values of every kind, spelled and packed in many ways.

Belongs here: what a feed's declaration allows, drawn by a seed; rendering it as CSV, JSON Lines, XLSX or Parquet.
Does not belong here: what the intake makes of it (the tests say that). A small seed gives few different rows, so
that versions, ties and duplicates are common.
"""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter
from list_layouts import LAYOUTS, laid_out

from pipelines.feeds import Feed
from pipelines.feeds.contract import Field, Kind
from pipelines.layout import aliases, normalise

Row = dict[str, Any]
Format = Literal["csv", "jsonl", "xlsx", "parquet"]
SHANGHAI = timezone(timedelta(hours=8))
FIRST = datetime(2025, 3, 5, 22, 0, tzinfo=SHANGHAI)  # two hours before a business day ends
_SQUARE = [[[106.5, 26.5], [106.6, 26.5], [106.6, 26.6], [106.5, 26.5]]]
_TEXTS = ("A-1", "00123", "甲 乙", "ｆｕｌｌ　ｗｉｄｔｈ", "2025030500000000017", 'x,y"z')
_PATTERNED = ("CNY", "USD", "A1", "202503")
_TEXTS_BY_KIND: dict[Kind, tuple[str, ...]] = {
    Kind.GRADE: ("C30", "C30P6", "LC20", "细石C25", "c35", "C10"),
    Kind.DISTRICT: ("520102", "云岩区", "南明", "520111000"),
    Kind.BOOLEAN: ("是", "无", "true", "0"),
    Kind.MONTH: ("2025-01", "202502", "2025年3月"),
    Kind.GEOMETRY: (json.dumps({"type": "Polygon", "coordinates": _SQUARE}),),
}
_WRONG = ("??", "12.5.6", "2025-13-45", "C5", "-", "９９９９９９", "1e400")
_FORMATS: tuple[Format, ...] = ("csv", "csv", "jsonl", "jsonl", "xlsx", "parquet")


@dataclass(frozen=True)
class Made:
    """One file: its name's suffix and its bytes."""

    suffix: str
    content: bytes


def row(feed: Feed, key: int, seed: int) -> Row:
    """Values by field name, absent ones left out; some rows are events where the feed has them, some are wrong."""
    dice = random.Random(f"{feed.name}/{key}/{seed}")
    made: Row = {}
    for column in feed.all_fields:
        if column.name in feed.key:
            made[column.name] = _key_value(column, key)
        elif column.required or dice.random() < 0.5:
            made[column.name] = _value(column, dice, len(made))
    made.pop("updated_at", None)
    made.pop("known_at", None)
    if seed % 3:
        made["updated_at"] = FIRST + timedelta(hours=dice.randrange(3))  # ties are meant
    if seed % 7 == 1:
        made["known_at"] = FIRST - timedelta(days=dice.randrange(3))
    if feed.partial_without and dice.random() < 0.5:
        for column in feed.fields:
            if column.required and column.name not in feed.key:
                made.pop(column.name, None)
    if seed % 5 == 4:
        wrong = dice.choice([column for column in feed.fields if column.kind is not Kind.LIST])
        made[wrong.name] = dice.choice(_WRONG)
    if seed % 11 == 10:
        made.pop(dice.choice([column.name for column in feed.fields if column.required]), None)
    return made


def _key_value(column: Field, key: int) -> Any:
    if column.kind in (Kind.TEXT, Kind.PROSE):
        return f"{column.name[0].upper()}{key % 2 if column.name == 'plant_id' else key}"
    return _value(column, random.Random(f"{column.name}/{key}"), 0)


def _value(column: Field, dice: random.Random, place: int) -> Any:
    """A value that the field allows; instants and days grow with their place in the row, as most rules ask."""
    match column.kind:
        case Kind.LIST:
            return [_element(column, dice) for _ in range(dice.randrange(1, 4))]
        case Kind.INSTANT:
            return FIRST + timedelta(minutes=20 * place + dice.choice((0, 0, 7)), seconds=dice.choice((0, 30)))
        case Kind.DAY:
            return FIRST.date() + timedelta(days=place)
        case Kind.NUMBER | Kind.INTEGER | Kind.MONEY:
            return _number(column, dice)
    return dice.choice(_texts(column))


def _element(column: Field, dice: random.Random) -> Row:
    """One element: which one it is, always something about it, and perhaps the rest."""
    kept = {column.members[0].name, column.members[-1].name}
    return {m.name: _value(m, dice, 0) for m in column.members if m.name in kept or dice.random() < 0.9}


def _texts(column: Field) -> Sequence[str]:
    """Texts that the field accepts."""
    if column.codes:
        return [text for code, others in column.codes.items() for text in (code, *others)]
    if column.pattern:
        return [text for text in _PATTERNED if re.fullmatch(column.pattern, text)]
    return _TEXTS_BY_KIND.get(column.kind, _TEXTS)


def _number(column: Field, dice: random.Random) -> float | int:
    low = column.low if column.low is not None else column.above if column.above is not None else 1.0
    high = min(column.high if column.high is not None else low + 1000, low + 1000)
    step = dice.choice((0.125, 0.25, 0.5, 0.75))
    value = low + (high - low) * step
    return int(value) if column.kind is Kind.INTEGER else round(value, 2)


def made(feed: Feed, rows: Sequence[Row], seed: int, *, is_plain: bool = False, layout: str = "") -> Made:
    """The rows as one file; format, layout of lists, headers, delimiter, encoding and spellings follow from the seed.

    A plain file has neither columns that no contract knows nor lines that are no rows.
    """
    dice = random.Random(f"{feed.name}/{seed}")
    format_ = dice.choice(_FORMATS)
    columns = [column for column in feed.all_fields if any(column.name in row for row in rows)]
    if not _is_layout(feed, columns):
        columns = list(feed.all_fields)
    headers = {column.name: _header(feed, column, dice) for column in columns}
    if not is_plain and dice.random() < 0.3:
        headers["_note"] = "车间备注"
    records = [{**row, "_note": dice.choice((None, "甲", "第 3 车")) if "_note" in headers else None} for row in rows]
    layout = layout or dice.choice(LAYOUTS)
    records, headers = laid_out(feed, records, headers, layout, dice, lambda value: _spelled(value, dice))
    match format_:
        case "csv":
            return _csv(records, headers, dice, is_plain)
        case "jsonl":
            return _json_lines(records, headers, dice)
        case "xlsx":
            return _xlsx(records, headers, dice)
        case "parquet":
            return _parquet(records, headers, dice)


def _is_layout(feed: Feed, columns: Sequence[Field]) -> bool:
    names = {column.name for column in columns}
    if feed.partial_without and names.isdisjoint(feed.partial_without):
        return any(column.name in names for column in feed.event_values)
    return {column.name for column in feed.fields if column.required} <= names


def _header(feed: Feed, column: Field, dice: random.Random) -> str:
    known = aliases(feed)
    texts = [text for text in (column.name, *column.aliases) if known.get(normalise(text)) is column]
    return dice.choice(texts[:3] or [column.name])


def _spelled(value: Any, dice: random.Random) -> str:
    """A value as somebody might type it; every spelling means the same."""
    match value:
        case None:
            return ""
        case datetime():
            utc = value.astimezone(UTC)
            return dice.choice((
                f"{value:%Y-%m-%d %H:%M:%S}", f"{value:%Y/%m/%d %H:%M:%S}", value.isoformat(),
                f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{value.year}年{value.month}月{value.day}日 {value:%H时%M分%S秒}",
                f"{value:%Y-%m-%d %H:%M:%S}.000", f"{value:%Y%m%d%H%M%S}",
            ))  # fmt: skip
        case date():
            return dice.choice(
                (f"{value:%Y-%m-%d}", f"{value:%Y/%m/%d}", f"{value.year}年{value.month}月{value.day}日")
            )
        case float() | int():
            return dice.choice((repr(value), repr(float(value)), f" {value} ", _full_width(repr(value))))
        case list():
            return json.dumps(value, ensure_ascii=False)
    return str(value)


def _full_width(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if char.isdigit() else char for char in text)


def _csv(records: Sequence[Row], headers: dict[str, str], dice: random.Random, is_plain: bool) -> Made:
    stream = io.StringIO(newline="")
    line_end = dice.choice(("\n", "\r\n"))
    writer = csv.writer(stream, delimiter=dice.choice(",,;\t"), lineterminator=line_end)
    if dice.random() < 0.2:
        stream.write("生产明细表" + line_end)
    writer.writerow(headers.values())
    for record in records:
        writer.writerow([_spelled(record.get(name), dice) for name in headers])
        if is_plain:
            continue
        if dice.random() < 0.1:
            writer.writerow(["合计", *[""] * (len(headers) - 1)])
        if dice.random() < 0.1:
            writer.writerow(["一行", "短了"])
    text = stream.getvalue()
    return Made("csv", text.encode(dice.choice(("utf-8", "utf-8-sig", "gb18030")), errors="replace"))


def _json_lines(records: Sequence[Row], headers: dict[str, str], dice: random.Random) -> Made:
    lines = []
    for number, record in enumerate(records):
        cells = {}
        for name, header in headers.items():
            value = record.get(name)
            if value is not None or number == 0 or dice.random() < 0.3:  # the first one names every key
                is_native = value is None or isinstance(value, list | float | int)
                cells[header] = value if is_native and dice.random() < 0.8 else _spelled(value, dice)
        lines.append(json.dumps(cells, ensure_ascii=False))
    return Made("jsonl", ("\n".join(lines) + "\n").encode())


def _xlsx(records: Sequence[Row], headers: dict[str, str], dice: random.Random) -> Made:
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True})
    book.set_properties({"created": datetime(2025, 1, 1)})
    sheet = book.add_worksheet()
    instant, day = (book.add_format({"num_format": form}) for form in ("yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd"))
    sheet.write_row(0, 0, list(headers.values()))
    typed = {name for name in headers if dice.random() < 0.6}
    for line, record in enumerate(records, start=1):
        for place, name in enumerate(headers):
            value = record.get(name)
            if name not in typed or isinstance(value, str | list):
                sheet.write_string(line, place, _spelled(value, dice))
            elif isinstance(value, datetime):
                sheet.write_datetime(line, place, value.replace(tzinfo=None), instant)
            elif isinstance(value, date):
                sheet.write_datetime(line, place, datetime(value.year, value.month, value.day), day)
            elif value is not None:
                sheet.write_number(line, place, value)
    book.close()
    return Made("xlsx", stream.getvalue())


def _parquet(records: Sequence[Row], headers: dict[str, str], dice: random.Random) -> Made:
    """Columns of one type are kept typed (times with and without a zone), the others become text."""
    arrays = []
    for name in headers:
        values = [record.get(name) for record in records]
        types = {type(value) for value in values if value is not None}
        if types == {datetime} and dice.random() < 0.5:
            type_ = pa.timestamp(dice.choice(("us", "ms", "ns")), dice.choice(("UTC", "Asia/Shanghai")))
            arrays.append(pa.array(values, pa.timestamp("us", "UTC")).cast(type_))
        elif types == {datetime}:
            arrays.append(pa.array([value and value.replace(tzinfo=None) for value in values], pa.timestamp("us")))
        elif len(types) == 1 and types <= {date, float, int, list} and dice.random() < 0.8:
            arrays.append(pa.array(values))
        else:
            arrays.append(pa.array([None if value is None else _spelled(value, dice) for value in values], pa.string()))
    sink = io.BytesIO()
    pq.write_table(pa.table(arrays, names=list(headers.values())), sink)
    return Made("parquet", sink.getvalue())
