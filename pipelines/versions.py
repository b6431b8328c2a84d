"""Versions in `raw.<feed>_versions`: a version is stored once and is the earliest of its sightings.

Belongs here: the SQL that appends versions and withdraws those of superseded segments. Does not belong here:
transactions, rejects, the ledger (`pipelines.loader`).

Nearly every version is seen once and goes straight from its part to the table. One that is seen again is
*contested*: its sightings are noted in `ops.sightings`, and the stored row takes time, flags and lineage of the
earliest one whose segment is in force. That is a function of which files are in force, not of the order in which
they came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import duckdb

from pipelines import raw
from pipelines.feeds import Feed
from pipelines.landing import Segment, rows_of_segments
from store.tables import SIGHTINGS

_ROWS = rows_of_segments("$files")
_EARLIEST = "known_at, flags, source_file, segment_id, source_row"
_ROW = "content_hash, segment_id, source_file, source_row"


def replace_versions(
    connection: duckdb.DuckDBPyConnection,
    feed: Feed,
    gone: Sequence[str],
    files: Sequence[str],
    segments: Sequence[Segment],
) -> Mapping[str, int]:
    """Withdraw the segments `gone`, append the table `segments`' rows from the parts `files`, in one transaction.

    Returns by how much the number of versions that name a segment grows, once those of `gone` count none.
    """
    _withdraw(connection, feed, gone)
    _find_contested(connection, feed, files)
    loaded = Counter({segment.segment_id: segment.rows_good for segment in segments})
    if _count(connection, "contested"):
        loaded.update(_elect(connection, feed, files, gone))
    if files:
        names = ", ".join(f'"{name}"' for name in feed.raw_columns)
        connection.execute(
            f"INSERT INTO {raw.versions_table(feed)} BY NAME SELECT {names} FROM {_ROWS} ANTI JOIN passed_by "
            "ON _content_hash = passed_by.content_hash AND _segment_id = passed_by.segment_id "
            "AND _source_file = passed_by.source_file AND _source_row = passed_by.source_row",
            {"files": list(files)},
        )
    return loaded


def _withdraw(connection: duckdb.DuckDBPyConnection, feed: Feed, gone: Sequence[str]) -> None:
    """Take the segments' sightings back, and the versions that nothing else has shown.

    `orphaned` then holds the versions that must find another row to stand for.
    """
    connection.execute("CREATE OR REPLACE TEMP TABLE orphaned (content_hash VARCHAR)")
    if not gone:
        return
    mine = "feed = $feed AND segment_id IN (SELECT unnest($gone)) "
    named = {"feed": feed.name, "gone": list(gone)}
    connection.execute(
        f"INSERT INTO orphaned SELECT DISTINCT content_hash FROM {SIGHTINGS.qualified} WHERE {mine}", named
    )
    connection.execute(f"DELETE FROM {SIGHTINGS.qualified} WHERE {mine}", named)
    connection.execute(
        f"DELETE FROM orphaned WHERE content_hash NOT IN (SELECT content_hash FROM {SIGHTINGS.qualified} "
        "WHERE feed = ?)",
        [feed.name],
    )
    connection.execute(
        f"DELETE FROM {raw.versions_table(feed)} WHERE _segment_id IN (SELECT unnest(?)) "
        "AND _content_hash NOT IN (SELECT content_hash FROM orphaned)",
        [list(gone)],
    )


def _find_contested(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[str]) -> None:
    """`stored`: rows of the version table that the incoming rows repeat; `contested`: versions seen more than once."""
    incoming = f"SELECT _content_hash AS content_hash FROM {_ROWS}"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE incoming AS {incoming if files else 'FROM orphaned LIMIT 0'}",
        {"files": list(files)} if files else {},
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE stored AS SELECT _content_hash AS content_hash, _segment_id AS segment_id, "
        "_source_file AS source_file, _source_row AS source_row, known_at, _flags AS flags "
        f"FROM {raw.versions_table(feed)} "
        "WHERE _content_hash IN (FROM incoming UNION ALL FROM orphaned)"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE contested AS SELECT content_hash FROM incoming GROUP BY ALL HAVING count(*) > 1 "
        "UNION SELECT content_hash FROM stored"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE passed_by "
        "(content_hash VARCHAR, segment_id VARCHAR, source_file VARCHAR, source_row BIGINT)"
    )


def _elect(
    connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[str], gone: Sequence[str]
) -> Counter[str]:
    """Note the contested versions' sightings and let the earliest stand for each; `passed_by` are the others.

    Returns by how much the number of versions that name a segment differs from all incoming rows being loaded.
    """
    sightings, table = SIGHTINGS.qualified, raw.versions_table(feed)
    connection.execute("CREATE OR REPLACE TEMP TABLE seen AS FROM stored LIMIT 0")
    if files:
        connection.execute(
            "INSERT INTO seen SELECT _content_hash, _segment_id, _source_file, _source_row, known_at, _flags "
            f"FROM {_ROWS} WHERE _content_hash IN (FROM contested)",
            {"files": list(files)},
        )
    # Two statements: an INSERT's own rows show in what it reads.
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE unnoted AS FROM seen UNION ALL "
        f"FROM stored WHERE content_hash NOT IN (SELECT content_hash FROM {sightings} WHERE feed = ?)",
        [feed.name],
    )
    connection.execute(f"INSERT INTO {sightings} BY NAME SELECT ? AS feed, * FROM unnoted", [feed.name])
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE elected AS SELECT * EXCLUDE (feed) FROM {sightings} "
        f"WHERE feed = ? AND content_hash IN (FROM contested) "
        f"QUALIFY row_number() OVER (PARTITION BY content_hash ORDER BY {_EARLIEST}) = 1",
        [feed.name],
    )
    connection.execute(
        f"UPDATE {table} AS version SET known_at = elected.known_at, _flags = elected.flags, "
        "_version_at = coalesce(version.updated_at, elected.known_at), _segment_id = elected.segment_id, "
        "_source_file = elected.source_file, _source_row = elected.source_row "
        "FROM (FROM elected SEMI JOIN stored USING (content_hash) EXCEPT FROM stored) AS elected "
        "WHERE version._content_hash = elected.content_hash"
    )
    connection.execute(
        f"INSERT INTO passed_by SELECT {_ROW} FROM seen WHERE content_hash IN (SELECT content_hash FROM stored) "
        f"UNION ALL (SELECT {_ROW} FROM seen EXCEPT SELECT {_ROW} FROM elected)"
    )
    changes: Counter[str] = Counter()
    for relation, sign in (("seen", -1), ("stored", -1), ("elected", 1)):
        counts = connection.execute(f"SELECT segment_id, count(*) FROM {relation} GROUP BY ALL").fetchall()
        counted = set(gone) if relation == "stored" else set()
        changes.update({segment_id: sign * rows for segment_id, rows in counts if segment_id not in counted})
    return changes


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
    return int(row[0]) if row else 0
