"""Long tables for the tests of the forecasting engine.

Belongs here: simulated series and files of them. Does not belong here: assertions.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np

Row = tuple[object, ...]
HEAD = "unique_id,ds,y"


def weekly(name: str, values: np.ndarray | list[object], start: date = date(2019, 1, 7)) -> list[Row]:
    """Rows of one series, a week apart."""
    return [(name, start + timedelta(weeks=week), value) for week, value in enumerate(values)]


def walk(length: int, seed: int, step: float = 0.03, level: float = 100.0) -> np.ndarray:
    """A positive series of relative steps."""
    return level * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, step, length)))


def write(path: Path, rows: list[Row], head: str = HEAD) -> Path:
    """A CSV of these rows."""
    lines = [head, *(",".join(str(value) for value in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
