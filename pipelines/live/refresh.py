"""Which windows an increment touches, what is fed to Beam for them, and how their sums replace the stored ones.

Belongs here: the SQL between the live store and the windowed transform. Does not belong here: the sums
(`windows`), transactions (`store`).

A window is always computed whole, from every version that dates something in it: computing it twice, or after
other increments, gives the same row.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.live.tables import DELIVERIES, ORDERS
from pipelines.live.tables import SUPPLY_DEMAND_15MIN as WINDOWS

WINDOW_US = 15 * 60 * 1_000_000
LATENESS = timedelta(hours=2)  # a window this far behind the newest event is final, but for corrections

# Every instant at which some version of a ticket dates it: once merged, it counts at one of them.
_DATED_TICKETS = f"""
    SELECT ticket_id, unnest([
        epoch_us(batched_at), epoch_us(departed_at), epoch_us(arrived_at), epoch_us(discharged_at)
    ]) // {WINDOW_US} * {WINDOW_US} AS window_us
    FROM {DELIVERIES.qualified}
"""
_DATED_ORDERS = f"""
    SELECT order_id, epoch_us(pour_from_at) // {WINDOW_US} * {WINDOW_US} AS window_us FROM {ORDERS.qualified}
"""


def touch(connection: duckdb.DuckDBPyConnection, since: datetime) -> int:
    """Find the windows from `since` on that the arrived versions may change; returns how many.

    These are the windows in which any version, old or new, dates an order or ticket that has arrived, and
    those of an arrived order's tickets, whose district it gives.
    """
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE touched AS
        SELECT DISTINCT window_us
        FROM (
            SELECT window_us FROM ({_DATED_TICKETS})
            WHERE
                ticket_id IN (SELECT ticket_id FROM arrived_deliveries)
                OR ticket_id IN (
                    SELECT ticket_id FROM {DELIVERIES.qualified} SEMI JOIN arrived_orders USING (order_id)
                )
            UNION ALL
            SELECT window_us FROM ({_DATED_ORDERS}) WHERE order_id IN (SELECT order_id FROM arrived_orders)
        )
        WHERE window_us >= epoch_us($since)
        """,
        {"since": since},
    )
    row = connection.execute("SELECT count(*) FROM touched").fetchone()
    return int(row[0]) if row else 0


def feed(connection: duckdb.DuckDBPyConnection) -> tuple[pa.Table, pa.Table]:
    """All versions of the orders and tickets that any touched window may count, and of those tickets' orders.

    Columns as `OrderVersion` and `TicketVersion`. They may date things outside the touched windows as well;
    such sums are incomplete, and `replace` leaves them out.
    """
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE fed AS FROM {DELIVERIES.qualified} WHERE ticket_id IN "
        f"(SELECT ticket_id FROM ({_DATED_TICKETS}) SEMI JOIN touched USING (window_us))"
    )
    tickets = connection.execute(
        """
        SELECT
            ticket_id, epoch_us(version_at), content_hash, order_id, grade_class, load_m3, returned_m3, is_delivered,
            epoch_us(batched_at), epoch_us(departed_at), epoch_us(arrived_at), epoch_us(discharged_at)
        FROM fed
        """
    ).to_arrow_table()
    orders = connection.execute(
        f"""
        SELECT
            order_id, epoch_us(version_at), content_hash, district_code, grade_class, ordered_m3,
            epoch_us(pour_from_at), is_cancelled
        FROM {ORDERS.qualified}
        WHERE
            order_id IN (SELECT order_id FROM fed)
            OR order_id IN (SELECT order_id FROM ({_DATED_ORDERS}) SEMI JOIN touched USING (window_us))
        """
    ).to_arrow_table()
    return orders, tickets


def replace(connection: duckdb.DuckDBPyConnection, sums: Path, final_until: datetime) -> int:
    """Put the sums at `sums` in place of the touched windows' rows; returns the rows that changed.

    Windows that start at `final_until` or before are final.
    """
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE fresh AS "
        f"SELECT * EXCLUDE (is_final, refreshed_at) FROM {WINDOWS.qualified} LIMIT 0"
    )
    if sums.exists():
        connection.execute(
            """
            INSERT INTO fresh
            SELECT
                make_timestamptz(window_start_us), district_code, grade_class,
                ordered_l / 1000, cancelled_l / 1000, delivered_l / 1000, tickets
            FROM read_parquet(?) SEMI JOIN touched ON window_start_us = touched.window_us
            WHERE ordered_l <> 0 OR tickets <> 0
            """,
            [str(sums)],
        )
    key = ", ".join(WINDOWS.key)
    gone = connection.execute(
        f"""
        DELETE FROM {WINDOWS.qualified} AS stored
        WHERE
            epoch_us(window_start_at) IN (SELECT window_us FROM touched)
            AND ({key}) NOT IN (SELECT ({key}) FROM fresh)
        """
    ).fetchone()
    put = connection.execute(
        f"""
        INSERT OR REPLACE INTO {WINDOWS.qualified} BY NAME
        SELECT *, window_start_at <= $final_until AS is_final, $now AS refreshed_at
        FROM (FROM fresh EXCEPT SELECT * EXCLUDE (is_final, refreshed_at) FROM {WINDOWS.qualified})
        """,
        {"now": datetime.now(UTC), "final_until": final_until},
    ).fetchone()
    return (int(gone[0]) if gone else 0) + (int(put[0]) if put else 0)


def age(connection: duckdb.DuckDBPyConnection, since: datetime, final_until: datetime) -> int:
    """Drop the windows before `since`, close those until `final_until`; returns the rows dropped or closed."""
    dropped = connection.execute(f"DELETE FROM {WINDOWS.qualified} WHERE window_start_at < ?", [since]).fetchone()
    closed = connection.execute(
        f"UPDATE {WINDOWS.qualified} SET is_final = true WHERE NOT is_final AND window_start_at <= ?", [final_until]
    ).fetchone()
    return (int(dropped[0]) if dropped else 0) + (int(closed[0]) if closed else 0)


def final_until(newest_event_at: datetime) -> datetime:
    """The last window start whose late events have had their time: it ended LATENESS before the newest event."""
    return newest_event_at - LATENESS - timedelta(microseconds=WINDOW_US)
