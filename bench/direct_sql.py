"""The warehouse's own SQL run by DuckDB alone: what dbt compiled, model by model in the order of their dependencies.

Belongs here: the limit, without dbt, contracts and descriptions; with the tests of data or without. Does not belong
here: the measurement.

    python -m bench.direct_sql DBT_TARGET WAREHOUSE [--with-checks]     # of a home that has been built in full
"""

from __future__ import annotations

import json
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb

from store.connections import BUSINESS_TIME_ZONE

MEMORY_LIMIT, THREADS = "2500MB", 2  # as in dbt/profiles.yml


def run(target: Path, warehouse: Path, with_checks: bool) -> None:
    """Make every model anew in `warehouse`, which has `raw` and the reference tables; then, if asked, test the data."""
    models = _models(target)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"SET TimeZone = '{BUSINESS_TIME_ZONE}'")
        connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        connection.execute(f"SET threads = {THREADS}")
        for model in models:
            kind = "VIEW" if model["config"]["materialized"] == "view" else "TABLE"
            statement = (target / "compiled" / "tongmai" / model["original_file_path"]).read_text(encoding="utf-8")
            connection.execute(f"CREATE OR REPLACE {kind} {model['relation_name']} AS {statement}")
        for check in _checks(target) if with_checks else ():
            connection.execute(f"SELECT count(*) FROM ({check})").fetchall()


def _models(target: Path) -> list[dict[str, Any]]:
    nodes = json.loads((target / "manifest.json").read_bytes())["nodes"]
    models = {name: node for name, node in nodes.items() if node["resource_type"] == "model"}
    needed = {name: set(node["depends_on"]["nodes"]) & models.keys() for name, node in models.items()}
    return [models[name] for name in TopologicalSorter(needed).static_order()]


def _checks(target: Path) -> list[str]:
    results = json.loads((target / "run_results.json").read_bytes())["results"]
    return [result["compiled_code"] for result in results if result["unique_id"].startswith("test.")]


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), with_checks="--with-checks" in sys.argv)
