"""The warehouse's own SQL run by DuckDB alone: what dbt compiled, model by model in the order of their dependencies.

Belongs here: the limit, without dbt, contracts, descriptions and tests. Does not belong here: the measurement.

    python -m bench.direct_sql DBT_TARGET WAREHOUSE      # of a home that has been built in full
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


def run(target: Path, warehouse: Path) -> None:
    """Make every model anew in `warehouse`, which has `raw` and the reference tables."""
    models = _models(target)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"SET TimeZone = '{BUSINESS_TIME_ZONE}'")
        connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        connection.execute(f"SET threads = {THREADS}")
        for name in models:
            kind = "VIEW" if models[name]["config"]["materialized"] == "view" else "TABLE"
            connection.execute(f"CREATE OR REPLACE {kind} {models[name]['relation_name']} AS {_compiled(target, name)}")


def _models(target: Path) -> dict[str, Any]:
    nodes = json.loads((target / "manifest.json").read_bytes())["nodes"]
    models = {name: node for name, node in nodes.items() if node["resource_type"] == "model"}
    needed = {name: set(node["depends_on"]["nodes"]) & models.keys() for name, node in models.items()}
    return {name: models[name] for name in TopologicalSorter(needed).static_order()}


def _compiled(target: Path, name: str) -> str:
    path = next((target / "compiled" / "tongmai" / "models").rglob(f"{name.rsplit('.', 1)[1]}.sql"))
    return path.read_text(encoding="utf-8")


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]))
