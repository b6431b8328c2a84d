"""Sheets as clerks make them: merged cells, two-row headers, odd cells, and packages that ask for too much."""

from __future__ import annotations

import io
import random
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from pipelines.faults import FileError
from pipelines.feeds import FEEDS
from pipelines.mapping import NO_MAPPING
from pipelines.sources import packages
from pipelines.sources.formats import open_tables
from pipelines.sources.tables import RawTable

HEADER = ("委托单号", "方量", "下单时间", "备注", "区县", "强度等级", "计划浇筑时间", "状态")


def read(path: Path, feed: str = "orders") -> list[RawTable]:
    return list(open_tables(path, FEEDS[feed], NO_MAPPING))


def workbook(path: Path, fill: Callable[[Any, Any], None]) -> Path:
    with xlsxwriter.Workbook(path) as book:
        fill(book, book.add_worksheet())
    return path


def columns(raw: RawTable) -> dict[str, list[Any]]:
    return {header: raw.table[f"c{index}"].to_pylist() for index, header in enumerate(raw.header)}


def test_a_header_of_two_rows_is_joined_and_merged_keys_count_for_each_row(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.merge_range(0, 0, 0, 9, "某站订单汇总")
        for column, text in enumerate(HEADER):
            sheet.merge_range(2, column, 3, column, text)
        sheet.merge_range(2, 8, 2, 9, "水泥1")
        sheet.write_row(3, 8, ["设定", "实际"])
        sheet.merge_range(4, 0, 5, 0, "O1")
        sheet.write_row(4, 1, [1, "2026-03-01", "a", "云岩区", "C30", "2026-03-02", "已下单", 300, 301])
        sheet.write_row(5, 1, [2, "2026-03-01", "", "云岩区", "C30", "2026-03-02", "已下单", 310, 311])
        sheet.write_row(6, 1, [3, "2026-03-01", "no key, not merged"])

    (raw,) = read(workbook(tmp_path / "a.xlsx", fill))
    assert raw.header == (*HEADER, "水泥1 设定", "水泥1 实际")
    assert columns(raw)["委托单号"] == ["O1", "O1", ""]
    assert columns(raw)["水泥1 实际"] == [301, 311, None]
    assert raw.table["_source_row"].to_pylist() == [5, 6, 7]
    assert raw.origin.header_row == 3
    assert "1 merged cells" in raw.origin.notes[0].en


def test_a_merged_title_and_a_merged_remark_make_no_header_of_two_rows(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.merge_range(0, 0, 0, 8, "某站订单汇总")
        sheet.write_row(1, 0, HEADER)
        sheet.merge_range(1, 8, 1, 9, "其他")
        sheet.write_row(2, 0, ["O1", 1, "2026-03-01", "a", "云岩区", "C30", "2026-03-02", "已下单", "x", "y"])

    (raw,) = read(workbook(tmp_path / "a.xlsx", fill))
    assert raw.header == (*HEADER, "其他", "")
    assert columns(raw)["委托单号"] == ["O1"]


def test_odd_cells_are_missing_and_told(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, ["O1", 1])
        sheet.write_formula(1, 2, "=1/0", None, "#DIV/0!")
        sheet.write_formula(1, 3, "=A1", None, "")
        sheet.write_formula(1, 1, "=3+4", None, 7)
        sheet.write(2, 0, "O2")
        sheet.write(2, 1, 0.125, book.add_format({"num_format": "0.0%"}))
        sheet.set_row(2, None, None, {"hidden": True})

    (raw,) = read(workbook(tmp_path / "a.xlsm", fill))
    assert columns(raw)["方量"] == [7, 0.125]
    assert columns(raw)["下单时间"] == ["", ""]
    told = " ".join(note.en for note in raw.origin.notes)
    assert "1 cells hold an error" in told
    assert "1 formulas have no saved result" in told
    assert "1 hidden rows are read too" in told


def test_large_sheets_come_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.sources.grids._BLOCK_CELLS", 40)

    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(1, 0, HEADER)
        for row in range(23):
            sheet.write_row(row + 2, 0, [f"O{row}", row])

    tables = read(workbook(tmp_path / "a.xlsx", fill))
    assert [raw.table.num_rows for raw in tables] == [5, 5, 5, 5, 3]
    rows = [row for raw in tables for row in raw.table["_source_row"].to_pylist()]
    assert rows == list(range(3, 26))
    assert sum(raw.rows_skipped for raw in tables) == 0


def with_sheet(path: Path, sheet: str, texts: str | None = None) -> Path:
    """A workbook whose first sheet's XML (and shared texts) are replaced."""
    plain = workbook(path, lambda book, sheet: sheet.write(0, 0, "x")).read_bytes()
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(plain)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("sheet1.xml"):
                content = sheet.encode()
            if name.endswith("sharedStrings.xml") and texts is not None:
                content = texts.encode()
            new.writestr(name, content)
    path.write_bytes(made.getvalue())
    return path


NAMESPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def rows_xml(cells: str) -> str:
    return f'<?xml version="1.0"?><worksheet {NAMESPACE}><sheetData>{cells}</sheetData></worksheet>'


FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'


@pytest.mark.parametrize(
    "cells",
    [
        FAR,
        FAR.replace('"', "'"),
        FAR.replace("XFD1048576", "&#88;FD1048576"),
        '<row r="1">' + "<c><v>1</v></c>" * 16_000 + "</row>" + "<row><c><v>1</v></c></row>" * 2_000,
    ],
)
def test_a_sheet_that_spans_too_much_is_refused(tmp_path: Path, cells: str) -> None:
    with pytest.raises(FileError) as caught:
        read(with_sheet(tmp_path / "a.xlsx", rows_xml(cells)))
    assert caught.value.reason == "sheet_too_large"


def test_empty_formatted_cells_far_away_do_no_harm(tmp_path: Path) -> None:
    names = "".join(f'<c r="{chr(65 + n)}1" t="inlineStr"><is><t>{text}</t></is></c>' for n, text in enumerate(HEADER))
    far = '<row r="9999"><c r="XFD9999" s="0"/></row>'
    (raw,) = read(with_sheet(tmp_path / "a.xlsx", rows_xml(f'<row r="1">{names}<c r="XFD1" s="0"/></row>{far}')))
    assert raw.header == HEADER


def test_one_text_in_all_cells_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "SHEET_TEXT_BYTES", 10 << 20)
    texts = f'<sst {NAMESPACE} count="1" uniqueCount="1"><si><t>{"x" * 30_000}</t></si></sst>'
    cells = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 1_000))
    with pytest.raises(FileError) as caught:
        read(with_sheet(tmp_path / "a.xlsx", rows_xml(cells), texts))
    assert caught.value.reason == "sheet_too_large"


@pytest.mark.parametrize(
    "sheet",
    [
        rows_xml("<row><c r='A1'><v>1</v></c></row>").replace("?>", ' encoding="nobody knows"?>', 1),
        rows_xml(f'<row><c r={" " * 30_000_000}"A1><v>1</v></c></row>'),  # not well-formed, in one long tag
    ],
    ids=["an unknown encoding", "a tag of 30 MB"],
)
def test_a_sheet_of_broken_xml_is_told_at_once(tmp_path: Path, sheet: str) -> None:
    started = time.process_time()
    with pytest.raises(FileError) as caught:
        read(with_sheet(tmp_path / "a.xlsx", sheet))
    assert caught.value.reason in ("truncated_file", "field_too_large")
    assert time.process_time() - started < 20


def test_a_workbook_with_a_password_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600)
    )
    with pytest.raises(FileError) as caught:
        read(path)
    assert caught.value.reason == "encrypted_file"


def xls(rows: list[list[str | float]], merged: tuple[int, int, int, int]) -> bytes:
    """An old workbook of one sheet: BIFF records in a compound file."""

    def record(number: int, content: bytes) -> bytes:
        return struct.pack("<HH", number, len(content)) + content

    texts = sorted({cell for row in rows for cell in row if isinstance(cell, str)})
    shared = b"".join(struct.pack("<HB", len(text), 1) + text.encode("utf-16-le") for text in texts)
    strings = record(0xFC, struct.pack("<II", len(texts), len(texts)) + shared)
    end, begin = record(0x0A, b""), record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0))

    def globals_(offset: int) -> bytes:
        return begin + record(0x85, struct.pack("<IBBBB", offset, 0, 0, 1, 0) + b"a") + strings + end

    cells = record(0x200, struct.pack("<IIHHH", 0, len(rows), 0, len(rows[0]), 0))
    for row, values in enumerate(rows):
        for column, cell in enumerate(values):
            if isinstance(cell, str):
                cells += record(0xFD, struct.pack("<HHHI", row, column, 0, texts.index(cell)))
            else:
                cells += record(0x203, struct.pack("<HHHd", row, column, 0, cell))
    sheet = record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0)) + cells
    stream = globals_(len(globals_(0))) + sheet + record(0xE5, struct.pack("<HHHHH", 1, *merged)) + end
    stream = stream.ljust(max(4096, -(-len(stream) // 512) * 512), b"\0")
    none, last, sectors = 0xFFFFFFFF, 0xFFFFFFFE, len(stream) // 512
    chain = [0xFFFFFFFD, last, *range(3, sectors + 2), last]
    table = struct.pack("<128I", *chain, *[none] * (128 - len(chain)))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<10I", 0, 1, 1, 0, 4096, last, 0, last, 0, 0) + struct.pack("<108I", *[none] * 108)

    def entry(name: str, kind: int, start: int, size: int, child: int) -> bytes:
        text = (name + "\0").encode("utf-16-le")
        places = struct.pack("<HBBIII", len(text), kind, 1, none, none, child)
        return text.ljust(64, b"\0") + places + bytes(36) + struct.pack("<IQ", start, size)

    entries = entry("Root Entry", 5, last, 0, 1) + entry("Workbook", 2, 2, len(stream), none)
    return head + table + entries + bytes(256) + stream


OLD = xls(
    [list(HEADER), ["O1", 1.5, 46086.0, "x", "y", "C30", "z", "s"], [" ", 2.0, 46086.0, "x", "y", "C30", "z", "s"]],
    (1, 2, 0, 0),
)


def test_an_old_workbook(tmp_path: Path) -> None:
    path = tmp_path / "a.xls"
    path.write_bytes(OLD)
    (raw,) = read(path)
    assert (raw.origin.format, raw.origin.sheet, raw.header) == ("xls", "a", HEADER)
    assert columns(raw)["方量"] == [1.5, 2.0]
    assert raw.table["_source_row"].to_pylist() == [2, 3]


def test_a_damaged_old_workbook_does_not_end_the_process(tmp_path: Path) -> None:
    chance = random.Random(4)
    path = tmp_path / "a.xls"
    for _ in range(6):
        data = bytearray(OLD)
        for _ in range(4):
            data[chance.randrange(512, 1_500)] ^= 0xFF
        path.write_bytes(data)
        try:
            read(path)
        except FileError as error:
            assert error.reason in ("truncated_file", "unknown_layout", "missing_columns", "empty_file")
