"""Regular calendars: how many periods lie between two days, and which day a number of periods ahead is.

Belongs here: weeks, months, quarters, days, hours and plain counters as whole numbers. Does not belong here: series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.hierarchy import DateArray, IntArray

_MONTHS = {"MS": 1, "QS": 3}
_SECONDS = {"W": 7 * 86_400, "D": 86_400, "h": 3_600}


@dataclass(frozen=True)
class Frequency:
    """One of `FREQUENCIES`: its name, the seasons it may have (periods, shortest first), its horizon bands."""

    name: str
    seasons: tuple[int, ...]
    bands: tuple[int, ...]  # last step of each band; errors are pooled within a band

    @property
    def season(self) -> int:
        """The season a series of this frequency is said to have when nobody says otherwise."""
        return self.seasons[0]

    def positions(self, times: DateArray, anchor: np.datetime64) -> tuple[IntArray, npt.NDArray[np.bool_]]:
        """Whole periods from `anchor` to each of `times`, rounded to the nearest, and which were not exact.

        Months and quarters are exact whatever their day of the month.
        """
        if self.name in _MONTHS:
            step = _MONTHS[self.name]
            months = (times.astype("datetime64[M]") - anchor.astype("datetime64[M]")).astype(np.int64)
            return months // step, months % step != 0
        seconds = (times - anchor).astype("timedelta64[s]").astype(np.int64)
        step = _SECONDS[self.name]
        position = (seconds + step // 2) // step
        return position, seconds != position * step

    def ahead(self, end: np.datetime64, steps: IntArray) -> DateArray:
        """The times `steps` periods after `end`: the same weekday, day of month (or the month's last) and hour."""
        if self.name not in _MONTHS:
            return np.asarray(end + (steps * _SECONDS[self.name]).astype("timedelta64[s]"))
        month = end.astype("datetime64[M]")
        day, time = end.astype("datetime64[D]"), end - end.astype("datetime64[D]")
        months = month + (steps * _MONTHS[self.name]).astype("timedelta64[M]")
        last = (months + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
        is_last = day + 1 == (month + 1).astype("datetime64[D]")
        same = months.astype("datetime64[D]") + (day - month.astype("datetime64[D]"))
        return np.asarray((last if is_last else np.minimum(same, last)).astype("datetime64[s]") + time)


FREQUENCIES: dict[str, Frequency] = {
    one.name: one
    for one in (
        Frequency("W", (52,), (1, 4, 13, 26, 52)),
        Frequency("MS", (12,), (1, 3, 6, 12, 24)),
        Frequency("QS", (4,), (1, 2, 4, 8, 12)),
        Frequency("D", (7, 365), (1, 3, 7, 14, 28, 91)),
        Frequency("h", (24, 168), (1, 6, 24, 48, 168)),
    )
}
"""`--freq` -> calendar. Weeks may start on any weekday; each series keeps its own."""
