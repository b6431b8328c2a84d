"""The loader: landing -> `raw`, the only writer of that schema.

Belongs here: transactions and the ledger. Does not belong here: reading source files or judging rows, which
version stands for a row (`pipelines.versions`), what resolves a reject (`pipelines.rejects.resolutions`). Each
transaction takes whole segments, in the order in which they were received: versions, rejects and ledger commit
together or not at all, so a killed run leaves either everything of a segment or nothing.

A content (feed and sha256) has one reading in force. Another reading of it, by another mapping or contract
version, replaces that one in the same transaction; its row stays in the ledger and says by which.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import duckdb

from pipelines import landing, raw
from pipelines.crash_points import reach
from pipelines.feeds import FEEDS, Feed
from pipelines.landing import Manifest, Segment
from pipelines.rejects.resolutions import append_rejects, settle, withdraw_rejects
from pipelines.versions import replace_versions
from store.connections import writer
from store.home import Home
from store.locks import hold
from store.messages import Text, TongmaiError, progress
from store.tables import INGEST_LEDGER, OPS_TABLES, Column, Table, append

TRANSACTION_ROWS = 500_000
LOCK_WAIT_S = 300.0
MEMORY_LIMIT = "768MB"  # DuckDB's part of what a load may take; what does not fit goes to disk

LOADED_BATCHES = Table(
    "ops",
    "loaded_batches",
    ("batch_id",),
    Text("已入库的暂存批次", "Staged batches that are loaded"),
    (
        Column("batch_id", "VARCHAR", "批次号：其分段号的哈希", "batch: hash of its segments"),
        Column("feed", "VARCHAR", "数据源", "feed"),
        Column("committed_at", "TIMESTAMPTZ", "入库提交时间", "when it was committed"),
    ),
)


@dataclass(frozen=True)
class LoadedSegment:
    """One segment's counts, as the ledger has them: read = loaded + duplicate + rejected."""

    feed: str
    segment: Segment
    rows_loaded: int

    @property
    def rows_duplicate(self) -> int:
        return self.segment.rows_good - self.rows_loaded


@dataclass(frozen=True)
class _Waiting:
    """A segment to load: of which batch, and which segments of its content it replaces."""

    segment: Segment
    batch: Manifest
    replaces: tuple[str, ...]


def load(home: Home) -> list[LoadedSegment]:
    """Load every staged batch that is not in `raw` yet.

    Raises TongmaiError: `locked`, `warehouse_busy`, `disk_full`.
    """
    with hold(home, "warehouse", wait_s=LOCK_WAIT_S), writer(home) as connection:
        connection.execute("SET threads = 1")  # two take twice the CPU for one table's rows, and hardly less time
        connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        _create(connection)
        loaded: list[LoadedSegment] = []
        try:
            for feed in FEEDS.values():
                pending = _pending(home, connection, feed)
                if pending:
                    for group in _transactions(_waiting(connection, feed, pending)):
                        loaded += _load(home, connection, feed, group)
                    _close(connection, feed, pending)
        except duckdb.IOException as error:
            raise TongmaiError(
                "disk_full",
                f"写入数据仓库失败（磁盘可能已满）：{error}。暂存的分段都在，腾出空间后重新运行即可。",
                f"Writing the warehouse failed (is the disk full?): {error}. Staged segments are safe; run again.",
            ) from error
        return loaded


def _create(connection: duckdb.DuckDBPyConnection) -> None:
    for table in (*OPS_TABLES, LOADED_BATCHES):
        table.create(connection)
    for feed in FEEDS.values():
        raw.create(connection, feed)


def _pending(home: Home, connection: duckdb.DuckDBPyConnection, feed: Feed) -> list[Manifest]:
    query = f"SELECT batch_id FROM {LOADED_BATCHES.qualified} WHERE feed = ?"
    done = {row[0] for row in connection.execute(query, [feed.name]).fetchall()}
    waiting = [batch_id for batch_id in landing.batch_ids(home, feed.name) if batch_id not in done]
    return [landing.read_manifest(landing.manifest_path(home, feed.name, batch_id)) for batch_id in waiting]


def _waiting(connection: duckdb.DuckDBPyConnection, feed: Feed, pending: Sequence[Manifest]) -> list[_Waiting]:
    """What of the pending batches is to be loaded, in the order in which it was received.

    Of several readings of one content that wait, only the last is loaded. It passes by when it is in force
    already, unless its content turned out to have been received earlier.
    """
    chosen = landing.in_force(pending)
    rows = connection.execute(
        f"SELECT sha256, segment_id, received_at FROM {INGEST_LEDGER.qualified} "
        "WHERE feed = ? AND superseded_by IS NULL AND sha256 IN (SELECT unnest(?))",
        [feed.name, list(chosen)],
    ).fetchall()
    now: dict[str, dict[str, datetime | None]] = {}
    for sha256, segment_id, received_at in rows:
        now.setdefault(sha256, {})[segment_id] = received_at
    waiting = []
    for sha256, (segment, batch) in chosen.items():
        in_force = now.get(sha256, {})
        before = in_force.get(segment.segment_id)
        if segment.segment_id not in in_force or (
            before is not None and datetime.fromisoformat(segment.received_at) < before
        ):
            waiting.append(_Waiting(segment, batch, tuple(in_force)))
    return sorted(waiting, key=lambda w: (w.segment.received_at, w.segment.source_file, w.segment.segment_id))


def _transactions(waiting: Sequence[_Waiting]) -> Iterator[list[_Waiting]]:
    """Segments of about TRANSACTION_ROWS rows, so that memory does not grow with what waits."""
    group: list[_Waiting] = []
    rows = 0
    for one in waiting:
        if group and rows + one.segment.rows_good > TRANSACTION_ROWS:
            yield group
            group, rows = [], 0
        group.append(one)
        rows += one.segment.rows_good
    if group:
        yield group


def _load(
    home: Home, connection: duckdb.DuckDBPyConnection, feed: Feed, group: Sequence[_Waiting]
) -> list[LoadedSegment]:
    committed_at = datetime.now(UTC)
    segments = [one.segment for one in group]
    batches = {one.batch.batch_id: one.batch for one in group}.values()
    progress(
        "ingest",
        f"装载 {feed.name}：{len(segments)} 个文件，{sum(s.rows_good for s in segments)} 行……",
        f"loading {feed.name}: {len(segments)} files, {sum(s.rows_good for s in segments)} rows …",
    )
    connection.execute("BEGIN")
    try:
        connection.register("segments", landing.segment_table((one.segment, one.batch) for one in group))
        _supersede(connection, group)
        gone = [segment_id for one in group for segment_id in one.replaces]
        files = [str(home.landing / feed.name / part) for batch in batches for part in batch.parts]
        loaded = replace_versions(connection, feed, gone, files, segments)
        reach("versions_replaced")
        append_rejects(home, connection, feed, batches)
        results = [LoadedSegment(feed.name, segment, loaded[segment.segment_id]) for segment in segments]
        _append_ledger(connection, results, committed_at)
        _correct_ledger(connection, {id_: rows for id_, rows in loaded.items() if rows}, segments)
        reach("before_commit")
        connection.execute("COMMIT")
        reach("after_commit")
    except BaseException:
        with suppress(duckdb.Error):  # a full disk has rolled back already
            connection.execute("ROLLBACK")
        raise
    return results


def _supersede(connection: duckdb.DuckDBPyConnection, group: Sequence[_Waiting]) -> None:
    """The replaced segments load nothing any more, and their rejects and resolutions leave."""
    pairs = [(old, one.segment.segment_id) for one in group for old in one.replaces]
    if not pairs:
        return
    gone = [old for old, _ in pairs]
    withdraw_rejects(connection, gone)
    connection.execute(
        f"UPDATE {INGEST_LEDGER.qualified} SET superseded_by = pair.by, rows_loaded = 0, "
        "rows_duplicate = rows_read - rows_rejected, rows_resolved = 0 "
        "FROM (SELECT unnest($old) AS old, unnest($by) AS by) AS pair WHERE segment_id = pair.old",
        {"old": gone, "by": [by for _, by in pairs]},
    )


def _correct_ledger(
    connection: duckdb.DuckDBPyConnection, loaded: Mapping[str, int], segments: Sequence[Segment]
) -> None:
    """Versions that name another segment now count as loaded there and as duplicates where they stood before."""
    mine = {segment.segment_id for segment in segments}
    changes = {segment_id: rows for segment_id, rows in loaded.items() if segment_id not in mine}
    if changes:
        connection.execute(
            f"UPDATE {INGEST_LEDGER.qualified} SET rows_loaded = rows_loaded + change.rows, "
            "rows_duplicate = rows_duplicate - change.rows "
            "FROM (SELECT unnest($ids) AS id, unnest($rows) AS rows) AS change WHERE segment_id = change.id",
            {"ids": list(changes), "rows": list(changes.values())},
        )


def _close(connection: duckdb.DuckDBPyConnection, feed: Feed, pending: Sequence[Manifest]) -> None:
    """Note batches that hold nothing to load any more, and settle what of the rejects they have resolved.

    Readings that were superseded before they were ever loaded enter the ledger here, having loaded nothing.
    """
    chosen = landing.in_force(pending)
    passed = {
        segment.segment_id: segment
        for manifest in pending
        for segment in manifest.segments
        if chosen[segment.sha256][0].segment_id != segment.segment_id
    }
    query = f"SELECT segment_id FROM {INGEST_LEDGER.qualified} WHERE segment_id IN (SELECT unnest(?))"
    known = {row[0] for row in connection.execute(query, [list(passed)]).fetchall()}
    now = datetime.now(UTC)
    connection.execute("BEGIN")
    try:
        never_loaded = [LoadedSegment(feed.name, one, 0) for id_, one in passed.items() if id_ not in known]
        by = {one.segment.segment_id: chosen[one.segment.sha256][0].segment_id for one in never_loaded}
        _append_ledger(connection, never_loaded, now, by)
        count = len(pending)
        rows = {"batch_id": [m.batch_id for m in pending], "feed": [feed.name] * count, "committed_at": [now] * count}
        append(connection, LOADED_BATCHES, rows)
        settle(connection, feed)
        reach("before_close")
        connection.execute("COMMIT")
    except BaseException:
        with suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        raise


def _append_ledger(
    connection: duckdb.DuckDBPyConnection,
    results: Sequence[LoadedSegment],
    committed_at: datetime,
    superseded_by: Mapping[str, str] | None = None,
) -> None:
    """Enter the segments; one that has been in the ledger before is entered anew."""
    if not results:
        return
    rows = [
        {
            "feed": result.feed,
            **asdict(result.segment),
            "rows_loaded": result.rows_loaded,
            "rows_duplicate": result.rows_duplicate,
            "reasons": json.dumps(result.segment.reasons),
            "units": json.dumps(result.segment.units),
            "received_at": datetime.fromisoformat(result.segment.received_at),
            "committed_at": committed_at,
            "superseded_by": (superseded_by or {}).get(result.segment.segment_id),
            "rows_resolved": 0,
        }
        for result in results
    ]
    connection.execute(
        f"DELETE FROM {INGEST_LEDGER.qualified} WHERE segment_id IN (SELECT unnest(?))",
        [[row["segment_id"] for row in rows]],
    )
    append(connection, INGEST_LEDGER, {name: [row[name] for row in rows] for name in INGEST_LEDGER.column_names})
