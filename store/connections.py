"""Connections to DuckDB: the writer's, and the readers' of a published version.

Belongs here: opening a file the right way (business time zone, memory, read-only). Does not belong
here: queries.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from store.home import Home
from store.messages import TongmaiError

BUSINESS_TIME_ZONE = "Asia/Shanghai"
SCHEMAS = ("raw", "staging", "intermediate", "marts", "forecast", "plan", "ops")


@contextmanager
def writer(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse file, for its one writer. Hold the `warehouse` lock around this.

    Creates the file and its schemas. Raises TongmaiError(`warehouse_busy`) when another program
    (an analyst's shell, say) has the writer's file open.
    """
    home.warehouse.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = duckdb.connect(str(home.warehouse))
    except duckdb.IOException as error:
        raise TongmaiError(
            "warehouse_busy",
            f"打不开 {home.warehouse}：{error}。请关闭占用它的程序；查询请用 published/current。",
            f"Cannot open {home.warehouse}: {error}. Close the program that holds it; query published/current instead.",
        ) from error
    try:
        connection.execute(f"SET TimeZone = '{BUSINESS_TIME_ZONE}'")
        for schema in SCHEMAS:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        yield connection
    finally:
        connection.close()


@contextmanager
def reader(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only, locked-down connection to a published file: no external access, no settings.

    `path` is a real path (`home.published`), never the symlink, so that a swap cannot tear a read.
    Raises TongmaiError(`not_published`) when nothing has been published yet.
    """
    if not path.exists():
        raise TongmaiError(
            "not_published",
            f"还没有已发布的版本（{path}）。请先运行 make demo 或 tongmai run。",
            f"Nothing has been published yet ({path}). Run make demo or tongmai run first.",
        )
    connection = duckdb.connect(str(path), read_only=True)
    try:
        # one process may hold several readers of a file: they share settings, which the first one locks
        is_locked = connection.execute("SELECT current_setting('lock_configuration')").fetchone() == (True,)
        if not is_locked:
            connection.execute(f"SET GLOBAL TimeZone = '{BUSINESS_TIME_ZONE}'")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
        yield connection
    finally:
        connection.close()
