"""Loading: versions, duplicates, the ledger's sums, the archive, and the views."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from intake_files import equal_tables, order, orders, put, query, without_beam

from pipelines import isolation, loader, staging
from pipelines.blocks import Block, Checked
from pipelines.checks import Checker
from pipelines.feeds import FEEDS
from pipelines.ingest import ingest
from store.home import Home
from store.messages import TongmaiError

BEAM = staging._beam
TICKETS = "运单号,委托单号,搅拌站,强度等级,方量,出厂时间,到场时间,状态,更新时间"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    without_beam(monkeypatch)


def test_raw_has_the_contracts_columns_and_types(home: Home) -> None:
    ingest(home)
    for feed in FEEDS.values():
        columns = query(
            home,
            "SELECT column_name, data_type FROM duckdb_columns() "
            f"WHERE schema_name = 'raw' AND table_name = '{feed.name}_versions' ORDER BY column_index",
        )
        kinds = {
            name: type_.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE") for name, type_ in feed.raw_columns.items()
        }
        assert dict(columns) == kinds


def test_the_newest_version_stands_in_the_view(home: Home) -> None:
    put(
        home,
        "orders",
        "b.csv",
        orders(order("O1", status="已完成", updated="2025-03-07 10:00:00")),
        mtime=1_741_000_000,
    )
    put(home, "orders", "a.csv", orders(order("O1", updated="2025-03-05 11:00:00")), mtime=1_742_000_000)
    ingest(home)
    assert query(home, "SELECT status FROM raw.orders") == [("done",)]
    assert query(home, "SELECT count(*) FROM raw.orders_versions") == [(2,)]


def test_a_tickets_events_merge_per_column(home: Home) -> None:
    first = "T1,O1,P1,C30,8,2025-03-06 08:00:00,,,2025-03-06 08:01:00"
    second = "T1,O1,P1,C30,8,,2025-03-06 08:40:00,签收,2025-03-06 08:41:00"
    put(home, "deliveries", "b.csv", "\n".join((TICKETS, second)))
    put(home, "deliveries", "a.csv", "\n".join((TICKETS, first)))
    ingest(home)
    row = query(
        home, "SELECT strftime(departed_at, '%H:%M'), strftime(arrived_at, '%H:%M'), status FROM raw.deliveries"
    )
    assert row == [("08:00", "08:40", "签收")]
    assert query(home, "SELECT _source_file FROM raw.deliveries") == [("b.csv",)]


def test_repeats_count_as_duplicates_and_the_first_file_keeps_them(home: Home) -> None:
    put(home, "orders", "later.csv", orders(order("O1"), order("O2"), order("O2")), mtime=1_742_000_000)
    put(home, "orders", "first.csv", orders(order("O1")), mtime=1_741_000_000)
    files = {file.file: file for file in ingest(home).files}
    assert (files["first.csv"].loaded, files["first.csv"].duplicate) == (1, 0)
    assert (files["later.csv"].loaded, files["later.csv"].duplicate) == (1, 2)
    ledger = query(home, "SELECT source_file, rows_loaded FROM ops.ingest_ledger ORDER BY ALL")
    stored = query(home, "SELECT _source_file, count(*) FROM raw.orders_versions GROUP BY ALL ORDER BY ALL")
    assert ledger == stored


@pytest.mark.parametrize("is_one_drop", [False, True])
@pytest.mark.parametrize("rows_at_once", [1, 5, 1000])
def test_the_later_file_has_the_duplicate_wherever_batches_and_transactions_are_cut(
    home: Home, monkeypatch: pytest.MonkeyPatch, rows_at_once: int, is_one_drop: bool
) -> None:
    monkeypatch.setattr(loader, "TRANSACTION_ROWS", rows_at_once)
    monkeypatch.setattr(staging, "SMALL_FILE_BYTES", 500)
    numbers = range(12)
    names = {n: f"{n if is_one_drop else 99 - n:02d}.csv" for n in numbers}
    for half in (1, 0):  # two batches of small files wait at once, with large ones in between
        for n in numbers[half::2]:
            resent = [order(f"O{n - 1}")] if n else []
            own = [order(f"O{n}"), *(order(f"O{n}-{more}") for more in range(6 if n % 3 == 0 else 0))]
            received_s = 1_741_000_000 + (0 if is_one_drop else n)
            put(home, "orders", names[n], orders(*own, *resent), mtime=received_s)
        staging.stage_files(home)
    duplicates = {file.file: file.duplicate for file in ingest(home).files}
    assert duplicates == {names[n]: int(n > 0) for n in numbers}
    assert query(home, "SELECT count(*) FROM raw.orders_versions") == [(12 + 4 * 6,)]
    assert ingest(home).files == ()


def test_a_file_at_which_the_program_stumbles_costs_itself_alone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    check = Checker.check

    def stumble(self: Checker, block: Block) -> Checked:
        if block.table is not None and any(file.name == "poison.csv" for file in block.batch.files):
            raise IndexError("list index out of range")
        return check(self, block)

    for name in ("a", "b", "poison", "y", "z"):
        put(home, "orders", f"{name}.csv", orders(order(f"O{name}")))
    put(home, "deliveries", "d.csv", "\n".join((TICKETS, "T1,O1,P1,C30,8,2025-03-06 08:00:00,,,")))
    with monkeypatch.context() as patched:
        patched.setattr(staging, "_beam", BEAM)
        patched.setattr(Checker, "check", stumble)
        files = {file.file: file for file in ingest(home).files}
    assert {name for name, file in files.items() if file.status != "loaded"} == {"poison.csv"}
    assert files["poison.csv"].reasons == {"cannot_process": 1}
    assert "IndexError" in (files["poison.csv"].message_en or "")
    poison = home.inbox / "orders" / "poison.csv"
    os.utime(poison, (1_743_000_000, 1_743_000_000))
    assert [(file.file, file.status) for file in ingest(home).files] == [("poison.csv", "loaded")]
    assert query(home, "SELECT count(*), count(DISTINCT order_id) FROM raw.orders_versions") == [(5, 5)]


def test_a_sidecar_left_by_a_killed_move_is_forgotten_and_one_sent_ahead_stays(home: Home) -> None:
    put(home, "orders", "a.csv", orders(order("O1")))
    stated = json.dumps({"received_at": "2025-03-06T08:00:00+08:00"})
    sidecar = home.inbox / "orders" / "a.csv.sidecar.json"
    sidecar.write_text(stated, encoding="utf-8")
    ingest(home)
    ahead = sidecar.with_name("b.csv.sidecar.json")
    for path in (sidecar, ahead):
        path.write_text(stated, encoding="utf-8")
    ingest(home)
    assert not sidecar.exists()
    assert ahead.exists()


def test_an_ailing_machine_is_no_fault_of_files(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Checker, block: Block) -> Checked:
        raise PermissionError("landing")

    for number in range(isolation.MOST_STUMBLES + 5):
        put(home, "orders", f"{number}.csv", orders(order(f"O{number}")))
    with monkeypatch.context() as patched, pytest.raises(TongmaiError) as caught:
        patched.setattr(Checker, "check", fail)
        ingest(home)
    assert caught.value.reason == "staging_failed"
    assert ingest(home).totals()["orders"]["loaded"] == isolation.MOST_STUMBLES + 5


def test_a_full_disk_that_has_rolled_back_already_is_told_as_such(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_disk(connection: duckdb.DuckDBPyConnection, *_: object) -> None:
        connection.execute("ROLLBACK")
        raise duckdb.IOException("No space left on device")

    put(home, "orders", "a.csv", orders(order("O1")))
    with monkeypatch.context() as patched, pytest.raises(TongmaiError) as caught:
        patched.setattr(loader, "_append_ledger", fill_disk)
        ingest(home)
    assert caught.value.reason == "disk_full"
    assert ingest(home).totals()["orders"]["loaded"] == 1


def test_a_version_known_earlier_by_another_file_takes_that_time(home: Home) -> None:
    put(home, "orders", "b.csv", orders(order("O1")), mtime=1_742_000_000)
    ingest(home)
    put(home, "orders", "a.csv", orders(order("O1")) + "\n", mtime=1_741_000_000)
    ingest(home)
    known = query(
        home, "SELECT epoch(known_at)::BIGINT, epoch(_version_at)::BIGINT, _source_file FROM raw.orders_versions"
    )
    assert known == [(1_741_000_000, 1_741_000_000, "a.csv")]
    ledger = "SELECT source_file, rows_loaded, rows_duplicate FROM ops.ingest_ledger ORDER BY 1"
    assert query(home, ledger) == [("a.csv", 1, 0), ("b.csv", 0, 1)]


def test_ledger_sums_and_reasons(home: Home) -> None:
    put(
        home,
        "orders",
        "a.csv",
        orders(order("O1"), order("O1"), order("O2", grade="C5"), "合计,,,,,1,,,,", order("O3", m3="x")),
    )
    (file,) = ingest(home).files
    assert (file.read, file.loaded, file.duplicate, file.rejected, file.skipped) == (4, 1, 1, 2, 1)
    assert file.reasons == {"bad_grade": 1, "bad_number": 1}
    (row,) = query(
        home,
        "SELECT rows_read, rows_loaded, rows_duplicate, rows_rejected, rows_skipped, reasons FROM ops.ingest_ledger",
    )
    assert row[:5] == (4, 1, 1, 2, 1)
    assert json.loads(row[5]) == file.reasons
    assert query(home, "SELECT count(*) FROM ops.rejects") == [(2,)]


def test_the_same_bytes_are_loaded_once_and_cleared_away(home: Home) -> None:
    content = orders(order("O1"))
    put(home, "orders", "a.csv", content)
    ingest(home)
    path = put(home, "orders", "copy.csv", content)
    (file,) = ingest(home).files
    assert file.status == "already_loaded"
    assert not path.exists()
    changed = put(home, "orders", "a.csv", orders(order("O2")))
    assert [file.status for file in ingest(home).files] == ["loaded"]
    assert not changed.exists()


def test_two_copies_in_one_run(home: Home) -> None:
    put(home, "orders", "a.csv", orders(order("O1")))
    put(home, "orders", "b.csv", orders(order("O1")))
    assert sorted(file.status for file in ingest(home).files) == ["already_loaded", "loaded"]
    assert [file.status for file in ingest(home).files] in ([], ["already_loaded"])
    assert list(home.inbox.rglob("*.csv")) == []


def test_given_files_are_copied_and_stay(home: Home) -> None:
    path = put(home, "elsewhere", "a.csv", orders(order("O1")))
    assert ingest(home, [("orders", path)]).files[0].loaded == 1
    assert path.exists()
    assert ingest(home, [("orders", path)]).files[0].status == "already_loaded"


def test_a_json_file_that_comes_again_is_known_though_it_lies_among_the_sidecars(home: Home) -> None:
    row = {"委托单号": "O1", "站点编号": "P001", "区县": "云岩区", "强度等级": "C30", "计划方量": 12.5}
    row |= {"下单时间": "2025-03-05 10:20:30", "计划浇筑时间": "2025-03-06 08:00:00", "状态": "已下单"}
    statuses = []
    for document in ([row], {"batch_id": "x", "data": [row]}, [row]):
        put(home, "orders", "a.json", json.dumps(document), mtime=1_741_000_000)
        statuses += [file.status for file in ingest(home).files]
    assert statuses == ["loaded", "loaded", "already_loaded"]


def test_sidecars_state_when_a_file_was_received(home: Home) -> None:
    path = put(home, "orders", "a.csv", orders(order("O1")))
    path.with_name("a.csv.sidecar.json").write_text('{"received_at": "2025-01-02T03:04:05+08:00", "sent_by": "P001"}')
    ingest(home)
    assert query(home, "SELECT strftime(known_at, '%Y-%m-%d %H:%M:%S') FROM raw.orders") == [("2025-01-02 03:04:05",)]
    (sidecar,) = (home.archive / "orders").glob("*.json")
    assert json.loads(sidecar.read_text(encoding="utf-8"))["sent_by"] == "P001"
    assert list(home.inbox.rglob("*.json")) == []


def test_everything_can_be_rebuilt_from_landing_and_from_the_archive(home: Home) -> None:
    put(home, "orders", "a.csv", orders(order("O1"), order("O2", grade="C5")), mtime=1_741_000_000)
    put(home, "orders", "b.csv", orders(order("O1", status="已完成")), mtime=1_742_000_000)
    ingest(home)
    before = equal_tables(home, "orders")
    shutil.rmtree(home.warehouse.parent)
    ingest(home)
    assert equal_tables(home, "orders") == before
    shutil.rmtree(home.warehouse.parent)
    shutil.rmtree(home.landing)
    for path in (home.archive / "orders").glob("*.csv"):
        put(home, "orders", path.name, path.read_bytes(), mtime=int(path.stat().st_mtime))
    shutil.rmtree(home.archive)
    ingest(home)
    assert equal_tables(home, "orders") == before


def test_what_a_row_loads_as_does_not_depend_on_its_block(home: Home, tmp_path: Path) -> None:
    rows = [order("O1", plant_id="Ⅱ期①"), order("O2", plant_id="（二）")]
    put(home, "orders", "both.csv", orders(*rows), mtime=1_741_000_000)
    ingest(home)
    apart = Home.at(tmp_path / "apart")
    for number, row in enumerate(rows):
        put(apart, "orders", f"{number}.csv", orders(row), mtime=1_741_000_000)
        ingest(apart)
    assert equal_tables(home, "orders") == equal_tables(apart, "orders")


def test_typed_ids_load_the_same_in_one_file_or_among_others(home: Home, tmp_path: Path) -> None:
    cells = {
        "order_id": [20240001.0], "plant_id": [0.00001], "district_code": ["520103"], "grade": ["C30"],
        "ordered_m3": [12.5], "placed_at": ["2025-03-05"], "pour_from_at": ["2025-03-06"], "status": ["placed"],
    }  # fmt: skip
    apart = Home.at(tmp_path / "apart")
    for place in (home, apart):
        path = put(place, "orders", "a.parquet", b"")
        pq.write_table(pa.table(cells), path)
        os.utime(path, (1_741_000_000, 1_741_000_000))
    ingest(apart)
    put(home, "orders", "b.csv", orders(order("O1")), mtime=1_741_000_000)
    put(apart, "orders", "b.csv", orders(order("O1")), mtime=1_741_000_000)
    ingest(home)
    ingest(apart)
    assert query(home, "SELECT order_id FROM raw.orders ORDER BY 1") == [("20240001",), ("O1",)]
    assert equal_tables(home, "orders") == equal_tables(apart, "orders")


def test_whatever_stands_in_an_unknown_column_is_kept_as_json(home: Home) -> None:
    header = orders("").splitlines()[0] + ',"备\n""注""",网址'
    put(home, "orders", "a.csv", orders(order("O1") + ',"a\nb@c.cn\\",x\x01y', header=header), mtime=1_741_000_000)
    ingest(home)
    ((extra,),) = query(home, "SELECT _extra FROM raw.orders")
    assert json.loads(extra) == {'备\n"注"': "a\n***\\", "网址": "x y"}
