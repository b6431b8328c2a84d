"""A long table as panels: each series on its own calendar, up to its own last observation.

Belongs here: calendars, which periods a panel holds, regressors known ahead. Does not belong here: reading files
(`long_table`), flaws of series (`series_flags`), forecasting (`forecasting.engine`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from forecasting.frequency import Frequency
from forecasting.hierarchy import DateArray, FloatArray, IntArray
from forecasting.long_table import LongTable, Rows
from forecasting.panel import Panel
from forecasting.series_flags import flags_of, spikes_of
from store.messages import EXIT_USAGE, TongmaiError

_LONGEST = {"W": 780, "MS": 600, "QS": 240, "D": 1461, "h": 2016}
_INSPECTED = 256  # series at once


@dataclass(frozen=True, eq=False)
class Placed:
    """One series' rows on its calendar: `place` in the table's ids; `position` (R,) periods from its last observation,
    which is at `end`; the values of its rows, `y` without lone spikes; `flaws` that its rows showed, codes of FLAGS."""

    place: int
    end: np.datetime64
    position: IntArray
    y: FloatArray
    further: dict[str, FloatArray]
    flaws: tuple[str, ...]

    @property
    def observed(self) -> IntArray:
        """Positions of its observations, ascending; the last is 0."""
        return self.position[np.isfinite(self.y)]


@dataclass(frozen=True, eq=False)
class SeriesSource:
    """The series of a table that can be forecast, of which `rows` makes panels: `kept` (N,) their places in the table's
    ids, `ends` and `lengths` (N,); `left_out` are the others; `flags`: unique_id -> codes of FLAGS."""

    table: LongTable
    frequency: Frequency
    seasons: tuple[int, ...]
    horizon: int
    known_future: tuple[str, ...]
    kept: IntArray
    ends: DateArray
    lengths: IntArray
    left_out: tuple[str, ...] = ()
    flags: dict[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def ids(self) -> list[str]:
        """(N,)"""
        return [self.table.ids[place] for place in self.kept]

    def rows(self, chosen: Sequence[int] | IntArray) -> Panel:
        """Some of the series as a panel."""
        index = np.asarray(chosen, dtype=np.int64)
        found = {one.place: one for one in _placed(self.table, self.frequency, self.kept[index]) if one is not None}
        series = [found[place] for place in self.kept[index]]
        periods = int(self.lengths[index].max(initial=1))
        y = np.full((len(series), periods), np.nan)
        for row, one in enumerate(series):
            inside = _inside(one, periods, 0)
            y[row, one.position[inside] + periods - 1] = one.y[inside]
        leads = [name for name in self.table.numeric if name not in self.known_future]
        return Panel(
            ids=tuple(self.table.ids[one.place] for one in series),
            ends=self.ends[index],
            frequency=self.frequency,
            y=y,
            horizon=self.horizon,
            seasons=self.seasons,
            leads=_regressors(series, leads, periods, 0),
            features=_regressors(series, self.known_future, periods, self.horizon),
        )

    def times_ahead(self, row: int) -> DateArray:
        """(H,) the times of one series that are forecast."""
        steps = np.arange(1, self.horizon + 1)
        if self.table.is_counter:
            return np.asarray((self.ends[row].astype(np.int64) + steps).astype("datetime64[s]"))
        return self.frequency.ahead(self.ends[row], steps)


def seasons_of(frequency: Frequency, season: int | None) -> tuple[int, ...]:
    """The seasons to look for: the named one, and the calendar's others when it is one of them; 1 is none."""
    if season is None or season in frequency.seasons:
        return frequency.seasons
    return () if season == 1 else (season,)


def source_of(
    table: LongTable, frequency: Frequency, season: int | None, horizon: int, known_future: Sequence[str] = ()
) -> SeriesSource:
    """Look at every series once. Raises TongmaiError: no_observations, freq_mismatch, unknown_column,
    known_future_missing."""
    known_future = tuple(dict.fromkeys(known_future))
    unknown = [name for name in known_future if name not in table.numeric]
    if unknown:
        told, found = ", ".join(unknown), ", ".join(table.numeric) or "–"
        raise TongmaiError(
            "unknown_column",
            f"--known-future 的列不存在或不是数：{told}；可用：{found}",
            f"--known-future names columns that are absent or no numbers: {told}; there are: {found}",
            EXIT_USAGE,
        )
    longest = _LONGEST[frequency.name]
    flags: dict[str, list[str]] = {}
    kept: list[int] = []
    ends: list[np.datetime64] = []
    lengths: list[int] = []
    least, steps = np.iinfo(np.int64).max, np.zeros(0, dtype=np.int64)
    places = np.arange(len(table.ids))
    for first in range(0, len(places), _INSPECTED):
        some = places[first : first + _INSPECTED]
        for place, one in zip(some, _placed(table, frequency, some), strict=True):
            if one is None:
                flags[table.ids[place]] = ["no_observations"]
                continue
            if (np.diff(one.position) <= 0).any():
                raise _mismatch(table.ids[place], frequency)
            _refuse_missing_future(one, table.ids[place], known_future, horizon)
            kept.append(int(place))
            ends.append(one.end)
            lengths.append(1 - int(one.observed[one.observed > -longest][0]))
            flags[table.ids[place]] = [*one.flaws, *flags_of(one.y, one.position, longest)]
            if least > 1 and len(one.position) > 1:
                steps = np.append(steps, np.diff(one.position))
                least = int(steps.min())
    if not kept:
        raise TongmaiError("no_observations", "所有序列都没有 y", "no series has any y")
    _refuse_wrong_frequency(steps, frequency)
    newest = max(ends)
    for place, end in zip(kept, ends, strict=True):
        if end < newest and _is_period_later(frequency, end, newest, table.is_counter):
            flags[table.ids[place]].append("ends_early")
    return SeriesSource(
        table=table,
        frequency=frequency,
        seasons=seasons_of(frequency, season),
        horizon=horizon,
        known_future=known_future,
        kept=np.array(kept, dtype=np.int64),
        ends=np.array(ends, dtype="datetime64[s]"),
        lengths=np.array(lengths, dtype=np.int64),
        left_out=tuple(table.ids[place] for place in sorted(set(places.tolist()) - set(kept))),
        flags={one: codes for one, codes in flags.items() if codes},
    )


def _placed(table: LongTable, frequency: Frequency, places: IntArray) -> Iterator[Placed | None]:
    """These series in turn; None for one without observations."""
    rows = table.rows(places)
    for place in places:
        low, high = np.searchsorted(rows.series, [place, place + 1])
        yield _on_calendar(table, frequency, int(place), rows, slice(low, high))


def _on_calendar(table: LongTable, frequency: Frequency, place: int, rows: Rows, part: slice) -> Placed | None:
    ds, y = rows.ds[part], rows.y[part]
    observed = np.flatnonzero(np.isfinite(y))
    if not len(observed):
        return None
    end = ds[observed[-1]]
    spikes = spikes_of(y)
    ends_on_spike = bool(spikes[observed[-1]])
    if table.is_counter:
        position, inexact = np.asarray((ds - end).astype(np.int64)), np.zeros(len(ds), dtype=bool)
    else:
        position, inexact = frequency.positions(ds, end)
    found = {
        "not_finite": rows.not_finite[part].any(),
        "dates_snapped": inexact.any(),
        "ends_on_spike": ends_on_spike,
        "spikes_left_out": spikes.any() and not ends_on_spike,
    }
    return Placed(
        place=place,
        end=end,
        position=position,
        y=y if ends_on_spike else np.where(spikes, np.nan, y),
        further={name: values[part] for name, values in rows.further.items()},
        flaws=tuple(code for code, holds in found.items() if holds),
    )


def _inside(one: Placed, periods: int, beyond: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray((one.position > -periods) & (one.position <= beyond))


def _regressors(series: Sequence[Placed], names: Sequence[str], periods: int, beyond: int) -> FloatArray | None:
    """(N, T + beyond, K): each up to so many periods beyond the last observation; NaN where no row is."""
    if not names:
        return None
    values = np.full((len(series), periods + beyond, len(names)), np.nan)
    for row, one in enumerate(series):
        inside = _inside(one, periods, beyond)
        for column, name in enumerate(names):
            values[row, one.position[inside] + periods - 1, column] = one.further[name][inside]
    return values


def _is_period_later(frequency: Frequency, end: np.datetime64, newest: np.datetime64, is_counter: bool) -> bool:
    return is_counter or bool(frequency.ahead(end, np.ones(1, dtype=np.int64))[0] <= newest)


def _mismatch(one: str, frequency: Frequency) -> TongmaiError:
    return TongmaiError(
        "freq_mismatch",
        f"序列 {one} 在一个 {frequency.name} 时段内有多行；请检查 --freq",
        f"series {one} has several rows in one period of {frequency.name}; check --freq",
        EXIT_USAGE,
    )


def _refuse_wrong_frequency(steps: IntArray, frequency: Frequency) -> None:
    """A file in which no two rows lie one period apart is of another frequency."""
    if len(steps) > 2 and steps.min() > 1:
        usual = int(np.median(steps))
        raise TongmaiError(
            "freq_mismatch",
            f"没有两行只隔一个 {frequency.name} 时段（通常隔 {usual} 个）；请检查 --freq",
            f"no two rows lie one period of {frequency.name} apart (they lie {usual} apart); check --freq",
            EXIT_USAGE,
        )


def _refuse_missing_future(one: Placed, name: str, known_future: Sequence[str], horizon: int) -> None:
    """What is said to be known in advance must be there for every period that is forecast."""
    features = _regressors([one], known_future, 1, horizon)
    if features is None:
        return
    absent = ~np.isfinite(features[0, 1:]).all(axis=1)
    if absent.any():
        told, step = ", ".join(known_future), int(np.argmax(absent)) + 1
        raise TongmaiError(
            "known_future_missing",
            f"序列 {name} 在最后一次观测之后第 {step} 期没有 {told}；共需 {horizon} 期（y 留空）",
            f"series {name} lacks {told} {step} periods after its last y; {horizon} rows with empty y are needed",
            EXIT_USAGE,
        )
