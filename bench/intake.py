"""The intake beside its limit and its peers, one file of tickets, inbox to `raw`: CPU of whole process trees.

Belongs here: who is measured, in which order, and the tables. Does not belong here: the contestants
(`bench.duckdb_alone`, `bench.beam_rows`, `bench.dlt_peer`) and the rows (`bench.tickets`, `bench.city_year`).

    python -m bench.intake [ROWS]
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import city_year
from bench.processes import Usage, measure
from store.home import REPOSITORY, Home

ROWS = 1_200_000
SHEET_ROWS = 100_000
FORMATS = ("csv", "jsonl", "parquet", "xlsx")
ROUNDS = 2
# Peers with a dict per row run on two small files; the rows between them give the price of a row.
SMALL_ROWS, LARGER_ROWS = 20_000, 80_000
MANY_FILES = 1_000
PEERS = REPOSITORY / ".venv-bench" / "bin" / "python"
BY_ROW = {"Beam, dicts": ["-m", "bench.beam_rows"], "dlt, dicts": ["-m", "bench.dlt_peer", "rows"]}
NAMES = ("Tongmai", "DuckDB alone", "dlt, Arrow", *BY_ROW)


def compare(folder: Path, rows: int = ROWS) -> Iterator[str]:
    """Per format CPU seconds and peak memory of everyone, and Tongmai's ratio to the limit."""
    yield f"| {rows:,} deliveries, CPU s (peak MB) | {' | '.join(NAMES)} | ÷ DuckDB |"
    yield "|---|" + "---:|" * (len(NAMES) + 1)
    for suffix in FORMATS:
        count = min(rows, SHEET_ROWS) if suffix == "xlsx" else rows
        file = folder / f"tickets.{suffix}"
        _write([file], count)
        pairs = [(_ours(folder, [file]), _limit(folder, file)) for _ in range(ROUNDS)]
        ours, limit = (min(runs, key=lambda used: used.cpu_s) for runs in zip(*pairs, strict=True))
        cells = [_shown(ours), _shown(limit)]
        if suffix == "xlsx":
            cells += ["–"] * 3
        else:
            cells.append(_shown(_peer(folder, ["-m", "bench.dlt_peer", "arrow"], file, PEERS)))
            cells += [_scaled(folder, arguments, suffix, rows) for arguments in BY_ROW.values()]
        named = f"{suffix}, {count:,} rows" if suffix == "xlsx" else suffix
        yield f"| {named} | {' | '.join(cells)} | {ours.cpu_s / limit.cpu_s:.2f} |"
        file.unlink()
    yield ""
    empty = measure(["-m", "orchestration", "ingest"], folder / "empty")
    yield (
        f"~ by rows {SMALL_ROWS:,} to {LARGER_ROWS:,}, scaled. dlt with Arrow checks no row and rejects none. "
        f"Starting up with nothing to load: {empty.cpu_s:.1f} s."
    )


def flatness(folder: Path, rows: int = ROWS) -> Iterator[str]:
    """The same rows as a quarter, as a whole, and in many files."""
    yield "| deliveries as CSV | CPU s | peak MB |"
    yield "|---|---:|---:|"
    for named, count, files in (
        (f"{rows // 4:,} rows, 1 file", rows // 4, 1),
        (f"{rows:,} rows, 1 file", rows, 1),
        (f"{rows:,} rows, {MANY_FILES:,} files", rows, MANY_FILES),
    ):
        parts = [folder / "parts" / f"{number:04d}.csv" for number in range(files)]
        _write(parts, count)
        used = min((_ours(folder, parts) for _ in range(ROUNDS)), key=lambda run: run.cpu_s)
        yield f"| {named} | {used.cpu_s:.1f} | {used.peak_mb:.0f} |"
        for part in parts:
            part.unlink()


def year(folder: Path, scale: float = 1.0) -> Iterator[str]:
    """A city's year: tickets, and batches with their weighings in columns."""
    home = Home.at(folder / "year")
    measure(["-m", "bench.city_year", str(home.inbox), str(scale)], folder)
    used = measure(["-m", "orchestration", "ingest"], home.root)
    rows = f"{city_year.TICKETS * scale:,.0f} tickets and {city_year.BATCHES * scale:,.0f} batches"
    yield f"{rows} in 24 CSV files: {used.cpu_s:.0f} s CPU, {used.wall_s:.0f} s wall, {used.peak_mb:,.0f} MB at most."


def _write(files: list[Path], rows: int) -> None:
    # not here: a child's peak starts at its parent's size
    measure(["-m", "bench.tickets", str(rows), *map(str, files)], files[0].parent)


def _ours(folder: Path, files: list[Path]) -> Usage:
    with tempfile.TemporaryDirectory(dir=folder) as home:
        inbox = Path(home) / "inbox" / "deliveries"
        inbox.mkdir(parents=True)
        for file in files:
            (inbox / file.name).hardlink_to(file)
        return measure(["-m", "orchestration", "ingest"], Path(home))


def _limit(folder: Path, file: Path) -> Usage:
    return _peer(folder, ["-m", "bench.duckdb_alone"], file, Path(sys.executable))


def _peer(folder: Path, arguments: list[str], file: Path, python: Path) -> Usage:
    with tempfile.TemporaryDirectory(dir=folder) as target:
        return measure([*arguments, str(file), f"{target}/peer.duckdb"], Path(target), python)


def _scaled(folder: Path, arguments: list[str], suffix: str, rows: int) -> str:
    """CPU for `rows` rows, from two small runs."""
    python = PEERS if "dlt" in arguments[1] else Path(sys.executable)
    cpu_s = []
    for count in (SMALL_ROWS, LARGER_ROWS):
        file = folder / f"few.{suffix}"
        _write([file], count)
        cpu_s.append(_peer(folder, arguments, file, python).cpu_s)
        file.unlink()
    few, more = cpu_s
    return f"~{few + (more - few) * (rows - SMALL_ROWS) / (LARGER_ROWS - SMALL_ROWS):.0f}"


def _shown(used: Usage) -> str:
    return f"{used.cpu_s:.1f} ({used.peak_mb:,.0f})"


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as place:
        for lines in (
            compare(Path(place), wanted),
            flatness(Path(place), wanted),
            year(Path(place), wanted / ROWS),
        ):
            for line in lines:
                print(line, flush=True)
