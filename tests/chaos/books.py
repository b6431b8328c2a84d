"""A home's books: whether they agree with each other, with the files, and with another home's.

Belongs here: what must hold of a home after any number of kills. Does not belong here: killing.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from pipelines.feeds import FEEDS
from store.home import Home

LINEAGE = {"_segment_id", "_source_file", "_source_row"}  # which of two equal rows came first is the order's affair
VOLATILE = {"committed_at", "created_at", "published_at", "promoted_at", "resolved_at", "superseded_at", "batch_id"}
BY_SEGMENT = ("ops.rejects", "ops.reject_resolutions")  # of equal files the first to come gives the name
IN_ORDER = {"ops.ingest_ledger", "ops.loaded_batches", "ops.sightings"}  # compared through their sums


def sha256(data: bytes) -> str:
    """A content's hash."""
    return hashlib.sha256(data).hexdigest()


def audit(home: Home, sent: set[tuple[str, str]]) -> None:
    """Raise AssertionError unless every file sent ((feed, sha256)) is loaded exactly once and all books agree."""
    with _open(home.warehouse) as connection:
        ledger = connection.execute(
            "SELECT segment_id, feed, sha256, rows_read, rows_loaded, rows_duplicate, rows_rejected "
            "FROM ops.ingest_ledger"
        ).fetchall()
        rejects = dict(connection.execute("SELECT segment_id, count(*) FROM ops.rejects GROUP BY ALL").fetchall())
        held = {
            feed: connection.execute(
                f"SELECT count(*), count(DISTINCT _content_hash) FROM raw.{feed}_versions"
            ).fetchall()[0]
            for feed in FEEDS
        }
    refused = set(_waiting(home))
    assert {(feed, sha) for _, feed, sha, *_ in ledger} == sent - refused, "files lost, or loaded though refused"
    assert len(ledger) == len({(feed, sha) for _, feed, sha, *_ in ledger}), "a file stands twice in the ledger"
    for segment, feed, _, read, loaded, duplicate, rejected in ledger:
        assert read == loaded + duplicate + rejected, f"{feed} {segment}: {read} <> {loaded} + {duplicate} + {rejected}"
        assert rejects.get(segment, 0) == rejected, (
            f"{feed} {segment}: {rejected} rejected, {rejects.get(segment, 0)} kept"
        )
    loads = Counter[str]()
    for _, feed, _, _, loaded, *_ in ledger:
        loads[feed] += loaded
    assert {feed: loads[feed] for feed in FEEDS} == {feed: count for feed, (count, _) in held.items()}, "rows in raw"
    assert all(count == distinct for count, distinct in held.values()), f"a version is there twice: {held}"
    archived = {
        (path.parent.name, sha256(path.read_bytes())) for path in _files(home.archive) if path.suffix != ".json"
    }
    archived |= {(p.parent.name, sha256(p.read_bytes())) for p in _files(home.archive) if "-" in p.name}
    assert {(feed, sha) for _, feed, sha, *_ in ledger} == archived, "the archive is not what the ledger says"
    leftovers = [path for path in _files(home.root) if path.name.endswith(".draft")]
    assert not leftovers, f"drafts are left: {leftovers}"
    _no_orphans(home)


def _waiting(home: Home) -> Iterator[tuple[str, str]]:
    for path in _files(home.inbox):
        assert (
            not path.name.endswith(".sidecar.json") or path.with_name(path.name.removesuffix(".sidecar.json")).exists()
        )
        if not path.name.endswith(".sidecar.json"):
            yield path.relative_to(home.inbox).parts[0], sha256(path.read_bytes())


def _no_orphans(home: Home) -> None:
    """Every part belongs to a manifest, and every part of a manifest is there."""
    for feed in FEEDS:
        manifests = [json.loads(path.read_text()) for path in (home.landing / feed).glob("*.json")]
        for folder, key in ((home.landing, "parts"), (home.rejected, "reject_parts")):
            named = {part for manifest in manifests for part in manifest[key]}
            found = {path.name for path in (folder / feed).glob("*.parquet")}
            assert found == named, f"{folder.name}/{feed}: without manifest {found - named}, missing {named - found}"


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []


def _open(path: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(path), read_only=True)


def tables(path: Path, schemas: tuple[str, ...] = ("raw", "ops")) -> dict[str, Any]:
    """For every table its row count and an order-free hash of the columns that no order of arrival changes."""
    found: dict[str, Any] = {}
    with _open(path) as connection:
        names = connection.execute("SELECT schema_name, table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
        for schema, table in names:
            if schema not in schemas or f"{schema}.{table}" in IN_ORDER:
                continue
            columns = [c[0] for c in connection.execute(f'SELECT * FROM {schema}."{table}" LIMIT 0').description or []]
            dropped = VOLATILE | ({"source_file"} if f"{schema}.{table}" in BY_SEGMENT else LINEAGE)
            kept = ", ".join(f'"{column}"' for column in columns if column not in dropped)
            found[f"{schema}.{table}"] = connection.execute(
                f'SELECT count(*), sum(hash({kept})::HUGEINT)::VARCHAR FROM {schema}."{table}"'
            ).fetchall()
        if "ops" in schemas:
            found["ledger"] = connection.execute(
                "SELECT feed, count(*), sum(rows_read)::BIGINT, sum(rows_loaded)::BIGINT, sum(rows_duplicate)::BIGINT, "
                "sum(rows_rejected)::BIGINT, sum(rows_skipped)::BIGINT "
                "FROM ops.ingest_ledger GROUP BY feed ORDER BY feed"
            ).fetchall()
    return found
