"""Made-up rows of any feed, from its contract alone, and files of them in every format.

Belongs here: plausible rows and how they are written down. Does not belong here: damage (`damage`), kills.
A new feed or field takes part by itself.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter
from xls_writer import workbook as xls_workbook

from pipelines.feeds import FEEDS, Feed
from pipelines.feeds.contract import Field, Kind

Row = dict[str, str]
FIRST = datetime(2024, 1, 1, 6)
KEYS = 400  # few enough that files tell of the same things again
DISTRICTS = ("云岩区", "520103", "观山湖区", "南明")
GRADES = ("C30", "C35P6", "LC20", "c40", "C25")


def row(feed: Feed, chance: random.Random) -> Row:
    """One row's texts by field; nearly all rows are valid."""
    started = FIRST + timedelta(minutes=chance.randrange(500_000))
    texts = {}
    for place, column in enumerate(feed.fields):
        if column.required or column.name in feed.key or chance.random() < 0.6:
            texts[column.name] = _text(feed, column, chance, started + timedelta(minutes=20 * place))
    if chance.random() < 0.1:
        column = chance.choice(feed.fields)
        texts[column.name] = chance.choice(("", "不详", "-", "1e99", "2024-13-45", "合计", "=1+1", "13800001234"))
    if chance.random() < 0.2:
        texts["updated_at"] = f"{started + timedelta(days=chance.randrange(3)):%Y-%m-%d %H:%M:%S}"
    return texts


def rows(feed: Feed, chance: random.Random, count: int) -> list[Row]:
    """`count` rows; some stand there twice."""
    made: list[Row] = []
    for _ in range(count):
        made.append(dict(chance.choice(made)) if made and chance.random() < 0.05 else row(feed, chance))
    return made


def _text(feed: Feed, column: Field, chance: random.Random, moment: datetime) -> str:
    match column.kind:
        case Kind.NUMBER | Kind.INTEGER | Kind.MONEY:
            return _number(column, chance)
        case Kind.INSTANT:
            return moment.strftime(chance.choice(("%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y年%m月%d日 %H:%M:%S")))
        case Kind.DAY:
            return moment.strftime(chance.choice(("%Y-%m-%d", "%Y年%m月%d日", "%Y%m%d")))
        case Kind.CODE:
            code = chance.choice(list(column.codes))
            return chance.choice((code, *column.codes[code]))
        case Kind.BOOLEAN:
            return chance.choice(("是", "否", "true"))
        case Kind.GRADE:
            return chance.choice(GRADES)
        case Kind.DISTRICT:
            return chance.choice(DISTRICTS)
        case Kind.PERSON:
            return f"张{chance.randrange(90)}"
        case Kind.GEOMETRY:
            west, south = 106.5 + chance.random() / 10, 26.5 + chance.random() / 10
            ring = [[west, south], [west + 0.01, south], [west + 0.01, south + 0.01], [west, south]]
            return json.dumps({"type": "Polygon", "coordinates": [ring]})
        case Kind.TEXT if column.pattern:
            return "CNY"
        case Kind.TEXT:
            return f"{column.name[:2].upper()}-{chance.randrange(KEYS if column.name in feed.key else 40):04d}"
        case Kind.PROSE:
            return chance.choice(("三层梁板", "基础, 垫层", 'A座"东区"', "电话13800001234", "主体\n二层"))
    return _list(feed, column, chance, moment)


def _list(feed: Feed, column: Field, chance: random.Random, moment: datetime) -> str:
    members: Sequence[Field] = getattr(column, "members")  # noqa: B009 - a kind that only list feeds have
    count = chance.randrange(1, 5)
    made = [{member.name: _text(feed, member, chance, moment) for member in members} for _ in range(count)]
    return json.dumps(made, ensure_ascii=False)


def _number(column: Field, chance: random.Random) -> str:
    low = next((bound for bound in (column.low, column.above) if bound is not None), 0.0)
    high = column.high if column.high is not None else low + 1000.0
    value = low + (high - low) * (0.05 + chance.random() / 4)
    return str(round(value)) if column.kind is Kind.INTEGER and value >= 1 else f"{value:.3f}"


def headers(feed: Feed, columns: Sequence[str], chance: random.Random) -> list[str]:
    """The header texts of a file: field names, or what people write."""
    is_plain = chance.random() < 0.3
    texts = {c.name: c.name if is_plain or not c.aliases else chance.choice(c.aliases) for c in feed.all_fields}
    found = [texts[name] for name in columns]
    return found if len(set(found)) == len(found) else list(columns)


def columns_of(made: Sequence[Row], feed: Feed) -> list[str]:
    """The fields that some row has, and those that every file of the feed must have."""
    needed = {column.name for column in feed.fields if column.required}
    return [c.name for c in feed.all_fields if c.name in needed or any(c.name in row for row in made)]


def table(feed: Feed, made: Sequence[Row], chance: random.Random) -> list[list[str]]:
    """Header and rows as cells."""
    names = columns_of(made, feed)
    return [headers(feed, names, chance), *([row.get(name, "") for name in names] for row in made)]


def delimited(cells: Sequence[Sequence[str]], chance: random.Random) -> bytes:
    """CSV as plants export it: any of the usual encodings, delimiters and line ends."""
    delimiter = chance.choice(",,,;\t|")
    encoding = chance.choice(("utf-8", "utf-8", "utf-8-sig", "gb18030", "gb18030", "utf-16"))
    text = io.StringIO(newline="")
    if chance.random() < 0.2:
        text.write(f"2024年报表{chance.choice(('', delimiter * 3))}\n\n")
    csv.writer(text, delimiter=delimiter, lineterminator=chance.choice(("\n", "\r\n"))).writerows(cells)
    return encoded(text.getvalue(), encoding)


def encoded(text: str, encoding: str = "utf-8") -> bytes:
    """The text in that encoding, half characters too where it can hold them."""
    return text.encode(encoding, errors="surrogatepass" if encoding.startswith("utf") else "replace")


def _objects(cells: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    header, *body = cells
    return [{name: _value(text) for name, text in zip(header, line, strict=True) if text} for line in body]


def _value(text: str) -> Any:
    if not text.startswith(("[{", '{"')):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def json_lines(cells: Sequence[Sequence[str]], chance: random.Random) -> bytes:
    """One object per line."""
    is_escaped = chance.random() < 0.3
    return encoded("".join(json.dumps(item, ensure_ascii=is_escaped) + "\n" for item in _objects(cells)))


def json_array(cells: Sequence[Sequence[str]], chance: random.Random) -> bytes:
    """One array of objects."""
    return encoded(json.dumps(_objects(cells), ensure_ascii=False, indent=chance.choice((None, 2))))


def xlsx(cells: Sequence[Sequence[str]], chance: random.Random) -> bytes:
    """A workbook: texts, numbers where they are some, at times a title."""
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True, "strings_to_numbers": chance.random() < 0.5})
    sheet = book.add_worksheet()
    top = chance.choice((0, 0, 2))
    if top:
        sheet.write(0, 0, "2024年生产月报")
    for line, texts in enumerate(printable(cells)):
        for place, text in enumerate(texts):
            if not text.startswith("="):
                sheet.write(top + line, place, text[:32_000])
    book.close()
    return stream.getvalue()


def xls(cells: Sequence[Sequence[str]], chance: random.Random) -> bytes:
    """A workbook of Excel 97."""
    return xls_workbook(cells if chance.random() < 0.7 else [["月报"], [], *cells])


def parquet(cells: Sequence[Sequence[str]], chance: random.Random) -> bytes:
    """Columns of texts, or of numbers where they are some."""
    header, *body = printable(cells)
    arrays = [column([line[place] or None for line in body]) for place in range(len(header))]
    sink = pa.BufferOutputStream()
    compression = chance.choice(("snappy", "none", "zstd"))
    pq.write_table(pa.table(arrays, names=header), sink, compression=compression, row_group_size=chance.choice((7, 99)))
    return bytes(sink.getvalue())


def printable(cells: Sequence[Sequence[str]]) -> list[list[str]]:
    """Cells without half characters, for formats that refuse them."""
    return [[text.encode(errors="replace").decode() for text in line] for line in cells]


def column(texts: Sequence[str | None]) -> pa.Array:
    """Numbers if they all are, else texts."""
    try:
        return pa.array([None if text is None else float(text) for text in texts], pa.float64())
    except ValueError:
        return pa.array(texts, pa.string())


def geojson(cells: Sequence[Sequence[str]], chance: random.Random) -> bytes:
    """A feature collection; the cells must have a column `geometry`."""
    features = []
    for item in _objects(cells):
        shape = next((item.pop(name) for name in list(item) if isinstance(item[name], dict)), None)
        features.append({"type": "Feature", "geometry": shape, "properties": item})
    document = {"type": "FeatureCollection", "features": features}
    return encoded(json.dumps(document, ensure_ascii=chance.random() < 0.5))


def gzipped(cells: Sequence[Sequence[str]], chance: random.Random) -> bytes:
    """A CSV or JSON Lines file, gzip."""
    return gzip.compress(chance.choice((delimited, json_lines))(cells, chance), mtime=0)


def zipped(cells: Sequence[Sequence[str]], chance: random.Random) -> bytes:
    """One file, or its rows in two files, in an archive."""
    write, suffix = chance.choice(((delimited, "csv"), (json_lines, "jsonl"), (xlsx, "xlsx"), (parquet, "parquet")))
    half = len(cells) // 2 if chance.random() < 0.5 else len(cells)
    parts = [part for part in (cells[:half], [cells[0], *cells[half:]]) if len(part) > 1]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, part in enumerate(parts):
            name = zipfile.ZipInfo(
                chance.choice(("数据", "a/b", "plant")) + f"{number}.{suffix}", (2024, 1, 1, 0, 0, 0)
            )
            archive.writestr(name, write(part, chance))
    return stream.getvalue()


Writer = Callable[[Sequence[Sequence[str]], random.Random], bytes]
WRITERS: dict[str, tuple[str, Writer]] = {
    "csv": (".csv", delimited),
    "jsonl": (".jsonl", json_lines),
    "json": (".json", json_array),
    "xlsx": (".xlsx", xlsx),
    "xls": (".xls", xls),
    "parquet": (".parquet", parquet),
    "geojson": (".geojson", geojson),
    "gz": (".csv.gz", gzipped),
    "zip": (".zip", zipped),
}
WITH_GEOMETRY = [name for name, feed in FEEDS.items() if any(c.kind is Kind.GEOMETRY for c in feed.fields)]


def feeds_for(kind: str) -> list[str]:
    """The feeds that files of that format are made of."""
    return WITH_GEOMETRY if kind == "geojson" else list(FEEDS)


def file_of(kind: str, feed: str, chance: random.Random, count: int) -> bytes:
    """A valid file of `count` rows."""
    contract = FEEDS[feed]
    return WRITERS[kind][1](table(contract, rows(contract, chance, count), chance), chance)
