"""A panel: any number of series of one frequency, exactly as known at one origin. The engine's only input.

Belongs here: the panel, and the same panel earlier. Does not belong here: where the numbers come from (the city's
history, a file), and what is done with them (`forecasting.engine`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from forecasting.frequency import Frequency
from forecasting.hierarchy import DateArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Panel:
    """N series over T periods, right-aligned: `y[i, -1]` is series i at `ends[i]`, the last period it is known for.

    y (N, T): NaN where nothing was observed (before a series begins, gaps); T is the longest series' length.
    horizon: H periods to forecast. seasons: lengths in periods, shortest first, () for none.
    offset (N, T + H): log of a level known in advance, such as a pipeline of permits; None without one.
    season (N, T + H): log of a season that the source knows, such as its city's; None where each series shows its own.
    features (N, T + H, K): regressors known a horizon ahead, such as holidays; NaN in gaps; None without any.
    leads (N, T, K): regressors known up to each series' end only; None without any.
    summing (N, B): series = summing @ the last B of them; None where series do not add up.
    past: the panel so many periods earlier, as its source knew it then; None where cutting this one off tells all.
    """

    ids: tuple[str, ...]
    ends: DateArray
    frequency: Frequency
    y: FloatArray
    horizon: int
    seasons: tuple[int, ...]
    offset: FloatArray | None = None
    season: FloatArray | None = None
    features: FloatArray | None = None
    leads: FloatArray | None = None
    summing: FloatArray | None = None
    past: Callable[[int], Panel] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> IntArray:
        """(N,) periods from the first observation to the end; 0 where there is none."""
        observed = np.isfinite(self.y)
        first = np.where(observed.any(axis=1), observed.argmax(axis=1), self.y.shape[1])
        return np.asarray(self.y.shape[1] - first)

    def rows(self, chosen: Sequence[int] | IntArray) -> Panel:
        """Some of the series, without columns that are empty for all of them. Sums are lost."""
        index = np.asarray(chosen, dtype=np.int64)
        part = replace(self, ids=tuple(self.ids[row] for row in index), ends=self.ends[index], summing=None)
        longest = int(self.lengths[index].max(initial=1))
        first = self.y.shape[1] - max(longest, 1)
        return replace(
            part,
            y=self.y[index, first:],
            offset=None if self.offset is None else self.offset[index, first:],
            season=None if self.season is None else self.season[index, first:],
            features=None if self.features is None else self.features[index, first:],
            leads=None if self.leads is None else self.leads[index, first:],
            past=None if self.past is None else partial(_rows_before, self.past, index),
        )

    def before(self, periods: int) -> Panel:
        """The same panel `periods` earlier, as known then: by its source, or cut off where nothing in it was revised.

        Series and leads end there; features are known a horizon further, as they are now. Raises ValueError where a
        source gave an offset or a season and no `past`: both are made of all that is known now, no cut was known then.
        """
        if self.past is not None:
            return self.past(periods)
        if self.offset is not None or self.season is not None:
            raise ValueError("offset and season are replayed by their source: give the panel a `past`")
        weeks = self.y.shape[1] - periods
        ends = np.array([self.frequency.ahead(end, np.array([-periods]))[0] for end in self.ends], self.ends.dtype)
        return replace(
            self,
            ends=ends,
            y=self.y[:, :weeks],
            features=None if self.features is None else self.features[:, : weeks + self.horizon],
            leads=None if self.leads is None else self.leads[:, :weeks],
        )


def _rows_before(past: Callable[[int], Panel], index: IntArray, periods: int) -> Panel:
    return past(periods).rows(index)


def stack(panels: Sequence[Panel]) -> Panel:
    """One panel of several of the same horizon and frequency; a series may be in it at many origins. Sums are lost."""
    first = panels[0]
    periods = max(panel.y.shape[1] for panel in panels)

    def joined(name: str) -> FloatArray | None:
        parts = [getattr(panel, name) for panel in panels]
        if any(part is None for part in parts):
            return None
        longest = max(part.shape[1] for part in parts)
        fill = 0.0 if name == "offset" else np.nan
        widths = [((0, 0), (longest - part.shape[1], 0), (0, 0))[: part.ndim] for part in parts]
        padded = [np.pad(part, width, constant_values=fill) for part, width in zip(parts, widths, strict=True)]
        return np.concatenate(padded)

    y = joined("y")
    assert y is not None and y.shape[1] == periods
    return replace(
        first,
        ids=tuple(one for panel in panels for one in panel.ids),
        ends=np.concatenate([panel.ends for panel in panels]),
        y=y,
        offset=joined("offset"),
        season=joined("season"),
        features=joined("features"),
        leads=joined("leads"),
        summing=None,
        past=None,
    )
