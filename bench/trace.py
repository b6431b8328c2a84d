"""How long a trace takes in a full city's year: tickets, lots and projects drawn at random, each asked once.

Belongs here: the measurement. Does not belong here: the rows (`bench.traceable`).

    python -m bench.trace FOLDER [SCALE]
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

from bench.traceable import write
from orchestration.trace import read_trace
from store.connections import reader
from store.home import WAREHOUSE_FILE, Home

ASKED = {"ticket": 60, "lot": 60, "project": 20}
_IDS = {
    "ticket": "SELECT ticket_id FROM marts.fct_deliveries ORDER BY 1",
    "lot": "SELECT DISTINCT lot_no FROM marts.dim_lots ORDER BY 1",
    "project": "SELECT project_id FROM marts.dim_projects ORDER BY 1",
}


def latency(folder: Path, scale: float = 1.0) -> Iterator[str]:
    """One row per kind of id: a year of the city in a published file, each trace with its own connection."""
    home = Home.at(folder / "traceable")
    if not home.published.exists():
        version = home.versions / "bench"
        write(version / WAREHOUSE_FILE, scale)
        home.current.symlink_to(version)
    read_trace(home, next(_drawn(home, "ticket")))  # the first one reads the file's catalogue
    yield "| trace of | asked | median ms | p95 ms | CPU, median ms | CPU, p95 ms |"
    yield "|---|---:|---:|---:|---:|---:|"
    for kind in ASKED:
        wall_ms, cpu_ms = [], []
        for wanted in _drawn(home, kind):
            started, used = time.perf_counter(), time.process_time()
            read_trace(home, wanted)
            wall_ms.append(1_000 * (time.perf_counter() - started))
            cpu_ms.append(1_000 * (time.process_time() - used))
        cuts = [f"{quantiles(taken, n=20)[place]:.0f}" for taken in (wall_ms, cpu_ms) for place in (9, 18)]
        yield f"| {kind} | {len(wall_ms)} | {' | '.join(cuts)} |"


def _drawn(home: Home, kind: str) -> Iterator[str]:
    with reader(home.published) as connection:
        ids = connection.execute(_IDS[kind]).fetchall()
    yield from (row[0] for row in random.Random(7).sample(ids, ASKED[kind]))


if __name__ == "__main__":
    for line in latency(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 1.0):
        print(line, flush=True)
