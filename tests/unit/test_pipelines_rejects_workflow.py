"""Rejects as a workflow: listed, exported, corrected, dropped back, resolved."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from contract_rows import row
from intake_files import ORDERS_HEADER, order, orders, put, query, without_beam
from rejects_book import FIRST, SECOND, THIRD, drop, export, open_rejects, set_cell

from orchestration.cli import run_command
from pipelines.feeds import FEEDS, Feed
from pipelines.feeds.contract import Kind
from pipelines.ingest import ingest
from pipelines.rejects.listing import read_rejects
from store.home import Home
from store.messages import TongmaiError


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    without_beam(monkeypatch)


SPOILED: dict[str, tuple[str, str, dict[str, str]]] = {
    "orders": (
        ORDERS_HEADER,
        "O1,P001,云岩区,C5,180,12.5,2025-03-05 10:20:30,2025-03-06 08:00:00,已下单,",
        {"强度等级": "C30"},
    ),
    "deliveries": (
        "运单号,委托单号,搅拌站,车牌号,司机姓名,强度等级,方量,出厂时间",
        "T1,O1,P1,贵A12345,张三,C30,80,2025-03-06 08:00:00",
        {"方量": "8"},
    ),
    "permits": (
        "施工许可证编号,工程名称,行政区划,建筑面积,合同价格(万元),发证日期,联系人",
        "520103202501010101,示例花园,云岩区,-5,120,2025-01-01,李四",
        {"建筑面积": "12000"},
    ),
    "plants": (
        "搅拌站编号,搅拌站名称,企业编号,区县,经度,纬度,设计产能,状态",
        "P1,一站,E1,云岩区,106.7,26.6,120,在途",
        {"状态": "运营"},
    ),
}


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("feed", list(SPOILED))
def test_a_spoiled_row_is_exported_corrected_and_resolved(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, feed: str, lang: str
) -> None:
    monkeypatch.setenv("TONGMAI_LANG", lang)
    header, line, corrected = SPOILED[feed]
    put(home, feed, "a.csv", f"{header}\n{line}\n", mtime=FIRST)
    (file,) = ingest(home).files
    assert (file.read, file.rejected) == (1, 1), file
    (reject,) = open_rejects(home)
    sheets = export(home, tmp_path)
    assert sheets[feed][0][8:] == header.split(",")
    assert sheets[feed][1][0] == reject.reject_id
    for name, value in corrected.items():
        set_cell(sheets[feed], name, value)
    assert drop(home, feed, "back.xlsx", sheets, SECOND).loaded == 1
    assert open_rejects(home) == ()
    assert query(home, f"SELECT count(*), max(_extra) FROM raw.{feed}") == [(1, None)]
    assert query(home, "SELECT rows_rejected, rows_resolved FROM ops.ingest_ledger ORDER BY received_at") == [
        (1, 1),
        (0, 0),
    ]
    ((resolved_by, resolved),) = query(
        home, "SELECT resolution.how, reject.resolved_at IS NOT NULL FROM ops.rejects AS reject "
        "JOIN ops.reject_resolutions AS resolution USING (reject_id) WHERE how = 'corrected'"
    )  # fmt: skip
    assert (resolved_by, resolved) == ("corrected", True)


# Of the others' rows of that seed, no field but the key would be rejected when it is spoiled.
ROUND = [feed for name, feed in FEEDS.items() if name not in ("crosswalk", "deliveries", "material_receipts")]


@pytest.mark.parametrize("feed", ROUND, ids=lambda feed: feed.name)
def test_a_row_of_each_feed_goes_round(home: Home, tmp_path: Path, feed: Feed) -> None:
    good = row(feed, 1, 3)
    spoiled = next(
        field.name
        for field in feed.fields
        if field.name in good and field.name not in feed.key and field.kind not in (Kind.TEXT, Kind.PROSE, Kind.LIST)
    )
    for place, line in ((home, {**good, spoiled: "??"}), (Home.at(tmp_path / "straight"), good)):
        put(place, feed.name, "a.jsonl", json.dumps(line, ensure_ascii=False, default=str), mtime=FIRST)
        ingest(place)
    (reject,) = open_rejects(home)
    assert reject.column == spoiled
    sheets = export(home, tmp_path)
    set_cell(sheets[feed.name], spoiled, str(good[spoiled]))
    file = drop(home, feed.name, "back.xlsx", sheets, SECOND)
    assert (file.loaded, open_rejects(home)) == (1, ()), file
    hashes = f"SELECT _content_hash, _extra FROM raw.{feed.name}"
    assert query(home, hashes) == query(Home.at(tmp_path / "straight"), hashes)


def test_a_record_of_several_lines_is_exported_on_as_many(home: Home, tmp_path: Path) -> None:
    lines = "盘号,运单号,站点编号,机组,搅拌时间,方量,材料,设定值,实际值\n"
    for material in ("水泥,-5,300", "水,150,151", "砂,700,"):
        lines += f"B1,T1,P1,1,2025-03-06 08:00:00,2,{material}\n"
    put(home, "batches", "a.csv", lines, mtime=FIRST)
    (file,) = ingest(home).files
    assert file.rejected == 1, file
    sheets = export(home, tmp_path)
    assert [line[-3:] for line in sheets["batches"][1:]] == [
        ["水泥", "-5", "300"],
        ["水", "150", "151"],
        ["砂", "700", ""],
    ]
    assert len({line[0] for line in sheets["batches"][1:]}) == 1
    set_cell(sheets["batches"], "设定值", "295")
    drop(home, "batches", "back.xlsx", sheets, SECOND)
    materials = "SELECT list_transform(materials, lambda m: m.target_kg) FROM raw.batches"
    assert [sorted(found) for (found,) in query(home, materials)] == [[150.0, 295.0, 700.0]]
    assert open_rejects(home) == ()


def test_corrected_wrongly_again_makes_a_chain_that_resolves_together(home: Home, tmp_path: Path) -> None:
    put(home, "orders", "a.csv", orders(order("O1", grade="C5"), order("O2", m3="x"), order("O3")), mtime=FIRST)
    ingest(home)
    sheets = export(home, tmp_path)
    set_cell(sheets["orders"], "强度等级", "C7", 1)
    set_cell(sheets["orders"], "计划方量(m³)", "9", 2)
    again = drop(home, "orders", "b.xlsx", sheets, SECOND)
    assert (again.read, again.loaded, again.rejected) == (2, 1, 1)
    (second,) = open_rejects(home)
    assert second.corrects is not None
    assert (second.reason, second.source_file) == ("bad_grade", "b.xlsx")
    assert len(read_rejects(home, which="all").rows) == 3
    sheets = export(home, tmp_path)
    set_cell(sheets["orders"], "强度等级", "C40")
    drop(home, "orders", "c.xlsx", sheets, THIRD)
    assert open_rejects(home) == ()
    assert len(read_rejects(home, which="resolved").rows) == 3
    assert query(home, "SELECT order_id, grade FROM raw.orders ORDER BY 1") == [
        ("O1", "C40"),
        ("O2", "C30"),
        ("O3", "C30"),
    ]
    assert query(home, "SELECT sum(rows_rejected), sum(rows_resolved) FROM ops.ingest_ledger") == [(3, 3)]


def test_what_is_resolved_does_not_depend_on_the_order_of_loading(home: Home, tmp_path: Path) -> None:
    put(home, "orders", "a.csv", orders(order("O1", grade="C5")), mtime=FIRST)
    ingest(home)
    sheets = export(home, tmp_path)
    set_cell(sheets["orders"], "强度等级", "C40")
    late = Home.at(tmp_path / "late")
    drop(late, "orders", "b.xlsx", sheets, SECOND)
    put(late, "orders", "a.csv", orders(order("O1", grade="C5")), mtime=FIRST)
    ingest(late)
    drop(home, "orders", "b.xlsx", sheets, SECOND)
    state = "SELECT reject_id, resolved_at IS NULL FROM ops.rejects"
    assert query(late, state) == query(home, state)
    assert open_rejects(late) == ()


def test_a_later_valid_version_of_the_same_key_resolves_too(home: Home) -> None:
    put(home, "orders", "b.csv", orders(order("O1", m3="x"), order("O2", m3="x"), order("O2")), mtime=SECOND)
    put(home, "orders", "a.csv", orders(order("O1")), mtime=FIRST)
    ingest(home)
    assert [row.source_row for row in open_rejects(home)] == [2, 3]
    put(home, "orders", "c.csv", orders(order("O1", m3="11")), mtime=THIRD)
    ingest(home)
    assert [row.source_row for row in open_rejects(home)] == [3]
    assert query(home, "SELECT how, source_file FROM ops.reject_resolutions") == [("newer_version", "c.csv")]


def test_lines_that_could_not_be_split_are_exported_as_they_came_and_can_be_corrected(
    home: Home, tmp_path: Path
) -> None:
    whole = order("O2")
    put(home, "orders", "a.csv", orders(order("O1"), "O2,P001,云岩区,C30"), mtime=FIRST)
    ingest(home)
    sheets = export(home, tmp_path)
    line = sheets["orders"][1]
    assert line[2] == "wrong_field_count"
    assert "O2,P001" in line[7]
    for header, value in zip(ORDERS_HEADER.split(","), whole.split(","), strict=True):
        set_cell(sheets["orders"], header, value)
    drop(home, "orders", "b.xlsx", sheets, SECOND)
    assert query(home, "SELECT order_id FROM raw.orders ORDER BY 1") == [("O1",), ("O2",)]
    assert open_rejects(home) == ()


def test_rejects_of_json_lines_come_back_too(home: Home, tmp_path: Path) -> None:
    row = {"运单号": "T1", "委托单号": "O1", "搅拌站": "P1", "强度等级": "C30", "方量": 80}
    put(home, "deliveries", "a.jsonl", json.dumps(row, ensure_ascii=False) + '\n{"运单号": "T2", 坏\n', mtime=FIRST)
    ingest(home)
    sheets = export(home, tmp_path)
    assert [line[2] for line in sheets["deliveries"][1:]] == ["out_of_range", "bad_json"]
    set_cell(sheets["deliveries"], "方量", "8", 1)
    for header, value in {**row, "运单号": "T2", "方量": "9"}.items():
        set_cell(sheets["deliveries"], header, str(value), 2)
    drop(home, "deliveries", "b.xlsx", sheets, SECOND)
    assert query(home, "SELECT ticket_id, load_m3 FROM raw.deliveries ORDER BY 1") == [("T1", 8.0), ("T2", 9.0)]
    assert open_rejects(home) == ()


def test_a_workbook_of_several_feeds_loads_each_sheet_where_it_belongs(home: Home, tmp_path: Path) -> None:
    for feed in ("orders", "deliveries"):
        put(home, feed, "a.csv", f"{SPOILED[feed][0]}\n{SPOILED[feed][1]}\n", mtime=FIRST)
    ingest(home)
    sheets = export(home, tmp_path)
    assert list(sheets) == ["deliveries", "orders"]
    for feed in sheets:
        for name, value in SPOILED[feed][2].items():
            set_cell(sheets[feed], name, value)
    assert drop(home, "orders", "both.xlsx", sheets, SECOND).loaded == 1
    assert [row.feed for row in open_rejects(home)] == ["deliveries"]
    assert drop(home, "deliveries", "both.xlsx", sheets, SECOND).loaded == 1
    assert open_rejects(home) == ()


def test_a_correction_finds_the_mapping_of_its_file(home: Home, tmp_path: Path) -> None:
    from pipelines.mapping import fingerprint

    header = ORDERS_HEADER.replace("计划方量(m³)", "数量")
    folder = home.mappings / "orders"
    folder.mkdir(parents=True)
    text = f'header = "{fingerprint(header.split(","))}"\n[columns]\n"数量" = "ordered_m3"\n'
    (folder / "m.toml").write_text(text, encoding="utf-8")
    put(home, "orders", "a.csv", orders(order("O1", grade="C5", slump="")).replace("计划方量(m³)", "数量"), mtime=FIRST)
    ingest(home)
    sheets = export(home, tmp_path)
    set_cell(sheets["orders"], "强度等级", "C30")
    drop(home, "orders", "b.xlsx", sheets, SECOND)
    assert query(home, "SELECT ordered_m3, slump_mm FROM raw.orders") == [(12.5, None)]
    assert query(home, "SELECT count(DISTINCT mapping_hash) FROM ops.ingest_ledger") == [(1,)]


def test_another_reading_takes_back_what_the_first_one_resolved(home: Home, tmp_path: Path) -> None:
    put(home, "orders", "a.csv", orders(order("O1", grade="C5")), mtime=FIRST)
    ingest(home)
    sheets = export(home, tmp_path)
    set_cell(sheets["orders"], "强度等级", "C30")
    drop(home, "orders", "b.xlsx", sheets, SECOND)
    assert open_rejects(home) == ()
    mapping = home.root / "m.toml"
    mapping.write_text('[columns]\n"状态" = ""\n[constants]\nstatus = "??"\n', encoding="utf-8")
    back = next((home.archive / "orders").glob("*.xlsx"))
    ingest(home, [("orders", put(home, "again", "b.xlsx", back.read_bytes(), mtime=SECOND))], mapping)
    assert [row.source_file for row in open_rejects(home)] == ["b.xlsx"]  # the chain's last, open again
    assert query(home, "SELECT count(*) FROM raw.orders_versions") == [(0,)]


def test_the_command_lists_exports_and_says_when_the_file_is_busy(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["rejects", "--json"]) == 1
    assert "no_warehouse" in capsys.readouterr().out
    put(home, "orders", "a.csv", orders(order("O1", grade="C5")), mtime=FIRST)
    ingest(home)
    capsys.readouterr()
    out = tmp_path / "x" / "rejects.xlsx"
    assert run_command(["rejects", "--feed", "orders", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["total"], told["by_feed"], told["out"]) == (1, {"orders": {"bad_grade": 1}}, str(out))
    assert out.exists()
    assert run_command(["rejects", "--feed", "nothing"]) == 2
    holder = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('held', flush=True); time.sleep(60)"
    import subprocess
    import sys

    with subprocess.Popen([sys.executable, "-c", holder, str(home.warehouse)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(TongmaiError, match="warehouse_busy"):
            read_rejects(home)
        process.kill()
    with duckdb.connect(str(home.warehouse), read_only=True):
        assert len(open_rejects(home)) == 1
