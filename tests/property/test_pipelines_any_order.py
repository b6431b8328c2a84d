"""Any permutation and any split of files into runs gives the same tables, for every feed and however work is cut.

TONGMAI_EXAMPLES asks for more examples than a quick run makes, at random then.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from contract_rows import Made, made, row
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from intake_files import LINEAGE
from list_layouts import LAYOUTS

from pipelines import landing, loader, staging
from pipelines.blocks import Batch
from pipelines.checks import Checker
from pipelines.feeds import FEEDS, Feed
from pipelines.ingest import ingest
from pipelines.reading import read_blocks
from pipelines.sources.text import BLOCK_BYTES
from store.home import Home

EXAMPLES = int(os.environ.get("TONGMAI_EXAMPLES", "12"))
FIRST_SECOND = 1_741_183_200  # 2025-03-05 22:00 in Shanghai: among the rows' own times, so some files precede events
LIMITS = {"SMALL_FILE_BYTES": 700, "BATCH_BYTES": 1500, "BATCH_FILES": 2}
SMALL_BLOCK_BYTES = 600
KEY = b"a key"


@dataclass(frozen=True)
class Drop:
    """One file that arrives: the second at which it was received, and whether a sidecar or its mtime says so."""

    feed: str
    name: str
    made: Made
    received_s: int
    has_sidecar: bool


@st.composite
def drops(draw: st.DrawFn) -> list[Drop]:
    """Files of one or two feeds: versions, ties, repeats, events, wrong rows; copies and files replaced by name."""
    feeds = draw(st.lists(st.sampled_from(list(FEEDS.values())), min_size=1, max_size=2, unique=True))
    rows = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 30)), min_size=1, max_size=6)
    found: list[Drop] = []
    for _ in range(draw(st.integers(2, 5))):
        is_copy = found and draw(st.integers(0, 5)) == 0
        feed = FEEDS[found[0].feed] if is_copy else draw(st.sampled_from(feeds))
        content = (
            found[0].made
            if is_copy
            else made(feed, [row(feed, key, seed) for key, seed in draw(rows)], draw(st.integers(0, 200)))
        )
        name = f"{draw(st.sampled_from('abc'))}.{content.suffix}"
        received_s = FIRST_SECOND + 3600 * draw(st.integers(0, 3))
        found.append(Drop(feed.name, name, content, received_s, draw(st.booleans())))
    return found


def put(home: Home, drop: Drop) -> None:
    """Into the inbox; a name that is taken there already gets a folder of its own."""
    path = home.inbox / drop.feed / drop.name
    while path.exists():
        path = path.parent / "again" / path.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(drop.made.content)
    seconds = drop.received_s
    if drop.has_sidecar:
        received_at = datetime.fromtimestamp(seconds, UTC).isoformat()
        path.with_name(path.name + ".sidecar.json").write_text(json.dumps({"received_at": received_at}))
        seconds = FIRST_SECOND - 86_400
    os.utime(path, (seconds, seconds))


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    """One for all homes: they share a key, so that people have one id everywhere."""
    checker = Checker(KEY)
    yield checker
    checker.close()


def landing_with(checker: Checker, block_bytes: int = BLOCK_BYTES) -> Callable[[Home, Sequence[Batch]], None]:
    """What the Beam graph does, as a loop, with blocks of that size."""

    def land(home: Home, batches: Sequence[Batch]) -> None:
        for batch in batches:
            parts = [landing.write_part(home, checker.check(block)) for block in read_blocks(batch, block_bytes)]
            landing.commit_batch(home, batch, parts)

    return land


@contextmanager
def quick() -> Iterator[duckdb.DuckDBPyConnection]:
    """The intake without Beam's start and without a file behind the warehouse: hundreds of runs in a test."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'Asia/Shanghai'")
    for schema in ("raw", "ops"):
        connection.execute(f"CREATE SCHEMA {schema}")

    @contextmanager
    def writer(_: Home) -> Iterator[duckdb.DuckDBPyConnection]:
        yield connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loader, "writer", writer)
        yield connection
    connection.close()


Tables = dict[str, list[Any]]


def tables(connection: duckdb.DuckDBPyConnection, feeds: set[str]) -> Tables:
    """What must not depend on order: versions and newest rows but for lineage, rejects, what each segment counted."""
    excluded = ", ".join(LINEAGE)

    def rows(query: str) -> list[Any]:
        return sorted(map(repr, connection.execute(query).fetchall()))

    found: Tables = {}
    for feed in sorted(feeds):
        found[f"{feed} versions"] = rows(f"SELECT * EXCLUDE ({excluded}) FROM raw.{feed}_versions")
        found[f"{feed} newest"] = rows(f"SELECT * EXCLUDE ({excluded}) FROM raw.{feed}")
    found["rejects"] = rows("SELECT segment_id, source_row, reason, column_name, raw_text FROM ops.rejects")
    found["counts"] = rows(
        "SELECT segment_id, rows_read, rows_rejected, rows_skipped, rows_loaded + rows_duplicate, reasons, received_at "
        "FROM ops.ingest_ledger"
    )
    return found


def check_conservation(connection: duckdb.DuckDBPyConnection, feeds: set[str]) -> None:
    """Every row read is loaded, a duplicate or rejected; every row loaded is a version."""
    for feed in feeds:
        counts = connection.execute(
            "SELECT coalesce(sum(rows_read), 0), "
            "coalesce(sum(rows_loaded + rows_duplicate + rows_rejected), 0), coalesce(sum(rows_loaded), 0), "
            f"(SELECT count(*) FROM raw.{feed}_versions), "
            f"(SELECT count(DISTINCT _content_hash) FROM raw.{feed}_versions) "
            "FROM ops.ingest_ledger WHERE feed = ?",
            [feed],
        ).fetchone()
        assert counts is not None
        assert counts[0] == counts[1]
        assert counts[2] == counts[3] == counts[4]


def take(root: Path, runs: list[list[Drop]]) -> Tables:
    """Run the intake once per group of files."""
    home, feeds = Home.at(root), {drop.feed for run in runs for drop in run}
    with quick() as connection:
        for run in runs:
            for drop in run:
                put(home, drop)
            for file in ingest(home).files:
                assert file.status in ("loaded", "already_loaded"), file
            check_conservation(connection, feeds)
        return tables(connection, feeds)


def split(data: st.DataObject, files: list[Drop]) -> list[list[Drop]]:
    """The files in another order, cut into runs; at the end all of them once more."""
    shuffled = data.draw(st.permutations(files))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(files)), max_size=2)))
    bounds = [0, *cuts, len(files)]
    runs = [list(shuffled[start:end]) for start, end in pairwise(bounds) if start < end]
    return [*runs, files] if data.draw(st.booleans()) else runs


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES == 12,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # files are small already, and shrinking takes minutes
    suppress_health_check=[HealthCheck.too_slow],
)
@given(data=st.data(), files=drops())
def test_any_split_and_order_gives_equal_tables(checker: Checker, data: st.DataObject, files: list[Drop]) -> None:
    runs = split(data, files)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "_beam", lambda: landing_with(checker))
        once = take(Path(folder) / "once", [files])
        for name, limit in LIMITS.items():
            patch.setattr(staging, name, limit)
        patch.setattr(loader, "TRANSACTION_ROWS", data.draw(st.sampled_from([1, 4, 100])))
        patch.setattr(staging, "_beam", lambda: landing_with(checker, SMALL_BLOCK_BYTES))
        apart = take(Path(folder) / "apart", runs)
    for table, rows in once.items():
        assert apart[table] == rows, (table, [[f"{drop.feed}/{drop.name}" for drop in run] for run in runs])


@pytest.mark.slow
def test_beam_gives_what_the_loop_gives(checker: Checker, tmp_path: Path) -> None:
    files = [
        Drop(name, f"{number}.{file.suffix}", file, FIRST_SECOND + number, has_sidecar=True)
        for name, feed in FEEDS.items()
        for number in range(2)
        for file in [made(feed, [row(feed, key, seed + number) for key in (1, 2) for seed in range(4)], number)]
    ]
    beam = Home.at(tmp_path / "beam")
    beam.root.mkdir()
    beam.key.write_bytes(KEY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "_beam", lambda: landing_with(checker))
        looped = take(tmp_path / "loop", [files])
    assert take(beam.root, [files[::2], files[1::2]]) == looped


@pytest.mark.parametrize("feed", FEEDS.values(), ids=FEEDS)
def test_one_row_is_one_version_however_it_is_spelled_and_packed(feed: Feed, checker: Checker, home: Home) -> None:
    files = [made(feed, [row(feed, 1, 3)], seed, is_plain=True) for seed in range(12)]
    with quick() as connection, pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "_beam", lambda: landing_with(checker))
        for number, file in enumerate(files):
            put(home, Drop(feed.name, f"{number}.{file.suffix}", file, FIRST_SECOND, has_sidecar=False))
        report = ingest(home)
        assert [file.reasons for file in report.files if file.reasons] == []
        versions = connection.execute(f"SELECT * EXCLUDE (_source_file) FROM raw.{feed.name}_versions").fetchall()
        assert len(versions) == 1, versions
    assert len({file.suffix for file in files}) >= 3


@pytest.mark.parametrize("name", [name for name, feed in FEEDS.items() if feed.lists])
def test_nested_wide_and_long_are_one_content(name: str, checker: Checker, home: Home) -> None:
    with quick() as connection, pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "_beam", lambda: landing_with(checker))
        for layout in LAYOUTS:
            for seed in range(8):
                file = made(FEEDS[name], [row(FEEDS[name], 1, 3)], seed, is_plain=True, layout=layout)
                put(home, Drop(name, f"{layout}-{seed}.{file.suffix}", file, FIRST_SECOND, has_sidecar=False))
        assert [file.reasons for file in ingest(home).files if file.reasons] == []
        assert len(connection.execute(f"SELECT DISTINCT _content_hash FROM raw.{name}_versions").fetchall()) == 1


def test_the_rows_that_are_made_are_mostly_good(home: Home, checker: Checker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "_beam", lambda: landing_with(checker))
    for feed in FEEDS.values():
        rows = [row(feed, key, seed) for key in range(1, 4) for seed in range(31)]
        for number in range(6):
            file = made(feed, rows, number)
            put(home, Drop(feed.name, f"{number}.{file.suffix}", file, FIRST_SECOND, has_sidecar=False))
    with quick() as connection:
        report = ingest(home)
        assert not report.failed, report.failed
        counts = connection.execute(
            "SELECT feed, sum(rows_loaded + rows_duplicate) / sum(rows_read) FROM ops.ingest_ledger GROUP BY 1"
        ).fetchall()
        assert {feed for feed, share in counts if 0.5 < share < 1} == set(FEEDS), counts
