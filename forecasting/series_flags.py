"""What is wrong with a series of a file, so that its forecast carries it.

Belongs here: flags of single series. Does not belong here: the city's flags (`flags`), files that are refused
(`long_table`, `series_source`).
"""

from __future__ import annotations

import numpy as np

from forecasting.hierarchy import BoolArray, FloatArray, IntArray
from store.messages import Text

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
    "spikes_left_out": Text(
        "个别值超过其余各值二十倍：按缺失处理，请核对",
        "a lone value beyond twenty times all others: taken as missing; check it",
    ),
    "ends_on_spike": Text(
        "最后的值超过其余各值二十倍：预测随之偏移，请核对", "ends on a value beyond twenty times all others; check it"
    ),
    "not_positive": Text("有零或负值：按普通尺度而非对数预测", "has zeros or negatives: forecast in units, not logs"),
}
"""What a flag on a series means."""

_SHORT = 10
_SPIKE = 20.0
_SPIKES = 0.01  # of the values, and one: what comes oftener is no slip of a unit or a comma


def spikes_of(y: FloatArray) -> BoolArray:
    """(R,) values so few and so far beyond all others that they would drown them: |y| > 20 max |others|.

    None in a short series, and none where most values are zero: rare demand is made of spikes.
    """
    size = np.where(np.isfinite(y), np.abs(y), 0.0)
    values = np.sort(size[np.isfinite(y)])[::-1]
    if len(values) < _SHORT or np.median(values) == 0:
        return np.zeros(len(y), dtype=bool)
    allowed = max(1, int(_SPIKES * len(values)))
    apart = np.flatnonzero(values[:allowed] / _SPIKE > values[1 : allowed + 1])
    return np.asarray(size >= values[apart[-1]]) if len(apart) else np.zeros(len(y), dtype=bool)


def flags_of(y: FloatArray, position: IntArray, longest: int) -> list[str]:
    """Codes of FLAGS of one series: y (R,) at positions (R,), 0 its last observation; `longest` periods are used."""
    flags = []
    used = np.isfinite(y) & (position > -longest)
    values, observed = y[used], position[np.isfinite(y)]
    span = 1 - int(position[used][0])
    if (values == 0).all():
        flags.append("all_zero")
    elif (values == values[0]).all() and len(values) > 1:
        flags.append("constant")
    elif values.min() <= 0:
        flags.append("not_positive")
    if len(values) < _SHORT:
        flags.append("short")
    if len(values) < span:
        flags.append("mostly_gaps" if 2 * len(values) < span else "gaps_filled")
    if observed[0] <= -longest:
        flags.append("history_cut")
    return flags
