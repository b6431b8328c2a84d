"""`python -m bench [--data DIR]`: measure, print, and put the tables into docs/benchmarks.md between its markers.

Belongs here: the order of the benchmarks and the page. Does not belong here: a measurement.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench import forecast_speed, forecasts, intake, plans, river, trace, warehouse
from store.home import REPOSITORY, Home

PAGE = REPOSITORY / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def report(folder: Path, data: Path | None) -> Iterator[str]:
    """The measured part of the page, line by line; `data` holds the public series."""
    home = Home.at(folder / "city")
    yield f"Measured {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores, Python {platform.python_version()}."
    for title, lines in (
        ("The river: 3 years of the virtual city at scale 0.1", river.stages(home)),
        ("The intake beside its limit and its peers", intake.compare(folder)),
        ("The intake's memory, in volume and in files", intake.flatness(folder)),
        ("A full city's year", intake.year(folder)),
        ("A trace in a full city's year", trace.latency(folder)),
        ("A build of the warehouse in a full city's year", warehouse.builds(folder)),
        ("The forecast beside its yardsticks (WAPE, replayed origins)", river.forecast_scores(home.published)),
        *((title, forecasts.report(name, data, folder)) for name, (title, _) in forecasts.BENCHMARKS.items()),
        ("Forecasts: what they cost", forecast_speed.compare(folder)),
        ("The planner on published instances", plans.published()),
        ("The planner as cities grow", plans.cities()),
        ("The plan beside planning by hand", plans.beside_by_hand()),
        ("The plan beside today", river.plan_headline(home.published)),
    ):
        yield f"\n## {title}\n"
        yield from lines


def main() -> None:
    """Measure everything and rewrite the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, help="folder of public series that are not part of the repository")
    data = parser.parse_args().data
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for line in report(Path(folder), data):
            print(line, flush=True)
            lines.append(line)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(before + "\n".join([BEGIN, *lines, END]) + after, encoding="utf-8")


if __name__ == "__main__":
    main()
