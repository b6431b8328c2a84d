"""What every member of the pool is given: series on the working scale, without gaps, and what is learned once of them.

Belongs here: the shared view of a panel, its season and its smoothing. Does not belong here: the members.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forecasting.engine.guard import Guard, filled, guard
from forecasting.engine.leads import foretold
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
        return Work(
            panel,
            guard(
                panel.y, has_level=panel.offset is not None or panel.leads is not None, in_logs=panel.season is not None
            ),
        )

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
        """(N, T + H): the source's, else what each series shows."""
        if self.panel.season is not None:
            return self.panel.season * self.guard.is_log[:, None]
        return seasonal(self.x, self.lengths, self.panel.seasons, self.horizon)

    @property
    def known_season(self) -> FloatArray:
        """(N, T + H): the season that the source knows; 0 where each series shows its own."""
        return (
            self.season if self.panel.season is not None else np.zeros((len(self.panel), self.periods + self.horizon))
        )

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
        noise = self.smoothed.noise
        count = self.lengths.astype(float)
        noise = noise * np.sqrt(count / np.maximum(count - _FITTED, 1.0))
        missing = np.clip(1 - (count - 1) / _FEW, 0.0, 1.0)
        prior = np.where(np.nanmax(np.abs(self.panel.y), axis=1) > 0, _NOISE, 0.0)
        return np.asarray((1 - missing) * noise + missing * np.maximum(noise, prior))

    @property
    def spread(self) -> FloatArray:
        """(N, H) how far off a forecast would be, from its own noise and how smoothing lets it grow."""
        return self.noise[:, None] * np.sqrt(self.smoothed.growth)

    @cached_property
    def offset(self) -> FloatArray:
        """(N, T + H) log of a level known in advance: the source's, else what leading regressors foretell; else 0."""
        offset = self.panel.offset
        if offset is None and self.panel.leads is not None:
            offset = foretold(self.panel.y, self.panel.leads, self.horizon, self.panel.frequency.name)
        if offset is None:
            return np.zeros((len(self.panel), self.periods + self.horizon))
        log = self.guard.is_log[:, None] & np.isfinite(offset[:, self.periods - 1 :]).all(axis=1, keepdims=True)
        return np.where(log, offset, 0.0)

    @cached_property
    def features(self) -> FloatArray | None:
        """(N, T + H, K) regressors known in advance, standardised by what of them is known; a gap is their mean."""
        features = self.panel.features
        if features is None:
            return None
        known = np.isfinite(features)
        largest = np.where(known, np.abs(features), 0.0).max(axis=1, keepdims=True, initial=0.0)
        features = features / np.where(largest > 0, largest, 1.0)  # without overflow
        count = np.maximum(known.sum(axis=1, keepdims=True), 1)
        left = np.where(known, features - np.where(known, features, 0.0).sum(axis=1, keepdims=True) / count, 0.0)
        spread = np.sqrt((left**2).sum(axis=1, keepdims=True) / count)
        return np.asarray(left / np.where(spread > 0, spread, 1.0))

    @property
    def is_led(self) -> BoolArray:
        """(N,) whether a level is known in advance."""
        return np.asarray(self.offset[:, self.periods :].any(axis=1))

    @cached_property
    def beside_offset(self) -> IntArray:
        """(N,) periods at the end for which the offset is known."""
        known = np.isfinite(self.offset[:, : self.periods])[:, ::-1]
        run = np.where(known.all(axis=1), self.periods, known.argmin(axis=1))
        return np.asarray(np.minimum(run, self.lengths))


_FEW = 8
_FITTED = 2.5  # observations that a fit uses up
_NOISE = 0.1  # relative, of a series of which next to nothing is known


def _last(x: FloatArray) -> FloatArray:
    known = np.isfinite(x)
    last = x.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return np.asarray(x[np.arange(len(x)), last])
