"""The published live file: one small read-only table, swapped like the warehouse's versions.

Belongs here: writing and swapping a version. Does not belong here: what is in the table (`refresh`).
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from pipelines.live.store import LiveStore
from pipelines.live.tables import PUBLISHED, SUPPLY_DEMAND_15MIN
from store.home import LIVE_FILE, Home
from store.publish import retire, swap
from store.tables import literal


def publish_live(home: Home, store: LiveStore) -> Path:
    """Publish the windows that have begun; returns the new file's path. The last three versions are kept.

    Windows that only hold planned pours to come stay in the store.
    """
    target = home.live_versions / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z"
    unfinished = target.with_name(target.name + ".tmp")
    unfinished.mkdir(parents=True)
    try:
        _write(store.connection, unfinished / LIVE_FILE, store.newest_event_at())
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    swap(home.live_current, target)
    retire(home.live_versions, home.live_current)
    return target / LIVE_FILE


def is_published(home: Home, store: LiveStore) -> bool:
    """Whether the newest published file holds just what `publish_live` would write now."""
    file = home.live_published
    if not file.exists():
        return False
    connection = store.connection
    connection.execute(f"ATTACH {literal(str(file))} AS published (READ_ONLY)")
    try:
        row = connection.execute(
            f"""
            WITH begun AS (FROM store.{SUPPLY_DEMAND_15MIN.qualified} WHERE window_start_at <= ?),
            differing AS (
                (FROM begun EXCEPT FROM published.{PUBLISHED.qualified})
                UNION ALL (FROM published.{PUBLISHED.qualified} EXCEPT FROM begun)
            )
            SELECT count(*) FROM differing
            """,
            [store.newest_event_at()],
        ).fetchone()
    except (duckdb.CatalogException, duckdb.BinderException):  # published by an older Tongmai: another name or columns
        return False
    finally:
        connection.execute("DETACH published")
    return row == (0,)


def _write(connection: duckdb.DuckDBPyConnection, file: Path, newest_event_at: datetime | None) -> None:
    connection.execute(f"ATTACH {literal(str(file))} AS published")
    try:
        connection.execute("USE published")
        PUBLISHED.create(connection)
        connection.execute(
            f"INSERT INTO {PUBLISHED.qualified} FROM store.{SUPPLY_DEMAND_15MIN.qualified} "
            "WHERE window_start_at <= ? ORDER BY ALL",
            [newest_event_at],
        )
    finally:
        connection.execute("USE store")
        connection.execute("DETACH published")
    file.chmod(0o444)
