"""Members: a file of several tables, from its sheets to the lineage of rows and rejects."""

from __future__ import annotations

import gzip
import io
import struct
import warnings
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from intake_files import order, orders, query, without_beam

from pipelines.faults import FileError
from pipelines.feeds import FEEDS
from pipelines.ingest import ingest
from pipelines.mapping import NO_MAPPING
from pipelines.sources import limits
from pipelines.sources.formats import open_tables
from pipelines.sources.tables import RawTable
from store.home import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    without_beam(monkeypatch)
    return Home.at(tmp_path)


def write_sheets(path: Path, sheets: dict[str, list[str]]) -> Path:
    """A workbook of text cells, its sheets given as CSV lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(path) as book:
        for name, lines in sheets.items():
            sheet = book.add_worksheet(name)
            for row, line in enumerate(lines):
                sheet.write_row(row, 0, line.split(","))
    return path


def test_rows_and_rejects_of_two_sheets_name_their_sheet(home: Home) -> None:
    header, *_ = orders().splitlines()
    sheets = {"一站": [header, order("O1"), order("")], "二站": [header, order("O1"), order(""), order("O2")]}
    write_sheets(home.inbox / "orders" / "a.xlsx", sheets)
    (file,) = ingest(home).files
    assert (file.read, file.loaded, file.duplicate, file.reasons) == (5, 2, 1, {"missing_required": 2})
    rows = query(home, "SELECT order_id, _source_file, _source_row FROM raw.orders_versions ORDER BY ALL")
    assert rows == [("O1", "a.xlsx!一站", 2), ("O2", "a.xlsx!二站", 4)]
    rejects = query(home, "SELECT source_file, source_row FROM ops.rejects ORDER BY ALL")
    assert rejects == [("a.xlsx!一站", 3), ("a.xlsx!二站", 3)]


def read(path: Path) -> list[RawTable]:
    return list(open_tables(path, FEEDS["orders"], NO_MAPPING))


def places(tables: list[RawTable]) -> list[tuple[str, str, int]]:
    """(member, first column, source row) of every row."""
    return [
        (raw.member, str(key), row)
        for raw in tables
        for key, row in zip(raw.table["c0"].to_pylist(), raw.table["_source_row"].to_pylist(), strict=True)
    ]


def zipped(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refusal(path: Path) -> FileError:
    with pytest.raises(FileError) as caught:
        read(path)
    assert caught.value.text.zh
    assert caught.value.text.en
    return caught.value


def test_an_archive_of_every_format(tmp_path: Path) -> None:
    csv = orders(order("O1"), order("O2"))
    parquet = io.BytesIO()
    pq.write_table(pa.table({"委托单号": ["O3"], "方量": [1.5]}), parquet)
    book = write_sheets(tmp_path / "book.xlsx", {"一": [csv.splitlines()[0], order("O4")]}).read_bytes()
    path = zipped(
        tmp_path / "all.zip",
        {
            "三月/a.csv": csv.encode("gb18030"),
            "b.parquet": parquet.getvalue(),
            "c.xlsx": book,
            "d.jsonl": '{"委托单号":"O5"}'.encode(),
            "__MACOSX/三月/._a.csv": b"x",
            "三月/.DS_Store": b"x",
            "说明.txt": "读我".encode(),
            "盖章.pdf": b"%PDF",
            "三月/": b"",
        },
    )
    tables = read(path)
    assert places(tables) == [
        ("三月/a.csv", "O1", 2),
        ("三月/a.csv", "O2", 3),
        ("b.parquet", "O3", 1),
        ("c.xlsx", "O4", 2),
        ("d.jsonl", "O5", 1),
    ]
    assert (tables[0].origin.compression, tables[0].origin.encoding) == ("zip", "gb18030")
    assert "盖章.pdf" in tables[0].origin.notes[0].zh


def test_an_archive_of_one_file_is_that_file(tmp_path: Path) -> None:
    tables = read(zipped(tmp_path / "one.zip", {"a.csv": orders(order("O1")).encode()}))
    assert places(tables) == [("", "O1", 2)]
    assert tables[0].origin.member == "a.csv"


def raw_names(path: Path, names: list[bytes]) -> Path:
    """An archive whose members bear these bytes as names, without the flag that says UTF-8."""
    stand_ins = [f"{number:0{len(name) - 4}d}.csv" for number, name in enumerate(names)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zipped(path, {name: orders(order(f"O{i}")).encode() for i, name in enumerate(stand_ins)})
    data = path.read_bytes()
    for stand_in, name in zip(stand_ins, names, strict=True):
        data = data.replace(stand_in.encode(), name)
    path.write_bytes(data)
    return path


def test_names_are_labels_only(tmp_path: Path) -> None:
    names = [
        "三月.csv".encode("gb18030"),
        "四月.csv".encode(),
        b"../../up.csv",
        b"/etc/abs.csv",
        b"C:\\x\\w.csv",
        b"x/w.csv",
    ]
    tables = read(raw_names(tmp_path / "names.zip", names))
    assert [raw.member for raw in tables] == ["三月.csv", "四月.csv", "up.csv", "etc/abs.csv", "x/w.csv", "x/w#2.csv"]


def test_a_bad_member_fails_the_archive_and_is_named(tmp_path: Path) -> None:
    good = orders(order("O1")).encode()
    error = refusal(zipped(tmp_path / "a.zip", {"good.csv": good, "bad.csv": b"alpha,beta\n1,2\n"}))
    assert (error.reason, "bad.csv" in error.text.en) == ("unknown_layout", True)
    damaged = zipped(tmp_path / "b.zip", {"good.csv": good, "cut.csv": good * 9}, zipfile.ZIP_STORED)
    content = damaged.read_bytes()
    damaged.write_bytes(content[: content.rindex(b"O1")] + b"X" + content[content.rindex(b"O1") + 1 :])
    error = refusal(damaged)
    assert (error.reason, "cut.csv" in error.text.en) == ("truncated_file", True)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"inner.zip": b"PK\x03\x04"}, "nested_archive"),
        ({"inner.csv": b"PK\x05\x06" + bytes(18)}, "nested_archive"),
        ({"a.csv.gz": gzip.compress(b"a,b")}, "nested_archive"),
        ({"a.exe": b"MZ"}, "unknown_file_type"),
        ({"a.pdf": b"%PDF"}, "empty_file"),
        ({"a.csv": b""}, "empty_file"),
        ({f"{n}.csv": b"a" for n in range(1_001)}, "archive_too_large"),
        ({"a.csv": bytes(100 << 20)}, "archive_too_large"),
    ],
)
def test_archives_that_cannot_be_taken(tmp_path: Path, members: dict[str, bytes], reason: str) -> None:
    assert refusal(zipped(tmp_path / "a.zip", members)).reason == reason


def test_an_encrypted_member_is_told(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.csv": orders(order("O1")).encode()})
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    path.write_bytes(data)
    assert refusal(path).reason == "encrypted_file"


def test_a_size_that_lies_is_not_believed(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.csv": orders(order("O1")).encode() + b"\n" * (20 << 20)})
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.index(mark) + at, 500)
    path.write_bytes(data)
    assert refusal(path).reason == "truncated_file"


def test_a_gzip_bomb_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ALWAYS_ALLOWED_BYTES", 1 << 20)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(orders(order("O1")).encode() + b"\n" * (8 << 20)))
    assert refusal(path).reason == "archive_too_large"


def test_a_link_to_nowhere_is_told_as_such(home: Home) -> None:
    (home.inbox / "orders").mkdir(parents=True)
    (home.inbox / "orders" / "a.csv").symlink_to(home.root / "nowhere.csv")
    (file,) = ingest(home).files
    assert (file.status, file.reasons) == ("failed", {"broken_link": 1})
