"""Sources: what is read from files of every format, and which line it stood on."""

from __future__ import annotations

import gzip
import json
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from intake_files import ORDERS_HEADER, order, orders

from pipelines.faults import FileError
from pipelines.feeds import FEEDS
from pipelines.mapping import NO_MAPPING
from pipelines.sources import delimited, text
from pipelines.sources.formats import open_tables
from pipelines.sources.tables import Origin, RawTable

ORDERS = FEEDS["orders"]


def read(path: Path, feed: str = "orders") -> list[RawTable]:
    return list(open_tables(path, FEEDS[feed], NO_MAPPING))


def keys(tables: list[RawTable]) -> list[tuple[str, int]]:
    """(first column, source row) of every row."""
    return [
        (str(key), row)
        for raw in tables
        for key, row in zip(raw.table["c0"].to_pylist(), raw.table["_source_row"].to_pylist(), strict=True)
    ]


@pytest.fixture(params=[17, 64, 1 << 20])
def block_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Blocks so small that records, quotes and characters are cut by them, and large ones."""
    monkeypatch.setattr(delimited, "_HEADER_BYTES", 400)
    monkeypatch.setattr(delimited, "text_blocks", partial(text.text_blocks, block_bytes=request.param))
    return int(request.param)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encodings_and_delimiters(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(orders(order("O1"), order("O2")).replace(",", delimiter).encode(encoding))
    tables = read(path)
    assert keys(tables) == [("O1", 2), ("O2", 3)]
    assert tables[0].header == tuple(ORDERS_HEADER.split(","))
    assert tables[0].table["c2"].to_pylist() == ["云岩区", "云岩区"]


def test_chinese_pairs_that_are_valid_utf_8_do_not_hide_gb18030() -> None:
    """细石 in GB18030 is also UTF-8, for two Greek letters: one such column must not outvote the header."""
    lines = ["盘号,强度等级,方量", *(f"B{n},细石C25,2.5" for n in range(20))]
    assert text.detect("\n".join(lines).encode("gb18030")) == "gb18030"
    assert text.detect("\n".join(lines[1:]).encode("gb18030")) == "gb18030"
    assert text.detect("\n".join(lines).encode()) == "utf-8"
    assert text.detect("编号,标准差σ\n1,±2".encode()) == "utf-8"
    assert text.detect("naïve café ±2 m³\n".encode()) == "utf-8"


def test_lines_are_right_after_titles_blanks_and_multi_line_fields(tmp_path: Path, block_bytes: int) -> None:
    path = tmp_path / "orders.csv"
    header = ORDERS_HEADER + ",备注"
    long = order("O1") + ',"第一行\n第二行, 有逗号\n""引号"""'
    path.write_text(f"某站订单\n\n{header}\n{long}\n\n{order('O2')},\r\n{order('O3')},无", encoding="utf-8")
    tables = read(path)
    assert keys(tables) == [("O1", 4), ("O2", 8), ("O3", 9)]
    assert next(text for raw in tables for text in raw.table["c10"].to_pylist()) == '第一行\n第二行, 有逗号\n"引号"'
    assert sum(raw.rows_skipped for raw in tables) == 3
    assert block_bytes


def test_a_stretch_of_empty_lines_is_skipped_and_counted(tmp_path: Path, block_bytes: int) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(f"{ORDERS_HEADER}\n{order('O1')}\n" + "\n" * 500 + order("O2") + "\n" * 300, encoding="utf-8")
    tables = read(path)
    assert keys(tables) == [("O1", 2), ("O2", 503)]
    assert sum(raw.rows_skipped for raw in tables) == 799
    assert block_bytes


def test_malformed_lines_cost_themselves_only(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    lines = [order("O1"), order("O2") + ",too,many", order("O3"), "O4,P001", order("O5")]
    path.write_text(orders(*lines), encoding="utf-8")
    tables = read(path)
    assert keys(tables) == [("O1", 2), ("O3", 4), ("O5", 6)]
    assert [(row.source_row, row.reason) for row in tables[0].malformed] == [
        (3, "wrong_field_count"),
        (5, "wrong_field_count"),
    ]


@pytest.mark.parametrize("cell", ['5"钢管', '"未闭合', '未闭合"', 'a""b'])
def test_a_stray_quote_costs_at_most_its_row(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(
        orders(order("O1"), order("O2", plant_id=cell), *(order(f"O{n}") for n in range(3, 40))), encoding="utf-8"
    )
    tables = read(path)
    found = dict(keys(tables))
    found.setdefault("O2", tables[0].malformed[0].source_row if tables[0].malformed else 0)
    assert found == {f"O{n}": n + 1 for n in range(1, 40)}


def test_empty_cells_beyond_the_header_cost_nothing(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(orders(order("O1") + ",,", order("O2"), order("O3") + ",x,").replace("\n", "\r\n").encode())
    (raw,) = read(path)
    assert keys([raw]) == [("O1", 2), ("O2", 3)]
    assert raw.table["c9"].to_pylist() == ["", ""]
    assert [row.source_row for row in raw.malformed] == [4]


def test_an_open_quote_does_not_gather_the_rest_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [order(f"O{n}") for n in range(6_000)]
    path = tmp_path / "orders.csv"
    path.write_text(orders(*lines[:9], order("OPEN", plant_id='"未闭合'), *lines[9:]), encoding="utf-8")
    monkeypatch.setattr(delimited, "text_blocks", partial(text.text_blocks, block_bytes=100_000))
    tables = read(path)
    assert len(tables) > 4
    assert {key for key, _ in keys(tables)} >= {f"O{n}" for n in range(6_000)}


def test_a_nul_byte_rejects_its_row_only(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(orders(order("O1"), order("O2", plant_id="P\0"), *(order(f"O{n}") for n in range(3, 9))))
    (raw,) = read(path)
    assert [key for key, _ in keys([raw])] == ["O1", *(f"O{n}" for n in range(3, 9))]
    assert [(row.source_row, row.reason) for row in raw.malformed] == [(3, "bad_encoding")]


def test_bad_bytes_reject_their_row_only(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    good = orders(order("O1"), order("O2", plant_id="XX"), order("O3")).encode()
    path.write_bytes(good.replace(b"XX", b"\xff\xfe\x81"))
    tables = read(path)
    assert keys(tables) == [("O1", 2), ("O3", 4)]
    assert [(row.source_row, row.reason) for row in tables[0].malformed] == [(3, "bad_encoding")]


def test_gzip(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(orders(order("O1")).encode("gb18030")))
    (raw,) = read(path)
    assert keys([raw]) == [("O1", 2)]
    assert raw.origin == Origin("csv", "gzip", "gb18030", ",", 1)


def test_json_lines_with_changing_keys_and_a_broken_line(tmp_path: Path) -> None:
    path = tmp_path / "orders.jsonl"
    path.write_text('{"委托单号":"O1","方量":12.50}\n\n{broken\n{"委托单号":"O2","备注":{"a":1}}\n', encoding="utf-8")
    (raw,) = read(path)
    columns = {header: raw.table[f"c{index}"].to_pylist() for index, header in enumerate(raw.header)}
    assert columns == {"委托单号": ["O1", "O2"], "备注.a": [None, "1"], "方量": ["12.5", None]}
    assert raw.table["_source_row"].to_pylist() == [1, 4]
    assert [(row.source_row, row.reason) for row in raw.malformed] == [(3, "bad_json")]


def test_a_key_stays_a_column_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "orders.jsonl"
    path.write_text('{"委托单号":"O1","方量":1}\n{"委托单号":"O2"}', encoding="utf-8")  # the last line is a block
    first, last = read(path)
    assert first.header == last.header
    assert last.table["c1"].to_pylist() == [None]


def test_a_json_array(tmp_path: Path) -> None:
    path = tmp_path / "orders.json"
    path.write_text(json.dumps([{"委托单号": "O1"}, {"委托单号": "O2"}], indent=1), encoding="utf-8")
    assert read(path)[0].table["c0"].to_pylist() == ["O1", "O2"]


HEADER = ("委托单号", "方量", "下单时间", "备注", "区县", "强度等级", "计划浇筑时间", "状态")


def test_spreadsheets(tmp_path: Path) -> None:
    path = tmp_path / "orders.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        sheet.write(1, 0, "某站订单")
        sheet.write_row(3, 0, HEADER)
        sheet.write_row(4, 0, ["O1", 12.5])
        sheet.write_number(4, 2, 46086.5, moment)
        sheet.write_number(4, 3, 20260001)
        sheet.write_row(5, 0, ["O2", 3, "", "text"])
        other = book.add_worksheet()
        other.write_row(0, 0, HEADER)
        other.write_row(1, 0, ["O3", 1])
    first, second = read(path)
    assert keys([first, second]) == [("O1", 5), ("O2", 6), ("O3", 2)]
    assert [(raw.member, raw.origin.header_row) for raw in (first, second)] == [("Sheet1", 4), ("Sheet2", 1)]
    assert first.table["c1"].to_pylist() == [12.5, 3.0]
    assert str(first.table["c2"].to_pylist()[0]) == "2026-03-05 12:00:00"
    assert first.table["c3"].to_pylist() == ["20260001", "text"]


def test_hidden_sheets_and_summaries_are_skipped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "orders.xlsx"
    with xlsxwriter.Workbook(path) as book:
        summary = book.add_worksheet("汇总")
        summary.write_row(0, 0, ["站点编号", "方量"])
        summary.write_row(1, 0, ["P001", 99])
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, ["O1", 1])
        hidden = book.add_worksheet("旧")
        hidden.write_row(0, 0, HEADER)
        hidden.write_row(1, 0, ["OLD", 1])
        hidden.hide()
    (raw,) = read(path)
    assert keys([raw]) == [("O1", 2)]
    assert (raw.member, raw.origin.sheet) == ("", "Sheet2")
    assert raw.rows_skipped == 4


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    table = pa.table({"委托单号": pa.array(["O1", "O2"]).dictionary_encode(), "方量": [1.5, None], "x": [[1], None]})
    pq.write_table(table, path)
    (raw,) = read(path)
    assert keys([raw]) == [("O1", 1), ("O2", 2)]
    assert raw.table["c1"].to_pylist() == [1.5, None]
    assert raw.table["c2"].to_pylist() == ["[1]", None]


def test_short_floats_keep_their_value(tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    pq.write_table(pa.table({"委托单号": ["O1"], "方量": pa.array([12.3], pa.float32())}), path)
    assert read(path)[0].table["c1"].to_pylist() == [12.3]


def test_geojson(tmp_path: Path) -> None:
    geometry = {"type": "Polygon", "coordinates": [[[106.6, 26.6], [106.7, 26.6], [106.7, 26.7], [106.6, 26.6]]]}
    feature = {"type": "Feature", "properties": {"zone_id": "Z1", "kind": "产业区"}, "geometry": geometry}
    path = tmp_path / "zones.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")
    (raw,) = read(path, "zones")
    assert raw.header == ("geometry", "kind", "zone_id")
    assert json.loads(raw.table["c0"][0].as_py()) == geometry


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.pdf", b"%PDF-1.4", "unknown_file_type"),
        ("a.csv", b"%PDF-1.4", "unknown_file_type"),
        ("a.csv", b"a\0b,c\n", "unknown_file_type"),
        ("noextension", b"a,b\n", "unknown_file_type"),
        ("a.csv", b"", "empty_file"),
        ("a.csv", b"\xef\xbb\xbf \n\n", "empty_file"),
        ("a.csv", b"alpha,beta\n1,2\n", "unknown_layout"),
        ("a.csv.gz", gzip.compress(orders(order("O1")).encode() * 50)[:60], "truncated_file"),
        ("a.xlsx", b"PK\x03\x04 cut off", "truncated_file"),
        ("a.parquet", b"PAR1 cut off", "truncated_file"),
        ("a.parquet", b"not parquet", "truncated_file"),
        ("a.json", b'[{"a": 1}, {"b"', "truncated_file"),
    ],
)
def test_files_that_cannot_be_taken(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FileError) as caught:
        read(path)
    assert caught.value.reason == reason
    assert caught.value.text.zh
    assert caught.value.text.en


def test_old_macintosh_lines(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(orders(order("O1"), order("O2")).replace("\n", "\r").encode())
    assert [key for key, _ in keys(read(path))] == ["O1", "O2"]


def test_utf_16_is_read_in_pieces(tmp_path: Path, block_bytes: int) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(orders(*(order(f"O{n}") for n in range(40))).encode("utf-16"))
    tables = read(path)
    assert keys(tables) == [(f"O{n}", n + 2) for n in range(40)]
    assert {raw.origin.encoding for raw in tables} == {"utf-16-le"}
    assert block_bytes


@pytest.mark.parametrize(
    ("m3", "price", "read_as"),
    [
        (["12,5", "12,500"], ["300", "1.300,5"], (["12.5", "12.500"], ["300", "1300.5"])),
        (["12,5", "1.200"], ["300", "1.300"], (["12.5", "1200"], ["300", "1.300"])),  # points that part thousands
        (["12.25", "1.200"], ["3,5", "2"], (["12.25", "1.200"], ["3.5", "2"])),
        (["300", "2"], ["3,5", "1.300"], (["300", "2"], ["3.5", "1300"])),
        (["12,500", "8"], ["300,25", "1"], (["12.500", "8"], ["300.25", "1"])),  # goes with its file
        (["12,500", "8"], ["300", "1"], (["12,500", "8"], ["300", "1"])),  # a thousands comma, as elsewhere
        (["12,500", "8"], ["1,300.5", "1"], (["12,500", "8"], ["1,300.5", "1"])),
        (["12,5", "8"], ["1,300.5", "1"], (["12.5", "8"], ["1,300.5", "1"])),
    ],
)
def test_decimal_commas(tmp_path: Path, m3: list[str], price: list[str], read_as: tuple[list[str], list[str]]) -> None:
    path = tmp_path / "orders.csv"
    lines = [order(f"O{n}", m3=m3[n]).replace(",", ";") for n in range(2)]
    rows = [line.replace(m3[n].replace(",", ";"), m3[n]) + f";{price[n]};1,5" for n, line in enumerate(lines)]
    header = (ORDERS_HEADER + ",单价,备注").replace(",", ";")
    path.write_text("sep=;\n" + "\n".join([header, *rows]) + "\n", encoding="utf-8")
    (raw,) = read(path)
    assert (raw.table["c5"].to_pylist(), raw.table["c10"].to_pylist()) == read_as
    assert raw.table["c11"].to_pylist() == ["1,5", "1,5"]  # no number
    assert (raw.origin.delimiter, raw.origin.header_row) == (";", 2)
    noted = {name for note in raw.origin.notes if "1.200" in note.en for name in note.en.split(": ")[1].split(", ")}
    unclear = {"计划方量(m³)": "1.200" in read_as[0], "单价": "1.300" in read_as[1]}
    assert noted == {name for name, is_unclear in unclear.items() if is_unclear}


def test_a_header_with_more_delimiters_than_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(orders(order("O1"), order("O2") + ",", header=ORDERS_HEADER + ",,"), encoding="utf-8")
    assert keys(read(path)) == [("O1", 2), ("O2", 3)]


def test_parquet_texts_that_are_no_utf_8_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    column = pa.array([b"O1", b"\xff\xfe"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"委托单号": column}), path)
    with pytest.raises(FileError) as caught:
        read(path)
    assert caught.value.reason == "truncated_file"
