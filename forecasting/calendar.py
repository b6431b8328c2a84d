"""The working calendar as weekly features: days before and after Chinese New Year, National Day, bans.

Belongs here: features that are known years ahead. Does not belong here: their effects (the model learns them).
Own windows, since a public list of holidays is mostly one-off substituted days.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np

from forecasting.hierarchy import BoolArray, DateArray, FloatArray

# Site work fades three weeks before New Year's Day and is back about four weeks after.
_NEW_YEAR_WINDOWS_D = ((-21, -15), (-14, -8), (-7, -1), (0, 6), (7, 13), (14, 20), (21, 27))
_NATIONAL_DAY_WINDOWS_D = ((0, 6),)
_LESSER = ("policy_ban", "other_holiday")


@dataclass(frozen=True)
class Calendar:
    """`features` (W, K) over `weeks` (W,): share of the week's days inside each window."""

    weeks: DateArray
    names: tuple[str, ...]
    features: FloatArray

    def at(self, weeks: DateArray) -> FloatArray:
        """(T, K) features of these Mondays; zero where the calendar does not reach."""
        start, step = self.weeks[0], np.timedelta64(7, "D")
        position = (weeks - start) // step
        inside = (position >= 0) & (position < len(self.weeks))
        features = np.zeros((len(weeks), len(self.names)))
        features[inside] = self.features[position[inside]]
        return features

    def is_holiday_week(self, weeks: DateArray) -> BoolArray:
        """(T,) whether a New Year or National Day window touches the week."""
        windows = [position for position, name in enumerate(self.names) if name not in _LESSER]
        return np.asarray(np.any(self.at(weeks)[:, windows] > 0, axis=1))


def read_calendar(connection: duckdb.DuckDBPyConnection) -> Calendar:
    """The calendar of `marts.dim_dates`. It holds no outcome, so it needs no as-of day."""
    windows = [("new_year", "cny_offset_d", *window) for window in _NEW_YEAR_WINDOWS_D]
    windows += [("national_day", "national_day_offset_d", *window) for window in _NATIONAL_DAY_WINDOWS_D]
    days = connection.execute(
        """SELECT week_start, date_on, cny_offset_d, national_day_offset_d, is_policy_ban,
        NOT is_workday AND isodow(date_on) <= 5 FROM marts.dim_dates ORDER BY date_on"""
    ).fetchnumpy()
    offsets = {
        name: np.ma.filled(np.ma.asarray(days[name]).astype(float), np.nan)
        for name in ("cny_offset_d", "national_day_offset_d")
    }
    columns: dict[str, FloatArray] = {}
    in_window = np.zeros(len(days["date_on"]), dtype=bool)
    for holiday, offset, first_d, last_d in windows:
        inside = (offsets[offset] >= first_d) & (offsets[offset] <= last_d)
        in_window |= inside
        columns[f"{holiday}_{first_d}_{last_d}"] = inside.astype(float)
    columns["policy_ban"] = _as_flag(days["is_policy_ban"])
    off_weekday = list(days)[-1]
    columns["other_holiday"] = _as_flag(days[off_weekday]) * ~in_window
    weeks, position = np.unique(np.asarray(days["week_start"]).astype("datetime64[D]"), return_inverse=True)
    features = np.zeros((len(weeks), len(columns)))
    for column, values in enumerate(columns.values()):
        features[:, column] = np.bincount(position, weights=values, minlength=len(weeks)) / 7
    return Calendar(weeks, tuple(columns), features)


def _as_flag(values: object) -> FloatArray:
    filled: FloatArray = np.ma.filled(np.ma.asarray(values), False).astype(float)
    return filled
