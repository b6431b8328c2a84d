"""Several spellings of one key in one JSON file: what a row means depends on nothing but the row."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.blocks import Batch, FileTask
from pipelines.checks import Checker
from pipelines.reading import read_blocks

TICKET = {"ticket_id": "T1", "order_id": "O1", "plant_id": "P1", "grade": "C30"}
BATCH = {"batch_id": "B1", "plant_id": "P1", "ticket_id": "T1", "mixed_at": "2025-03-06 08:00"}
SAND = [{"material": "砂", "actual_kg": 1500}]
ROWS: dict[str, list[dict[str, Any]]] = {
    "deliveries": [
        TICKET | {"load_m3": 8},
        TICKET | {"方量": "8.5"},
        TICKET | {"本车方量": 9, "方量": ""},
        TICKET | {"方量": 10, "本车方量": 11},
        TICKET | {"方量(L)": 8000, " note": "x"},
        TICKET | {"方量": 7, "note": "x"},
        TICKET | {"方量": None},
    ],
    "batches": [
        BATCH | {"batch_m3": 2, "materials": SAND},
        BATCH | {"方量": 2, "砂实际(t)": 1.5},
        BATCH | {"方量": 2, "砂实际": 1500},
        BATCH | {"盘方量": 2, "材料": "砂", "实际值(kg)": 1500},
        BATCH | {"盘方量": 2},
    ],
}


def outcomes(folder: Path, feed: str, rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Per row what it became: its content, or the reason of its reject."""
    path = folder / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    received_at = datetime(2025, 3, 7, tzinfo=UTC)
    task = FileTask(feed, path, path.name, "0" * 64, path.stat().st_size, 0, received_at, "segment")
    checker = Checker(b"key")
    checked = [checker.check(block) for block in read_blocks(Batch("batch", feed, (task,)))]
    checker.close()
    if faults := [fault.reason for each in checked for _, fault in each.faults]:
        return [(1, faults[0])]
    good = [row for each in checked if each.rows for row in each.rows.to_pylist()]
    rejects = [row for each in checked if each.rejects for row in each.rejects.to_pylist()]
    found = [(row["_source_row"], row["_content_hash"], row["_extra"], tuple(row["_flags"])) for row in good]
    return sorted([*found, *((row["source_row"], row["reason"], row["raw_text"]) for row in rejects)])


@pytest.mark.parametrize("feed", ROWS)
def test_a_row_means_the_same_beside_any_others(tmp_path: Path, feed: str) -> None:
    rows = [row | {key: f"{row[key]}{number}"} for number, row in enumerate(ROWS[feed]) for key in [next(iter(row))]]
    together = outcomes(tmp_path, feed, rows)
    assert [row for row, *_ in together] == list(range(1, len(rows) + 1))
    for number, row in enumerate(rows):
        ((_, *alone),) = outcomes(tmp_path, feed, [row])
        if alone != ["missing_columns"]:  # a file of that row only, which is told as a whole
            assert together[number][1:] == tuple(alone)


def test_spellings_of_one_batch_are_one_content(tmp_path: Path) -> None:
    *good, last = outcomes(tmp_path, "batches", [*ROWS["batches"][:3], ROWS["batches"][4]])
    assert len({content for _, content, *_ in good}) == 1
    assert last[1] == "missing_required"


def test_a_row_with_two_values_for_one_field_is_flagged_and_keeps_both(tmp_path: Path) -> None:
    (row,) = outcomes(tmp_path, "deliveries", [ROWS["deliveries"][3]])
    assert (json.loads(row[2]), row[3]) == ({"本车方量": "11"}, ("also_given_otherwise",))
    (row,) = outcomes(tmp_path, "deliveries", [TICKET | {"方量": "10", "本车方量": " 10"}])
    assert row[3] == ()
