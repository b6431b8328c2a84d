"""The facts around production, from `raw` to `marts`, against plain Python: codes, mixes, weighings, tests, lots.

Belongs here: properties of the built tables. Does not belong here: arithmetic of one model (dbt's unit tests).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import Any

import duckdb
import pytest
from warehouse_built import Versions, rows_of, shanghai
from warehouse_city import FIRST_DAY
from warehouse_evidence import MOVED_ON, UNKNOWN_PLANT, UNKNOWN_SUPPLIER

SUPPLIERS = {"GYS1": "S1", "GYS2": "S2"}
SIZE_FACTORS = {100: 0.95, 150: 1.0, None: 1.0, 200: 1.05}
ON_CHANGE = shanghai(FIRST_DAY) + timedelta(days=30)

Marts = duckdb.DuckDBPyConnection
Row = dict[str, Any]


def plant_of(code: str, day: date) -> str:
    return code if code != "ZJ1" else "P1" if day < MOVED_ON else "P2"


def newest_batches(versions: dict[str, Versions]) -> dict[tuple[str, str], Row]:
    batches = {}
    for row in sorted(versions["batches"], key=lambda row: (row["_version_at"], row["_content_hash"])):
        batches[plant_of(row["plant_id"], shanghai(row["mixed_at"])), row["batch_id"]] = row
    return batches


def test_a_batch_is_its_newest_version_whatever_code_it_came_under(marts: Marts, versions: dict[str, Versions]) -> None:
    expected = newest_batches(versions)
    assert len(expected) < len({(row["plant_id"], row["batch_id"]) for row in versions["batches"]})
    found = {row[:2]: row[2:] for row in rows_of(marts, "SELECT plant_id, batch_id, ticket_id, mixed_at, batch_m3, "
                                                 "weighings, actual_kg FROM marts.fct_batches")}  # fmt: skip
    assert found.keys() == expected.keys()
    for key, (ticket, mixed, volume, weighings, actual) in found.items():
        batch = expected[key]
        assert (ticket, mixed, volume) == (batch["ticket_id"], batch["mixed_at"], batch["batch_m3"])
        assert weighings == len(batch["materials"])
        assert actual == pytest.approx(sum(weighing["actual_kg"] for weighing in batch["materials"]))


def test_weighings_are_held_against_the_mix_in_force(marts: Marts, versions: dict[str, Versions]) -> None:
    facts: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for fact in marts.execute("FROM marts.fct_batch_materials").to_arrow_table().to_pylist():
        facts[fact["plant_id"], fact["batch_id"]].append(fact)
    seen = Counter[str]()
    for key, batch in newest_batches(versions).items():
        day = shanghai(batch["mixed_at"])
        is_withdrawn = key[0] == "P3" and day >= ON_CHANGE + timedelta(days=10)
        filed = {"cement": 320.0 if day >= ON_CHANGE else 300.0, "stone": 1000.0, "water": 170.0}
        filed_kg: dict[str, float] = defaultdict(float)
        for fact, weighing in zip(
            sorted(facts[key], key=lambda fact: fact["weighing_no"]), batch["materials"], strict=True
        ):
            for name in ("material", "lot_no", "target_kg", "actual_kg"):
                assert fact[name] == weighing[name]
            deviation = fact["deviation_from_target_pct"]
            if weighing["target_kg"] is None:
                assert deviation is None
            else:
                assert deviation == pytest.approx(100 * (weighing["actual_kg"] / weighing["target_kg"] - 1), abs=6e-4)
            if fact["filed_kg"] is not None:
                filed_kg[fact["material"]] += fact["filed_kg"]
                due = 100 * (fact["actual_kg"] / fact["filed_kg"] - 1)
                assert fact["deviation_from_filed_pct"] == pytest.approx(due, abs=1e-3)
            seen["withdrawn" if is_withdrawn else "filed"] += 1
        expected = {} if is_withdrawn else {name: kg * batch["batch_m3"] for name, kg in filed.items()}
        assert dict(filed_kg) == pytest.approx(expected, abs=2e-3)
    assert min(seen.values()) > 10


def test_a_mix_begins_with_its_filing_and_ends_with_its_withdrawal(marts: Marts) -> None:
    rows = rows_of(marts, "SELECT plant_id, status, valid_from, valid_to, is_current FROM marts.dim_mixes ORDER BY ALL")
    filed, ended = date(2024, 11, 1), ON_CHANGE + timedelta(days=10)
    assert rows == [
        ("P1", "active", filed, ON_CHANGE, False),
        ("P1", "active", ON_CHANGE, None, True),
        ("P2", "active", filed, ON_CHANGE, False),
        ("P2", "active", ON_CHANGE, None, True),
        ("P3", "active", filed, ON_CHANGE, False),
        ("P3", "active", ON_CHANGE, ended, False),
        ("P3", "withdrawn", ended, None, True),
    ]


def test_tests_stand_under_our_ids_with_their_groups_value(marts: Marts, versions: dict[str, Versions]) -> None:
    facts = {fact["specimen_id"]: fact for fact in
             marts.execute("FROM marts.fct_strength_tests").to_arrow_table().to_pylist()}  # fmt: skip
    assert len(facts) == len(versions["strength_tests"])
    rules = Counter[str]()
    for row in versions["strength_tests"]:
        fact = facts[row["specimen_id"]]
        assert fact["plant_id"] == plant_of(row["plant_id"], row["cast_on"])
        assert fact["has_known_plant"] == (row["plant_id"] != UNKNOWN_PLANT)
        assert fact["lab_id"] == ("JC1" if row["lab_id"] == "JCJG1" else row["lab_id"])
        low, middle, high = sorted(round(10 * row[f"cube_{number}_mpa"]) for number in (1, 2, 3))
        off = (100 * (high - middle) > 15 * middle) + (100 * (middle - low) > 15 * middle)
        assert fact["group_rule"] == ("mean", "middle", "invalid")[off]
        rules[fact["group_rule"]] += 1
        factor = SIZE_FACTORS.get(row["size_mm"])
        if row["size_mm"] == 200 and row["grade"] == "C60":
            factor = None
        if off == 2 or factor is None:
            assert fact["group_mpa"] is None
        else:
            value = middle if off else (low + middle + high) / 3
            assert fact["group_mpa"] == pytest.approx(factor * value / 10, abs=0.0501)
    assert len(rules) == 3


def test_codes_that_nobody_knows_are_kept_and_counted(marts: Marts, versions: dict[str, Versions]) -> None:
    found = rows_of(marts, "SELECT feed, kind, code, reason, code_rows FROM marts.codes_unresolved ORDER BY ALL")
    nowhere = {feed: len({row[key] for row in versions[feed] if row.get("plant_id") == "nowhere"})
               for feed, key in (("orders", "order_id"), ("deliveries", "ticket_id"))}  # fmt: skip
    receipts = [row["supplier_id"] for row in versions["material_receipts"]]
    tests = [row["plant_id"] for row in versions["strength_tests"]]
    assert found == [
        ("deliveries", "plant", "nowhere", "unknown", nowhere["deliveries"]),
        ("material_receipts", "supplier", UNKNOWN_SUPPLIER, "unknown", receipts.count(UNKNOWN_SUPPLIER)),
        ("orders", "plant", "nowhere", "unknown", nowhere["orders"]),
        *(
            [
                (
                    "strength_tests",
                    "lab",
                    "L1",
                    "unknown",
                    [row["lab_id"] for row in versions["strength_tests"]].count("L1"),
                )
            ]
        ),
        ("strength_tests", "plant", UNKNOWN_PLANT, "unknown", tests.count(UNKNOWN_PLANT)),
    ]
    suppliers = {row[0] for row in rows_of(marts, "SELECT DISTINCT supplier_id FROM marts.fct_material_receipts")}
    assert suppliers == {SUPPLIERS.get(code, code) for code in receipts}


def test_statements_of_one_plant_under_two_codes_are_one(marts: Marts) -> None:
    lines = rows_of(marts, "SELECT plant_id, delivered_m3 FROM intermediate.int_statements_resolved ORDER BY ALL")
    assert lines == [("P1", 120.0), ("P2", 100.0), ("P3", 100.0)]


def test_what_lots_weigh_is_what_was_weighed(marts: Marts) -> None:
    lot = "plant_id, material, lot_no"
    kg = "sum(actual_kg::DECIMAL(18, 3)) AS kg"
    weighed = f"SELECT {lot}, {kg} FROM marts.fct_batch_materials GROUP BY ALL ORDER BY ALL"
    by_day = f"SELECT {lot}, {kg} FROM marts.lot_use_daily GROUP BY ALL ORDER BY ALL"
    lots = f"SELECT {lot}, used_kg::DECIMAL(18, 3) FROM marts.dim_lots WHERE used_kg > 0 ORDER BY ALL"
    assert rows_of(marts, weighed) == rows_of(marts, by_day)
    assert [row for row in rows_of(marts, weighed) if row[2] is not None] == rows_of(marts, lots)


def test_every_batch_of_a_ticket_is_found_by_the_tickets_days(marts: Marts) -> None:
    columns = "ticket_id, plant_id, mixed_on"
    batches = (
        f"SELECT {columns}, count(*), min(mixed_at), max(mixed_at), md5_number_lower(ticket_id) FROM marts.fct_batches "
        "WHERE ticket_id IS NOT NULL GROUP BY ALL ORDER BY ALL"
    )
    days = (
        f"SELECT {columns}, batches, first_mixed_at, last_mixed_at, ticket_key "
        "FROM marts.ticket_batches_daily ORDER BY ALL"
    )
    assert rows_of(marts, batches)
    assert rows_of(marts, batches) == rows_of(marts, days)
