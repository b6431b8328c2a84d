"""Exports that nobody here wrote the layout of: machines with two header rows, pounds and yards, other cities' days."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import xlsxwriter
from intake_files import put, query, without_beam

from orchestration.cli import run_command
from pipelines.faults import FileError
from pipelines.feeds import FEEDS
from pipelines.ingest import FileReport, ingest
from pipelines.layout import resolve
from pipelines.mapping import NO_MAPPING, FieldMapping
from pipelines.sources.formats import open_tables
from pipelines.two_row_headers import two_row_header
from store.home import Home

BATCHES = FEEDS["batches"]
ABOVE = ("盘号", "站点编号", "小票号", "生产时间", "盘方量", "水泥1", "", "水", "")
BELOW = ("", "", "", "", "", "设定", "实际", "设定", "实际")
ROW = ("B1", "P1", "T1", "2025-03-05 08:00", "2.5", "625", "612", "412", "407")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    without_beam(monkeypatch)


def put_mapping(home: Home, feed: str, text: str) -> None:
    path = home.mappings / feed / "m.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def only(home: Home) -> FileReport:
    (file,) = ingest(home).files
    return file


def weights(home: Home) -> list[tuple[float | None, float | None]]:
    return query(
        home, "SELECT m.target_kg, m.actual_kg FROM raw.batches, unnest(materials) AS t(m) ORDER BY m.material"
    )


@pytest.mark.parametrize("repeats", [False, True])
def test_two_header_rows_of_a_csv_are_one_header_and_no_target_is_an_actual_weight(home: Home, repeats: bool) -> None:
    above = [text or (ABOVE[place - 1] if repeats else "") for place, text in enumerate(ABOVE)]
    lines = [("生产记录报表", *[""] * 8), above, BELOW, ROW]
    put(home, "batches", "a.csv", "\n".join(map(",".join, lines)) + "\n", encoding="gb18030")
    file = only(home)
    assert (file.read, file.loaded, file.rejected) == (1, 1, 0)
    assert weights(home) == [(625, 612), (412, 407)]
    assert query(home, "SELECT _source_row FROM raw.batches") == [(4,)]


def test_two_header_rows_of_a_sheet_that_lost_its_merged_cells(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for line, row in enumerate((ABOVE, BELOW, ROW)):
            sheet.write_row(line, 0, row)
    (raw,) = open_tables(path, BATCHES, NO_MAPPING)
    assert raw.header[-2:] == ("水 设定", "水 实际")
    assert raw.table.num_rows == 1


@pytest.mark.parametrize(
    ("above", "below"),
    [
        (ABOVE, ROW),
        (ABOVE, ("", "", "", "", "", "625", "612", "412", "407")),  # a row that lacks its key
        (("盘号", "水泥", "水泥", "水", "水"), ("B1", "625", "612", "412", "407")),
        (("生产记录报表", "", "", "", ""), ("盘号", "水泥设定", "水泥实际", "水设定", "水实际")),
        (ABOVE, ("", "", "", "", "", "甲", "乙", "甲", "乙")),
        (ABOVE, ()),
    ],
)
def test_rows_that_say_nothing_together_are_no_header(above: tuple[str, ...], below: tuple[str, ...]) -> None:
    assert two_row_header(above, below, BATCHES, NO_MAPPING) is None


def test_three_cubes_under_one_header() -> None:
    above = ("试件编号", "搅拌站", "单块强度", "", "", "龄期")
    joined = two_row_header(above, ("", "", "1", "2", "3", ""), FEEDS["strength_tests"], NO_MAPPING)
    assert joined is not None
    assert joined[2:5] == ("单块强度 1", "单块强度 2", "单块强度 3")


def test_pounds_and_cubic_yards(home: Home) -> None:
    put_mapping(
        home, "batches", '[columns]\n"Ticket No" = "ticket_id"\n"Load" = "batch_m3"\n[units]\nbatch_m3 = "CY"\n'
    )
    header = "Batch No,plant_id,Ticket No,mixed_at,Load,Material,Target,Actual,UOM"
    lines = ["B1,P1,T1,2025-03-05 08:00,2,Cement,1000,1002,LB", "B1,P1,T1,2025-03-05 08:00,2,Sand,500,501,KG"]
    put(home, "batches", "a.csv", "\n".join((header, *lines)) + "\n")
    assert only(home).loaded == 1
    assert [round(target or 0, 2) for target, _ in weights(home)] == [453.59, 500]
    assert [round(m3, 3) for (m3,) in query(home, "SELECT batch_m3 FROM raw.batches")] == [1.529]


def test_a_day_against_its_stated_format_is_wrong_not_unclear_and_the_list_keeps_its_brackets(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    head = "permit_no,district_code,issued_on\n"
    put(home, "permits", "unclear.csv", head + "A,520103,03/04/2025\n")
    put_mapping(home, "permits", '[columns]\nNo = "permit_no"\n[formats]\nissued_on = "%m/%d/%Y"\n')
    put(home, "permits", "stated.csv", head.replace("permit_no", "No") + "B,520103,13/45/2025\n")
    files = {file.file: file.reasons for file in ingest(home).files}
    assert files == {"unclear.csv": {"unclear_date": 1}, "stated.csv": {"bad_date": 1}}
    capsys.readouterr()
    assert run_command(["rejects"]) == 0
    told = capsys.readouterr().out
    assert "[formats]" in told
    assert "unclear.csv" in told


def test_status_tells_the_ledger_before_anything_is_published(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    put(home, "permits", "a.csv", "permit_no,district_code,issued_on\nA,520103,2025-03-04\nB,520103,soon\n")
    ingest(home)
    capsys.readouterr()
    assert run_command(["status"]) == 0
    assert "bad_date 1" in capsys.readouterr().out


def test_litres_of_an_english_admixture_are_asked_about_and_not_left_out(home: Home) -> None:
    header = "batch_id,plant_id,ticket_id,mixed_at,batch_m3,Cement Actual (kg),Admix 1 Actual (L)"
    put(home, "batches", "a.csv", f"{header}\nB1,P1,T1,2025-03-05 08:00,2,600,5.1\n")
    assert only(home).reasons == {"unknown_unit": 1}


@pytest.mark.parametrize("header", ["net_lb", "Net Tons", "net oz"])
def test_a_mapped_header_that_ends_with_a_unit_nobody_converts_is_not_read_as_if_it_did_not(header: str) -> None:
    mapping = FieldMapping(columns=((header, "net_t"),))
    known = ("receipt_id", "plant_id", "material", "lot_no", "received_at")
    with pytest.raises(FileError, match="unknown_unit"):
        resolve(FEEDS["material_receipts"], (*known, header), mapping)
    stated = replace(mapping, units=(("net_t", "0.907"),))
    layout = resolve(FEEDS["material_receipts"], (*known, header), stated)
    assert {binding.name: binding.factor for binding in layout.bindings}["net_t"] == 0.907
