"""Files as plants send them, and an intake that runs its steps without Beam, for quick tests.

Belongs here: building inbox files. Does not belong here: assertions.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import staging
from pipelines.blocks import Batch
from pipelines.checks import Checker
from pipelines.landing import commit_batch, write_part
from pipelines.privacy import load_key
from pipelines.reading import read_blocks
from store.home import Home

ORDERS_HEADER = "委托单号,站点编号,区县,强度等级,坍落度,计划方量(m³),下单时间,计划浇筑时间,状态,更新时间"
LINEAGE = ("_segment_id", "_source_file", "_source_row")


def order(key: str, **changes: str) -> str:
    """One order's CSV line."""
    cells = {
        "order_id": key, "plant_id": "P001", "district": "云岩区", "grade": "C30", "slump": "180", "m3": "12.5",
        "placed": "2025-03-05 10:20:30", "pour": "2025-03-06 08:00:00", "status": "已下单", "updated": "",
    }  # fmt: skip
    return ",".join({**cells, **changes}.values())


def orders(*lines: str, header: str = ORDERS_HEADER) -> str:
    """An orders file."""
    return "\n".join((header, *lines)) + "\n"


def put(
    home: Home, feed: str, name: str, content: str | bytes, encoding: str = "utf-8", mtime: int | None = None
) -> Path:
    """Drop a file into the inbox; `mtime` in seconds since the epoch."""
    path = home.inbox / feed / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
    if mtime is not None:
        os.utime(path, (mtime, mtime))
    return path


def land_without_beam(home: Home, batches: Sequence[Batch]) -> None:
    """What the Beam graph does, as a loop: for tests that run the intake many times."""
    checker = Checker(load_key(home))
    for batch in batches:
        parts = [write_part(home, checker.check(block)) for block in read_blocks(batch)]
        commit_batch(home, batch, parts)
    checker.close()


def without_beam(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make staging run its steps in a loop."""
    monkeypatch.setattr(staging, "_beam", lambda: land_without_beam)


def query(home: Home, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the writer's file."""
    connection = duckdb.connect(str(home.warehouse), read_only=True)
    try:
        connection.execute("SET TimeZone = 'Asia/Shanghai'")
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def equal_tables(home: Home, feed: str) -> list[tuple[Any, ...]]:
    """The feed's versions without lineage, sorted: equal whatever the order of arrival was."""
    excluded = ", ".join(LINEAGE)
    return query(home, f"SELECT * EXCLUDE ({excluded}) FROM raw.{feed}_versions ORDER BY _content_hash")


def view(home: Home, feed: str) -> list[tuple[Any, ...]]:
    """The feed's newest rows without lineage, sorted."""
    excluded = ", ".join(LINEAGE)
    return query(home, f"SELECT * EXCLUDE ({excluded}) FROM raw.{feed} ORDER BY ALL")
