"""The live store: narrow versions of the last days, and the 15-minute windows made of them.

Belongs here: one increment as one transaction, from staged batches to refreshed windows. Does not belong here:
how parts become versions (`intake`), how versions become sums (`windows`), when an increment runs (`watch`).

The store can be lost: it is made of landing, and made anew when its file is removed.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from pipelines import landing
from pipelines.landing import Manifest
from pipelines.live import intake, refresh
from pipelines.live.intake import SOURCES
from pipelines.live.tables import CONSUMED_SEGMENTS, ORIGIN, SCHEMA, STORE_TABLES
from pipelines.quiet_beam import quiet_import
from store.connections import BUSINESS_TIME_ZONE
from store.home import REFERENCE, Home
from store.messages import TongmaiError
from store.tables import append, literal

KEPT = timedelta(hours=48)
POUR = timedelta(days=14)  # the longest pour that the contract of orders allows: a ticket's order is not older
MEMORY_LIMIT = "1GB"


@dataclass(frozen=True)
class Increment:
    """What one increment did: segments consumed, versions that were new, rows of windows that changed, and the
    newest event of the store (None when it is empty)."""

    segments: int
    versions: int
    windows: int
    newest_event_at: datetime | None
    seconds: float


class LiveStore:
    """The open live store; make one with `open_store`."""

    def __init__(self, home: Home, connection: duckdb.DuckDBPyConnection) -> None:
        self._home = home
        self._sums = home.live.parent / "increment.parquet"
        self.connection = connection

    def consume(self) -> Increment:
        """Take every staged batch that the ledger does not know, and refresh the windows that it touches.

        One transaction: versions, ledger and windows commit together, so an increment that fails or is killed
        is simply done again.
        """
        started_s = time.monotonic()
        pending = {source.feed: self._pending(source.feed) for source in SOURCES}
        if not any(pending.values()):
            return Increment(0, 0, 0, self.newest_event_at(), time.monotonic() - started_s)
        self.connection.execute("BEGIN")
        try:
            if any(segment.turn > 1 for manifests in pending.values() for m in manifests for segment in m.segments):
                pending = self._forget_all()
            versions = self._take(pending)
            windows = self._refresh(versions)
            self.connection.execute("COMMIT")
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        finally:
            self._sums.unlink(missing_ok=True)
        segments = sum(len(manifest.segments) for manifests in pending.values() for manifest in manifests)
        return Increment(segments, versions, windows, self.newest_event_at(), time.monotonic() - started_s)

    def newest_event_at(self) -> datetime | None:
        """The newest event of the stored versions."""
        return self._newest({})

    def _pending(self, feed: str) -> list[Manifest]:
        query = f"SELECT DISTINCT batch_id FROM {CONSUMED_SEGMENTS.qualified} WHERE feed = ?"
        done = {row[0] for row in self.connection.execute(query, [feed]).fetchall()}
        waiting = [batch_id for batch_id in landing.batch_ids(self._home, feed) if batch_id not in done]
        manifests = []
        for batch_id in waiting:
            try:
                manifests.append(landing.read_manifest(landing.manifest_path(self._home, feed, batch_id)))
            except FileNotFoundError:
                continue  # every file of that batch failed, and staging has just taken its manifest back
        return [manifest for manifest in manifests if manifest.segments]

    def _forget_all(self) -> dict[str, list[Manifest]]:
        """A content is read in another way now: empty the store, to be made of landing anew (that is rare)."""
        for table in STORE_TABLES:
            self.connection.execute(f"DELETE FROM {table.qualified}")
        return {source.feed: self._pending(source.feed) for source in SOURCES}

    def _newest(self, files: dict[str, list[str]]) -> datetime | None:
        known = [intake.newest_event(self.connection, source, files.get(source.feed, ())) for source in SOURCES]
        return max((instant for instant in known if instant is not None), default=None)

    def _take(self, pending: dict[str, list[Manifest]]) -> int:
        """Store what is recent, drop what is not any more, enter the ledger; returns the versions that were new."""
        self._enter(pending)
        files = {feed: self._parts(feed, manifests) for feed, manifests in pending.items()}
        newest = self._newest(files)
        versions = 0
        for source in SOURCES:
            since = kept_since(newest) - POUR if newest else datetime.min.replace(tzinfo=UTC)
            versions += intake.arrive(self.connection, source, files[source.feed], since)
            intake.forget(self.connection, source, since)
        return versions

    def _refresh(self, versions: int) -> int:
        """Replace the windows that the new versions touch; returns the rows that changed."""
        newest = self.newest_event_at()
        if newest is None:
            return 0
        changed, final_until = 0, refresh.final_until(newest)
        if versions and refresh.touch(self.connection, kept_since(newest)):
            orders, tickets = refresh.feed(self.connection)
            _beam()(orders, tickets, self._sums)
            changed += refresh.replace(self.connection, self._sums, final_until)
        return changed + refresh.age(self.connection, kept_since(newest), final_until)

    def _parts(self, feed: str, manifests: Sequence[Manifest]) -> list[str]:
        return [str(self._home.landing / feed / part) for manifest in manifests for part in manifest.parts]

    def _enter(self, pending: dict[str, list[Manifest]]) -> None:
        """The ledger's new rows; `segments` then holds those in force that no earlier batch has brought."""
        rows = [
            (manifest.batch_id, segment.segment_id, feed, segment.source_file)
            for feed, manifests in pending.items()
            for manifest in manifests
            for segment in manifest.segments
        ]
        chosen = [pair for manifests in pending.values() for pair in landing.in_force(manifests).values()]
        self.connection.register("pending", landing.segment_table(chosen))
        self.connection.execute(
            "CREATE OR REPLACE TEMP TABLE segments AS "
            f"SELECT * FROM pending WHERE _segment_id NOT IN (SELECT segment_id FROM {CONSUMED_SEGMENTS.qualified})"
        )
        columns = dict(zip(CONSUMED_SEGMENTS.column_names, zip(*rows, strict=True), strict=False))
        append(self.connection, CONSUMED_SEGMENTS, {**columns, "consumed_at": [datetime.now(UTC)] * len(rows)})


@contextmanager
def open_store(home: Home) -> Iterator[LiveStore]:
    """The home's live store, made when absent and made anew when its tables or reference files have changed.

    Hold the `live` lock around this. Raises TongmaiError(`live_store_unusable`) when its file cannot be opened.
    """
    home.live.parent.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "temp_directory": str(home.live.parent / "tmp")})
    try:
        connection.execute(f"SET TimeZone = '{BUSINESS_TIME_ZONE}'")
        try:
            # under another name than the file's, which is also its schema's: `live.x` would be ambiguous
            connection.execute(f"ATTACH {literal(str(home.live))} AS store")
        except duckdb.Error as error:
            raise TongmaiError(
                "live_store_unusable",
                f"打不开实时库 {home.live}：{error}。请关闭占用它的程序；若文件已损坏，删除它即可，会由暂存区重建。",
                f"Cannot open the live store {home.live}: {error}. Close the program that holds it; if it is damaged, "
                "remove it: it is made anew from landing.",
            ) from error
        connection.execute("USE store")
        intake.load_reference(connection)
        _create(connection)
        yield LiveStore(home, connection)
    finally:
        connection.close()


def kept_since(newest_event_at: datetime) -> datetime:
    """From when windows are kept: the midnight before the last 48 hours, so that whole days are closed in them."""
    local = (newest_event_at - KEPT).astimezone(ZoneInfo(BUSINESS_TIME_ZONE))
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


def _create(connection: duckdb.DuckDBPyConnection) -> None:
    fingerprint = _fingerprint()
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    ORIGIN.create(connection)
    if connection.execute(f"SELECT fingerprint FROM {ORIGIN.qualified}").fetchall() != [(fingerprint,)]:
        connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
        ORIGIN.create(connection)
        connection.execute(f"INSERT INTO {ORIGIN.qualified} VALUES (?)", [fingerprint])
    for table in STORE_TABLES:
        table.create(connection)


def _fingerprint() -> str:
    digest = hashlib.sha256(repr((STORE_TABLES, SOURCES)).encode())
    for name in intake.REFERENCE_FILES:
        digest.update((REFERENCE / f"{name}.csv").read_bytes())
    return digest.hexdigest()[:16]


def _beam() -> Callable[[pa.Table, pa.Table, Path], None]:
    """The Beam graph, imported when there is something to sum: that takes seconds."""
    with quiet_import():
        from pipelines.live.windows import sum_windows
    return sum_windows
