"""The published version in hand: which one it is, how old, whether synthetic, and what it holds.

Belongs here: the version's own facts and the small reading tools that the other readers share.
Does not belong here: demand, capacity or plans.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from store.messages import Text
from store.tables import data_version, split_comment

_LEDGER = "ops.ingest_ledger"


@dataclass(frozen=True)
class Version:
    """`version` names the directory; `data_version` is equal for equal data; instants are UTC."""

    version: str
    data_version: str
    published_at: datetime
    checks_passed: int | None
    data_until_on: date | None
    is_synthetic: bool


def read_version(connection: duckdb.DuckDBPyConnection, path: Path) -> Version:
    """The facts of the version at `path`; what its `ops.published_versions` does not say comes from the file."""
    version = path.parent.name
    stated: dict[str, Any] = {}
    if holds(connection, "ops.published_versions"):
        found = rows(
            connection,
            "SELECT data_version, epoch(published_at) AS published_s, checks_passed FROM ops.published_versions"
            " ORDER BY version = $version DESC, published_at DESC LIMIT 1",
            {"version": version},
        )
        stated = found[0] if found else {}
    published_s = stated.get("published_s") or path.stat().st_mtime
    return Version(
        version=version,
        data_version=stated.get("data_version")
        or (data_version(connection) if holds(connection, _LEDGER) else version),
        published_at=datetime.fromtimestamp(published_s, UTC),
        checks_passed=stated.get("checks_passed"),
        data_until_on=_data_until(connection),
        is_synthetic=_is_synthetic(connection),
    )


def _data_until(connection: duckdb.DuckDBPyConnection) -> date | None:
    """The Sunday of the last complete week."""
    if not holds(connection, "marts.demand_weekly"):
        return None
    (row,) = rows(
        connection, "SELECT CAST(max(week_start) + 6 AS DATE) AS day_on FROM marts.demand_weekly WHERE is_complete", {}
    )
    until: date | None = row["day_on"]
    return until


def _is_synthetic(connection: duckdb.DuckDBPyConnection) -> bool:
    """The virtual city marks its enterprises, plants and files with 虚拟 or 示例; a real city has none of them."""
    marked = "regexp_matches({}, '虚拟|示例|synthetic')"
    named = {
        "marts.dim_enterprises": "enterprise_name",
        "marts.dim_plants": "plant_name",
        _LEDGER: "source_file",
    }
    return any(
        bool(rows(connection, f"SELECT 1 AS hit FROM {table} WHERE {marked.format(column)} LIMIT 1", {}))
        for table, column in named.items()
        if holds(connection, table)
    )


def holds(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether the file has this `schema.table` (or view): a young home has marts but no plan yet."""
    schema, _, name = table.partition(".")
    return bool(
        rows(
            connection,
            "SELECT 1 AS hit FROM information_schema.tables WHERE table_schema = $schema AND table_name = $name",
            {"schema": schema, "name": name},
        )
    )


def read_comments(connection: duckdb.DuckDBPyConnection) -> dict[str, Text]:
    """`schema.table.column` → its description, for every column that has one."""
    described = rows(
        connection,
        "SELECT schema_name || '.' || table_name || '.' || column_name AS name, comment FROM duckdb_columns()"
        " WHERE NOT internal AND comment IS NOT NULL",
        {},
    )
    return {row["name"]: split_comment(row["comment"]) for row in described}


def rows(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The result, one dict per row; decimals as floats, the only numbers that charts and JSON know."""
    cursor = connection.execute(sql, dict(parameters))
    names = [column[0] for column in cursor.description or ()]
    return [
        {name: float(cell) if isinstance(cell, Decimal) else cell for name, cell in zip(names, row, strict=True)}
        for row in cursor.fetchall()
    ]


def to_json(value: Any) -> Any:
    """Dataclasses, texts, days and instants as JSON-ready values; a number that is none becomes null."""
    if isinstance(value, Text):
        return {"zh": value.zh, "en": value.en}
    if is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value
