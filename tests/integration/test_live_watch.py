"""`tongmai live` on files that arrive: splits, faults, two consumers, locks, the published file, Ctrl-C."""

from __future__ import annotations

import csv
import os
import random
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dashboard.live import read_live
from pipelines.ingest import ingest
from pipelines.live import live
from pipelines.live.publication import is_published, publish_live
from pipelines.live.store import kept_since, open_store
from pipelines.staging import stage_files
from store.connections import reader
from store.home import Home
from store.locks import hold
from store.messages import TongmaiError

SHANGHAI = timezone(timedelta(hours=8))
NOON = datetime(2025, 12, 1, 12, tzinfo=SHANGHAI)
EVENTS = ("出料时间", "出厂时间", "到场时间", "卸完时间")
Row = dict[str, Any]


def drop(home: Home, feed: str, name: str, rows: list[Row], received_at: datetime = NOON + timedelta(hours=6)) -> Path:
    """A CSV file in the inbox, received then."""
    path = home.inbox / feed / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, sorted({column for row in rows for column in row}))
        writer.writeheader()
        writer.writerows(rows)
    os.utime(path, (received_at.timestamp(), received_at.timestamp()))
    return path


def order(number: int, said_at: datetime, district: str = "南明区", pour_at: datetime = NOON, **more: Any) -> Row:
    return {
        "委托单号": f"O{number}", "区县": district, "强度等级": "C30", "计划方量": 40,
        "下单时间": pour_at - timedelta(hours=9), "计划浇筑时间": pour_at, "状态": "已确认",
        "更新时间": said_at, **more,
    }  # fmt: skip


def ticket(number: int, order_number: int, said_at: datetime, **more: Any) -> Row:
    return {
        "运单号": f"T{number}", "委托单号": f"O{order_number}", "站点编号": "P001", "强度等级": "C30P6", "方量": 8.5,
        "更新时间": said_at, **more,
    }  # fmt: skip


def event(number: int, said_at: datetime, **more: Any) -> Row:
    """What a device says: the ticket's number and what happened."""
    return {"运单号": f"T{number}", "更新时间": said_at, **more}


def a_morning(chance: random.Random) -> dict[str, list[Row]]:
    """Orders that are amended, and tickets told event by event, some of them corrected."""
    orders, tickets = [], []
    for number in range(8):
        pour_at = NOON - timedelta(minutes=chance.randrange(300))
        orders.append(order(number, pour_at - timedelta(hours=1), pour_at=pour_at))
        if number % 3 == 0:
            orders.append(
                order(number, pour_at, district="云岩区", pour_at=pour_at + timedelta(minutes=20), 计划方量=44)
            )
    for number in range(24):
        instant = NOON - timedelta(minutes=chance.randrange(400))
        for name in EVENTS:
            instant += timedelta(minutes=chance.randrange(1, 25))
            is_event = number % 2 and name != EVENTS[number % 4]
            said = event(number, instant) if is_event else ticket(number, number % 9, instant)  # O8 is never known
            tickets.append({**said, name: instant})
        if number % 5 == 0:
            tickets.append(ticket(number, number % 9, NOON + timedelta(hours=3), 状态="退货", 退料方量=2))
    tickets += [event(90 + number, NOON, **{EVENTS[number]: NOON}) for number in range(4)]  # of tickets never told
    return {"orders": orders, "deliveries": tickets}


def windows(home: Home) -> list[tuple[Any, ...]]:
    """Every row of the live store's windows but when it was refreshed."""
    with open_store(home) as store:
        query = "SELECT * EXCLUDE (refreshed_at) FROM live.live_supply_demand_15min ORDER BY ALL"
        return store.connection.execute(query).fetchall()


def test_any_split_of_the_events_gives_the_table_of_one_batch(tmp_path: Path) -> None:
    at_once, bit_by_bit = Home.at(tmp_path / "at_once"), Home.at(tmp_path / "bit_by_bit")
    chance = random.Random(7)
    morning = a_morning(chance)
    for feed, rows in morning.items():
        drop(at_once, feed, "all.csv", rows)
    live(at_once, every_s=0, iterations=1)
    bits = [(feed, row) for feed, rows in morning.items() for row in rows]
    chance.shuffle(bits)
    for part in range(3):
        for feed in morning:
            drop(bit_by_bit, feed, f"{part}.csv", [row for kind, row in bits[part::3] + bits[:4] if kind == feed])
        live(bit_by_bit, every_s=0, iterations=1)
    expected = windows(at_once)
    assert sum(row[6] for row in expected) == 24, "every ticket counts once"
    assert {row[1] for row in expected} == {"520102", "520103", "unknown"}
    assert windows(bit_by_bit) == expected


def test_a_day_that_is_over_is_let_go_and_an_open_order_is_kept(home: Home) -> None:
    long_ago = NOON - timedelta(days=40)
    old = [order(1, long_ago, pour_at=long_ago), order(2, long_ago, pour_at=long_ago, 状态="完成")]
    drop(home, "orders", "old.csv", old, long_ago)
    drop(home, "deliveries", "old.csv", [ticket(1, 1, long_ago, 卸完时间=long_ago)], long_ago)
    live(home, every_s=0, iterations=1)
    assert len(windows(home)) == 1
    drop(home, "deliveries", "new.csv", [ticket(2, 1, NOON, 卸完时间=NOON), ticket(3, 2, NOON, 卸完时间=NOON)])
    live(home, every_s=0, iterations=1)
    assert [(row[0].astimezone(UTC), row[1], row[5]) for row in windows(home)] == [
        (NOON.astimezone(UTC), "520102", 8.5),
        (NOON.astimezone(UTC), "unknown", 8.5),
    ]


def test_a_ticket_dated_in_the_future_does_not_move_the_clock(home: Home) -> None:
    rows = [ticket(1, 1, NOON, 卸完时间=NOON), ticket(2, 1, NOON, 卸完时间=NOON + timedelta(days=400))]
    drop(home, "deliveries", "a.csv", rows, NOON + timedelta(minutes=5))
    live(home, every_s=0, iterations=1)
    with open_store(home) as store:
        assert store.newest_event_at() == NOON + timedelta(minutes=5)
    assert kept_since(NOON) == datetime(2025, 11, 29, tzinfo=SHANGHAI)
    panel = read_live(home)
    assert panel is not None
    assert [(window.window_start_at, window.delivered_m3, window.is_final) for window in panel.windows] == [
        (NOON, 8.5, False)
    ]


def test_the_same_ticket_in_two_files_counts_once_and_waits_for_its_first_instant(home: Home) -> None:
    for hours in (1, 2):
        rows = [ticket(1, 1, NOON), ticket(2, 1, NOON, 卸完时间=NOON)]
        drop(
            home, "deliveries", f"{hours}.csv", [{**row, "备用": hours} for row in rows], NOON + timedelta(hours=hours)
        )
    live(home, every_s=0, iterations=1)
    assert [row[6] for row in windows(home)] == [1]
    drop(home, "deliveries", "3.csv", [ticket(1, 1, NOON + timedelta(hours=3), 出厂时间=NOON)])
    live(home, every_s=0, iterations=1)
    assert [row[6] for row in windows(home)] == [2]


def test_landing_has_two_consumers_and_neither_waits_for_the_other(home: Home) -> None:
    drop(home, "deliveries", "a.csv", [ticket(1, 1, NOON, 卸完时间=NOON)])
    with hold(home, "warehouse"):  # a nightly build is running
        live(home, every_s=0, iterations=1)
    assert len(windows(home)) == 1
    assert not home.warehouse.exists(), "live never opens the writer's file"
    drop(home, "deliveries", "b.csv", [ticket(2, 1, NOON, 卸完时间=NOON)])
    report = ingest(home)  # loads what live has staged, and stages what live has not seen
    assert [(file.file, file.loaded) for file in report.files] == [("a.csv", 1), ("b.csv", 1)]
    with hold(home, "ingest"):  # and a nightly ingest is staging
        live(home, every_s=0, iterations=1)
    assert [row[6] for row in windows(home)] == [2]


def test_nothing_new_publishes_nothing_and_three_versions_are_kept(home: Home) -> None:
    drop(home, "deliveries", "a.csv", [ticket(1, 1, NOON, 卸完时间=NOON)])
    live(home, every_s=0, iterations=1)
    published = home.live_published
    live(home, every_s=0, iterations=2)
    assert home.live_published == published
    with open_store(home) as store:
        assert is_published(home, store)
        newer = [publish_live(home, store) for _ in range(3)]
        store.connection.execute("UPDATE live.live_supply_demand_15min SET tickets = 9")
        assert not is_published(home, store)
    assert home.live_published == newer[-1]
    assert sorted(home.live_versions.iterdir()) == [path.parent for path in newer]
    published = newer[-1]
    assert [path.name for path in published.parent.iterdir()] == ["live.duckdb"]
    with reader(published) as connection:
        [comment] = connection.execute("SELECT comment FROM duckdb_tables()").fetchone() or [""]
        assert re.search(r"实时供需.* \| Live supply", comment)


@pytest.mark.parametrize("table", ["live_supply_demand_15min", "live.live_supply_demand_15min"])
def test_any_tool_reads_the_published_table_by_its_name(home: Home, table: str) -> None:
    drop(home, "deliveries", "a.csv", [ticket(1, 1, NOON, 卸完时间=NOON)])
    live(home, every_s=0, iterations=1)
    with duckdb.connect(str(home.live_published), read_only=True) as connection:
        assert connection.execute(f"SELECT window_start_at, tickets FROM {table}").fetchall() == [(NOON, 1)]


def test_a_file_of_an_older_layout_is_published_anew(home: Home) -> None:
    drop(home, "deliveries", "a.csv", [ticket(1, 1, NOON, 卸完时间=NOON)])
    live(home, every_s=0, iterations=1)
    older = home.live_published
    older.chmod(0o644)
    with duckdb.connect(str(older)) as connection:
        connection.execute("CREATE SCHEMA live.live")
        connection.execute("CREATE TABLE live.live.live_supply_demand_15min AS FROM live_supply_demand_15min")
        connection.execute("DROP TABLE main.live_supply_demand_15min")
    assert read_live(home) is None
    live(home, every_s=0, iterations=1)
    assert home.live_published != older
    assert read_live(home) is not None


def test_a_fault_is_told_once_and_the_rounds_go_on(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    (home.inbox / "deliveries").mkdir(parents=True)
    (home.inbox / "deliveries" / "empty.csv").touch()
    drop(home, "deliveries", "good.csv", [ticket(1, 1, NOON, 卸完时间=NOON)])
    live(home, every_s=0, iterations=3)
    told = capsys.readouterr().err
    assert told.count("empty.csv") == 1
    assert told.count("1 new versions") == 1
    assert len(windows(home)) == 1


def test_a_round_that_fails_is_done_again(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(home, "deliveries", "a.csv", [ticket(1, 1, NOON, 卸完时间=NOON)])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pipelines.live.windows.sum_windows", full)
        live(home, every_s=0, iterations=2)
    assert capsys.readouterr().err.count("No space left on device") == 1
    assert windows(home) == []
    live(home, every_s=0, iterations=1)
    assert len(windows(home)) == 1


def test_the_store_is_made_anew_from_landing(home: Home) -> None:
    drop(home, "deliveries", "a.csv", [ticket(1, 1, NOON, 卸完时间=NOON)])
    stage_files(home)
    live(home, every_s=0, iterations=1)
    before = windows(home)
    with open_store(home) as store:
        store.connection.execute("UPDATE live.origin SET fingerprint = 'of older tables'")
    live(home, every_s=0, iterations=1)
    assert windows(home) == before
    home.live.write_bytes(b"not a database" * 1000)
    with pytest.raises(TongmaiError) as refusal:
        live(home, every_s=0, iterations=1)
    assert refusal.value.reason == "live_store_unusable"
    home.live.unlink()
    live(home, every_s=0, iterations=1)
    assert windows(home) == before


def test_only_one_watch_per_home(home: Home) -> None:
    with hold(home, "live"), pytest.raises(TongmaiError) as refusal:
        live(home, every_s=0, iterations=1)
    assert (refusal.value.reason, refusal.value.exit_code) == ("locked", 1)


def test_ctrl_c_ends_with_one_sentence(home: Home) -> None:
    command = [sys.executable, "-m", "orchestration", "live", "--every", "0.5", "--home", str(home.root)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as watch:
        assert watch.stderr is not None
        assert "watching the inbox" in watch.stderr.readline()
        time.sleep(0.2)
        watch.send_signal(signal.SIGINT)
        rest = watch.stderr.read()
    assert watch.returncode == 0
    assert len(rest.splitlines()) == 1
    assert "nothing is lost" in rest
    with duckdb.connect(str(home.live)) as connection:  # the file is whole and free
        connection.execute("SELECT count(*) FROM live.live.consumed_segments")
