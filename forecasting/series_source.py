"""A long table as a panel: each series on its own calendar, up to its own last observation, with flags for its flaws.

Belongs here: calendars, gaps, histories too long, regressors known ahead. Does not belong here: reading files
(`long_table`), forecasting (`forecasting.engine`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.frequency import Frequency
from forecasting.hierarchy import DateArray, FloatArray, IntArray
from forecasting.long_table import LongTable
from forecasting.panel import Panel
from store.messages import EXIT_USAGE, Text, TongmaiError

FLAGS: dict[str, Text] = {
    "no_observations": Text("没有任何 y，未预测", "has no y at all; not forecast"),
    "all_zero": Text("全为零：预测为零", "all zero: forecast as zero"),
    "constant": Text("从未变化：预测为同一数值", "never changed: forecast as the same value"),
    "short": Text("历史短：区间主要来自其他序列与先验", "short: its spread is mostly that of other series and a prior"),
    "gaps_filled": Text("有缺失的时段，已按邻近与季节补上", "periods are missing; bridged by neighbours and season"),
    "mostly_gaps": Text("多半时段缺失", "more periods are missing than not"),
    "dates_snapped": Text("日期不等距，已归入最近的时段", "dates are not evenly spaced; moved to the nearest period"),
    "not_finite": Text("y 有无穷值，按缺失处理", "y holds infinities; taken as missing"),
    "history_cut": Text("历史过长，只用最近一段", "long history; only its recent part is used"),
    "ends_early": Text("比文件中其他序列更早结束", "ends before other series of the file"),
    "not_positive": Text("有零或负值：按普通尺度而非对数预测", "has zeros or negatives: forecast in units, not logs"),
}
"""What a flag on a series means."""

_LONGEST = {"W": 780, "MS": 600, "QS": 240, "D": 1461, "h": 2016}


@dataclass(frozen=True, eq=False)
class SeriesSource:
    """The panel of a file, `left_out` series that cannot be forecast, `flags`: unique_id -> codes of FLAGS."""

    panel: Panel
    left_out: tuple[str, ...]
    flags: dict[str, list[str]]


def seasons_of(frequency: Frequency, season: int | None) -> tuple[int, ...]:
    """The seasons to look for: the named one, and the calendar's others when it is one of them; 1 is none."""
    if season is None or season in frequency.seasons:
        return frequency.seasons
    return () if season == 1 else (season,)


def source_of(
    table: LongTable, frequency: Frequency, season: int | None, horizon: int, known_future: Sequence[str] = ()
) -> SeriesSource:
    """Raises TongmaiError: no_observations, freq_mismatch, unknown_column, known_future_missing."""
    unknown = [name for name in known_future if name not in table.further]
    if unknown:
        told, found = ", ".join(unknown), ", ".join(table.further) or "–"
        raise TongmaiError(
            "unknown_column",
            f"--known-future 的列不存在或不是数：{told}；可用：{found}",
            f"--known-future names columns that are absent or no numbers: {told}; there are: {found}",
            EXIT_USAGE,
        )
    bounds = np.searchsorted(table.series, np.arange(len(table.ids) + 1))
    flags: dict[str, list[str]] = {one: [] for one in table.ids}
    kept: list[int] = []
    ends: list[np.datetime64] = []
    columns: list[tuple[IntArray, FloatArray, IntArray]] = []  # positions (<= 0 up to the end), y, rows
    for place, one in enumerate(table.ids):
        rows = np.arange(bounds[place], bounds[place + 1])
        observed = rows[np.isfinite(table.y[rows])]
        if table.not_finite[rows].any():
            flags[one].append("not_finite")
        if not len(observed):
            flags[one].append("no_observations")
            continue
        end = table.ds[observed[-1]]
        position = _positions(table, frequency, rows, end, flags[one])
        if position is None:
            raise _mismatch(one, frequency)
        kept.append(place)
        ends.append(end)
        columns.append((position, table.y[rows], rows))
    if not kept:
        raise TongmaiError("no_observations", "所有序列都没有 y", "no series has any y")
    _refuse_wrong_frequency(columns, frequency)
    longest = _LONGEST[frequency.name]
    periods = min(max(-int(position[np.isfinite(y)][0]) for position, y, _ in columns) + 1, longest)
    panel_y = np.full((len(kept), periods), np.nan)
    for row, (position, y, _) in enumerate(columns):
        inside = (position > -periods) & (position <= 0)
        panel_y[row, position[inside] + periods - 1] = y[inside]
        _flag(flags[table.ids[kept[row]]], panel_y[row], position[np.isfinite(y)], longest)
    newest = max(ends)
    for place, end in zip(kept, ends, strict=True):
        if end < newest:
            flags[table.ids[place]].append("ends_early")
    panel = Panel(
        ids=tuple(table.ids[place] for place in kept),
        ends=np.array(ends, dtype="datetime64[s]"),
        frequency=frequency,
        y=panel_y,
        horizon=horizon,
        seasons=seasons_of(frequency, season),
        leads=_leads(table, columns, [name for name in table.further if name not in known_future], periods),
        features=_features(table, kept, columns, known_future, periods, horizon),
    )
    left_out = tuple(one for place, one in enumerate(table.ids) if place not in set(kept))
    return SeriesSource(panel, left_out, {one: codes for one, codes in flags.items() if codes})


def times_ahead(panel: Panel, is_counter: bool) -> DateArray:
    """(N, H) the times that are forecast."""
    steps = np.arange(1, panel.horizon + 1)
    if is_counter:
        return np.asarray((panel.ends.astype(np.int64)[:, None] + steps).astype("datetime64[s]"))
    return np.array([panel.frequency.ahead(end, steps) for end in panel.ends])


def _positions(
    table: LongTable, frequency: Frequency, rows: IntArray, end: np.datetime64, flags: list[str]
) -> IntArray | None:
    """(R,) periods from the end, 0 the last observation; None when two rows fall into one period."""
    if table.is_counter:
        return np.asarray((table.ds[rows] - end).astype(np.int64))
    position, inexact = frequency.positions(table.ds[rows], end)
    if inexact.any():
        flags.append("dates_snapped")
    return position if (np.diff(position) > 0).all() else None


def _mismatch(one: str, frequency: Frequency) -> TongmaiError:
    return TongmaiError(
        "freq_mismatch",
        f"序列 {one} 在一个 {frequency.name} 时段内有多行；请检查 --freq",
        f"series {one} has several rows in one period of {frequency.name}; check --freq",
        EXIT_USAGE,
    )


def _refuse_wrong_frequency(columns: list[tuple[IntArray, FloatArray, IntArray]], frequency: Frequency) -> None:
    """A file in which no two rows lie one period apart is of another frequency."""
    steps = [np.diff(position[np.isfinite(y)]) for position, y, _ in columns]
    every = np.concatenate(steps) if steps else np.zeros(0)
    if len(every) > 2 and every.min() > 1:
        usual = int(np.median(every))
        raise TongmaiError(
            "freq_mismatch",
            f"没有两行只隔一个 {frequency.name} 时段（通常隔 {usual} 个）；请检查 --freq",
            f"no two rows lie one period of {frequency.name} apart (they lie {usual} apart); check --freq",
            EXIT_USAGE,
        )


def _flag(flags: list[str], y: FloatArray, observed: IntArray, longest: int) -> None:
    values = y[np.isfinite(y)]
    span = len(y) - int(np.isfinite(y).argmax())
    if (values == 0).all():
        flags.append("all_zero")
    elif (values == values[0]).all() and len(values) > 1:
        flags.append("constant")
    elif values.min() <= 0:
        flags.append("not_positive")
    if len(values) < 10:
        flags.append("short")
    if len(values) < span:
        flags.append("mostly_gaps" if 2 * len(values) < span else "gaps_filled")
    if observed[0] <= -longest:
        flags.append("history_cut")


def _leads(
    table: LongTable, columns: list[tuple[IntArray, FloatArray, IntArray]], names: list[str], periods: int
) -> FloatArray | None:
    """(N, T, K) the other regressors, each up to its series' last observation; what stands later is not looked at."""
    if not names:
        return None
    leads = np.full((len(columns), periods, len(names)), np.nan)
    for row, (position, _, rows) in enumerate(columns):
        inside = (position > -periods) & (position <= 0)
        for column, name in enumerate(names):
            leads[row, position[inside] + periods - 1, column] = table.further[name][rows[inside]]
    return leads


def _features(
    table: LongTable,
    kept: list[int],
    columns: list[tuple[IntArray, FloatArray, IntArray]],
    names: Sequence[str],
    periods: int,
    horizon: int,
) -> FloatArray | None:
    """(N, T + H, K) regressors known in advance; NaN where a row is missing."""
    if not names:
        return None
    features = np.full((len(columns), periods + horizon, len(names)), np.nan)
    for row, (position, _, rows) in enumerate(columns):
        inside = (position > -periods) & (position <= horizon)
        for column, name in enumerate(names):
            features[row, position[inside] + periods - 1, column] = table.further[name][rows[inside]]
        absent = ~np.isfinite(features[row, periods:]).all(axis=1)
        if absent.any():
            one, step = table.ids[kept[row]], int(np.argmax(absent)) + 1
            raise TongmaiError(
                "known_future_missing",
                f"序列 {one} 在最后一次观测之后第 {step} 期没有 {', '.join(names)}；共需 {horizon} 期（y 留空）",
                f"series {one} lacks {', '.join(names)} {step} periods after its last y; "
                f"{horizon} rows with empty y are needed",
                EXIT_USAGE,
            )
    return features
