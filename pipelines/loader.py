"""The loader: landing -> `raw`, the only writer of that schema.

Belongs here: appending versions, rejects and ledger rows. Does not belong here: reading source files or
judging rows. Each transaction takes whole segments, in the order in which they were received: versions, rejects
and ledger commit together or not at all, so a killed run leaves either everything of a segment or nothing.

A version that is already there is a duplicate, wherever transactions are cut. It still may have been known
earlier by the other way: the stored row then takes the earlier `known_at`, so that the order of files
changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from pipelines import landing, raw
from pipelines.crash_points import reach
from pipelines.feeds import FEEDS, Feed
from pipelines.landing import Manifest, Segment
from store.connections import writer
from store.home import Home
from store.locks import hold
from store.messages import Text, TongmaiError, progress
from store.tables import INGEST_LEDGER, OPS_TABLES, REJECTS, Column, Table, append

TRANSACTION_ROWS = 500_000
LOCK_WAIT_S = 300.0

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


def load(home: Home) -> list[LoadedSegment]:
    """Load every staged batch that is not in `raw` yet.

    Raises TongmaiError: `locked`, `warehouse_busy`, `disk_full`.
    """
    with hold(home, "warehouse", wait_s=LOCK_WAIT_S), writer(home) as connection:
        connection.execute("SET threads = 1")  # two take twice the CPU for one table's rows, and hardly less time
        _create(connection)
        loaded: list[LoadedSegment] = []
        try:
            for feed in FEEDS.values():
                pending = _pending(home, connection, feed)
                for segments in _transactions(_new_segments(connection, pending)):
                    loaded += _load(home, connection, feed, pending, segments)
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


def _transactions(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Segments of about TRANSACTION_ROWS rows, so that memory does not grow with what waits."""
    group: list[Segment] = []
    rows = 0
    for segment in segments:
        if group and rows + segment.rows_good > TRANSACTION_ROWS:
            yield group
            group, rows = [], 0
        group.append(segment)
        rows += segment.rows_good
    if group:
        yield group


def _load(
    home: Home,
    connection: duckdb.DuckDBPyConnection,
    feed: Feed,
    pending: Sequence[Manifest],
    segments: Sequence[Segment],
) -> list[LoadedSegment]:
    committed_at = datetime.now(UTC)
    ids = [segment.segment_id for segment in segments]
    taken = set(ids)
    manifests = [m for m in pending if any(segment.segment_id in taken for segment in m.segments)]
    progress(
        "ingest",
        f"装载 {feed.name}：{len(segments)} 个文件，{sum(s.rows_good for s in segments)} 行……",
        f"loading {feed.name}: {len(segments)} files, {sum(s.rows_good for s in segments)} rows …",
    )
    connection.execute("BEGIN")
    try:
        ranks = range(len(segments))
        connection.register("segments", pa.table({"_segment_id": ids, "arrival": pa.array(ranks, pa.int64())}))
        loaded = _append_versions(home, connection, feed, manifests)
        _append_rejects(home, connection, feed, manifests)
        results = [LoadedSegment(feed.name, segment, loaded.get(segment.segment_id, 0)) for segment in segments]
        _append_ledger(connection, results, committed_at)
        reach("before_commit")
        connection.execute("COMMIT")
        reach("after_commit")
    except BaseException:
        with suppress(duckdb.Error):  # a full disk has rolled back already
            connection.execute("ROLLBACK")
        raise
    return results


def _close(connection: duckdb.DuckDBPyConnection, feed: Feed, pending: Sequence[Manifest]) -> None:
    """Note batches whose segments are all in the ledger, so that their manifests are not read again."""
    if pending:
        count, now = len(pending), datetime.now(UTC)
        rows = {"batch_id": [m.batch_id for m in pending], "feed": [feed.name] * count, "committed_at": [now] * count}
        append(connection, LOADED_BATCHES, rows)


def _new_segments(connection: duckdb.DuckDBPyConnection, manifests: Sequence[Manifest]) -> list[Segment]:
    """The manifests' segments that the ledger does not know, each once, in the order in which they were received."""
    segments = {segment.segment_id: segment for manifest in manifests for segment in manifest.segments}
    query = f"SELECT segment_id FROM {INGEST_LEDGER.qualified} WHERE segment_id IN (SELECT unnest(?))"
    known = {row[0] for row in connection.execute(query, [list(segments)]).fetchall()}
    new = [segment for segment_id, segment in segments.items() if segment_id not in known]
    return sorted(new, key=lambda segment: (segment.received_at, segment.source_file, segment.segment_id))


def _append_versions(
    home: Home, connection: duckdb.DuckDBPyConnection, feed: Feed, manifests: Sequence[Manifest]
) -> dict[str, int]:
    """Append the versions that are new; returns rows loaded per segment."""
    files = [str(home.landing / feed.name / part) for manifest in manifests for part in manifest.parts]
    if not files:
        return {}
    table = raw.versions_table(feed)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE incoming AS "
        "SELECT _content_hash, _segment_id, _source_file, _source_row, known_at, _flags, arrival "
        "FROM read_parquet(?) JOIN segments USING (_segment_id)",
        [files],
    )
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE repeated AS
        SELECT _content_hash, _segment_id, _source_file, _source_row, known_at, _flags,
            row_number() OVER (PARTITION BY _content_hash ORDER BY arrival, _source_file, _source_row) AS nth,
            _content_hash IN (SELECT _content_hash FROM {table}) AS is_known
        FROM incoming
        WHERE _content_hash IN (
            SELECT _content_hash FROM incoming GROUP BY ALL HAVING count(*) > 1
            UNION ALL SELECT _content_hash FROM incoming SEMI JOIN {table} USING (_content_hash)
        )
    """)
    connection.execute("CREATE OR REPLACE TEMP TABLE duplicates AS FROM repeated WHERE nth > 1 OR is_known")
    connection.execute(
        f"INSERT INTO {table} BY NAME SELECT {', '.join(feed.raw_columns)} FROM read_parquet(?) "
        "SEMI JOIN segments USING (_segment_id) ANTI JOIN duplicates USING (_segment_id, _source_file, _source_row)",
        [files],
    )
    connection.execute(f"""
        UPDATE {table} AS stored
        SET known_at = earlier.known_at, _flags = earlier._flags,
            _version_at = coalesce(stored.updated_at, earlier.known_at)
        FROM (
            FROM repeated QUALIFY row_number() OVER (PARTITION BY _content_hash ORDER BY known_at, _flags) = 1
        ) AS earlier
        WHERE stored._content_hash = earlier._content_hash
            AND (earlier.known_at < stored.known_at
                OR (earlier.known_at = stored.known_at AND earlier._flags < stored._flags))
    """)
    return dict(
        connection.execute(
            "SELECT _segment_id, count(*) FROM incoming "
            "ANTI JOIN duplicates USING (_segment_id, _source_file, _source_row) GROUP BY ALL"
        ).fetchall()
    )


def _append_rejects(
    home: Home, connection: duckdb.DuckDBPyConnection, feed: Feed, manifests: Sequence[Manifest]
) -> None:
    files = [str(home.rejected / feed.name / part) for manifest in manifests for part in manifest.reject_parts]
    if files:
        connection.execute(
            f"INSERT INTO {REJECTS.qualified} BY NAME SELECT {', '.join(REJECTS.column_names)} FROM read_parquet(?) "
            "WHERE segment_id IN (SELECT _segment_id FROM segments)",
            [files],
        )


def _append_ledger(
    connection: duckdb.DuckDBPyConnection, results: Sequence[LoadedSegment], committed_at: datetime
) -> None:
    rows = [
        (
            result.segment.segment_id,
            result.feed,
            result.segment.source_file,
            result.segment.sha256,
            result.segment.mapping_hash,
            result.segment.contract_version,
            result.segment.rows_read,
            result.rows_loaded,
            result.rows_duplicate,
            result.segment.rows_rejected,
            result.segment.rows_skipped,
            json.dumps(result.segment.reasons),
            datetime.fromisoformat(result.segment.received_at),
            committed_at,
        )
        for result in results
    ]
    if rows:
        columns = zip(INGEST_LEDGER.column_names, zip(*rows, strict=True), strict=True)
        append(connection, INGEST_LEDGER, dict(columns))
