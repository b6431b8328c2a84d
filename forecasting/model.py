"""Prophet on the log scale with the city's own calendar.

Belongs here: Prophet's settings and fit, its parts. Does not belong here: the pool's Prophet (`engine.members`), which
takes the season found here as given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.hierarchy import DateArray, FloatArray
from forecasting.prophet_design import TREND_DAMPING, YEAR_DAYS, ProphetSpec, Wave, days_since_1970
from forecasting.prophet_fit import fit_prophet
from forecasting.settings import Settings

YEAR_WEEKS = 52
_YEARLY = "yearly"


@dataclass(frozen=True)
class Parts:
    """Additive parts on the log scale over T fitted and H further weeks, each (T + H,)."""

    trend: FloatArray
    yearly: FloatArray
    calendar: FloatArray

    @property
    def total(self) -> FloatArray:
        return self.trend + self.yearly + self.calendar


def fit_parts(
    weeks: DateArray,
    log_ratio: FloatArray,
    features: FloatArray,
    yearly_order: int,
    yearly_prior: float,
    settings: Settings,
) -> Parts:
    """Prophet's MAP fit of `log_ratio` (T,), with `features` (T + H, K) as regressors.

    Its trend is damped beyond the last fitted week: what bends a ratio to permitted volume seldom goes on for a year.
    """
    days = weeks[0] + np.timedelta64(7, "D") * np.arange(len(features))
    spec = ProphetSpec(
        waves=(Wave(_YEARLY, YEAR_DAYS, yearly_order, yearly_prior),),
        regressor_priors=(1.0,) * features.shape[1],
        changepoints=settings.changepoints,
        changepoint_prior=settings.changepoint_prior,
    )
    fit = fit_prophet(days_since_1970(days), log_ratio[None], spec, features)
    trend = fit.damped_trend(len(days) - len(log_ratio), TREND_DAMPING)[0]
    return Parts(trend, fit.seasonal[_YEARLY][0], fit.regressors[0])


def smearing(actual: FloatArray, fitted: FloatArray) -> float:
    """Σy / Σŷ: turns exp(mean of logs), a median, into a mean (after Duan 1983)."""
    total = fitted.sum()
    return float(actual.sum() / total) if total > 0 else 0.0
