"""Readings of one content: the last one asked for is in force, and nothing else of them is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from intake_files import equal_tables, order, orders, put, query, without_beam

from pipelines import landing, loader
from pipelines.ingest import ingest
from store.home import REPOSITORY, Home
from store.tables import data_version

FIRST, SECOND = 1_741_000_000, 1_742_000_000
HEADER = "委托单号,站点编号,区县,强度等级,坍落度,数量,下单时间,计划浇筑时间,状态,更新时间"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    without_beam(monkeypatch)


def mapping(home: Home, name: str, text: str) -> Path:
    home.root.mkdir(parents=True, exist_ok=True)
    path = home.root / f"{name}.toml"
    path.write_text(f'[columns]\n"数量" = "ordered_m3"\n{text}', encoding="utf-8")
    return path


def read(home: Home, text: str, content: str, name: str = "a.csv", mtime: int = FIRST) -> None:
    """Drop the file and take it in under a mapping of that text."""
    path = put(home, "elsewhere", name, content, mtime=mtime)
    (file,) = ingest(home, [("orders", path)], mapping(home, "m", text)).files
    assert file.read == file.loaded + file.duplicate + file.rejected


def state(home: Home) -> dict[str, Any]:
    """All that may not depend on what was in force before."""
    return {
        "versions": query(home, "FROM raw.orders_versions ORDER BY _content_hash"),
        "rejects": query(home, "SELECT segment_id, source_row, reason FROM ops.rejects ORDER BY ALL"),
        "ledger": query(
            home,
            "SELECT segment_id, rows_read, rows_loaded, rows_duplicate, rows_rejected, received_at "
            "FROM ops.ingest_ledger WHERE superseded_by IS NULL ORDER BY ALL",
        ),
    }


def version_of(home: Home) -> str:
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        return data_version(connection)


def holds(home: Home) -> None:
    """What holds in every state: the ledger counts the rows that are there, and only those."""
    counted = query(
        home,
        "SELECT segment_id, rows_loaded FROM ops.ingest_ledger WHERE rows_loaded > 0 ORDER BY 1",
    )
    assert counted == query(home, "SELECT _segment_id, count(*) FROM raw.orders_versions GROUP BY 1 ORDER BY 1")
    assert query(
        home,
        "SELECT count(*) FROM ops.ingest_ledger WHERE rows_read <> rows_loaded + rows_duplicate + rows_rejected",
    ) == [(0,)]
    assert query(
        home,
        "SELECT count(*) FROM ops.rejects SEMI JOIN ops.ingest_ledger AS ledger ON rejects.segment_id = "
        "ledger.segment_id AND ledger.superseded_by IS NOT NULL",
    ) == [(0,)]


CONTENT = orders(order("O1"), order("O2", m3="x"), order("O1"), order("O3", status="在途"), header=HEADER)
PLAIN, CODED, SCALED = "", '[values.status]\n"在途" = "confirmed"\n', '[units]\nordered_m3 = "2"\n'


def test_another_mapping_replaces_what_the_first_one_made_of_the_file(home: Home) -> None:
    read(home, PLAIN, CONTENT)
    assert query(home, "SELECT source_row, reason FROM ops.rejects ORDER BY 1") == [(3, "bad_number"), (5, "bad_code")]
    read(home, CODED, CONTENT)
    assert query(home, "SELECT order_id, status FROM raw.orders ORDER BY 1") == [("O1", "placed"), ("O3", "confirmed")]
    assert query(home, "SELECT source_row, reason FROM ops.rejects ORDER BY 1") == [(3, "bad_number")]
    ledger = query(home, "SELECT segment_id, superseded_by, rows_loaded FROM ops.ingest_ledger ORDER BY committed_at")
    (first, by, loaded_first), (second, in_force, loaded_second) = ledger
    assert (by, in_force, loaded_first, loaded_second) == (second, None, 0, 2)
    assert first[:16] == second[:16]
    holds(home)


def test_going_back_to_an_earlier_mapping_puts_that_reading_in_force_again(home: Home, tmp_path: Path) -> None:
    read(home, PLAIN, CONTENT)
    once = state(home)
    read(home, SCALED, CONTENT)
    assert query(home, "SELECT DISTINCT ordered_m3 FROM raw.orders") == [(25.0,)]
    assert query(home, "SELECT units FROM ops.ingest_ledger WHERE superseded_by IS NULL") == [('{"ordered_m3": 2.0}',)]
    for _ in range(2):
        read(home, PLAIN, CONTENT)
        assert state(home) == once
        holds(home)


def test_what_another_file_says_too_stays_and_is_that_files_then(home: Home) -> None:
    read(home, PLAIN, CONTENT)
    read(home, PLAIN, orders(order("O1"), order("O4"), header=HEADER), "b.csv", SECOND)
    read(home, SCALED, CONTENT)
    rows = "SELECT order_id, ordered_m3, _source_file, epoch(known_at)::BIGINT FROM raw.orders_versions ORDER BY ALL"
    assert query(home, rows) == [
        ("O1", 12.5, "b.csv", SECOND),
        ("O1", 25.0, "a.csv", FIRST),
        ("O4", 12.5, "b.csv", SECOND),
    ]
    holds(home)


def test_the_end_is_the_same_whatever_came_before_and_wherever_transactions_are_cut(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = orders(order("O1"), order("O3", status="已确认"), order("O1"), header=HEADER)
    ends = []
    for place, rows_at_once in enumerate((1, 1000, 1)):
        monkeypatch.setattr(loader, "TRANSACTION_ROWS", rows_at_once)
        there = Home.at(tmp_path / str(place))
        steps = [(text, CONTENT, "a.csv", FIRST) for text in (PLAIN, CODED)]
        steps.insert(place, (PLAIN, other, "b.csv", SECOND - 2_000_000))
        for text, content, name, mtime in steps:
            read(there, text, content, name, mtime)
            holds(there)
        ends.append(state(there))
    assert all(end == ends[0] for end in ends)


def test_readings_that_wait_together_load_the_last_one_only(home: Home, tmp_path: Path) -> None:
    from pipelines import staging

    one_by_one = Home.at(tmp_path / "apart")
    for place in (home, one_by_one):
        for text in (PLAIN, SCALED, PLAIN, CODED):
            path = put(place, "elsewhere", "a.csv", CONTENT, mtime=FIRST)
            staging.stage_files(place, [("orders", path)], mapping(place, "m", text))
            if place is one_by_one:
                ingest(place, [])
    ingest(home, [])
    assert state(home) == state(one_by_one)
    ledger = "SELECT segment_id, superseded_by IS NULL, rows_loaded, rows_duplicate FROM ops.ingest_ledger ORDER BY ALL"
    assert query(home, ledger) == query(one_by_one, ledger)
    (home.warehouse).unlink()
    ingest(home, [])
    assert state(home) == state(one_by_one)
    assert ingest(home, []).files == ()


def test_the_same_bytes_received_earlier_under_another_name_make_the_content_known_earlier(home: Home) -> None:
    put(home, "orders", "late.csv", orders(order("O1"), order("O2", grade="C5")), mtime=SECOND)
    ingest(home)
    before = version_of(home)
    path = put(home, "orders", "early.csv", orders(order("O1"), order("O2", grade="C5")), mtime=FIRST)
    ingest(home)
    assert not path.exists()
    assert query(home, "SELECT epoch(known_at)::BIGINT, _source_file FROM raw.orders") == [(FIRST, "early.csv")]
    assert query(home, "SELECT count(*), min(epoch(received_at))::BIGINT FROM ops.ingest_ledger") == [(1, FIRST)]
    assert version_of(home) != before  # what was known when has changed, and is published
    holds(home)


def test_equal_data_have_the_equal_version_whatever_was_in_force_before(home: Home, tmp_path: Path) -> None:
    straight = Home.at(tmp_path / "straight")
    read(straight, CODED, CONTENT)
    read(home, PLAIN, CONTENT)
    read(home, CODED, CONTENT)
    assert version_of(home) == version_of(straight)


KILLED = """
import sys
sys.path[:0] = [{tests!r}]
from pathlib import Path
from intake_files import land_without_beam
from pipelines import staging
from pipelines.ingest import ingest
from store.home import Home
staging._beam = lambda: land_without_beam
ingest(Home.at(sys.argv[1]), [("orders", Path(sys.argv[2]))], Path(sys.argv[3]))
"""


def test_a_kill_while_the_same_reading_is_staged_anew_forgets_nothing_of_the_first(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(point: str) -> None:
        if point == "sidecars_written":
            raise Killed

    put(home, "orders", "late.csv", orders(order("O1"), order("O2", grade="C5")), mtime=SECOND)
    ingest(home)
    put(home, "orders", "early.csv", orders(order("O1"), order("O2", grade="C5")), mtime=FIRST)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(landing, "reach", kill)
        ingest(home)
    ingest(home)
    assert query(home, "SELECT epoch(known_at)::BIGINT FROM raw.orders") == [(FIRST,)]
    assert query(home, "SELECT count(*), min(epoch(received_at))::BIGINT FROM ops.ingest_ledger") == [(1, FIRST)]
    holds(home)


@pytest.mark.parametrize(
    "point",
    ["part_written", "sidecars_written", "manifest_written", "versions_replaced", "before_commit", "after_commit"],
)
def test_a_kill_while_a_reading_is_replaced_loses_nothing(home: Home, tmp_path: Path, point: str) -> None:
    straight = Home.at(tmp_path / "straight")
    for place in (home, straight):
        read(place, PLAIN, orders(order("O1"), order("O4"), header=HEADER), "b.csv", SECOND)
    read(straight, CODED, CONTENT)
    read(home, CODED, CONTENT)
    read(home, PLAIN, CONTENT)  # and now back to the first, which the kill interrupts
    path = put(home, "elsewhere", "a.csv", CONTENT, mtime=FIRST)
    program = KILLED.format(tests=str(REPOSITORY / "tests"))
    done = subprocess.run(
        [sys.executable, "-c", program, str(home.root), str(path), str(mapping(home, "m", CODED))],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TONGMAI_KILL_AT": point},
        check=False,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    read(home, CODED, CONTENT) if point in ("part_written", "sidecars_written") else ingest(home, [])
    assert state(home) == state(straight)
    assert equal_tables(home, "orders") == equal_tables(straight, "orders")
    holds(home)


def test_a_files_twins_are_cleared_away_in_the_same_run(home: Home) -> None:
    for name in ("c.csv", "a.csv", "b.csv"):
        put(home, "orders", name, orders(order("O1")), mtime=SECOND)
    put(home, "orders", "z.csv", orders(order("O1")), mtime=FIRST)
    statuses = {file.file: file.status for file in ingest(home).files}
    assert statuses == {"z.csv": "loaded"} | dict.fromkeys(("a.csv", "b.csv", "c.csv"), "already_loaded")
    assert list(home.inbox.rglob("*.csv")) == []


def test_a_file_that_changes_while_it_is_read_waits_for_the_next_run(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines import landing, staging

    path = put(home, "orders", "a.csv", orders(order("O1")), mtime=FIRST)
    put(home, "orders", "b.csv", orders(order("O9")), mtime=FIRST)
    write_part = landing.write_part

    def changed(*arguments: Any) -> Any:
        put(home, "orders", "a.csv", orders(order("O2"), order("O3")), mtime=SECOND)
        return write_part(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr("intake_files.write_part", changed)
        statuses = {file.file: (file.status, file.reasons) for file in ingest(home).files}
    assert statuses == {"a.csv": ("waiting", {"still_writing": 1}), "b.csv": ("loaded", {})}
    assert path.exists()
    assert staging.stage_files(home)[0].status == "staged"
    ingest(home)
    assert query(home, "SELECT order_id FROM raw.orders ORDER BY 1") == [("O2",), ("O3",), ("O9",)]
    assert json.loads((home.landing / "orders").glob("*.json").__next__().read_text(encoding="utf-8"))
