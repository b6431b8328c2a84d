"""The newest 15-minute windows of the live store, when `tongmai live` is running.

Belongs here: reading the published live file. Does not belong here: computing windows (`pipelines.live`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb

from dashboard.published import holds, rows
from store.connections import reader
from store.home import Home

WINDOWS = 8
TABLE = "main.live_supply_demand_15min"


@dataclass(frozen=True)
class Window:
    """15 minutes of the whole city from `window_start_at`; not final while late events may still change it."""

    window_start_at: datetime
    ordered_m3: float
    delivered_m3: float
    tickets: int
    is_final: bool


@dataclass(frozen=True)
class Live:
    """The newest windows, newest first, and when they were last computed."""

    refreshed_at: datetime
    windows: tuple[Window, ...]


def read_live(home: Home) -> Live | None:
    """The newest windows, None when nothing live has been published."""
    path = home.live_published
    if not path.exists():
        return None
    try:
        with reader(path) as connection:
            if not holds(connection, TABLE):
                return None
            found = rows(connection, _WINDOWS, {"windows": WINDOWS})
    except duckdb.IOException:  # removed between looking and opening: the next call finds the newer version
        return None
    if not found:
        return None
    refreshed_at = max(row.pop("refreshed_at") for row in found)
    return Live(refreshed_at, tuple(Window(**row) for row in found))


_WINDOWS = """
SELECT
    window_start_at,
    coalesce(sum(ordered_m3), 0.0) AS ordered_m3,
    coalesce(sum(delivered_m3), 0.0) AS delivered_m3,
    CAST(sum(tickets) AS BIGINT) AS tickets,
    bool_and(is_final) AS is_final,
    max(refreshed_at) AS refreshed_at
FROM live_supply_demand_15min
GROUP BY window_start_at
ORDER BY window_start_at DESC
LIMIT $windows
"""
