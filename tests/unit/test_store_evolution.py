"""Tables of an older home: brought up to their declaration, with the rows they have."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest
from intake_files import order, orders, put, query, without_beam

from pipelines.feeds import FEEDS
from pipelines.ingest import ingest
from store.home import Home
from store.messages import Text
from store.tables import INGEST_LEDGER, REJECTS, Column, Table, append

OLD = Table(
    "ops",
    "things",
    ("thing_id",),
    Text("物", "things"),
    (Column("thing_id", "VARCHAR", "编号", "id"), Column("size", "INTEGER", "大小", "size")),
)


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA ops")
    OLD.create(connection)
    append(connection, OLD, {"thing_id": ["a", "b"], "size": [1, 2]})
    return connection


def test_a_new_column_is_added_and_rows_are_written_by_name(connection: duckdb.DuckDBPyConnection) -> None:
    id_, size = OLD.columns
    new = replace(OLD, columns=(id_, Column("parts", "STRUCT(part VARCHAR)[]", "件", "parts"), size))
    new.create(connection)
    new.create(connection)
    append(connection, new, {"thing_id": ["c"], "parts": [[{"part": "x"}]], "size": [3]})
    rows = connection.execute("SELECT thing_id, parts, size FROM ops.things ORDER BY 1").fetchall()
    assert rows == [("a", None, 1), ("b", None, 2), ("c", [{"part": "x"}], 3)]


def test_another_key_or_type_makes_the_table_anew_with_its_rows(connection: duckdb.DuckDBPyConnection) -> None:
    id_, size = OLD.columns
    new = replace(OLD, key=("thing_id", "size"), columns=(id_, replace(size, type="BIGINT")))
    new.create(connection)
    append(connection, new, {"thing_id": ["a"], "size": [5_000_000_000]})
    assert connection.execute("SELECT sum(size) FROM ops.things").fetchone() == (5_000_000_003,)
    with pytest.raises(duckdb.ConstraintException):
        append(connection, new, {"thing_id": ["a"], "size": [1]})
    assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (1,)


def test_a_key_that_does_not_hold_changes_nothing(connection: duckdb.DuckDBPyConnection) -> None:
    append(connection, OLD, {"thing_id": ["c"], "size": [1]})
    with pytest.raises(duckdb.ConstraintException):
        replace(OLD, key=("size",)).create(connection)
    assert connection.execute("SELECT count(*) FROM ops.things").fetchone() == (3,)


def test_a_home_whose_tables_had_fewer_columns_goes_on(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    without_beam(monkeypatch)
    put(home, "orders", "a.csv", orders(order("O1"), order("O2", grade="C5")), mtime=1_741_000_000)
    ingest(home)
    older = duckdb.connect(str(home.warehouse))
    older.execute("DROP VIEW raw.orders")
    older.execute("ALTER TABLE raw.orders_versions DROP COLUMN slump_mm")
    older.execute("CREATE VIEW raw.orders AS SELECT * FROM raw.orders_versions")
    for table, columns, key in (
        (INGEST_LEDGER, "segment_id, feed, source_file, sha256, rows_read, rows_loaded, committed_at", "segment_id"),
        (REJECTS, "segment_id, feed, source_file, source_row, reason", "segment_id, source_row, reason"),
    ):
        older.execute(f"CREATE TABLE kept AS SELECT {columns} FROM {table.qualified}")
        older.execute(f"DROP TABLE {table.qualified}")
        older.execute(f"CREATE TABLE {table.qualified} AS FROM kept")
        older.execute(f"ALTER TABLE {table.qualified} ADD PRIMARY KEY ({key})")
        older.execute("DROP TABLE kept")
    older.close()
    put(home, "orders", "b.csv", orders(order("O3"), order("O4", grade="C5")), mtime=1_742_000_000)
    ingest(home)
    assert query(home, "SELECT order_id, slump_mm FROM raw.orders ORDER BY 1") == [("O1", None), ("O3", 180)]
    assert query(home, "SELECT source_file, rows_rejected FROM ops.ingest_ledger ORDER BY 1") == [
        ("a.csv", None),
        ("b.csv", 1),
    ]
    assert query(home, "SELECT count(*), count(sentence_en) FROM ops.rejects") == [(2, 1)]
    names = [name for (name,) in query(home, "SELECT column_name FROM (DESCRIBE raw.orders)")]
    assert names == list(FEEDS["orders"].raw_columns)
