"""Small Parquet files that ask for much: refused by what their metadata tell or by what comes out, within bounds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.sources import parquet
from pipelines.sources.contents import content_of
from pipelines.sources.parquet import parquet_tables
from store.home import REPOSITORY

PEAK_MB = 700
_LONG = "x" * (8 << 20)
_ZEROS = pa.array([0] * 1_000_000, pa.int32())
BOMBS: dict[str, tuple[Callable[[], pa.Array], str]] = {
    # 8 TB of texts in 3 KB: a million times one entry of a dictionary
    "entry": (
        lambda: pa.DictionaryArray.from_arrays(pa.array([0] * 1_000_000, pa.int32()), [_LONG]),
        "archive_too_large",
    ),
    "entry as text": (lambda: pa.array([_LONG] * 12), "archive_too_large"),
    "run": (lambda: pa.nulls(100_000_000, pa.int8()), "archive_too_large"),
    "texts": (lambda: pa.array([f"{n}{_LONG[: 1 << 20]}" for n in range(100)]), "archive_too_large"),
    "value": (lambda: pa.array([_LONG + _LONG + "x"]), "field_too_large"),
    "list": (lambda: pa.ListArray.from_arrays([0, 20_000_000], pa.nulls(20_000_000, pa.int8())), "field_too_large"),
    "entry in lists": (lambda: pa.array([[{"a": _LONG}]] * 12), "archive_too_large"),
}
READ = """
import resource, sys
from pathlib import Path
from pipelines.faults import FileError
from pipelines.sources.contents import content_of
from pipelines.sources.parquet import parquet_tables
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    print(sum(raw.table.num_rows for raw in parquet_tables(content_of(Path(sys.argv[1])))))
except FileError as error:
    print(error.reason)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_in_bounded_memory(tmp_path: Path, bomb: str) -> None:
    column, reason = BOMBS[bomb]
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"a": column()}), path, compression="zstd", row_group_size=1 << 30)
    assert path.stat().st_size < 1 << 20
    run = [sys.executable, "-c", READ, str(path)]
    told, peak_mb = subprocess.run(run, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split()
    assert told == reason
    assert int(peak_mb) < PEAK_MB


def test_long_texts_within_the_limits_are_read_a_few_rows_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_BATCH_BYTES", 1 << 20)
    path = tmp_path / "notes.parquet"
    texts = ["short", "x" * 100_000, None] * 100
    pq.write_table(pa.table({"note": texts, "n": range(300)}), path, row_group_size=120)
    tables = list(parquet_tables(content_of(path)))
    assert [text for raw in tables for text in raw.table["c0"].to_pylist()] == texts
    assert [row for raw in tables for row in raw.table["_source_row"].to_pylist()] == list(range(1, 301))
    assert max(raw.table.num_rows for raw in tables) <= 10


def test_metadata_are_parsed_once_however_many_groups_a_file_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "groups.parquet"
    pq.write_table(pa.table({"a": [str(n) for n in range(50)], "n": range(50)}), path, row_group_size=1)
    parsed = []

    class Counted(pq.ParquetFile):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **named: Any) -> None:
            parsed.append(named.get("metadata") is None)
            super().__init__(*arguments, **named)

    monkeypatch.setattr(pq, "ParquetFile", Counted)
    assert sum(raw.table.num_rows for raw in parquet_tables(content_of(path))) == 50
    assert sum(parsed) == 1


def test_equal_rows_of_an_honest_file_are_no_bomb(tmp_path: Path) -> None:
    path = tmp_path / "equal.parquet"
    pq.write_table(pa.table({f"c{n}": ["C30"] * 500_000 for n in range(20)}), path)
    assert sum(raw.table.num_rows for raw in parquet_tables(content_of(path))) == 500_000


def test_damaged_metadata_never_end_the_process(tmp_path: Path) -> None:
    path = tmp_path / "odd.parquet"
    pq.write_table(pa.table({"a": ["x", None]}), path)
    data = path.read_bytes()
    optional = data.index(b"\x25\x02")  # the column may be null; as a required one it has a histogram too many
    path.write_bytes(data[: optional + 1] + b"\0" + data[optional + 2 :])
    run = [sys.executable, "-c", READ, str(path)]
    told = subprocess.run(run, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split()[0]
    assert told == "truncated_file"
