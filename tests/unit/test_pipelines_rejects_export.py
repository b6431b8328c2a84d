"""What an export of rejects shows: nobody's name, no formula, no cell cut off."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from intake_files import ORDERS_HEADER, order, orders, put, query, without_beam
from rejects_book import FIRST, SECOND, THIRD, drop, export, open_rejects, set_cell

from pipelines.ingest import ingest
from pipelines.rejects.listing import read_rejects
from pipelines.rejects.workbook import write_workbook
from store.home import Home


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    without_beam(monkeypatch)


NASTY = [
    "联系王建国师傅 13812345678",
    "贵a·d12345",
    "贵A.D1234F",
    "贵AD12345",
    "52010219800101123X",
    "0851-85551234",
    "085185551234",
    "(0851)85551234",
    "１３８１２３４５６７８",
    "138.1234.5678",
    "欧阳娜娜",
    "张三、李四",
    "司机赵六",
    "赵六:13912345678",
    "zhang@example.cn",
]
SECRETS = [
    "王建国",
    "1381234",
    "13912345678",
    "12345",
    "1234F",
    "d1234",
    "19800101",
    "8555",
    "1234.5678",
    "１３８",
    "娜娜",
]
SECRETS += ["张三", "李四", "赵六", "zhang"]


@pytest.mark.parametrize("text", NASTY)
def test_nobodys_name_number_or_plate_stands_in_a_reject_or_its_export(home: Home, tmp_path: Path, text: str) -> None:
    header = f"{ORDERS_HEADER},某列,工程名称,司机"
    spoiled = order("O1", grade="C5")
    lines = [
        f"{spoiled},{text},示例,钱七",
        f"{spoiled},,{text},钱七",
        f"O1,{text},钱七",
        f'{spoiled},"{text}'.replace('"', ""),
    ]
    put(home, "orders", "a.csv", orders(*lines, header=header), mtime=FIRST)
    cells = dict(zip(header.split(","), f"{spoiled},{text},{text},钱七".split(","), strict=True))
    whole = json.dumps(cells, ensure_ascii=False)
    put(home, "orders", "b.jsonl", f"{whole}\n{whole[:-1]} 坏\n", mtime=FIRST)
    ingest(home)
    assert query(home, "SELECT count(*) FROM ops.rejects") == [(6,)]
    sheets = export(home, tmp_path)
    told = json.dumps([sheets, query(home, "SELECT * EXCLUDE (resolved_at) FROM ops.rejects")], ensure_ascii=False)
    assert not [secret for secret in [*SECRETS, "钱七"] if secret in told]
    for path in home.rejected.rglob("*.parquet"):
        assert text.encode() not in path.read_bytes()


def test_cells_that_look_like_formulas_stay_text(home: Home, tmp_path: Path) -> None:
    header = f"{ORDERS_HEADER},说法"
    formulas = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "=HYPERLINK(http://x)"]
    lines = [order(f"O{number}", grade="C5") + f",{text}" for number, text in enumerate(formulas)]
    put(home, "orders", "a.csv", orders(*lines, header=header), mtime=FIRST)
    ingest(home)
    path = tmp_path / "rejects.xlsx"
    assert write_workbook(read_rejects(home), path) == 5
    with zipfile.ZipFile(path) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet.casefold()
    assert [line[-1] for line in export(home, tmp_path)["orders"][1:]] == formulas
    again = tmp_path / "again.xlsx"
    write_workbook(read_rejects(home), again)
    assert again.read_bytes() == path.read_bytes()


def test_a_cell_that_no_spreadsheet_holds_is_left_to_its_own_file_and_never_cut(home: Home, tmp_path: Path) -> None:
    header, remark = f"{ORDERS_HEADER},备注", "x" * 40_000
    lines = (f"{order('O1', grade='C5')},{remark}", f"{order('O2', grade='C5')},short")
    put(home, "orders", "a.csv", orders(*lines, header=header), mtime=FIRST)
    ingest(home)
    sheets = export(home, tmp_path)
    first, second = sheets["orders"][1:]
    assert "32" in first[4]
    assert not any(first[8:])
    assert second[-1] == "short"
    set_cell(sheets["orders"], "强度等级", "C30", line=2)
    file = drop(home, "orders", "b.xlsx", sheets, SECOND)
    assert (file.loaded, file.rejected, file.skipped) == (1, 0, 1)
    assert [row.source_row for row in open_rejects(home)] == [2]
    put(home, "orders", "a.csv", orders(f"{order('O1')},{remark}", lines[1], header=header), mtime=THIRD)
    ingest(home)
    assert query(home, "SELECT order_id, length(_extra ->> '备注') FROM raw.orders ORDER BY 1")[0] == ("O1", 40_000)
