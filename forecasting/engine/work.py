"""What every member of the pool is given: series on the working scale, without gaps, and what is learned once of them.

Belongs here: the shared view of a panel, its season and its smoothing. Does not belong here: the members.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forecasting.engine.guard import Guard, filled, guard
from forecasting.engine.season import seasonal
from forecasting.engine.smoothing import Smoothed, smooth
from forecasting.hierarchy import BoolArray, FloatArray, IntArray
from forecasting.panel import Panel


@dataclass(frozen=True, eq=False)
class Work:
    """`x` (N, T) on the scale of `guard`: NaN before a series begins, gaps bridged. `lengths` (N,) from there on."""

    panel: Panel
    guard: Guard

    @staticmethod
    def of(panel: Panel) -> Work:
        return Work(panel, guard(panel.y))

    @cached_property
    def x(self) -> FloatArray:
        """(N, T): bridged twice, the second time around the season that the first showed."""
        raw = self.guard.work(self.panel.y)
        raw[:, -1] = np.where(np.isfinite(raw[:, -1]), raw[:, -1], _last(raw))
        straight = filled(raw)
        if np.array_equal(np.isfinite(raw), np.isfinite(straight)):
            return straight
        season = seasonal(straight, self.lengths, self.panel.seasons, 0)
        return np.asarray(filled(raw - season) + season)

    @cached_property
    def lengths(self) -> IntArray:
        return self.panel.lengths

    @property
    def periods(self) -> int:
        return int(self.panel.y.shape[1])

    @property
    def horizon(self) -> int:
        return self.panel.horizon

    @cached_property
    def season(self) -> FloatArray:
        """(N, T + H)."""
        return seasonal(self.x, self.lengths, self.panel.seasons, self.horizon)

    @cached_property
    def adjusted(self) -> FloatArray:
        """(N, T) without the season."""
        return np.asarray(self.x - self.season[:, : self.periods])

    @cached_property
    def smoothed(self) -> Smoothed:
        """Exponential smoothing of the adjusted series."""
        return smooth(self.adjusted, self.lengths, self.horizon)

    @cached_property
    def noise(self) -> FloatArray:
        """(N,) mean |error| of one step, the recent counting more; 0 for a series that never changed.

        A series with less than `_FEW` observations leans on a prior; what the fit took from few is given back.
        """
        error = np.abs(self.adjusted - self.smoothed.fitted)
        known = np.isfinite(error)
        weight = known * 0.5 ** (np.arange(self.periods - 1, -1, -1) / _HALF_LIFE)
        noise = (weight * np.where(known, error, 0.0)).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-9)
        count = self.lengths.astype(float)
        noise = noise * np.sqrt(count / np.maximum(count - _FITTED, 1.0))
        missing = np.clip(1 - (count - 1) / _FEW, 0.0, 1.0)
        prior = np.where(np.nanmax(np.abs(self.panel.y), axis=1) > 0, _NOISE, 0.0)
        return np.asarray((1 - missing) * noise + missing * np.maximum(noise, prior))

    @cached_property
    def has_offset(self) -> BoolArray:
        """(N,) whether a level known in advance can be used: it is a log, so the working scale must be one."""
        if self.panel.offset is None:
            return np.zeros(len(self.panel), dtype=bool)
        return np.asarray(self.guard.is_log & np.isfinite(self.panel.offset).all(axis=1))


_HALF_LIFE = 60  # periods
_FEW = 8
_FITTED = 2.5  # observations that a fit uses up
_NOISE = 0.1  # relative, of a series of which next to nothing is known


def _last(x: FloatArray) -> FloatArray:
    known = np.isfinite(x)
    last = x.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return np.asarray(x[np.arange(len(x)), last])
