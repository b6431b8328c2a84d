"""Markup: HTML tables and SpreadsheetML 2003, most of them under the name `.xls`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from intake_files import order, orders

from pipelines.faults import FileError
from pipelines.feeds import FEEDS
from pipelines.mapping import NO_MAPPING
from pipelines.sources.formats import open_tables
from pipelines.sources.tables import RawTable

HEADER = ("委托单号", "方量", "下单时间", "备注", "区县", "强度等级", "计划浇筑时间", "状态")


def read(path: Path) -> list[RawTable]:
    return list(open_tables(path, FEEDS["orders"], NO_MAPPING))


def columns(raw: RawTable) -> dict[str, list[Any]]:
    return {header: raw.table[f"c{index}"].to_pylist() for index, header in enumerate(raw.header)}


def html_row(cells: list[str]) -> str:
    return "<tr>" + "".join(f"<td>{cell}" for cell in cells)  # as sloppy as exports are: nothing is closed


HTML = """<html xmlns:x="urn:schemas-microsoft-com:office:excel"><head><meta charset="gb2312">
<style>td {{ mso-number-format: "\\@" }} <table></style></head><body>
<table><tr><td>导航</td></tr></table>
<table border=1><tr><th colspan=10>某站订单</th></tr>
<tr>{tall}<th colspan="2">水泥1</th></tr><tr><th>设定</th><th>实际</th></tr>
<tr><td rowspan=2>O1</td><td>1&nbsp;</td><td>2026-03-01<br>10:00</td><td>a &amp; b</td>
{rest}<td>300</td><td>301</td></tr>
<tr><td>2</td><td></td><td></td>{rest}<td>310</td><td>311</td></tr>
</table></body></html>"""


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_an_html_table_named_xls(tmp_path: Path, encoding: str) -> None:
    tall = "".join(f"<th rowspan=2>{text}</th>" for text in HEADER)
    rest = "<td>云岩区</td><td>C30</td><td>2026-03-02</td><td>已下单</td>"
    path = tmp_path / "订单.xls"
    path.write_bytes(HTML.format(tall=tall, rest=rest).encode(encoding))
    (raw,) = read(path)
    assert raw.origin.format == "html"
    assert raw.header == (*HEADER, "水泥1 设定", "水泥1 实际")
    found = columns(raw)
    assert (found["委托单号"], found["方量"]) == (["O1", "O1"], ["1", "2"])
    assert (found["下单时间"][0], found["备注"][0]) == ("2026-03-01 10:00", "a & b")
    assert found["水泥1 实际"] == ["301", "311"]


SHEETS = """<?xml version="1.0" encoding="GB2312"?><?mso-application progid="Excel.Sheet"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"
 xmlns:x="urn:schemas-microsoft-com:office:excel">
<Worksheet ss:Name="订单"><Table><Row ss:Index="3">{header}</Row>
<Row><Cell><Data ss:Type="String">O1</Data></Cell><Cell><Data ss:Type="Number">12.5</Data></Cell>
<Cell><Data ss:Type="DateTime">2026-03-05T12:00:00.000</Data></Cell><Cell ss:Index="5">
<Data ss:Type="String">云岩区</Data></Cell><Cell><Data ss:Type="Error">#REF!</Data></Cell></Row></Table></Worksheet>
<Worksheet ss:Name="旧"><Table><Row>{header}</Row><Row><Cell><Data ss:Type="String">OLD</Data></Cell></Row></Table>
<x:WorksheetOptions><x:Visible>SheetHidden</x:Visible></x:WorksheetOptions></Worksheet></Workbook>"""


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_spreadsheetml(tmp_path: Path, encoding: str) -> None:
    header = "".join(f'<Cell><Data ss:Type="String">{text}</Data></Cell>' for text in HEADER)
    path = tmp_path / "订单.xls"
    path.write_bytes(SHEETS.format(header=header).encode(encoding))
    (raw,) = read(path)
    found = columns(raw)
    assert (raw.origin.format, raw.origin.sheet, raw.origin.header_row) == ("spreadsheetml", "订单", 3)
    assert (found["委托单号"], found["方量"], found["区县"], found["强度等级"]) == (["O1"], [12.5], ["云岩区"], [""])
    assert str(found["下单时间"][0]) == "2026-03-05 12:00:00"
    assert raw.table["_source_row"].to_pylist() == [4]
    assert raw.rows_skipped == 2 + 2


@pytest.mark.parametrize("name", ["a.xls", "a.xlsx"])
def test_text_named_as_a_workbook(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(orders(order("O1")).replace(",", "\t").encode("gb18030"))
    (raw,) = read(path)
    assert (raw.origin.format, raw.origin.delimiter) == ("csv", "\t")
    assert columns(raw)["委托单号"] == ["O1"]


ENTITIES = '<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (ENTITIES + SHEETS.partition("?>")[2].format(header="<Cell><Data>&b;</Data></Cell>"), "truncated_file"),
        (SHEETS.format(header="")[:600], "truncated_file"),
        (SHEETS.format(header='<Cell ss:Index="9999999"/>'), "sheet_too_large"),
        (SHEETS.format(header="").replace('Index="3"', 'Index="9999999"'), "sheet_too_large"),
        ("<table><tr>" + "<td colspan=9999>x" * 30, "sheet_too_large"),
        ("<table><tr><td>x", "unknown_layout"),
        ("<html><body>", "empty_file"),
    ],
)
def test_markup_that_cannot_be_taken(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "a.xls"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(FileError) as caught:
        read(path)
    assert caught.value.reason == reason
