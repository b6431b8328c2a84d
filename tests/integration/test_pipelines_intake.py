"""The whole intake through Beam: real permits to the cent, kills at every point, files of every format."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from intake_files import equal_tables, order, orders, put, query, without_beam

from pipelines.ingest import ingest
from store.home import REPOSITORY, Home

VANCOUVER = REPOSITORY / "data" / "samples" / "vancouver"
KILL_POINTS = (
    "part_written",
    "sidecars_written",
    "manifest_written",
    "before_archive:2",
    "after_archive",
    "before_commit",
    "after_commit",
)


def test_vancouvers_permits_are_exact_to_the_cent(home: Home) -> None:
    given = [("permits", VANCOUVER / "building_permits.csv.gz")]
    (file,) = ingest(home, given, VANCOUVER / "mapping.toml").files
    assert (file.read, file.loaded, file.duplicate, file.rejected) == (20_680, 20_680, 0, 0)
    total, valued, zero, last_line = query(
        home,
        "SELECT sum(contract_value), count(contract_value), count(*) FILTER (contract_value = 0), max(_source_row) "
        "FROM raw.permits",
    )[0]
    assert (total, valued, zero) == (Decimal("12565873269.98"), 20_628, 3_218)
    assert last_line == 151_573  # the file's last line, after thousands of multi-line descriptions
    assert query(
        home, "SELECT DISTINCT currency, district_code, len(_flags) FROM raw.permits WHERE use <> 'other'"
    ) == [("CAD", "vancouver", 0)]


def fill(home: Home) -> None:
    """Files of several formats, with repeats and rejects."""
    put(home, "orders", "a.csv", orders(order("O1"), order("O2", grade="C5"), order("O1")), "gb18030", 1_741_000_000)
    put(home, "orders", "b.csv", orders(order("O1"), order("O3")).replace(",", ";"), "utf-8-sig", 1_742_000_000)
    row = {"运单号": "T1", "委托单号": "O1", "搅拌站": "P1", "强度等级": "C30", "方量": 8}
    lines = json.dumps(row, ensure_ascii=False) + "\n{broken\n"
    put(home, "deliveries", "a.jsonl", lines, mtime=1_741_000_000)
    path = put(home, "deliveries", "b.parquet", b"")
    pq.write_table(pa.table({name: [value, value] for name, value in (row | {"运单号": "T2"}).items()}), path)
    os.utime(path, (1_742_000_000, 1_742_000_000))


def state(home: Home) -> list[object]:
    """Everything that must come out equal."""
    ledger = query(
        home,
        "SELECT feed, source_file, rows_read, rows_loaded, rows_duplicate, rows_rejected "
        "FROM ops.ingest_ledger ORDER BY ALL",
    )
    rejects = query(home, "SELECT feed, source_file, source_row, reason FROM ops.rejects ORDER BY ALL")
    archived = sorted(path.name for path in home.archive.rglob("*") if path.is_file())
    return [equal_tables(home, "orders"), equal_tables(home, "deliveries"), ledger, rejects, archived]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    home = Home.at(tmp_path_factory.mktemp("undisturbed"))
    fill(home)
    report = ingest(home)
    assert report.totals()["orders"] == {
        "files": 2, "read": 5, "loaded": 2, "duplicate": 2, "rejected": 1, "skipped": 0,
    }  # fmt: skip
    return state(home)


# Killed processes run the same steps without Beam, whose import would take most of this test's time.
KILLED = """
import sys
sys.path[:0] = [{tests!r}]
from intake_files import land_without_beam
from pipelines import staging
from pipelines.ingest import ingest
from store.home import Home
staging._beam = lambda: land_without_beam
ingest(Home.at(sys.argv[1]))
"""


@pytest.mark.parametrize("point", KILL_POINTS)
def test_a_kill_anywhere_loses_nothing_and_doubles_nothing(
    tmp_path: Path, point: str, undisturbed: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home.at(tmp_path)
    fill(home)
    program = KILLED.format(tests=str(REPOSITORY / "tests"))
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TONGMAI_KILL_AT": point}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], env=environment, check=False, capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    without_beam(monkeypatch)
    ingest(home)
    assert state(home) == undisturbed
    assert not [path for path in home.inbox.rglob("*") if path.is_file()]
    assert not list(home.root.rglob("*.draft"))
    ingest(home)
    assert state(home) == undisturbed
