"""The damaged files of each format, one per number: the same number always makes the same file.

Belongs here: which damage a format gets, and how many rows a file must account for where that is known without
reading it as the intake does. Does not belong here: the damage itself (`damage`), what must hold (`fuzz`).
"""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import damage
import damaged_archives
import made_up
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.feeds import FEEDS

GROUP = 40  # consecutive cases are of one feed and are read together, as the intake reads small files
WRONG_SUFFIXES = (
    ".csv",
    ".jsonl",
    ".json",
    ".xlsx",
    ".xls",
    ".parquet",
    ".zip",
    ".gz",
    ".csv.gz",
    ".geojson",
    ".pdf",
    "",
    ".TXT",
)
TEXTS = ("csv", "jsonl", "json", "geojson")


@dataclass(frozen=True)
class Case:
    """A damaged file. `rows`: how many rows, with titles and blank ones, there are besides a header, when known."""

    kind: str
    seed: int
    number: int
    feed: str
    name: str
    data: bytes
    rows: int | None = None

    @property
    def label(self) -> str:
        return f"{self.kind}:{self.seed}:{self.number}"


def case(kind: str, seed: int, number: int) -> Case:
    """The case of that number."""
    chance = random.Random(f"{seed}/{kind}/{number}")
    feeds = made_up.feeds_for(kind)
    feed = feeds[number // GROUP % len(feeds)]
    data, rows = _data(kind, feed, chance)
    suffix = made_up.WRITERS[kind][0]
    if chance.random() < 0.03:
        suffix, rows = chance.choice(WRONG_SUFFIXES), None
    if rows is None and kind in ("csv", "jsonl"):
        rows = _lines(kind, data)
    return Case(kind, seed, number, feed, f"{kind}-{seed}-{number}{suffix}", data, rows)


def _data(kind: str, feed: str, chance: random.Random) -> tuple[bytes, int | None]:
    cells = made_up.table(FEEDS[feed], made_up.rows(FEEDS[feed], chance, chance.choice((1, 6, 25))), chance)
    is_tabular = chance.random() < 0.35
    if is_tabular:
        cells = damage.damage_cells(cells, chance)
    write = made_up.WRITERS[kind][1]
    if kind == "parquet" and chance.random() < 0.4:
        return _odd_parquet(cells, chance), len(cells) - 1
    if is_tabular and kind in ("parquet", "jsonl", "json"):
        return write(cells, chance), len(cells) - 1
    data = write(cells, chance)
    if is_tabular and chance.random() < 0.8:
        return data, None
    match kind:
        case "gz" if chance.random() < 0.6:
            inner = gzip.decompress(data)
            if chance.random() < 0.01:
                return gzip.compress(inner + chance.choice((b" ", b"0", b"\n", b",")) * 60_000_000, 1), None
            inner = damage.damage_bytes(inner, chance)
            return gzip.compress(inner, 1) + chance.choice((b"", b"", gzip.compress(inner), b"\0" * 9)), None
        case "xlsx" | "zip" if chance.random() < 0.8:
            return damaged_archives.damage_archive(data, chance), None
    if kind in TEXTS and chance.random() < 0.5:
        encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            text = data.decode("gb18030", errors="replace")
        return damage.encoded(damage.damage_text(text, chance), chance), None
    return damage.damage_bytes(data, chance), None


def _lines(kind: str, data: bytes) -> int | None:
    """The lines of a text besides its header, where a line is a line: without quotes and old line ends."""
    if b"\0" in data or data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\r" in data.replace(b"\r\n", b""):
        return None
    if kind == "csv" and b'"' in data:
        return None
    if kind == "jsonl" and data.lstrip().startswith(b"["):
        return _length(data)
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    return lines - 1 if kind == "csv" else lines


def _length(data: bytes) -> int | None:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return len(document) if isinstance(document, list) else None


def _odd_parquet(cells: Sequence[Sequence[str]], chance: random.Random) -> bytes:
    """Types that Parquet has and a CSV has not."""
    header, *body = made_up.printable(cells)
    arrays = [made_up.column([row[place] or None for row in body]) for place in range(len(header))]
    count = len(body)
    for _ in range(chance.choice((1, 2, 4))):
        unit, zone = chance.choice(("s", "ms", "us", "ns")), chance.choice((None, "UTC", "Asia/Shanghai"))
        odd = chance.choice(
            (
                pa.array([chance.choice((0, -1, 2**50, None)) for _ in range(count)], pa.timestamp(unit, zone)),
                pa.array([chance.choice((0, 2**31 - 1, -(2**31), None)) for _ in range(count)], pa.date32()),
                pa.array([chance.choice((b"\xff\xfe", b"C30", b"", None)) for _ in range(count)], pa.binary()),
                pa.array([[{"material": "水泥", "target_kg": 1.5}, None]] * count),
                pa.array([{"a": {"b": [1, None]}}] * count),
                pa.array([Decimal("12345678901234567890.123456789")] * count, pa.decimal128(38, 9)),
                pa.array([float("nan"), float("inf"), -0.0, 1e308][:count] + [None] * max(0, count - 4), pa.float64()),
                pa.array([1.5] * count, pa.float32()),
                pa.array([2**64 - 1] * count, pa.uint64()),
                pa.array([True] * count),
                pa.nulls(count),
                pa.array(["C30"] * count).dictionary_encode(),
                pa.array([10**9] * count, pa.duration("ns")),
                pa.array([1] * count, pa.time64("us")),
                pa.array(["x"] * count, pa.large_string()),
                pa.array([[("a", 1)]] * count, pa.map_(pa.string(), pa.int64())),
                pa.array([1.5] * count, pa.float16()),
            )
        )  # fmt: skip
        place = chance.randrange(len(header))
        arrays[place] = odd
    if chance.random() < 0.1:
        header = [header[0], *header[:-1]]
    sink = io.BytesIO()
    pq.write_table(pa.table(arrays, names=header), sink, coerce_timestamps=None, store_schema=chance.random() < 0.7)
    return sink.getvalue()
