"""What analysts read beside the plan's columns."""

from __future__ import annotations

import duckdb

from forecasting.tables import create_forecast_tables
from planning.tables import RUNS, create_plan_tables
from store.tables import comment


def test_the_plan_in_force_describes_its_columns_as_the_runs_do() -> None:
    with duckdb.connect() as connection:
        create_forecast_tables(connection)
        connection.execute("CREATE SCHEMA plan")
        create_plan_tables(connection)
        told = dict(
            connection.execute(
                "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'plan_current'"
            ).fetchall()
        )
    assert told == {column.name: comment(column.text) for column in RUNS.columns}
