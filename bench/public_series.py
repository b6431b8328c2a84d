"""Public series with their published splits, read from a folder that is not part of the repository.

Belongs here: files -> panels and what came after. Does not belong here: forecasts, scores. Every reader raises
FileNotFoundError when its file is absent; docs/benchmarks.md says where each comes from and under which licence.
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecasting.frequency import FREQUENCIES
from forecasting.hierarchy import DateArray, FloatArray
from forecasting.panel import Panel


@dataclass(frozen=True, eq=False)
class Split:
    """A panel and the `actual` (N, H) that followed; `scale_season`: periods of MASE's naive."""

    panel: Panel
    actual: FloatArray
    scale_season: int


def m4_weekly(folder: Path) -> Split:
    """359 series of 80 to 2,597 weeks and the 13 after (Makridakis, Spiliotis & Assimakopoulos 2020).

    The file has no dates, so all end on one Monday. The competition's own scale for weekly series: frequency 1.
    """
    train, test = (_wide(folder / "m4-weekly" / f"Weekly-{part}.csv.gz") for part in ("train", "test"))
    longest = max(len(values) for values in train.values())
    y = np.full((len(train), longest), np.nan)
    for row, values in enumerate(train.values()):
        y[row, longest - len(values) :] = values
    actual = np.array([test[name] for name in train])
    return Split(panel_of(tuple(train), np.datetime64("2017-01-02"), "W", y, actual.shape[1], (52,)), actual, 1)


def cement(folder: Path) -> Split:
    """Australian Portland cement, thousand tonnes: 1988Q1 to 2007Q4, then ten quarters (FPP3, section 12.2)."""
    quarters, values = _column(folder / "aus-production-cement" / "aus_production.csv", "Quarter", "Cement")
    return _cut(("cement",), quarters, values[None], "QS", "1988Q1", "2007Q4", 10, 4)


def tourism(folder: Path) -> Split:
    """Australian overnight trips by region and purpose: 1998Q1 to 2015Q4, then eight quarters (FPP3, section 11.4).

    Series: all; states; purposes; states x purposes; regions; the 304 of region x purpose, of which all are sums.
    """
    trips: dict[tuple[str, str, str], dict[str, float]] = {}
    with (folder / "tourism-hierarchy" / "tourism.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            key = (row["State"], row["Region"], row["Purpose"])
            trips.setdefault(key, {})[row["Quarter"]] = float(row["Trips"])
    keys = sorted(trips)
    quarters = sorted(next(iter(trips.values())))
    bottom = np.array([[trips[key][quarter] for quarter in quarters] for key in keys])
    groups: dict[str, list[int]] = {"all": list(range(len(keys)))}
    for parts in ((0,), (2,), (0, 2), (0, 1)):
        for column, key in enumerate(keys):
            groups.setdefault(f"{LEVELS[parts]}/{'/'.join(key[part] for part in parts)}", []).append(column)
    summing = np.zeros((len(groups) + len(keys), len(keys)))
    for group, members in enumerate(groups.values()):
        summing[group, members] = 1
    summing[len(groups) :] = np.eye(len(keys))
    names = (*groups, *(f"{BOTTOM}/{'/'.join(key)}" for key in keys))
    return _cut(names, quarters, summing @ bottom, "QS", "1998Q1", "2015Q4", 8, 4, summing)


LEVELS = {(0,): "state", (2,): "purpose", (0, 2): "state x purpose", (0, 1): "region"}
BOTTOM = "region x purpose"
"""Levels of the tourism panel: what stands before the first slash of a name; `all` has none."""


def monthly(file: Path, time: str, names: tuple[str, ...]) -> tuple[DateArray, FloatArray]:
    """The file's months (T,) and columns (len(names), T); NaN where a cell is empty."""
    columns = [_column(file, time, name) for name in names]
    return np.array([month[:7] for month in columns[0][0]], "datetime64[M]"), np.array(
        [values for _, values in columns]
    )


def panel_of(
    names: tuple[str, ...],
    end: np.datetime64,
    frequency: str,
    y: FloatArray,
    horizon: int,
    seasons: tuple[int, ...],
    summing: FloatArray | None = None,
) -> Panel:
    """Series that all end at `end`."""
    ends = np.full(len(y), end, dtype="datetime64[s]")
    return Panel(names, ends, FREQUENCIES[frequency], y, horizon, seasons, summing=summing)


def _cut(
    names: tuple[str, ...],
    quarters: list[str],
    values: FloatArray,
    frequency: str,
    first: str,
    last: str,
    horizon: int,
    season: int,
    summing: FloatArray | None = None,
) -> Split:
    start, end = quarters.index(first), quarters.index(last) + 1
    ends_at = np.datetime64(f"{last[:4]}-{3 * int(last[-1]) - 2:02d}-01")
    panel = panel_of(names, ends_at, frequency, values[:, start:end], horizon, (season,), summing)
    return Split(panel, values[:, end : end + horizon], season)


def _column(file: Path, time: str, name: str) -> tuple[list[str], FloatArray]:
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return [row[time] for row in rows], np.array([float(row[name] or "nan") for row in rows])


def _wide(file: Path) -> dict[str, list[float]]:
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines)
        next(rows)
        return {row[0]: [float(cell) for cell in row[1:] if cell] for row in rows}
