"""Schema `raw`: one append-only table of versions and one view of the newest rows per feed.

Belongs here: the DDL made from the contracts. Does not belong here: what is appended (`pipelines.loader`).
"""

from __future__ import annotations

import duckdb

from pipelines.feeds.contract import Feed
from store.evolution import evolve

ORDER = "_version_at, _content_hash"


def create(connection: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Create `raw.<feed>_versions` and the view `raw.<feed>`, or bring them up to the contract."""
    evolve(connection, versions_table(feed), feed.raw_columns)
    select = newest_rows(feed) if feed.merge == "row" else newest_values(feed)
    connection.execute(f"CREATE OR REPLACE VIEW raw.{feed.name} AS {select}")


def versions_table(feed: Feed) -> str:
    """The qualified name of the feed's table of versions."""
    return f"raw.{feed.name}_versions"


def newest_rows(feed: Feed) -> str:
    """SQL: the newest version per key, ties by content hash."""
    return (
        f"SELECT {_columns(feed)} FROM {versions_table(feed)} QUALIFY row_number() OVER "
        f"(PARTITION BY {', '.join(feed.key)} ORDER BY _version_at DESC, _content_hash DESC) = 1"
    )


def newest_values(feed: Feed) -> str:
    """SQL: per key the newest non-null value of every column; lineage is that of the newest version.

    Nearly every key has one version only, and that row is passed through; only the others are merged.
    """
    lineage = ("_version_at", "_content_hash", "_segment_id", "_source_file", "_source_row")
    merged = ", ".join(
        name
        if name in feed.key
        else f'last("{name}" ORDER BY {ORDER}) AS "{name}"'
        if name in lineage
        else f'last("{name}" ORDER BY {ORDER}) FILTER ("{name}" IS NOT NULL) AS "{name}"'
        for name in feed.raw_columns
    )
    key = ", ".join(feed.key)
    return (
        f"WITH counted AS (SELECT {_columns(feed)}, count(*) OVER (PARTITION BY {key}) AS _versions "
        f"FROM {versions_table(feed)}) "
        f"SELECT * EXCLUDE (_versions) FROM counted WHERE _versions = 1 UNION ALL "
        f"SELECT {merged} FROM counted WHERE _versions > 1 GROUP BY {key}"
    )


def _columns(feed: Feed) -> str:
    """The contract's columns in its order: an older home's table has those that came later behind the others."""
    return ", ".join(f'"{name}"' for name in feed.raw_columns)
