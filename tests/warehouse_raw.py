"""Schema `raw` for the warehouse's tests: the tables and views as the loader declares them, filled row by row.

Belongs here: a small writer of versions. Does not belong here: the columns (the contracts'), nor anything that a test
expects of the warehouse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import md5
from typing import Any

import duckdb
import pyarrow as pa

from pipelines import raw
from pipelines.feeds import FEEDS


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Schema `raw`: per feed the table of versions and the view of the newest."""
    connection.execute("SET TimeZone = 'Asia/Shanghai'")
    connection.execute("CREATE SCHEMA IF NOT EXISTS raw")
    for feed in FEEDS.values():
        raw.create(connection, feed)


def versions_of(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with their lineage. A row gives `known_at`; its `_version_at` is its `updated_at`, else that."""
    versions = []
    for number, row in enumerate(rows, start=1):
        content = {name: value for name, value in row.items() if name != "known_at"}
        lineage = {
            "_version_at": row.get("updated_at") or row["known_at"],
            "_content_hash": md5(repr(sorted(content.items())).encode(), usedforsecurity=False).hexdigest(),
            "_source_file": "file.csv",
            "_source_row": number,
        }
        versions.append({**row, **lineage})
    return versions


def append(connection: duckdb.DuckDBPyConnection, feed: str, versions: Sequence[Mapping[str, Any]]) -> None:
    """Append versions to a feed, in the order given; columns that a version lacks are null."""
    names = sorted({name for version in versions for name in version})
    block = pa.Table.from_pylist([{name: version.get(name) for name in names} for version in versions])
    connection.register("block", block)
    connection.execute(f"INSERT INTO raw.{feed}_versions BY NAME SELECT * FROM block")
    connection.unregister("block")
