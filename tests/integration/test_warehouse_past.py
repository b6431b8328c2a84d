"""A past day is rebuilt from what is kept today: the same versions, hence the same facts and verdicts.

Belongs here: `past_home` and what is built from it. Does not belong here: demand's revisions (test_warehouse_build).
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import warehouse_raw
from warehouse_city import city
from warehouse_dbt import WITHOUT_TESTS, dbt

from orchestration.past import past_home
from store.home import Home

DAY = date(2025, 2, 14)
NEXT_MIDNIGHT = datetime(2025, 2, 14, 16, tzinfo=UTC)  # in Shanghai
MARTS = ("fct_strength_tests", "dim_mixes", "dim_mix_materials", "strength_acceptance", "weighing_compliance_monthly")

Rows = list[dict[str, Any]]


def evidence() -> dict[str, Rows]:
    """Mixes, batches and tests of February, with versions and a test that became known on the day and after it."""
    dice = random.Random(3)
    mixes: Rows = []
    batches: Rows = []
    tests: Rows = []
    for number, plant in enumerate(("P1", "P2", "P3") * 12):
        known = NEXT_MIDNIGHT + timedelta(hours=dice.randrange(-400, 400))
        cement = 300.0 + number
        parts = [{"material": "cement", "kg_per_m3": cement}, {"material": "water", "kg_per_m3": 170.0}]
        mix = {"plant_id": plant, "mix_id": f"M{number % 5}", "grade": "C30", "filed_on": date(2024, 12, 2)}
        mixes.append({**mix, "materials": parts, "status": "active", "known_at": known})
        weighed = [{"material": "cement", "lot_no": None, "target_kg": cement, "actual_kg": cement + dice.gauss(0, 5)}]
        batch = {"plant_id": plant, "batch_id": f"B{number % 30}", "ticket_id": f"T{number}", "batch_m3": 1.0}
        batch |= {"mixed_at": known - timedelta(days=2), "mix_id": f"M{number % 5}", "materials": weighed}
        batches.append({**batch, "known_at": known})
        cast = (known - timedelta(days=29)).date()
        test = {"specimen_id": f"S{number % 30}", "plant_id": plant, "lab_id": "L1", "grade": "C30", "cast_on": cast}
        test |= {"tested_on": cast + timedelta(days=28), "age_d": 28, "size_mm": 150, "curing": "standard"}
        test |= {f"cube_{cube}_mpa": round(dice.gauss(36, 1), 1) for cube in (1, 2, 3)}
        tests.append({**test, "known_at": known})
    mixes += [
        {**mixes[0], "status": "withdrawn", "known_at": NEXT_MIDNIGHT - timedelta(microseconds=1)},
        {**mixes[1], "status": "withdrawn", "known_at": NEXT_MIDNIGHT},
    ]
    rows = {"mixes": mixes, "batches": batches, "strength_tests": tests}
    return {feed: warehouse_raw.versions_of(versions) for feed, versions in rows.items()}


def load(path: Path, feeds: dict[str, Rows]) -> None:
    path.parent.mkdir(parents=True)
    with duckdb.connect(str(path)) as connection:
        warehouse_raw.create(connection)
        for feed, rows in feeds.items():
            if rows:
                warehouse_raw.append(connection, feed, rows)


def difference(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    past, then = f"SELECT * FROM past.{table}", f"SELECT * FROM early.{table}"
    row = connection.execute(
        f"SELECT count(*) FROM (({past} EXCEPT ALL {then}) UNION ALL ({then} EXCEPT ALL {past}))"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_past_day_is_rebuilt_as_it_was_then(tmp_path: Path) -> None:
    feeds = {**city(), **evidence()}
    early = {feed: [row for row in rows if row["known_at"] < NEXT_MIDNIGHT] for feed, rows in feeds.items()}
    assert all(0 < len(early[feed]) < len(feeds[feed]) for feed in ("mixes", "batches", "strength_tests"))
    today, then = Home.at(tmp_path / "today"), Home.at(tmp_path / "then")
    load(today.warehouse, feeds)
    load(then.warehouse, early)
    with duckdb.connect(str(today.warehouse)) as connection:
        connection.execute("CREATE SCHEMA forecast; CREATE TABLE forecast.made_later AS SELECT 1 AS value")
    past = past_home(today, DAY)
    for home in (past, then):
        dbt(home.warehouse, *WITHOUT_TESTS, "--select", *(f"+{mart}" for mart in MARTS))
    with duckdb.connect() as connection:
        connection.execute(
            f"ATTACH '{past.warehouse}' AS past (READ_ONLY); ATTACH '{then.warehouse}' AS early (READ_ONLY)"
        )
        for feed in feeds:
            assert difference(connection, f"raw.{feed}_versions") == 0, feed
        for mart in MARTS:
            assert difference(connection, f"marts.{mart}") == 0, mart
            assert connection.execute(f"SELECT count(*) > 0 FROM past.marts.{mart}").fetchone() == (True,), mart
        made_later = "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'past' AND schema_name = 'forecast'"
        assert connection.execute(made_later).fetchone() == (0,)
    with duckdb.connect(str(today.warehouse), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM raw.mixes_versions").fetchone() == (len(feeds["mixes"]),)
