"""A full city's year in `raw`: a virtual city of a twentieth, loaded by the intake, with each transaction 22 times.

Belongs here: 2.3 M tickets, 8 M batches with 72 M weighings, orders, receipts and tests to match, and the day that
comes next. Does not belong here: what is measured (`bench.warehouse`). Registers (plants, mixes, permits, codes) stay
as they are, so that a plant has 22 times the work of the small city, as it would at full scale.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import duckdb

from bench.processes import measure
from pipelines import raw
from pipelines.feeds import FEEDS
from store.connections import BUSINESS_TIME_ZONE
from store.home import Home

SMALL_SCALE, COPIES, NEW_DAY = 0.05, 22, "DATE '2025-12-12'"
_IDS = {
    "orders": ("order_id",),
    "deliveries": ("ticket_id", "order_id", "truck_id"),
    "batches": ("batch_id", "ticket_id"),
    "material_receipts": ("receipt_id", "lot_no"),
    "strength_tests": ("specimen_id", "ticket_id", "batch_id"),
}
_LOTS = "[{{'material': w.material, 'lot_no': w.lot_no || {copy}, 'target_kg': w.target_kg, 'actual_kg': w.actual_kg}} "


def write(home: Home, scale: float) -> None:
    """The home with all that was known before the new day, and beside it what the new day brings (`append_new_day`)."""
    small = Home.at(home.root.with_name("small"))
    if not small.warehouse.exists():
        city = ["--years", "1", "--scale", str(SMALL_SCALE), "--batch-weeks", "60"]
        measure(["-m", "orchestration", "simulate", *city], small.root)
        measure(["-m", "orchestration", "ingest"], small.root)
    measure(["-m", "bench.full_year", str(small.root), str(home.root), str(max(1, round(COPIES * scale)))], home.root)


def multiply(small: Home, home: Home, copies: int) -> None:
    """The small home's versions, transactions `copies` times, those of the new day apart."""
    home.warehouse.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(small.warehouse, home.warehouse)
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute(f"SET TimeZone = '{BUSINESS_TIME_ZONE}'")
        connection.execute("SET memory_limit = '3GB'")
        connection.execute(f"ATTACH '{new_day_file(home)}' AS later")
        for feed in FEEDS.values():
            table, day = raw.versions_table(feed), f"{NEW_DAY} - CAST(_version_at AS DATE)"
            connection.execute(f"CREATE TABLE later.{feed.name} AS FROM {table} WHERE {day} = 0")
            connection.execute(f"DELETE FROM {table} WHERE {day} <= 0")
            connection.execute(f"CREATE TEMP TABLE once AS FROM {table}")
            connection.execute(f"CREATE TEMP TABLE once_later AS FROM later.{feed.name}")
            for number in range(1, copies if feed.name in _IDS else 1):
                for target, source in ((table, "once"), (f"later.{feed.name}", "once_later")):
                    connection.execute(f"INSERT INTO {target} {_copy(feed.name, source, number)}")
            connection.execute("DROP TABLE once; DROP TABLE once_later")


def append_new_day(home: Home) -> None:
    """Load the day's versions as the loader does: appended to the tables of versions."""
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute(f"SET TimeZone = '{BUSINESS_TIME_ZONE}'")
        connection.execute(f"ATTACH '{new_day_file(home)}' AS later (READ_ONLY)")
        for feed in FEEDS.values():
            connection.execute(f"INSERT INTO {raw.versions_table(feed)} BY NAME FROM later.{feed.name}")


def new_day_file(home: Home) -> Path:
    return home.warehouse.with_name("new_day.duckdb")


def _copy(feed: str, source: str, number: int) -> str:
    suffix = f"'~{number}'"
    changed = [f"{name} || {suffix} AS {name}" for name in _IDS[feed]]
    changed.append(f"md5(_content_hash || {suffix}) AS _content_hash")
    if feed == "batches":
        changed.append(_LOTS.format(copy=suffix) + "FOR w IN materials] AS materials")
    return f"SELECT * REPLACE ({', '.join(changed)}) FROM {source}"


if __name__ == "__main__":
    multiply(Home.at(sys.argv[1]), Home.at(sys.argv[2]), int(sys.argv[3]))
