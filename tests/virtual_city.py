"""A virtual city taken in and built once, for all tests that hold the warehouse against what is true of it.

Belongs here: making it. Does not belong here: what the tests expect of it; none of them changes it.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import duckdb
from warehouse_dbt import WITHOUT_TESTS, dbt

from pipelines.ingest import IngestReport, ingest
from simulation.city import simulate
from store.home import Home

MARTS = ("regulator_alerts", "policy_indicators", "order_matching_open", "procurement_weekly")


class City(NamedTuple):
    """What the intake reported, what is true (of rows, files and hidden conduct), and the writer's file."""

    report: IngestReport
    truth: dict[str, Any]
    warehouse: duckdb.DuckDBPyConnection

    @property
    def conduct(self) -> dict[str, Any]:
        """What plants and laboratories hide."""
        hidden: dict[str, Any] = self.truth["hidden"]["conduct"]
        return hidden


def build_city(home: Home) -> City:
    """Simulate a year of a small city, take it in, build its marts; the caller closes the connection."""
    simulate(home, years=1, scale=0.05, batch_weeks=4)
    report = ingest(home)
    dbt(home.warehouse, *WITHOUT_TESTS, "--select", *(f"+{table}" for table in MARTS))
    connection = duckdb.connect(str(home.warehouse), read_only=True)
    return City(report, json.loads(home.truth.read_text(encoding="utf-8")), connection)
