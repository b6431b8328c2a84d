"""A past day's home: what was known by the end of that day, and nothing that follows from more.

Belongs here: cutting `raw` off at a day. Does not belong here: building the warehouse from it (warehouse.py).
"""

from __future__ import annotations

import shutil
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from store.connections import BUSINESS_TIME_ZONE, writer
from store.home import Home
from store.locks import hold
from store.messages import progress

KEPT = ("raw", "ops")


def past_home(home: Home, day: date) -> Home:
    """`past/<day>` under the home: every version known by the end of `day` (Shanghai), nothing derived.

    It is a home like any other, to be built and read with --home. An earlier one of that day is made anew; the home
    itself is only read.
    """
    past = Home.at(home.root / "past" / day.isoformat())
    if not home.warehouse.exists():
        return past  # building it says that nothing has been loaded
    past.warehouse.parent.mkdir(parents=True, exist_ok=True)
    with hold(past, "warehouse", wait_s=600.0):
        with hold(home, "warehouse", wait_s=600.0):
            with writer(home) as connection:
                connection.execute("CHECKPOINT")
            past.warehouse.with_name(f"{past.warehouse.name}.wal").unlink(missing_ok=True)
            shutil.copyfile(home.warehouse, past.warehouse)
        _forget(past, datetime.combine(day + timedelta(days=1), time(), ZoneInfo(BUSINESS_TIME_ZONE)))
    progress("build", f"截至 {day} 已知的数据：{past.root}", f"what was known by {day}: {past.root}")
    return past


def _forget(past: Home, from_at: datetime) -> None:
    """Drop what became known at `from_at` or later, or nobody knows when, and all that was derived."""
    with writer(past) as connection:
        schemas = connection.execute(
            "SELECT schema_name FROM duckdb_schemas() WHERE NOT internal AND database_name = current_database()"
        ).fetchall()
        for (schema,) in schemas:
            if schema not in (*KEPT, "main"):
                connection.execute(f'DROP SCHEMA "{schema}" CASCADE')
        tables = connection.execute(
            "SELECT table_name FROM duckdb_tables() "
            "WHERE schema_name = 'raw' AND database_name = current_database() AND ends_with(table_name, '_versions')"
        ).fetchall()
        for (table,) in tables:
            connection.execute(f'DELETE FROM raw."{table}" WHERE NOT coalesce(known_at < ?, false)', [from_at])
