"""What is wrong with a series of a file, so that its forecast carries it.

Belongs here: flags of single series. Does not belong here: the city's flags (`flags`), files that are refused
(`long_table`, `series_source`).
"""

from __future__ import annotations

import numpy as np

from forecasting.hierarchy import FloatArray, IntArray
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
    "not_positive": Text("有零或负值：按普通尺度而非对数预测", "has zeros or negatives: forecast in units, not logs"),
}
"""What a flag on a series means."""

_SHORT = 10


def flags_of(y: FloatArray, position: IntArray, longest: int, is_snapped: bool, not_finite: bool) -> list[str]:
    """Codes of FLAGS of one series: y (R,) at positions (R,), 0 its last observation; `longest` periods are used."""
    flags = [code for code, holds in (("not_finite", not_finite), ("dates_snapped", is_snapped)) if holds]
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
