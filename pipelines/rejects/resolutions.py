"""Rejects in the warehouse: they come and go with their segment, and are resolved by what was received later.

Belongs here: the SQL over `ops.rejects` and `ops.reject_resolutions`. Does not belong here: transactions
(`pipelines.loader`), what a reject keeps of its row (`pipelines.rejects.rows`), lists and exports.

A reject is resolved by a good row that carries its number, or, where the newest row of a key counts, by a valid
version of its key that was received later. A corrected row that is wrong again is a reject that points to the
first: they are one *chain*, and what resolves one of them resolves all. Nothing here depends on the order of
loading: `settle` computes it from the rows in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import duckdb

from pipelines import landing, raw
from pipelines.feeds import Feed
from pipelines.landing import Manifest
from store.home import Home
from store.tables import INGEST_LEDGER, REJECT_RESOLUTIONS, REJECTS

# Of the parts in $files the rows of the table `segments`.
_MINE = (
    "SELECT * EXCLUDE (filename) FROM read_parquet($files, union_by_name = true, filename = true) AS part "
    "WHERE EXISTS (FROM segments WHERE segments._segment_id = part.segment_id "
    "AND segments._batch_id = split_part(parse_filename(part.filename), '-', 1))"
)
_REJECTS, _RESOLUTIONS, _LEDGER = REJECTS.qualified, REJECT_RESOLUTIONS.qualified, INGEST_LEDGER.qualified


def append_rejects(home: Home, connection: duckdb.DuckDBPyConnection, feed: Feed, batches: Iterable[Manifest]) -> None:
    """Take in the rejects of the table `segments`, and the good rows among theirs that correct other rejects."""
    batches = list(batches)
    rejected = [str(home.rejected / feed.name / part) for batch in batches for part in batch.reject_parts]
    if rejected:
        connection.execute(f"INSERT INTO {_REJECTS} BY NAME {_MINE}", {"files": rejected})
    folder = landing.corrections_folder(home, feed.name)
    corrected = [str(folder / part) for batch in batches for part in batch.correction_parts]
    if corrected:
        connection.execute(
            f"INSERT INTO {_RESOLUTIONS} BY NAME SELECT *, 'corrected' AS how FROM ({_MINE})", {"files": corrected}
        )


def withdraw_rejects(connection: duckdb.DuckDBPyConnection, gone: Sequence[str]) -> None:
    """The rejects of superseded segments leave, and what those segments resolved is open again."""
    for table in (_REJECTS, _RESOLUTIONS):
        connection.execute(f"DELETE FROM {table} WHERE segment_id IN (SELECT unnest(?))", [list(gone)])


def settle(connection: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Say of every reject of the feed whether and when it was resolved, and count them in the ledger."""
    if not connection.execute(f"SELECT 1 FROM {_REJECTS} WHERE feed = ? LIMIT 1", [feed.name]).fetchone():
        return
    if feed.merge == "row":
        _find_newer_versions(connection, feed)
    connection.execute(
        f"UPDATE {_RESOLUTIONS} SET resolved_at = ledger.committed_at FROM {_LEDGER} AS ledger "
        f"WHERE {_RESOLUTIONS}.segment_id = ledger.segment_id AND {_RESOLUTIONS}.feed = ? "
        f"AND {_RESOLUTIONS}.resolved_at IS DISTINCT FROM ledger.committed_at",
        [feed.name],
    )
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE settled AS
        WITH RECURSIVE mine AS (SELECT DISTINCT reject_id, corrects FROM {_REJECTS} WHERE feed = $feed),
        chains AS (
            SELECT reject_id, coalesce(corrects, reject_id) AS first_id FROM mine
            WHERE corrects IS NULL OR corrects NOT IN (SELECT reject_id FROM mine)
            UNION
            SELECT mine.reject_id, chains.first_id FROM mine JOIN chains ON mine.corrects = chains.reject_id
        ),
        resolved AS (
            SELECT coalesce(chains.first_id, resolution.reject_id) AS first_id, min(resolved_at) AS resolved_at
            FROM {_RESOLUTIONS} AS resolution LEFT JOIN chains USING (reject_id)
            WHERE resolution.feed = $feed
            GROUP BY ALL
        )
        SELECT reject_id, min(resolved_at) AS resolved_at FROM chains LEFT JOIN resolved USING (first_id) GROUP BY ALL
        """,
        {"feed": feed.name},
    )
    connection.execute(
        f"UPDATE {_REJECTS} AS reject SET resolved_at = settled.resolved_at FROM settled "
        "WHERE reject.reject_id = settled.reject_id AND reject.feed = ? "
        "AND reject.resolved_at IS DISTINCT FROM settled.resolved_at",
        [feed.name],
    )
    connection.execute(
        f"UPDATE {_LEDGER} AS ledger SET rows_resolved = counted.resolved FROM ("
        f"SELECT segment_id, count(resolved_at) AS resolved FROM {_REJECTS} WHERE feed = ? GROUP BY ALL) AS counted "
        "WHERE ledger.segment_id = counted.segment_id AND ledger.rows_resolved IS DISTINCT FROM counted.resolved",
        [feed.name],
    )


def _find_newer_versions(connection: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Note for each reject whose key is known the first valid version of that key that was received later."""
    same_key = " AND ".join(f"CAST(version.\"{name}\" AS VARCHAR) = (wanted.row_key ->> '{name}')" for name in feed.key)
    connection.execute(f"DELETE FROM {_RESOLUTIONS} WHERE feed = ? AND how = 'newer_version'", [feed.name])
    connection.execute(
        f"""
        INSERT INTO {_RESOLUTIONS} BY NAME
        WITH wanted AS (
            SELECT reject.reject_id, reject.row_key, ledger.received_at
            FROM {_REJECTS} AS reject JOIN {_LEDGER} AS ledger USING (segment_id)
            WHERE reject.feed = $feed AND reject.row_key IS NOT NULL
        )
        SELECT
            wanted.reject_id, $feed AS feed, version._segment_id AS segment_id, version._source_file AS source_file,
            version._source_row AS source_row, ledger.committed_at AS resolved_at, 'newer_version' AS how
        FROM wanted
        JOIN {raw.versions_table(feed)} AS version ON {same_key}
        JOIN {_LEDGER} AS ledger ON version._segment_id = ledger.segment_id
        WHERE ledger.received_at > wanted.received_at
        QUALIFY row_number() OVER (
            PARTITION BY wanted.reject_id ORDER BY ledger.received_at, version._version_at, version._content_hash
        ) = 1
        """,
        {"feed": feed.name},
    )
