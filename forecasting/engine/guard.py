"""The working scale: logs where a series is positive and its steps are relative, else plain units of its own size.

Belongs here: there, back, and filling gaps. Does not belong here: any model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.hierarchy import BoolArray, FloatArray

_MAX_LOG_STEP = 3.0  # a series that falls to a twentieth and comes back is not one of relative steps
_MAX_EXPONENT = 300.0
_LOG_PRIOR = 3.0  # as if so much variation of the level had shown steps in proportion to it
_RELATIVE = 0.25


@dataclass(frozen=True, eq=False)
class Guard:
    """Working scale of N series: log(y / unit) where `is_log`, else y / unit; `is_positive`: never below zero."""

    unit: FloatArray
    is_log: BoolArray
    is_positive: BoolArray

    def work(self, y: FloatArray) -> FloatArray:
        """(N, T) on the working scale; NaN stays NaN."""
        scaled = y / self.unit[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.is_log[:, None], np.log(scaled), scaled)

    def work_floored(self, y: FloatArray) -> FloatArray:
        """`work`, of values that came later: what a log cannot take counts as a hundredth of the unit."""
        floor = np.where(self.is_log, 0.01 * self.unit, -np.inf)[:, None]
        return self.work(np.where(np.isfinite(y), np.maximum(y, floor), np.nan))

    def of(self, rows: slice) -> Guard:
        """That of some of the series."""
        return Guard(self.unit[rows], self.is_log[rows], self.is_positive[rows])

    def back(self, x: FloatArray) -> FloatArray:
        """(..., N, H) in the series' own units; a series that was never below zero is not now."""
        logged = np.exp(np.clip(x, -_MAX_EXPONENT, _MAX_EXPONENT))
        plain = np.where(self.is_positive[:, None], np.maximum(x, 0.0), x)
        return np.asarray(np.where(self.is_log[:, None], logged, plain) * self.unit[:, None])

    def mean(self, x: FloatArray, variance: FloatArray) -> FloatArray:
        """(N, H) the mean where x is the median and `variance` that of the working scale: exp(x + v/2) for logs."""
        return self.back(x + np.where(self.is_log[:, None], variance / 2, 0.0))


def guard(y: FloatArray, *, has_level: bool = False, in_logs: bool = False) -> Guard:
    """The working scale of y (N, T), from what it observed: unit = mean |y|.

    Positive series that have a level known in advance are taken in logs, since what matters is their ratio to it;
    those of a season that the source knows in logs (`in_logs`) whatever their steps.
    """
    observed = np.isfinite(y)
    count = np.maximum(observed.sum(axis=1), 1)
    largest = np.max(np.abs(np.where(observed, y, 0.0)), axis=1)
    largest = np.where(largest > 0, largest, 1.0)
    unit = np.where(observed, np.abs(y / largest[:, None]), 0.0).sum(axis=1) / count * largest  # without overflow
    unit = np.where(unit > 0, unit, 1.0)
    lowest = np.where(observed, y, np.inf).min(axis=1, initial=np.inf)
    is_positive = lowest >= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(np.where(observed & (y > 0), y / unit[:, None], np.nan))
    steps = np.abs(np.diff(filled(logs), axis=1))
    jump = np.nan_to_num(steps, nan=0.0).max(axis=1, initial=0.0)
    is_log = (lowest > 0) & np.isfinite(lowest) & ((jump < _MAX_LOG_STEP) | in_logs)
    if not (has_level or in_logs):
        is_log &= _steps_are_relative(logs)
    return Guard(unit, is_log, is_positive)


def _steps_are_relative(logs: FloatArray) -> BoolArray:
    """(N,) whether the size of steps grows with the level (the slope of log |Δy| on log y is above `_RELATIVE`).

    The slope leans on one: where the level hardly varies, nothing can be told and logs do no harm.
    """
    bridged = filled(logs)
    middle = (bridged[:, 1:] + bridged[:, :-1]) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.log(np.abs(np.diff(np.exp(bridged), axis=1)))
    known = np.isfinite(size) & np.isfinite(middle)
    count = np.maximum(known.sum(axis=1), 1)[:, None]
    x = np.where(known, middle - np.where(known, middle, 0.0).sum(axis=1, keepdims=True) / count, 0.0)
    y = np.where(known, size - np.where(known, size, 0.0).sum(axis=1, keepdims=True) / count, 0.0)
    return np.asarray(((x * y).sum(axis=1) + _LOG_PRIOR) / ((x * x).sum(axis=1) + _LOG_PRIOR) > _RELATIVE)


def filled(x: FloatArray) -> FloatArray:
    """(N, T) with gaps between observations bridged by straight lines; before the first and after the last, NaN."""
    observed = np.isfinite(x)
    first = np.where(observed.any(axis=1), observed.argmax(axis=1), x.shape[1])
    result = x.copy()
    position = np.arange(x.shape[1])
    for row in np.flatnonzero((observed.sum(axis=1) < x.shape[1] - first) & observed.any(axis=1)):
        known = position[observed[row]]
        inside = slice(known[0], known[-1] + 1)
        result[row, inside] = np.interp(position[inside], known, x[row, known])
    return result
