"""What a build costs in a full city's year: all of it, one new day, nothing new; beside the same SQL in DuckDB alone.

Belongs here: the measurement. Does not belong here: the rows (`bench.full_year`), the limit (`bench.direct_sql`).

    python -m bench.warehouse FOLDER [SCALE]
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import full_year
from bench.processes import Usage, measure
from store.home import Home

BUILD = ["-m", "orchestration", "build"]


def builds(folder: Path, scale: float = 1.0) -> Iterator[str]:
    """One row per way of building, each a process of its own, and its ratio to the same SQL alone or to all of it."""
    home = Home.at(folder / "warehouse")
    if not home.warehouse.exists():
        full_year.write(home, scale)
    yield f"{scale:g} of 2.3 M tickets, 8 M batches with 72 M weighings; a new day is a {1 / 346:.1%} of the days."
    yield ""
    yield "| build | CPU s | wall s | peak MB | CPU, ratio | wall, ratio |"
    yield "|---|---:|---:|---:|---:|---:|"
    whole = measure([*BUILD, "--full"], home.root)
    alone = folder / "alone" / home.warehouse.name
    alone.parent.mkdir(exist_ok=True)
    shutil.copyfile(home.warehouse, alone)
    limit = measure(["-m", "bench.direct_sql", str(home.dbt_target), str(alone)], home.root)
    alone.unlink()
    yield _row("the same SQL, DuckDB alone", limit, limit)
    yield _row("full, with all checks", whole, limit)
    full_year.append_new_day(home)
    yield _row("one new day (ratio to full)", measure(BUILD, home.root), whole)
    yield _row("nothing new (ratio to full)", measure(BUILD, home.root), whole)


def _row(name: str, used: Usage, beside: Usage) -> str:
    ratios = f"{used.cpu_s / beside.cpu_s:.2f} | {used.wall_s / beside.wall_s:.2f}"
    return f"| {name} | {used.cpu_s:.0f} | {used.wall_s:.0f} | {used.peak_mb:,.0f} | {ratios} |"


if __name__ == "__main__":
    for line in builds(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 1.0):
        print(line, flush=True)
