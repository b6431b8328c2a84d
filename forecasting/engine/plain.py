"""Prophet as it comes, on plain units with its own seasons and its own intervals: a yardstick, no part of the ensemble.

Belongs here: stock settings. Does not belong here: anything that makes it better.
"""

from __future__ import annotations

import numpy as np

from forecasting.hierarchy import FloatArray
from forecasting.panel import Panel
from forecasting.prophet_design import ProphetSpec, days_since_1970, usual_waves
from forecasting.prophet_fit import fit_prophet, future_quantiles
from forecasting.settings import QUANTILES, Settings

PLAIN = "prophet_plain"
_CHUNK = 64


def prophet_plain(panel: Panel) -> tuple[FloatArray, FloatArray]:
    """Mean (N, H) and Prophet's own quantiles (7, N, H), each series on its own days; a single value stays as it is."""
    count, horizon, periods = len(panel), panel.horizon, panel.y.shape[1]
    mean, quantiles = np.empty((count, horizon)), np.empty((len(QUANTILES), count, horizon))
    levels = np.array(list(QUANTILES.values()))
    observed = np.isfinite(panel.y).sum(axis=1)
    single = np.flatnonzero(observed < 2)
    mean[single] = np.nanmax(panel.y[single], axis=1, initial=-np.inf)[:, None]
    quantiles[:, single] = mean[single]
    lengths = panel.lengths
    for end in np.unique(panel.ends):
        for length in np.unique(lengths[panel.ends == end]):
            rows = np.flatnonzero((panel.ends == end) & (lengths == length) & (observed >= 2))
            steps = np.arange(1 - length, horizon + 1)
            days = days_since_1970(panel.frequency.ahead(end, steps))
            for first in range(0, len(rows), _CHUNK):
                some = rows[first : first + _CHUNK]
                mean[some], quantiles[:, some] = _fit(days, panel.y[some, periods - length :], horizon, levels)
    return mean, quantiles


def _fit(days: FloatArray, y: FloatArray, horizon: int, levels: FloatArray) -> tuple[FloatArray, FloatArray]:
    fit = fit_prophet(days, y, ProphetSpec(waves=usual_waves(days[: y.shape[1]])))
    random = np.random.Generator(np.random.PCG64(Settings().seed))
    return fit.mean[:, -horizon:], future_quantiles(fit, horizon, levels, random)
