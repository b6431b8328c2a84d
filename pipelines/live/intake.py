"""What the live store takes from landing: which parts, which columns, which keys are recent enough.

Belongs here: the SQL from checked parts to narrow versions. Does not belong here: transactions and windows
(`store`). The definitions are the warehouse's, read from the same reference files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from pipelines.landing import rows_of_segments
from pipelines.live.tables import DELIVERIES, ORDERS
from store.home import REFERENCE
from store.tables import Table

PARTS = rows_of_segments("$files")
REFERENCE_FILES = ("districts", "grade_classes", "delivery_statuses")


@dataclass(frozen=True)
class Source:
    """A feed that the live store consumes.

    Over the feed's columns: `happened_at` is the row's last event, `last_at` the last instant it speaks of,
    `is_open` whether it is kept however old it is. `derived` are narrow columns made with the help of `joins`.
    """

    feed: str
    key: str
    table: Table
    happened_at: str
    last_at: str
    is_open: str
    joins: str
    derived: dict[str, str]

    @property
    def versions(self) -> str:
        """The qualified name of its table of versions."""
        return self.table.qualified

    @property
    def arrived(self) -> str:
        """The temporary table of versions that the running increment has brought."""
        return f"arrived_{self.feed}"

    @property
    def is_still_open(self) -> str:
        """Whether a stored key is open: its newest version says so."""
        is_open = "is_open" in self.table.column_names
        return "arg_max(is_open, (version_at, content_hash))" if is_open else "false"


_CLASSED = "coalesce(grade_classes.grade_class, 'unknown')"

SOURCES = (
    Source(
        "orders",
        "order_id",
        ORDERS,
        happened_at="placed_at",
        last_at="greatest(placed_at, pour_from_at, pour_to_at)",
        is_open="status NOT IN ('done', 'cancelled')",
        joins="LEFT JOIN districts ON part.district_code = districts.district_code",
        derived={
            "district_code": "coalesce(districts.district_code, 'unknown')",
            "grade_class": _CLASSED,
            "is_cancelled": "part.status = 'cancelled'",
            "is_open": "part.status NOT IN ('done', 'cancelled')",
        },
    ),
    Source(
        "deliveries",
        "ticket_id",
        DELIVERIES,
        happened_at="greatest(batched_at, departed_at, arrived_at, discharged_at)",
        last_at="coalesce(greatest(batched_at, departed_at, arrived_at, discharged_at), known_at)",
        is_open="false",
        joins="LEFT JOIN delivery_statuses ON part.status = delivery_statuses.status",
        derived={
            "grade_class": f"CASE WHEN part.grade IS NOT NULL THEN {_CLASSED} END",
            "is_delivered": "CASE WHEN part.status IS NOT NULL THEN coalesce(delivery_statuses.is_delivered, true) END",
        },
    ),
)


def load_reference(connection: duckdb.DuckDBPyConnection) -> None:
    """The reference files that both the warehouse and the live path read, as temporary tables."""
    for name in REFERENCE_FILES:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {name} AS FROM read_csv(?, header = true, all_varchar = true)",
            [str(REFERENCE / f"{name}.csv")],
        )
    connection.execute("ALTER TABLE grade_classes ALTER min_strength_mpa TYPE INTEGER")
    connection.execute("ALTER TABLE delivery_statuses ALTER is_delivered TYPE BOOLEAN")


def newest_event(connection: duckdb.DuckDBPyConnection, source: Source, files: Sequence[str]) -> datetime | None:
    """The newest event among the stored versions and those in `files`.

    An event dated after it became known has a wrong date: it counts from when it was known.
    """
    stored = f"SELECT happened_at, known_at FROM {source.versions}"
    incoming = f"SELECT {source.happened_at} AS happened_at, known_at FROM {PARTS}"
    row = connection.execute(
        f"""
        SELECT max(least(happened_at, known_at))
        FROM ({stored} UNION ALL {incoming if files else stored})
        WHERE happened_at IS NOT NULL
        """,
        {"files": list(files)} if files else {},
    ).fetchone()
    return row[0] if row else None


def arrive(connection: duckdb.DuckDBPyConnection, source: Source, files: Sequence[str], since: datetime) -> int:
    """Store the versions in `files` whose key is known, open, or recent; `source.arrived` then holds what was new.

    Reads the parts twice and streaming: first to find the keys, then for their rows. Returns the number of
    versions that told something new.
    """
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {source.arrived} AS FROM {source.versions} LIMIT 0")
    if not files:
        return 0
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE recent AS
        SELECT {source.key} FROM {source.versions}
        UNION
        SELECT {source.key} FROM {PARTS}
        GROUP BY {source.key}
        HAVING max({source.last_at}) >= $since OR arg_max({source.is_open}, (_version_at, _content_hash))
        """,
        {"files": list(files), "since": since},
    )
    narrow = {
        "happened_at": source.happened_at,
        "last_at": f"max({source.last_at})",
        "known_at": "min(known_at)",
        "version_at": "min(_version_at)",
        "content_hash": "_content_hash",
        **source.derived,
    }
    columns = ", ".join(f"{narrow.get(name, 'part.' + name)} AS {name}" for name in source.table.column_names)
    connection.execute(
        f"""
        INSERT INTO {source.arrived} BY NAME
        SELECT {columns}
        FROM (FROM {PARTS} SEMI JOIN recent USING ({source.key})) AS part
        ASOF LEFT JOIN grade_classes
            ON try_cast(regexp_extract(upper(part.grade), 'C\\s*(\\d{{2,3}})', 1) AS INTEGER)
                >= grade_classes.min_strength_mpa
        {source.joins}
        GROUP BY ALL
        """,
        {"files": list(files)},
    )
    return _merge(connection, source)


def _merge(connection: duckdb.DuckDBPyConnection, source: Source) -> int:
    """A version is stored once; the same content counts from the earliest time it was said."""
    connection.execute(
        f"""
        DELETE FROM {source.arrived} AS arrived USING {source.versions} AS stored
        WHERE arrived.content_hash = stored.content_hash
            AND arrived.version_at >= stored.version_at AND arrived.known_at >= stored.known_at
        """
    )
    connection.execute(
        f"""
        INSERT INTO {source.versions} BY NAME FROM {source.arrived}
        ON CONFLICT DO UPDATE SET
            version_at = least(version_at, excluded.version_at), known_at = least(known_at, excluded.known_at)
        """
    )
    row = connection.execute(f"SELECT count(*) FROM {source.arrived}").fetchone()
    return int(row[0]) if row else 0


def forget(connection: duckdb.DuckDBPyConnection, source: Source, since: datetime) -> None:
    """Drop the keys that are neither open nor recent any more."""
    connection.execute(
        f"""
        DELETE FROM {source.versions} WHERE {source.key} IN (
            SELECT {source.key} FROM {source.versions}
            GROUP BY {source.key}
            HAVING max(last_at) < $since AND NOT {source.is_still_open}
        )
        """,
        {"since": since},
    )
