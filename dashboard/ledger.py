"""Data quality as the ingest ledger counts it: rows per feed, and why rows were rejected.

Belongs here: sums of `ops.ingest_ledger`. Does not belong here: the rejected rows themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

from dashboard.published import holds, rows
from store.messages import Text
from store.tables import IN_FORCE

TOP_REASONS = 3


@dataclass(frozen=True)
class Reason:
    """A reject reason, its count, and one rejected row's sentence as an example."""

    reason: str
    rejected: int
    example: Text | None


@dataclass(frozen=True)
class FeedLedger:
    """One feed's rows: read = loaded + duplicate + rejected; skipped lines are outside `read`."""

    feed: str
    files: int
    read: int
    loaded: int
    duplicate: int
    rejected: int
    skipped: int
    reasons: tuple[Reason, ...]


def read_feeds(connection: duckdb.DuckDBPyConnection) -> tuple[FeedLedger, ...]:
    """One entry per feed with its most frequent reject reasons, in the feeds' alphabetical order."""
    if not holds(connection, "ops.ingest_ledger"):
        return ()
    examples = _read_examples(connection)
    reasons: dict[str, list[Reason]] = {}
    for row in rows(connection, _REASONS, {}):
        found = reasons.setdefault(row["feed"], [])
        if len(found) < TOP_REASONS:
            found.append(Reason(row["reason"], int(row["rejected"]), examples.get((row["feed"], row["reason"]))))
    return tuple(FeedLedger(**row, reasons=tuple(reasons.get(row["feed"], ()))) for row in rows(connection, _SUMS, {}))


_SUMS = f"""
SELECT
    feed,
    count(DISTINCT source_file) AS files,
    CAST(sum(rows_read) AS BIGINT) AS read,
    CAST(sum(rows_loaded) AS BIGINT) AS loaded,
    CAST(sum(rows_duplicate) AS BIGINT) AS duplicate,
    CAST(sum(rows_rejected) AS BIGINT) AS rejected,
    CAST(sum(rows_skipped) AS BIGINT) AS skipped
FROM ops.ingest_ledger AS ledger
WHERE {IN_FORCE}
GROUP BY feed
ORDER BY feed
"""

_REASONS = f"""
WITH counted AS (
    SELECT feed, unnest(json_keys(reasons)) AS reason, reasons
    FROM ops.ingest_ledger AS ledger
    WHERE json_type(reasons) = 'OBJECT' AND {IN_FORCE}
)
SELECT feed, reason, sum(CAST(json_extract(reasons, '$."' || reason || '"') AS BIGINT)) AS rejected
FROM counted
GROUP BY feed, reason
ORDER BY feed, rejected DESC, reason
"""


def _read_examples(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], Text]:
    if not holds(connection, "ops.rejects"):
        return {}
    found: list[dict[str, Any]] = rows(
        connection,
        "SELECT feed, reason, sentence_zh, sentence_en FROM ops.rejects"
        " QUALIFY row_number() OVER (PARTITION BY feed, reason ORDER BY source_file, source_row, segment_id) = 1",
        {},
    )
    return {(row["feed"], row["reason"]): Text(row["sentence_zh"], row["sentence_en"]) for row in found}
