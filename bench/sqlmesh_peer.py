"""The warehouse's models run by sqlmesh, in `.venv-bench`: what dbt compiled, each as a model of the same kind.

Belongs here: the peer of a full build. Does not belong here: anything of Tongmai.

    python -m bench.sqlmesh_peer DBT_TARGET WAREHOUSE      # of a home that has been built in full
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import duckdb
from sqlmesh import Context
from sqlmesh.core.config import Config, DuckDBConnectionConfig, GatewayConfig, ModelDefaultsConfig

SETTINGS = {"memory_limit": "2500MB", "threads": "2", "TimeZone": "Asia/Shanghai"}  # as in dbt/profiles.yml


def run(target: Path, warehouse: Path) -> None:
    """Plan and apply all models anew in `warehouse`, which has `raw` and the reference tables."""
    made = _models(target)
    with duckdb.connect(str(warehouse)) as connection:
        listed = "SELECT table_schema || '.' || table_name, table_type FROM information_schema.tables"
        kinds = dict(connection.execute(listed).fetchall())
        for name, _, _ in made:
            connection.execute(f"DROP {'VIEW' if kinds[name] == 'VIEW' else 'TABLE'} {name}")
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        models.mkdir()
        for name, kind, statement in made:
            text = f"MODEL (name {name}, kind {kind}, dialect duckdb);\n\n{statement}\n"
            (models / f"{name}.sql").write_text(text, encoding="utf-8")
        file = DuckDBConnectionConfig(database=str(warehouse), connector_config=SETTINGS)
        config = Config(
            gateways={"file": GatewayConfig(connection=file)},
            disable_anonymized_analytics=True,
            model_defaults=ModelDefaultsConfig(dialect="duckdb", start="2025-01-01"),
        )
        Context(paths=folder, config=config).plan(auto_apply=True, no_prompts=True)


def _models(target: Path) -> list[tuple[str, str, str]]:
    """Schema and name, kind, and the compiled statement of every model."""
    found = []
    for node in json.loads((target / "manifest.json").read_bytes())["nodes"].values():
        if node["resource_type"] == "model":
            path = target / "compiled" / "tongmai" / node["original_file_path"]
            kind = "VIEW" if node["config"]["materialized"] == "view" else "FULL"
            found.append((f"{node['schema']}.{node['name']}", kind, path.read_text(encoding="utf-8")))
    return found


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]))
