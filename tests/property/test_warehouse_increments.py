"""However versions arrive, increment by increment, late, amended or withdrawn: what was kept equals what is made anew.

Belongs here: random histories. dbt writes the statements once, for all rows and for changed parts; each history then
runs them by themselves, in dbt's order and with its transactions. Does not belong here: dbt itself (tests/integration
builds a city in two increments with it).
"""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import dataclass
from datetime import timedelta
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
import pytest
import warehouse_raw
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from warehouse_built import load
from warehouse_city import city
from warehouse_dbt import WITHOUT_TESTS, dbt

from store.home import WAREHOUSE_FILE

SELECTED = ("--select", "+config.materialized:incremental")
FEEDS = ("batches", "deliveries", "mixes", "plants", "crosswalk", "orders", "permits")
CODES = ("P1", "P2", "ERP-1", "ERP-2")

Arrival = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Model:
    """A model's statements: its rows, those of the changed parts, and how these take their place."""

    relation: str
    kind: str
    fingerprints: str
    all_rows: str
    changed_rows: str
    replace: str

    @property
    def parts(self) -> str:
        return f"intermediate.{self.relation.rsplit('.', 1)[1].strip(chr(34))}_parts"

    def build(self, connection: duckdb.DuckDBPyConnection, is_full: bool) -> None:
        """What dbt does of it: nothing for a view; else all rows, or the changed ones and what they were built from."""
        if self.kind == "view":
            return
        connection.execute("BEGIN")
        if is_full or self.kind == "table":
            connection.execute(f"CREATE OR REPLACE TABLE {self.relation} AS {self.all_rows}")
        else:
            connection.execute(f"CREATE OR REPLACE TEMP TABLE changed_rows AS {self.changed_rows}")
            connection.execute(self.replace)
        if self.kind == "incremental":
            connection.execute(f"CREATE OR REPLACE TABLE {self.parts} AS FROM {self.fingerprints}")
        connection.execute("COMMIT")


@dataclass(frozen=True)
class Built:
    """A file with the views and reference tables, no versions, and the models in their order."""

    file: Path
    models: list[Model]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    path = tmp_path_factory.mktemp("increments") / WAREHOUSE_FILE
    load(path, city())
    dbt(path, *WITHOUT_TESTS, *SELECTED)
    compiled = path.parent / "target" / "compiled"
    shutil.move(compiled, path.parent / "all_rows")
    dbt(path, *WITHOUT_TESTS, *SELECTED)
    nodes = json.loads((path.parent / "target" / "manifest.json").read_bytes())["nodes"]
    with duckdb.connect(str(path)) as connection:
        for feed in FEEDS:
            connection.execute(f"DELETE FROM raw.{feed}_versions")
    written = {file.stem for file in compiled.rglob("*.sql")}
    models = {name: node for name, node in nodes.items() if name.startswith("model.") and node["name"] in written}
    needed = {name: set(node["depends_on"]["nodes"]) & models.keys() for name, node in models.items()}
    return Built(path, [_model(path.parent, nodes, models[name]) for name in TopologicalSorter(needed).static_order()])


def _model(folder: Path, nodes: dict[str, Any], node: dict[str, Any]) -> Model:
    def text(stage: str) -> str:
        return next((folder / stage).rglob(f"{node['name']}.sql")).read_text(encoding="utf-8")

    kind = str(node["config"]["materialized"])
    is_kept = kind == "incremental"
    fingerprints = nodes[f"model.tongmai.{node['config']['meta']['fingerprints']}"]["relation_name"] if is_kept else ""
    temporary = f'"{node["name"]}__dbt_tmp'
    replace = text("target/run") if is_kept else ""
    if is_kept:
        start = replace.index(temporary)
        replace = replace.replace(replace[start : replace.index('"', start + 1) + 1], "changed_rows")
    return Model(
        node["relation_name"], kind, fingerprints, text("all_rows"), text("target/compiled") if is_kept else "", replace
    )


def arrivals(dice: random.Random) -> list[Arrival]:
    """Versions of a small city in random order: plants by two codes, batches that change their day, class or recipe."""
    feeds = city(dice.randrange(3))
    picked = dice.sample(feeds["batches"], 40)
    batches = []
    for row in picked:
        code = dice.choice(CODES)
        batches.append({**row, "plant_id": code})
        if dice.random() < 0.5:  # amended: another day, another volume, or other weights
            later = {"mixed_at": row["mixed_at"] + timedelta(days=dice.choice((0, 1, 30))), "batch_m3": 1.25}
            batches.append({**row, **later, "plant_id": code, "known_at": row["known_at"] + timedelta(days=9)})
    tickets = {row["ticket_id"] for row in picked}
    known = picked[0]["known_at"] - timedelta(days=400)
    crosswalk = [
        {"kind": "plant", "system": "ERP", "code": code, "canonical_id": plant, "valid_from": known.date()}
        for code, plant in (("ERP-1", "P1"), ("ERP-2", "P2"), ("ERP-2", "P3"))
    ]
    rows = {
        "batches": batches,
        "crosswalk": [{**entry, "known_at": known} for entry in crosswalk],
        "deliveries": [row for row in feeds["deliveries"] if row["ticket_id"] in tickets],
        **{feed: feeds[feed] for feed in ("mixes", "plants")},
        **{feed: feeds[feed][:30] for feed in ("orders", "permits")},
    }
    found = [(feed, version) for feed, listed in rows.items() for version in _versions(listed)]
    dice.shuffle(found)
    return found


def _versions(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    bare = [{name: value for name, value in row.items() if not name.startswith("_")} for row in rows]
    return warehouse_raw.versions_of(bare)


def load_or_withdraw(connection: duckdb.DuckDBPyConnection, block: list[Arrival], dice: random.Random) -> None:
    """Append the block; sometimes versions are withdrawn too, as when a file is read anew, or seen earlier."""
    for feed in FEEDS:
        rows = [row for name, row in block if name == feed]
        if rows:
            warehouse_raw.append(connection, feed, rows)
        if dice.random() < 0.3:
            connection.execute(f"DELETE FROM raw.{feed}_versions WHERE hash(_content_hash, {dice.random()}) % 8 = 0")
        if dice.random() < 0.2:
            connection.execute(
                f"UPDATE raw.{feed}_versions SET known_at = known_at - INTERVAL 2 DAY, _flags = ['seen earlier'] "
                f"WHERE hash(_content_hash, {dice.random()}) % 8 = 0"
            )


def differing(connection: duckdb.DuckDBPyConnection, kept: list[Model]) -> list[str]:
    found = []
    for model in kept:
        now, anew = f"SELECT * FROM {model.relation}", model.all_rows
        row = connection.execute(
            f"SELECT count(*) FROM (({now} EXCEPT ALL ({anew})) UNION ALL (({anew}) EXCEPT ALL {now}))"
        ).fetchone()
        if row != (0,):
            found.append(model.relation)
    return found


@pytest.mark.slow
@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 10_000), increments=st.integers(2, 4), killed_at=st.integers(0, 40))
def test_any_increments_give_what_all_rows_at_once_give(
    built: Built, tmp_path_factory: pytest.TempPathFactory, seed: int, increments: int, killed_at: int
) -> None:
    dice = random.Random(seed)
    path = Path(shutil.copy(built.file, tmp_path_factory.mktemp("history") / WAREHOUSE_FILE))
    found = arrivals(dice)
    cuts = sorted(dice.sample(range(len(found)), increments - 1))
    kept = [model for model in built.models if model.kind == "incremental"]
    assert len(kept) >= 5
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'Asia/Shanghai'")
        for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(found)], strict=True)):
            load_or_withdraw(connection, found[start:end], dice)
            is_killed = number == increments - 2  # this build ends after some of its models; the next one finds that
            for model in built.models[: killed_at if is_killed and number else None]:
                model.build(connection, is_full=number == 0)
        assert connection.execute("SELECT count(*) > 0 FROM marts.fct_batch_materials").fetchone() == (True,)
        assert differing(connection, kept) == []
