"""Elements of nested lists: units in their keys, several spellings of one key."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.blocks import Batch, FileTask
from pipelines.checks import Checker
from pipelines.mapping import NO_MAPPING, FieldMapping
from pipelines.reading import read_blocks

HEAD = {"batch_id": "B1", "plant_id": "P1", "ticket_id": "T1", "mixed_at": "2025-03-06 08:00", "batch_m3": 2}


def batches(folder: Path, *lists: list[dict[str, Any]], mapping: FieldMapping = NO_MAPPING) -> list[dict[str, Any]]:
    """The rows of that file, one per list of materials: what they became, or their rejects."""
    path = folder / "batches.jsonl"
    rows = (HEAD | {"batch_id": f"B{number}", "materials": each} for number, each in enumerate(lists))
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    received_at = datetime(2025, 3, 7, tzinfo=UTC)
    task = FileTask("batches", path, path.name, "0" * 64, path.stat().st_size, 0, received_at, "segment", mapping)
    checker = Checker(b"key")
    checked = [checker.check(block) for block in read_blocks(Batch("batch", "batches", (task,)))]
    checker.close()
    tables = [table for each in checked for table in (each.rows, each.rejects) if table]
    return sorted((row for table in tables for row in table.to_pylist()), key=_line)


def _line(row: dict[str, Any]) -> int:
    return int(row.get("_source_row") or row["source_row"])


@pytest.mark.parametrize(
    "sand",
    [
        {"actual_kg": 1500}, {"实际值(t)": 1.5}, {"实际值（吨）": "1.5"}, {"actual_t": 1.5}, {"实际值": "1.5t"},
        {"实际值": 1.5, "单位": "t"}, {"实际值(kg)": 1500, "单位": "t"}, {"实际值(t)": "1500 kg"}, {"称量值 kg": 1500},
        {"实际值(湿)": 1500},
    ],
)  # fmt: skip
def test_a_unit_in_a_key_is_heeded(tmp_path: Path, sand: dict[str, Any]) -> None:
    (row,) = batches(tmp_path, [{"material": "砂"} | sand])
    assert [each["actual_kg"] for each in row["materials"]] == [1500.0]
    assert row["_extra"] is None


def test_a_unit_that_cannot_be_converted_is_a_reject(tmp_path: Path) -> None:
    (row,) = batches(tmp_path, [{"material": "砂", "实际值(gal)": 1500}])
    assert (row["reason"], row["column_name"]) == ("bad_number", "materials")
    assert row["sentence_zh"].startswith("砂：actual_kg")


def test_a_mapping_states_the_unit_of_members(tmp_path: Path) -> None:
    mapping = FieldMapping(units=(("materials.actual_kg", "t"), ("materials.target_kg", "0.5")))
    (row,) = batches(tmp_path, [{"material": "砂", "实际值(kg)": 1.5, "设定值": 3000}], mapping=mapping)
    assert [tuple(each.values()) for each in row["materials"]] == [("sand", None, 1500.0, 1500.0)]


def test_each_element_is_read_by_its_own_keys(tmp_path: Path) -> None:
    sand = [{"material": "砂", "实际值(t)": 1.5}, {"材料": "水", "actual_kg": 300, "实际值(t)": None}]
    cement = [{"物料": "水泥", "称量值": 700, "误差": 1}]
    together = batches(tmp_path, sand, cement)
    assert [len(row["materials"]) for row in together] == [2, 1]
    assert [row["_extra"] is None for row in together] == [True, False]
    (alone,) = batches(tmp_path, sand)
    assert together[0]["_content_hash"] == alone["_content_hash"]


def test_an_element_with_two_values_for_one_member_is_flagged_and_kept_whole(tmp_path: Path) -> None:
    elements = [{"material": "砂", "实际值": 1500, "actual": 1600}]
    rows = batches(tmp_path, elements, [{"material": "砂", "实际值": 1500, "actual": 1500}])
    assert [row["materials"][0]["actual_kg"] for row in rows] == [1500.0, 1500.0]
    assert [row["_flags"] for row in rows] == [["also_given_otherwise"], []]
    assert json.loads(json.loads(rows[0]["_extra"])["materials"]) == elements
