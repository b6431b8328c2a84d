"""What a mapping file can say beyond names: formats, joined columns, rows left out, defaults; and feeds.toml."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
import xlsxwriter
from intake_files import order, orders, put, query, without_beam

from pipelines.feeds import FEEDS
from pipelines.ingest import FileReport, ingest
from pipelines.mapping_files import read_mapping
from store.home import Home
from store.messages import TongmaiError

PERMITS_HEADER = "permit_no,district_code,issued_on,contract_value,use,floor_area_m2"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    without_beam(monkeypatch)


def put_mapping(home: Home, feed: str, text: str) -> Path:
    path = home.mappings / feed / "m.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def put_words(home: Home, text: str) -> None:
    home.root.mkdir(parents=True, exist_ok=True)
    (home.root / "feeds.toml").write_text(text, encoding="utf-8")


def only(home: Home) -> FileReport:
    (file,) = ingest(home).files
    return file


def permits(*lines: str) -> str:
    return "\n".join((PERMITS_HEADER, *lines)) + "\n"


def test_an_ambiguous_day_is_never_guessed(home: Home) -> None:
    put(home, "permits", "a.csv", permits("A,520103,03/04/2025,1,住宅,5", "B,520103,2025/3/4,1,住宅,5"))
    file = only(home)
    assert (file.loaded, file.reasons) == (1, {"unclear_date": 1})
    ((sentence,),) = query(home, "SELECT sentence_en FROM ops.rejects")
    assert "[formats]" in sentence


@pytest.mark.parametrize(("written", "day"), [("%m/%d/%Y", "2025-03-04"), ("%d/%m/%Y", "2025-04-03")])
def test_a_stated_format_reads_it(home: Home, written: str, day: str) -> None:
    put_mapping(home, "permits", f'[columns]\npermit_no = "permit_no"\n[formats]\nissued_on = "{written}"\n')
    put(home, "permits", "a.csv", permits("A,520103,03/04/2025,1,住宅,5", "B,520103,2025-03-09,1,住宅,5"))
    assert only(home).loaded == 2
    assert query(home, "SELECT issued_on::VARCHAR FROM raw.permits ORDER BY permit_no") == [(day,), ("2025-03-09",)]


def test_several_formats_of_a_time(home: Home) -> None:
    put_mapping(
        home,
        "orders",
        '[columns]\n"委托单号" = "order_id"\n[formats]\nplaced_at = ["%m/%d/%Y %I:%M:%S %p", "%d.%m.%Y %H:%M"]\n',
    )
    lines = (order("O1", placed="03/04/2025 02:05:06 PM"), order("O2", placed="04.03.2025 14:05"), order("O3"))
    put(home, "orders", "a.csv", orders(*lines))
    assert only(home).loaded == 3
    times = query(home, "SELECT strftime(placed_at, '%m-%d %H:%M') FROM raw.orders ORDER BY order_id")
    assert times == [("03-04 14:05",), ("03-04 14:05",), ("03-05 10:20",)]


def test_a_decimal_comma(home: Home) -> None:
    put_mapping(home, "permits", 'decimal = ","\n[columns]\npermit_no = "permit_no"\n')
    put(home, "permits", "a.csv", permits('A,520103,2025-03-05,"1.234,56",住宅,"12,5 m²"'))
    assert only(home).loaded == 1
    assert query(home, "SELECT contract_value::VARCHAR, floor_area_m2 FROM raw.permits") == [("1234.56", 12.5)]


@pytest.mark.parametrize("area", ["12.5", "1234.567", "1.23", "0.200", ".5", "1.234.56", "1,5.000", "1.2345 m²"])
def test_a_point_that_parts_no_thousands_is_rejected_under_a_decimal_comma(home: Home, area: str) -> None:
    put_mapping(home, "permits", 'decimal = ","\n[columns]\npermit_no = "permit_no"\n')
    put(home, "permits", "a.csv", permits(f'A,520103,2025-03-05,"1.234.567,5",住宅,"{area}"'))
    assert only(home).reasons == {"bad_number": 1}


def test_numbers_of_a_sheet_have_no_sign_to_mistake(home: Home, tmp_path: Path) -> None:
    put_mapping(home, "permits", 'decimal = ","\n[columns]\npermit_no = "permit_no"\n')
    for name, others in (("a", ()), ("b", ("12,5",))):  # typed cells, and a column of both
        with xlsxwriter.Workbook(tmp_path / "book.xlsx") as book:
            sheet = book.add_worksheet()
            sheet.write_row(0, 0, PERMITS_HEADER.split(","))
            for line, area in enumerate((1.234, *others), 1):
                sheet.write_row(line, 0, [f"{name}{line}", "520103", "2025-03-05", 1, "住宅", area])
        put(home, "permits", f"{name}.xlsx", (tmp_path / "book.xlsx").read_bytes())
    ingest(home)
    assert query(home, "SELECT floor_area_m2 FROM raw.permits ORDER BY permit_no") == [(1.234,), (1.234,), (12.5,)]


def test_a_stated_decimal_comma_beside_semicolons(home: Home) -> None:
    put_mapping(home, "permits", 'decimal = ","\n[columns]\npermit_no = "permit_no"\n')
    rows = "A;520103;2025-03-05;1.234,50;住宅;12,5 m²\nB;520103;2025-03-05;1.200;住宅;980\n"
    put(home, "permits", "a.csv", PERMITS_HEADER.replace(",", ";") + "\n" + rows)
    assert only(home).loaded == 2
    read = query(home, "SELECT contract_value::VARCHAR, floor_area_m2 FROM raw.permits ORDER BY permit_no")
    assert read == [("1234.50", 12.5), ("1200.00", 980.0)]


def test_dollars_are_yuan_nowhere(home: Home) -> None:
    put(home, "permits", "a.csv", permits("A,520103,2025-03-05,$350,住宅,1", "B,520103,2025-03-05,￥350,住宅,1"))
    assert only(home).reasons == {"bad_number": 1}
    stated = put_mapping(home, "permits", '[columns]\npermit_no = "permit_no"\n[constants]\ncurrency = "USD"\n')
    path = home.root.parent / "b.csv"
    path.write_text(permits("A,520103,2025-03-05,$350,住宅,1"), encoding="utf-8")
    ingest(home, [("permits", path)], stated)
    sums = query(home, "SELECT contract_value::INT, currency FROM raw.permits ORDER BY permit_no")
    assert sums == [(350, "USD"), (350, "CNY")]


def test_columns_are_joined(home: Home) -> None:
    header = "运单号,委托单号,搅拌站,强度等级,方量,日期,出厂时间,到场时间"
    put_mapping(home, "deliveries", '[joined]\ndeparted_at = ["日期", "出厂时间"]\narrived_at = ["日期", "到场时间"]\n')
    text = f"{header}\nT1,O1,P1,C30,8,2025-03-05,08:10,-\nT2,O1,P1,C30,8,2025-03-05,08:20,09:00\n"
    put(home, "deliveries", "a.csv", text)
    assert only(home).loaded == 2
    rows = query(
        home,
        "SELECT strftime(departed_at, '%d %H:%M'), strftime(arrived_at, '%d %H:%M'), _extra FROM raw.deliveries "
        "ORDER BY ticket_id",
    )
    assert rows == [("05 08:10", None, None), ("05 08:20", "05 09:00", None)]


def test_days_and_times_of_unformatted_cells_are_joined(home: Home, tmp_path: Path) -> None:
    header = "运单号,委托单号,搅拌站,强度等级,方量,日期,出厂时间"
    put_mapping(home, "deliveries", '[joined]\ndeparted_at = ["日期", "出厂时间"]\n')
    day = datetime(2025, 3, 5)
    cells = [
        (45721, 0.340277777777778),
        ("2025-03-05", 0.5),
        (45721, "08:10"),
        (day, 0.25),
        (day, "08:10:30"),
        (45721, 0),
    ]
    with xlsxwriter.Workbook(tmp_path / "book.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, header.split(","))
        date = book.add_format({"num_format": "yyyy-mm-dd"})
        for line, (on, at) in enumerate(cells, 1):
            sheet.write_row(line, 0, [f"T{line}", "O1", "P1", "C30", 8])
            sheet.write(line, 5, on, date if isinstance(on, datetime) else None)
            sheet.write(line, 6, at)
    put(home, "deliveries", "a.xlsx", (tmp_path / "book.xlsx").read_bytes())
    assert only(home).loaded == len(cells)
    times = query(home, "SELECT strftime(departed_at, '%m-%d %H:%M:%S') FROM raw.deliveries ORDER BY ticket_id")
    clocks = ("08:10:00", "12:00:00", "08:10:00", "06:00:00", "08:10:30", "00:00:00")
    assert times == [(f"03-05 {clock}",) for clock in clocks]


@pytest.mark.parametrize("clock", ["1.2.3e-4", "..e-1", "9e-0"])
def test_half_of_a_time_that_is_no_number_rejects_its_row_alone(home: Home, clock: str) -> None:
    put_mapping(home, "deliveries", '[joined]\ndeparted_at = ["日期", "出厂时间"]\n')
    header = "运单号,委托单号,搅拌站,强度等级,方量,日期,出厂时间"
    put(home, "deliveries", "a.csv", f"{header}\nT1,O1,P1,C30,8,45721,{clock}\nT2,O1,P1,C30,8,45721,0.5\n")
    file = only(home)
    assert (file.loaded, file.rejected) == (1, 1)


def test_rows_that_are_not_wanted_are_skipped_and_counted(home: Home) -> None:
    put_mapping(home, "permits", '[columns]\npermit_no = "permit_no"\n[skip]\nuse = ["标识", "围栏"]\n')
    put(home, "permits", "a.csv", permits("A,520103,2025-03-05,1,住宅,5", "B,520103,2025-03-05,1,标识,5"))
    file = only(home)
    assert (file.read, file.loaded, file.skipped) == (1, 1, 1)


def test_a_code_lists_default_takes_what_nothing_else_knows(home: Home) -> None:
    put_mapping(
        home,
        "permits",
        '[columns]\npermit_no = "permit_no"\n'
        '[values.use]\n"单户（独栋）" = "residential"\n"*" = "commercial"\n[values.district_code]\n"*" = "520103"\n',
    )
    lines = ("A,某地,2025-03-05,1,单户（独栋）,5", "B,520111,2025-03-05,1,厂房,5", "C,另地,2025-03-05,1,怪,5")
    put(home, "permits", "a.csv", permits(*lines, "D,另地,2025-03-05,1,,5"))
    assert only(home).loaded == 4
    rows = query(home, "SELECT use, district_code FROM raw.permits ORDER BY permit_no")
    assert rows == [("residential", "520103"), ("industrial", "520111"), ("commercial", "520103"), (None, "520103")]


def test_the_second_mapping_of_a_folder_is_found_by_a_header_of_which_nothing_is_known(home: Home) -> None:
    for name, key in (("a", "nr"), ("b", "no")):
        text = f'[columns]\n{key} = "permit_no"\nwhen = "issued_on"\n[constants]\ndistrict_code = "520103"\n'
        put_mapping(home, "permits", text).rename(home.mappings / "permits" / f"{name}.toml")
    put(home, "permits", "a.csv", "no,when\nX,2025-03-05\n")
    assert only(home).loaded == 1


@pytest.mark.parametrize(
    "text",
    [
        'feed = "orders"',
        'columns = "x"',
        'decimal = ";"',
        'districts = "x"',
        '[formats]\nissued_on = "MM/DD/YYYY"',
        '[formats]\nuse = "%d/%m/%Y"',
        '[values.contract_value]\n"*" = "1"',
        '[joined]\nissued_on = ["day"]',
        '[columns]\na = ["x"]',
    ],
)
def test_a_bad_mapping_is_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "m.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TongmaiError) as caught:
        read_mapping(path, FEEDS["permits"])
    assert caught.value.reason == "bad_mapping"


def test_the_deployments_own_headers(home: Home) -> None:
    put_words(home, '[orders.aliases]\norder_id = ["派工 单号"]\n')
    put(home, "orders", "plain.csv", orders(order("O1")))
    put(home, "orders", "own.csv", orders(order("O2")).replace("委托单号", "派工单号(必填)"))
    assert [file.loaded for file in ingest(home).files] == [1, 1]
    hashes = query(home, "SELECT source_file, mapping_hash FROM ops.ingest_ledger")
    assert {name: bool(digest) for name, digest in hashes} == {"plain.csv": False, "own.csv": True}


def test_a_header_that_the_deployment_adds_gives_a_failed_file_another_chance(home: Home) -> None:
    put(home, "orders", "own.csv", orders(order("O2")).replace("委托单号", "派工单号"))
    assert only(home).reasons == {"missing_columns": 1}
    put_words(home, '[orders.aliases]\norder_id = ["派工单号"]\n')
    assert only(home).loaded == 1


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[orders", "TOML"),
        ('[order.aliases]\norder_id = ["a"]', "no feed order"),
        ('[orders.aliases]\nnumber = ["a"]', "no field number"),
        ('[orders.aliases]\norder_id = "a"', "list"),
        ('[orders.aliases]\norder_id = ["区县"]', "district_code"),
        ("[orders]\nalias = 1", "aliases"),
    ],
)
def test_a_bad_feeds_file_says_what_is_wrong(home: Home, text: str, word: str) -> None:
    put_words(home, text)
    put(home, "orders", "a.csv", orders(order("O1")))
    with pytest.raises(TongmaiError) as caught:
        ingest(home)
    assert caught.value.reason == "bad_feeds_file"
    assert word in caught.value.text.en
