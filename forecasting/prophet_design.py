"""What Prophet is given and gives: seasonalities, priors, changepoints, and the parts of fitted series.

Belongs here: Prophet's defaults, its terms in time, the shapes of its results. Does not belong here: fitting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.hierarchy import BoolArray, DateArray, FloatArray, IntArray

YEAR_DAYS = 365.25
TREND_DAMPING = 0.95
"""Per week beyond the known ones, of the trend of a ratio to what a source knows: it seldom goes on for a year."""


@dataclass(frozen=True)
class Wave:
    """A seasonality: Fourier terms of this period and order, with their priors' scale."""

    name: str
    period_days: float
    order: int
    prior_scale: float = 10.0


@dataclass(frozen=True)
class ProphetSpec:
    """What is fitted; the defaults are Prophet's own. `regressor_priors` (K,), one for each feature."""

    waves: tuple[Wave, ...] = ()
    regressor_priors: tuple[float, ...] = ()
    changepoints: int = 25
    changepoint_range: float = 0.8
    changepoint_prior: float = 0.05

    @property
    def priors(self) -> FloatArray:
        """(F,) scales of β: Fourier terms wave by wave, then regressors."""
        waves = [wave.prior_scale for wave in self.waves for _ in range(2 * wave.order)]
        return np.array([*waves, *self.regressor_priors])


@dataclass(frozen=True)
class ProphetFit:
    """B fitted series over T rows and H further ones.

    `trend` (B, T + H); `seasonal`: wave -> (B, T + H); `regressors` (B, T + H); `sigma` (B,) the noise;
    `slope_change` (B,) mean |δ| and `changes_per_row` (B,), what Prophet expects of the future's trend, per row;
    `is_stock` (B,) where Prophet itself stood in, because the mode was not reached.
    """

    trend: FloatArray
    seasonal: dict[str, FloatArray]
    regressors: FloatArray
    sigma: FloatArray
    slope_change: FloatArray
    changes_per_row: FloatArray
    is_stock: BoolArray

    @property
    def mean(self) -> FloatArray:
        """(B, T + H): the sum of the parts."""
        return np.asarray(self.trend + sum(self.seasonal.values()) + self.regressors)

    def damped_trend(self, horizon: int, damping: float) -> FloatArray:
        """(B, T + H): the trend, its slope shrinking by `damping` with every row beyond the known ones (Gardner &
        McKenzie 1985)."""
        known = self.trend.shape[1] - horizon
        slope = self.trend[:, -1:] - self.trend[:, -2:-1]
        beyond = self.trend[:, known - 1 : known] + slope * np.cumsum(damping ** np.arange(1, horizon + 1))
        return np.concatenate([self.trend[:, :known], beyond], axis=1)

    def replace(self, row: int, other: ProphetFit) -> None:
        """Put a fit of one series in the place of series `row`."""
        for name in ("trend", "regressors", "sigma", "slope_change", "changes_per_row", "is_stock"):
            getattr(self, name)[row] = getattr(other, name)[0]
        for name, seasonal in self.seasonal.items():
            seasonal[row] = other.seasonal[name][0]


def usual_waves(days: FloatArray, prior_scale: float = 10.0) -> tuple[Wave, ...]:
    """The waves that Prophet would choose for these known rows: as long as they last, as fine as they lie."""
    span, finest = days[-1] - days[0], np.diff(days).min()
    usual = (
        (Wave("yearly", YEAR_DAYS, 10, prior_scale), span >= 730),
        (Wave("weekly", 7.0, 3, prior_scale), span >= 14 and finest < 7),
        (Wave("daily", 1.0, 4, prior_scale), span >= 2 and finest < 1),
    )
    return tuple(wave for wave, is_usual in usual if is_usual)


def days_since_1970(instants: DateArray) -> FloatArray:
    """Instants as days, with their part of a day."""
    return np.asarray((instants - np.datetime64("1970-01-01")) / np.timedelta64(1, "D"))


def fourier_terms(days: FloatArray, waves: Sequence[Wave]) -> FloatArray:
    """(T, F): sin(2π i t / P), cos(2π i t / P) for i = 1 … order, wave by wave."""
    angles = [
        2 * np.pi * days[:, None] * np.arange(1, wave.order + 1) / wave.period_days for wave in waves if wave.order
    ]
    both = [np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(len(days), -1) for angle in angles]
    return np.concatenate(both, axis=1) if both else np.zeros((len(days), 0))


def changepoint_rows(rows: int, spec: ProphetSpec) -> IntArray:
    """Where the trend may bend: evenly over the first `changepoint_range` of the rows, but not at the first."""
    reach = int(np.floor(rows * spec.changepoint_range))
    count = max(min(spec.changepoints, reach - 1), 0)
    return np.linspace(0, reach - 1, count + 1).round().astype(np.int64)[1:]
