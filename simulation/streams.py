"""Random numbers and instants of the virtual city: one independent stream per noun and period.

Belongs here: how a stream is derived from the seed, and how an instant is counted. Does not belong
here: what is drawn. Adding a draw to one stream never shifts another.
"""

from __future__ import annotations

import zlib
from datetime import date, datetime, timedelta, timezone
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

CITY_ZONE = timezone(timedelta(hours=8), "Asia/Shanghai")  # China keeps one time and no summer time
DAY_S = 86_400
WEEK_S = 7 * DAY_S
_EPOCH = date(1970, 1, 1)


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """The generator for `names` under `seed`: equal names give equal draws, in any order of calls."""
    label = "/".join(map(str, names)).encode()
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(label)]))


def day_number(on: date) -> int:
    """Days since 1970-01-01."""
    return (on - _EPOCH).days


def day_of(number: int) -> date:
    return _EPOCH + timedelta(days=int(number))


def local_seconds(on: date, hour: float = 0.0) -> int:
    """City wall-clock seconds since 1970-01-01 00:00 city time: how this package counts every instant."""
    return day_number(on) * DAY_S + round(hour * 3600)


def posix_seconds(local_s: int) -> int:
    """City wall-clock seconds as POSIX seconds (a file's modification time)."""
    return int(local_s) - 8 * 3600


def iso_instant(local_s: int) -> str:
    """City wall-clock seconds as ISO text with its offset."""
    return datetime.fromtimestamp(posix_seconds(local_s), CITY_ZONE).isoformat()


def cumulated(shares: Floats) -> Floats:
    """Rows of shares as one ascending table for `pick`: row r spans [r, r + 1). Shape (rows, options)."""
    cumulative = np.cumsum(shares, axis=1)
    cumulative /= cumulative[:, -1:]
    cumulative[:, -1] = 1.0
    return np.asarray(cumulative + np.arange(len(shares))[:, None], dtype=np.float64)


def pick(table: Floats, rows: Ints, uniforms: Floats) -> Ints:
    """Draw one option per row of `rows` from `cumulated` shares: inverse CDF, no Python loop."""
    flat = np.searchsorted(table.ravel(), rows + uniforms * (1.0 - 1e-9), side="right")
    return np.asarray(np.minimum(flat - rows * table.shape[1], table.shape[1] - 1), dtype=np.int64)
