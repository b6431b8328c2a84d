"""Kill -9 the nightly job at random moments, run it once more: it ends by itself, with equal tables.

TONGMAI_JOB_KILLS (6; CI: 2): a run takes a minute, so the many kills are the intake's (`test_kill_the_intake`).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from store.home import Home

KILLS = int(os.environ.get("TONGMAI_JOB_KILLS", "2" if os.environ.get("CI") == "true" else "6"))
SEED = 20260101
VOLATILE = {"created_at", "committed_at", "promoted_at", "decided_at", "published_at", "seconds"}
LINEAGE = {"_segment_id", "_source_file", "_source_row"}
IN_ORDER_OF_LOADING = {"ops.published_versions", "ops.ingest_ledger"}  # compared by their sums below


def tongmai(home: Home, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "orchestration", *arguments, "--home", str(home.root)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def finish(home: Home, *arguments: str) -> float:
    started = time.monotonic()
    assert tongmai(home, *arguments).wait(timeout=600) == 0
    return time.monotonic() - started


def tables(path: Path) -> dict[str, tuple[int, str]]:
    """For every published table its row count and an order-free hash of its lasting columns."""
    found: dict[str, tuple[int, str]] = {}
    connection = duckdb.connect(str(path), read_only=True)
    try:
        names = connection.execute("SELECT schema_name, table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
        for schema, table in names:
            if f"{schema}.{table}" in IN_ORDER_OF_LOADING:
                continue
            columns = connection.execute(f'SELECT * FROM {schema}."{table}" LIMIT 0').description or []
            kept = [f'"{column[0]}"' for column in columns if column[0] not in VOLATILE | LINEAGE]
            row = connection.execute(
                f'SELECT count(*), sum(hash({", ".join(kept)})::HUGEINT)::VARCHAR FROM {schema}."{table}"'
            ).fetchone()
            assert row is not None
            found[f"{schema}.{table}"] = (int(row[0]), str(row[1]))
        sums = connection.execute(
            "SELECT count(*), sum(rows_read - rows_rejected)::VARCHAR || '/' || sum(rows_loaded) FROM ops.ingest_ledger"
        ).fetchone()
        assert sums is not None
        found["ops.ingest_ledger"] = (int(sums[0]), str(sums[1]))
    finally:
        connection.close()
    return found


@pytest.mark.slow
def test_a_job_killed_at_random_moments_ends_with_equal_tables(tmp_path: Path) -> None:
    whole, killed = Home.at(tmp_path / "whole"), Home.at(tmp_path / "killed")
    for home in (whole, killed):
        finish(home, "simulate", "--years", "2", "--scale", "0.01")
        home.key.write_text("one key for both: hashes of people are part of a row's content", encoding="utf-8")
    seconds = finish(whole, "run")

    moments = random.Random(SEED)
    for number in range(KILLS):
        process = tongmai(killed, "run")
        try:
            process.wait(timeout=moments.uniform(0.1, 0.95) * seconds)
        except subprocess.TimeoutExpired:
            if number % 2:
                os.killpg(process.pid, signal.SIGKILL)  # and whatever it has started
            else:
                process.kill()
            process.wait()
    finish(killed, "run")

    assert tables(killed.published) == tables(whole.published)
