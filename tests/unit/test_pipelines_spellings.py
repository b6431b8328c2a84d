"""Spellings: the check compiles the usual ones, and others once they appear; what it says depends on no other row."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

from pipelines.blocks import Batch, FileTask
from pipelines.checks import Checker
from pipelines.reading import read_blocks

RECEIVED_AT = datetime(2025, 3, 7, tzinfo=UTC)
HEADER = "ticket_id,order_id,plant_id,grade,load_m3,departed_at,slump_plant_mm,updated_at,known_at\n"
GOOD = (
    "T1,O1,P1,C30,8,2025-03-06 08:10:00,180,,",
    "T2,O1,P1,C30,8方,2025-03-06 08:10:00,180,,",
    "T3,O1,P1,c30,8,2025年3月6日 8时10分,180±20,,",
    "T4,O1,P1,C30,8,2025-03-06T00:10:00Z,18cm,2025/3/6 9:00,2025年3月6日 10时",
)
BAD = ("T5,O1,P1,C30,eight,2025-03-06 08:10:00,180,,", "T6,O1,P1,C30,,yesterday,180,,")
LINES = (*GOOD, *BAD)


def _read(checker: Checker, folder: Path, lines: tuple[str, ...], block_bytes: int) -> dict[str, object]:
    """Ticket or reason -> what the check said, when each line is a file."""
    files = []
    for number, line in enumerate(lines):
        path = folder / f"{number}.csv"
        path.write_text(f"{HEADER}{line}\n", encoding="utf-8")
        files.append(FileTask("deliveries", path, path.name, "0", 1, 0, RECEIVED_AT, f"segment{number}"))
    said: dict[str, object] = {}
    for block in read_blocks(Batch("batch", "deliveries", tuple(files)), block_bytes):
        checked = checker.check(block)
        for row in checked.rows.to_pylist() if checked.rows is not None else []:
            values = [row[name] for name in ("grade", "load_m3", "slump_plant_mm", "departed_at")]
            said[row["ticket_id"]] = (*values, row["known_at"], row["_content_hash"])
        for reject in checked.rejects.to_pylist() if checked.rejects is not None else []:
            said[reject["reason"]] = reject["raw_text"]
    return said


def test_a_row_reads_the_same_whatever_spellings_came_before_it_or_stand_beside_it(tmp_path: Path) -> None:
    by_itself: dict[str, object] = {}
    for line in LINES:
        checker = Checker(b"key")
        by_itself |= _read(checker, tmp_path, (line,), 1)
        checker.close()
    assert set(by_itself) == {"T1", "T2", "T3", "T4", "bad_number", "missing_required"}
    for lines in list(permutations(LINES))[::90]:
        checker = Checker(b"key")
        assert _read(checker, tmp_path, lines, 1) == by_itself, "a block each"
        assert _read(checker, tmp_path, lines, 1 << 20) == by_itself, "all in one block"
        checker.close()


def test_unusual_spellings_give_the_usual_values(tmp_path: Path) -> None:
    checker = Checker(b"key")
    said = _read(checker, tmp_path, GOOD, 1)
    checker.close()
    departed_at, known_at = datetime(2025, 3, 6, 0, 10, tzinfo=UTC), datetime(2025, 3, 6, 2, tzinfo=UTC)
    usual = ("C30", 8.0, 180, departed_at)
    assert {name: value[:-1] for name, value in said.items() if isinstance(value, tuple)} == {
        **dict.fromkeys(("T1", "T2", "T3"), (*usual, RECEIVED_AT)),
        "T4": (*usual, known_at),
    }
