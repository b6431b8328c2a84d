"""Write, audit, publish: readers see whole, tested versions or the one before.

Belongs here: copying the writer's schemas into a new versioned file, the atomic swap, the retention.
Does not belong here: what is checked (`store.gate`).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from store import gate
from store.connections import BUSINESS_TIME_ZONE, reader, writer
from store.home import MODELS_PAGE, WAREHOUSE_FILE, Home
from store.locks import hold
from store.messages import EXIT_QUALITY_GATE, TongmaiError, progress
from store.tables import OPS_TABLES, PUBLISHED_VERSIONS, append, data_version, literal

PUBLISHED_SCHEMAS = ("marts", "forecast", "plan", "ops")
VIEWS_STAY_IN = "marts"  # a mart's view reads other marts only; what others choose rows by becomes a table
KEPT_VERSIONS = 3


@dataclass(frozen=True)
class PublishReport:
    """What is published now: the version, its data version, the file, how much it holds; new or as before."""

    version: str
    is_new: bool
    data_version: str
    path: str
    tables: int
    checks_passed: int
    bytes: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def publish(home: Home) -> PublishReport:
    """Audit the writer's file and publish a compacted, commented, read-only copy of it.

    Equal data, models, forecast and plan are not published twice: the current version is reported then.
    Raises TongmaiError(`quality_gate`, exit code 3) when a check fails; the current version stays.
    """
    with hold(home, "warehouse", wait_s=600.0):
        with writer(home) as connection:
            for table in OPS_TABLES:
                table.create(connection)
            failures = gate.audit(connection, home)
            if failures:
                raise TongmaiError(
                    "quality_gate",
                    "未发布，旧版本仍然有效。未通过的检查："
                    + "；".join(f"{failure.name}（{failure.text.zh}）" for failure in failures),
                    "Not published; the version before stays current. Failed checks: "
                    + "; ".join(f"{failure.name} ({failure.text.en})" for failure in failures),
                    EXIT_QUALITY_GATE,
                )
            data, content = data_version(connection), _content_version(connection, home)
            current = _published_as(connection, home, content)
            if current is not None:
                progress("publish", f"内容未变，仍为 {current.version}", f"nothing changed, still {current.version}")
                return current
            published_at = datetime.now(UTC)
            version = f"{published_at:%Y%m%dT%H%M%S%f}Z-{data}"
            checks_passed = len(gate.applicable(connection)) + 1  # the dbt results are one more
            facts = (version, data, content, published_at, checks_passed)
            append(
                connection,
                PUBLISHED_VERSIONS,
                {name: [fact] for name, fact in zip(PUBLISHED_VERSIONS.column_names, facts, strict=True)},
            )
            connection.execute("CHECKPOINT")
        tables = _write_version(home, home.versions / version)
        swap(home.current, home.versions / version)
        retire(home.versions, home.current)
    path = home.published
    progress("publish", f"已发布 {version}（{tables} 张表）", f"published {version} ({tables} tables)")
    return PublishReport(version, True, data, str(path), tables, checks_passed, path.stat().st_size)


def _content_version(connection: duckdb.DuckDBPyConnection, home: Home) -> str:
    """A hash of all that decides what a version holds: segments, models, the promoted forecast, the plan in force."""
    nodes = json.loads((home.dbt_target / "manifest.json").read_bytes())["nodes"]
    models = sorted(f"{name}:{node['checksum']['checksum']}" for name, node in nodes.items())
    runs = connection.execute("SELECT run_id FROM forecast.runs WHERE status = 'promoted' ORDER BY 1").fetchall()
    plans = connection.execute("SELECT plan_id FROM plan.plan_current ORDER BY 1").fetchall()
    parts = [data_version(connection), *models, *(row[0] for row in (*runs, *plans))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _published_as(connection: duckdb.DuckDBPyConnection, home: Home, content: str) -> PublishReport | None:
    """The current version when it holds this content, else None."""
    row = connection.execute(
        f"SELECT version, data_version, checks_passed FROM {PUBLISHED_VERSIONS.qualified} "
        "WHERE version = ? AND content_version = ?",
        [home.published.parent.name, content],
    ).fetchone()
    if row is None or not home.published.exists():
        return None
    with reader(home.published) as published:
        relations = "FROM duckdb_tables() SELECT 1 UNION ALL FROM duckdb_views() SELECT 1 WHERE NOT internal"
        tables = len(published.execute(relations).fetchall())
    path = home.published
    return PublishReport(row[0], False, row[1], str(path), tables, row[2], path.stat().st_size)


def _write_version(home: Home, target: Path) -> int:
    """Copy the published schemas and the models' page into `target`; a half-written folder is never the target."""
    unfinished = target.with_name(target.name + ".tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    file = unfinished / WAREHOUSE_FILE
    connection = duckdb.connect(str(file))
    try:
        connection.execute(f"SET TimeZone = '{BUSINESS_TIME_ZONE}'")
        connection.execute(f"ATTACH {literal(str(home.warehouse))} AS source (READ_ONLY)")
        relations = connection.execute(
            """
            FROM (
                SELECT schema_name, table_name, comment, NULL AS view
                FROM duckdb_tables() WHERE database_name = 'source'
                UNION ALL
                SELECT schema_name, view_name, comment, CASE WHEN schema_name = $views THEN sql END
                FROM duckdb_views() WHERE database_name = 'source' AND NOT internal
            )
            ORDER BY view IS NOT NULL, schema_name, table_name
            """,
            {"views": VIEWS_STAY_IN},
        ).fetchall()
        published = [relation for relation in relations if relation[0] in PUBLISHED_SCHEMAS]
        for schema in PUBLISHED_SCHEMAS:
            connection.execute(f"CREATE SCHEMA {schema}")
        for schema, name, description, view in published:
            copy = f'CREATE TABLE {schema}."{name}" AS FROM source.{schema}."{name}" {_kept(schema)}'
            connection.execute(view or copy)
            if description:
                kind = "VIEW" if view else "TABLE"
                connection.execute(f'COMMENT ON {kind} {schema}."{name}" IS {literal(description)}')
        _copy_column_comments(connection)
        connection.execute("DETACH source")
        connection.execute("CHECKPOINT")
    finally:
        connection.close()
    if file.with_name(file.name + ".wal").exists():
        raise TongmaiError(
            "unfinished_copy",
            f"{file} 还有未合并的日志，未发布；请重试。",
            f"{file} still has a write-ahead log; not published. Try again.",
        )
    file.chmod(0o444)
    _sync(file)
    if home.models_page.exists():
        _sync(Path(shutil.copyfile(home.models_page, unfinished / MODELS_PAGE)))
    _sync(unfinished)
    unfinished.rename(target)
    _sync(target.parent)
    return len(published)


def _kept(schema: str) -> str:
    """Readers get the plan in force; what-ifs stay in the writer's file."""
    return "WHERE plan_id IN (SELECT plan_id FROM source.plan.plan_current)" if schema == "plan" else ""


def _copy_column_comments(connection: duckdb.DuckDBPyConnection) -> None:
    """Carry every description over; a view's column is described by its table's (same schema and name)."""
    comments = connection.execute(
        """
        WITH described AS (
            SELECT schema_name, table_name, column_name, comment
            FROM duckdb_columns() WHERE database_name = 'source' AND comment IS NOT NULL
        )
        SELECT target.schema_name, target.table_name, target.column_name, coalesce(
            max(source.comment) FILTER (WHERE source.table_name = target.table_name), min(source.comment)
        )
        FROM duckdb_columns() AS target
        JOIN described AS source USING (schema_name, column_name)
        WHERE target.database_name = current_database()
        GROUP BY ALL ORDER BY ALL
        """
    ).fetchall()
    for schema, table, column, description in comments:
        connection.execute(f'COMMENT ON COLUMN {schema}."{table}"."{column}" IS {literal(description)}')


def swap(link: Path, target: Path) -> None:
    """Point the symlink `link` at `target` in one step; a reader sees the old version or the new one."""
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(os.path.relpath(target, link.parent), target_is_directory=True)
    fresh.replace(link)
    _sync(link.parent)


def retire(versions: Path, current: Path, kept: int = KEPT_VERSIONS) -> None:
    """Remove unfinished and older versions, keeping the newest `kept` and the current one."""
    folders = sorted(folder for folder in versions.iterdir() if folder.is_dir())
    finished = [folder for folder in folders if not folder.name.endswith(".tmp")]
    keep = {*finished[-kept:], current.resolve()}
    for folder in folders:
        if folder not in keep:
            shutil.rmtree(folder, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
