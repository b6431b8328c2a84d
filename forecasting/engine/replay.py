"""Members' forecasts now and at past origins of the same series, by one call of each member.

Belongs here: past origins, what came of them, limits on what a member may say. Does not belong here: what errors teach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.engine.guard import Guard
from forecasting.engine.members import MEMBERS
from forecasting.engine.work import Work
from forecasting.hierarchy import BoolArray, FloatArray, IntArray
from forecasting.panel import Panel, stack

_MIN_TRAINING = 8
_TRAINED = 0.4


@dataclass(frozen=True, eq=False)
class Windows:
    """W past windows on the working scale: `errors` (W, M, H), NaN where nothing came yet; `base` (W, H) spreads;
    `noise` (W,); `series` (W,) whose window it is; `origin` (W,) which of the past origins, 0 the newest."""

    errors: FloatArray
    base: FloatArray
    noise: FloatArray
    series: IntArray
    origin: IntArray

    @staticmethod
    def joined(parts: Sequence[Windows], sizes: Sequence[int]) -> Windows:
        """Windows of parts of a panel, of these numbers of series, as those of the whole."""
        first = np.cumsum([0, *sizes[:-1]])
        return Windows(
            np.concatenate([part.errors for part in parts]),
            np.concatenate([part.base for part in parts]),
            np.concatenate([part.noise for part in parts]),
            np.concatenate([part.series + start for part, start in zip(parts, first, strict=True)]),
            np.concatenate([part.origin for part in parts]),
        )


@dataclass(frozen=True, eq=False)
class Replayed:
    """`ahead` (N, M, H) on the working scale of `guard`; `base` (N, H) spreads; `is_led` (N,) by a level known in
    advance; the past `windows`."""

    guard: Guard
    ahead: FloatArray
    base: FloatArray
    is_led: BoolArray
    windows: Windows


def replay(panel: Panel, names: Sequence[str], origins: int) -> Replayed:
    """Forecast from now and from past origins a third of a horizon apart, the newest of which are known in part.

    No origin lies in the first two fifths of a series: what a model said on so little tells nothing of now.
    """
    count, lengths = len(panel), panel.lengths
    step = max(1, -(-panel.horizon // 3))
    enough = max(_MIN_TRAINING, panel.seasons[0] + 4 if panel.seasons and panel.seasons[0] <= 12 else _MIN_TRAINING)
    least = np.maximum(enough, _TRAINED * lengths)
    for season in panel.seasons:  # a model that could not know the season says nothing of one that does
        knows, knew = lengths >= 2 * season, lengths - step >= 2 * season
        least = np.where(knows & knew, np.maximum(least, 2 * season), least)
    backs = {step * back: np.flatnonzero(lengths - step * back >= least) for back in range(1, origins + 1)}
    backs = {back: rows for back, rows in backs.items() if len(rows)}
    work = Work.of(stack([panel, *(panel.rows(rows).before(back) for back, rows in backs.items())]))
    ahead, base = members_ahead(work, names), work.spread
    actual = np.full((len(work.panel), panel.horizon), np.nan)
    at = count
    for back, rows in backs.items():
        known = min(back, panel.horizon)
        first = panel.y.shape[1] - back
        actual[at : at + len(rows), :known] = panel.y[rows, first : first + known]
        at += len(rows)
    errors = work.guard.work_floored(actual)[count:, None, :] - ahead[count:]
    series = np.concatenate([np.zeros(0, dtype=np.int64), *backs.values()])
    origin = np.repeat([back // step - 1 for back in backs], [len(rows) for rows in backs.values()]).astype(np.int64)
    windows = Windows(errors, base[count:], work.noise[count:], series, origin)
    return Replayed(work.guard.of(slice(count)), ahead[:count], base[:count], work.is_led[:count], windows)


def members_ahead(work: Work, names: Sequence[str]) -> FloatArray:
    """(N, M, H) what each member says, within reason."""
    return np.stack([_within_reason(work, MEMBERS[name](work)) for name in names], axis=1)


def _within_reason(work: Work, ahead: FloatArray) -> FloatArray:
    """No farther beyond what a series has shown than its whole range again, it or its ratio to a level known in
    advance: an extrapolation may run away."""
    low, high = _range(work.x)
    if work.offset.any():
        known = work.offset + work.known_season
        least, most = _range(work.x - known[:, : work.periods])
        low, high = (
            np.minimum(low, least + known[:, work.periods :]),
            np.maximum(high, most + known[:, work.periods :]),
        )
    return np.clip(np.where(np.isfinite(ahead), ahead, work.x[:, -1:]), low, high)


def _range(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(N, 1) lowest and highest, each farther out by the whole range again."""
    low, high = np.nanmin(x, axis=1)[:, None], np.nanmax(x, axis=1)[:, None]
    return low - (high - low), high + (high - low)
