"""The small city's warehouse, built: at once, as known on a day, and again when the rest had arrived, shuffled.

Belongs here: building it, and reading it. Does not belong here: what the tests expect of it.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import warehouse_raw
from warehouse_dbt import WITHOUT_TESTS, dbt

from store.home import WAREHOUSE_FILE

SHANGHAI = ZoneInfo("Asia/Shanghai")
AS_OF = date(2025, 2, 14)
KNOWN_BY_DAY = ("demand_weekly_revisions", "permit_pipeline_weekly")
KEPT_BY_PARTS = "+config.materialized:incremental"  # so that the rest, when it has arrived, is built by changed parts

Versions = list[dict[str, Any]]


@dataclass(frozen=True)
class Warehouses:
    """The same city built at once, built as known on AS_OF, and built again when the rest had arrived, shuffled."""

    whole: Path
    as_of: Path
    grown: Path


def build_thrice(root: Path, versions: dict[str, Versions]) -> Warehouses:
    """Build the city's warehouses under `root`; a failed model or test fails here."""
    path = root / WAREHOUSE_FILE
    early = {feed: [row for row in rows if shanghai(row["known_at"]) <= AS_OF] for feed, rows in versions.items()}
    late = {feed: [row for row in rows if shanghai(row["known_at"]) > AS_OF] for feed, rows in versions.items()}
    for rows in (*early.values(), *late.values()):
        random.Random(1).shuffle(rows)

    load(path, versions)
    dbt(path)
    whole = kept(path, "whole")
    path.unlink()
    load(path, early)
    dbt(path, *WITHOUT_TESTS, "--select", *(f"+{table}" for table in KNOWN_BY_DAY), KEPT_BY_PARTS)
    as_of = kept(path, "as_of")
    load(path, late)
    dbt(path, *WITHOUT_TESTS)
    return Warehouses(whole, as_of, kept(path, "grown"))


def load(path: Path, feeds: dict[str, Versions]) -> None:
    is_new = not path.exists()
    with duckdb.connect(str(path)) as connection:
        if is_new:
            warehouse_raw.create(connection)
        for feed, rows in feeds.items():
            if rows:
                warehouse_raw.append(connection, feed, rows)


def kept(path: Path, name: str) -> Path:
    folder = path.parent / name
    folder.mkdir()
    return Path(shutil.copy(path, folder / path.name))


def shanghai(instant: datetime) -> date:
    """The business day of an instant."""
    return instant.astimezone(SHANGHAI).date()


def rows_of(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    """A query's rows."""
    return connection.execute(query).fetchall()
