"""What a build costs in a full city's year: all of it, one new day, nothing new; beside the same SQL in DuckDB alone.

Belongs here: the measurement. Does not belong here: the rows (`bench.full_year`), the limit (`bench.direct_sql`), the
peer (`bench.sqlmesh_peer`).

    python -m bench.warehouse FOLDER [SCALE]
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import full_year
from bench.processes import Usage, measure
from store.home import REPOSITORY, Home

BUILD = ["-m", "orchestration", "build"]
PEERS = REPOSITORY / ".venv-bench" / "bin" / "python"
DIRECT, SQLMESH = ["-m", "bench.direct_sql"], ["-m", "bench.sqlmesh_peer"]


def builds(folder: Path, scale: float = 1.0) -> Iterator[str]:
    """One row per way of building, each a process of its own, and its ratio to the same SQL alone or to all of it."""
    home = Home.at(folder / "warehouse")
    if not home.warehouse.exists():
        full_year.write(home, scale)
    whole = measure([*BUILD, "--full"], home.root)
    target, file = folder / "target", folder / "whole" / home.warehouse.name
    shutil.copytree(home.dbt_target, target, dirs_exist_ok=True)
    file.parent.mkdir(exist_ok=True)
    shutil.copyfile(home.warehouse, file)
    full_year.append_new_day(home)
    day = measure(BUILD, home.root)
    nothing = measure(BUILD, home.root)
    alone = _beside(DIRECT, target, file)
    yield f"{scale:g} of 2.3 M tickets, 8 M batches with 72 M weighings; a new day is {1 / 346:.1%} of the days."
    yield ""
    yield "| build | CPU s | wall s | peak MB | CPU, ratio | wall, ratio |"
    yield "|---|---:|---:|---:|---:|---:|"
    yield _row("the models' SQL, DuckDB alone", alone, alone)
    yield _row("the models' and checks' SQL, DuckDB alone", _beside([*DIRECT, "--with-checks"], target, file), alone)
    if PEERS.exists():
        yield _row("the models' SQL, sqlmesh", _beside(SQLMESH, target, file, PEERS), alone)
    yield _row("full: models, unit tests, checks, page of models", whole, alone)
    yield _row("one new day (ratio to full)", day, whole)
    yield _row("nothing new (ratio to full)", nothing, whole)


def _beside(command: list[str], target: Path, file: Path, python: Path = Path(sys.executable)) -> Usage:
    """The same SQL on a copy of the file."""
    copy = file.parent.with_name("copy") / file.name
    copy.parent.mkdir()
    shutil.copyfile(file, copy)
    used = measure([*command[:2], str(target), str(copy), *command[2:]], file.parent, python)
    shutil.rmtree(copy.parent)
    return used


def _row(name: str, used: Usage, beside: Usage) -> str:
    ratios = f"{used.cpu_s / beside.cpu_s:.2f} | {used.wall_s / beside.wall_s:.2f}"
    return f"| {name} | {used.cpu_s:.0f} | {used.wall_s:.0f} | {used.peak_mb:,.0f} | {ratios} |"


if __name__ == "__main__":
    for line in builds(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 1.0):
        print(line, flush=True)
