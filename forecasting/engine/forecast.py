"""The engine's door: a panel in, means and quantiles of every series out.

Belongs here: the order of steps (members, past origins, weights, calibration, quantiles), chunks. Does not belong
here: any step itself.

A sample of the panel's series is replayed at past origins first: its errors give the weights of the members and the
pooled part of the calibration. Then every series is forecast and replayed, in chunks, so that memory stays flat.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from forecasting.engine.coherence import coherent, errors_over, one_step_errors
from forecasting.engine.conformal import Calibration, calibrate, own_factor, quantile_steps
from forecasting.engine.ensemble import equal_weights, learn_weights
from forecasting.engine.members import first_weights, pool
from forecasting.engine.plain import PLAIN, prophet_plain
from forecasting.engine.replay import Replayed, Windows, replay
from forecasting.frequency import Frequency
from forecasting.hierarchy import FloatArray, IntArray
from forecasting.panel import Panel
from forecasting.settings import QUANTILES

ENSEMBLE = "ensemble"
_PRIOR_WINDOWS = 10.0  # that the first weights are worth
_STUDIED = 400  # series whose past teaches the weights and the pooled calibration
_ORIGINS = (9, 36)  # past origins: more where there are few series to learn from
_WINDOWS = 180  # wanted
_CHUNK = 48  # series at once, each at up to ten origins
_MEAN_ABS = 1.25  # standard deviation over mean absolute error, for a normal error
_BIAS_LIMIT = 0.02  # of the variance of a log: beyond it the mean tells of the tail rather than of the series
_BIAS_LIMIT_OF_SUMS = 0.5  # only means add up, so they must be means


class Panels(Protocol):
    """Series of one frequency, as many as there are: a `Panel`, or a source that makes panels of those asked for."""

    @property
    def frequency(self) -> Frequency: ...
    @property
    def horizon(self) -> int: ...
    @property
    def lengths(self) -> IntArray: ...
    def __len__(self) -> int: ...
    def rows(self, chosen: IntArray) -> Panel: ...


@dataclass(frozen=True, eq=False)
class Part:
    """The forecast of some `rows` (n,) of the series: `mean` (n, H), `quantiles` (7, n, H), past `windows` (n,)."""

    rows: IntArray
    mean: FloatArray
    quantiles: FloatArray
    windows: IntArray


@dataclass(frozen=True, eq=False)
class Forecast:
    """`mean` (N, H), `quantiles` (7, N, H) in order; `weights`: member -> (H,); `windows` (N,) past windows that
    taught a series' own spread."""

    mean: FloatArray
    quantiles: FloatArray
    weights: dict[str, FloatArray]
    windows: IntArray


def forecast(panel: Panel, model: str = ENSEMBLE) -> Forecast:
    """Forecast every series of a panel by the ensemble or by one member, with calibrated quantiles."""
    limit = _BIAS_LIMIT if panel.summing is None else _BIAS_LIMIT_OF_SUMS
    weights, parts = forecast_in_parts(panel, model, limit)
    mean, quantiles = np.empty((len(panel), panel.horizon)), np.empty((len(QUANTILES), len(panel), panel.horizon))
    windows = np.zeros(len(panel), dtype=np.int64)
    for part in parts:
        mean[part.rows], quantiles[:, part.rows], windows[part.rows] = part.mean, part.quantiles, part.windows
    if panel.summing is not None and model != PLAIN:
        mean, quantiles = coherent(panel.summing, mean, quantiles, errors_over(one_step_errors(panel), panel.horizon))
    return Forecast(mean, quantiles, weights, windows)


def forecast_in_parts(
    panels: Panels, model: str = ENSEMBLE, bias_limit: float = _BIAS_LIMIT
) -> tuple[dict[str, FloatArray], Iterator[Part]]:
    """The members' weights, and the series' forecasts part by part: no more than a chunk of them is in memory.

    Which series share a part depends on their number and lengths only.
    """
    order = np.argsort(panels.lengths, kind="stable")
    if model == PLAIN:
        return {PLAIN: np.ones(panels.horizon)}, (_plain(panels.rows(rows), rows) for rows in _chunks(order))
    origins = int(np.clip(-(-_WINDOWS // len(panels)), *_ORIGINS))
    names = pool(panels.rows(order[:1])) if model == ENSEMBLE else (model,)
    band = np.searchsorted(panels.frequency.bands, np.arange(1, panels.horizon + 1))
    studied = order[np.unique(np.linspace(0, len(order) - 1, min(_STUDIED, len(order))).round().astype(np.int64))]
    known = [(rows, replay(panels.rows(rows), names, origins)) for rows in _chunks(studied)]
    seen = Windows.joined([part.windows for _, part in known], [len(rows) for rows, _ in known])
    led = float(np.concatenate([part.is_led for _, part in known]).mean())
    weights = (
        learn_weights(seen.errors, seen.noise, band, first_weights(names, led), _PRIOR_WINDOWS)
        if len(names) > 1
        else equal_weights(len(names), panels.horizon)
    )
    calibration = calibrate(_combined(seen.errors, weights), seen.base, seen.series, band)
    if len(studied) < len(panels):
        known = []
    replayed = known or ((rows, replay(panels.rows(rows), names, origins)) for rows in _chunks(order))
    parts = (_part(rows, part, weights, calibration, bias_limit) for rows, part in replayed)
    return dict(zip(names, weights, strict=True)), parts


def _plain(panel: Panel, rows: IntArray) -> Part:
    return Part(rows, *prophet_plain(panel), np.zeros(len(rows), dtype=np.int64))


def _part(rows: IntArray, part: Replayed, weights: FloatArray, calibration: Calibration, bias_limit: float) -> Part:
    windows = np.bincount(part.windows.series, minlength=len(rows))
    return Part(rows, *_spread(part, weights, calibration, bias_limit), windows)


def _chunks(rows: IntArray) -> Iterator[IntArray]:
    return (rows[first : first + _CHUNK] for first in range(0, len(rows), _CHUNK))


def _combined(errors: FloatArray, weights: FloatArray) -> FloatArray:
    """(W, H) errors of the ensemble; the weights add up to one, so its error is that of the weighted forecasts."""
    return np.asarray((errors * weights).sum(axis=1))


def _spread(
    part: Replayed, weights: FloatArray, calibration: Calibration, bias_limit: float
) -> tuple[FloatArray, FloatArray]:
    """Mean (N, H) and quantiles (7, N, H) in the series' own units."""
    middle = np.clip((part.ahead * weights).sum(axis=1), part.ahead.min(axis=1), part.ahead.max(axis=1))
    past = part.windows
    own = own_factor(_combined(past.errors, weights), past.base, past.series, calibration, len(middle))
    spread = np.maximum.accumulate(part.base * calibration.pooled * own[:, None], axis=1)
    quantiles = part.guard.back(middle + quantile_steps(calibration)[:, None, :] * spread)
    variance = np.minimum((_MEAN_ABS * spread) ** 2, bias_limit)
    return part.guard.mean(middle, variance), np.maximum.accumulate(quantiles, axis=0)
