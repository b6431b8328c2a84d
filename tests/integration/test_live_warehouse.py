"""A closed day of the live store equals the warehouse's: two ways from the same landing, one definition."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from pipelines.live import live
from pipelines.loader import load
from simulation.city import simulate
from store.connections import BUSINESS_TIME_ZONE
from store.home import REPOSITORY, Home
from store.tables import literal

COMPARED = """
WITH

live AS (
    SELECT
        district_code, grade_class, CAST(window_start_at AS DATE) AS demand_on,
        sum(ordered_m3) AS ordered_m3, sum(cancelled_m3) AS cancelled_m3, sum(delivered_m3) AS delivered_m3,
        sum(tickets) AS tickets, bool_and(is_final) AS is_final
    FROM live.live_supply_demand_15min
    GROUP BY ALL
),

dense AS (
    FROM warehouse.marts.demand_daily
    WHERE ordered_m3 <> 0 OR tickets <> 0
)

SELECT
    demand_on,
    count(*) AS cells,
    sum(warehouse.tickets) AS tickets,
    count(*) FILTER (
        live.tickets IS DISTINCT FROM warehouse.tickets
        OR NOT abs(live.ordered_m3 - warehouse.ordered_m3) < 1e-6
        OR NOT abs(live.cancelled_m3 - warehouse.cancelled_m3) < 1e-6
        OR NOT abs(live.delivered_m3 - warehouse.delivered_m3) < 1e-6
        OR live.ordered_m3 IS NULL OR warehouse.ordered_m3 IS NULL
    ) AS differing
FROM live FULL JOIN dense AS warehouse USING (district_code, grade_class, demand_on)
WHERE demand_on BETWEEN $since AND $until
GROUP BY demand_on
ORDER BY demand_on
"""


@pytest.mark.slow
def test_a_closed_day_equals_demand_daily(home: Home) -> None:
    simulate(home, years=1, scale=0.01, batch_weeks=0)
    drop_events(home)
    live(home, every_s=0, iterations=1)  # the whole backlog is its first round
    load(home)
    build_demand_daily(home)
    with both(home) as connection:
        query = "SELECT min(window_start_at), max(window_start_at) FROM live.live_supply_demand_15min"
        [first_at, last_at] = connection.execute(query).fetchone() or [None, None]
        assert first_at is not None
        assert last_at is not None
        days = connection.execute(COMPARED, {"since": first_at.date(), "until": last_at.date()}).fetchall()
    closed = [day for day in days if day[0] < last_at.date()]
    assert len(closed) == 2
    assert all(cells > 5 and tickets > 5 for _, cells, tickets, _ in closed)
    assert [differing for _, _, _, differing in closed] == [0, 0]


def drop_events(home: Home) -> None:
    """On a closed day: tickets told by their row and by events, events of tickets never told, a cancelled order."""
    day, events = "2025-12-27 ", "运单号,到场时间,卸完时间,状态,更新时间"
    files = {
        "orders/x.csv": [
            "委托单号,区县,强度等级,计划方量,下单时间,计划浇筑时间,状态,更新时间",
            f"X1,云岩区,C30,40,{day}06:00:00,{day}08:00:00,已取消,{day}07:30:00",
            f"X1,云岩区,C30,40,{day}06:00:00,{day}08:00:00,已下单,{day}06:00:00",
        ],
        "deliveries/x.csv": [
            "运单号,委托单号,站点编号,强度等级,方量,出料时间,更新时间",
            *(f"X{number},X1,P001,C30,8,{day}0{number}:10:00,{day}0{number}:10:00" for number in range(1, 9)),
        ],
        "deliveries/y.csv": [
            events,
            *(f"X{number},{day}0{number}:50:00,,,{day}0{number}:51:00" for number in range(2, 8)),
            *(f"X{number},,{day}{number}:59:00,签收,{day}{number}:59:30" for number in range(10, 23)),
            f"X3,,,退货,{day}09:00:00",
            f"X4,,,签收,{day}09:30:00",
            f"X4,,,退货,{day}09:00:00",
        ],
    }
    for name, lines in files.items():
        path = home.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def build_demand_daily(home: Home) -> None:
    """dbt makes what the mart needs, in a process of its own."""
    project = str(REPOSITORY / "dbt")
    arguments = ["build", "--select", "+demand_daily", "--exclude-resource-type", "test", "unit_test"]
    subprocess.run(
        [str(Path(sys.executable).with_name("dbt")), *arguments, "--project-dir", project, "--profiles-dir", project,
         "--target-path", str(home.dbt_target), "--log-path", str(home.dbt_target)],
        check=True, capture_output=True, env={**os.environ, "TONGMAI_WAREHOUSE": str(home.warehouse)},
    )  # fmt: skip


@contextmanager
def both(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse and the published live file, side by side."""
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = '{BUSINESS_TIME_ZONE}'")
        connection.execute(f"ATTACH {literal(str(home.warehouse))} AS warehouse (READ_ONLY)")
        connection.execute(f"ATTACH {literal(str(home.live_published))} AS live (READ_ONLY)")
        yield connection
