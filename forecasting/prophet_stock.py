"""Prophet itself, by Stan, one series at a time: what ours is held against, and what stands in should ours fail.

Belongs here: the same question put to the package `prophet`. Does not belong here: our own fit (`prophet_fit`).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from operator import attrgetter

import numpy as np

from forecasting.hierarchy import FloatArray
from forecasting.prophet_design import ProphetFit, ProphetSpec, fourier_terms

_SEED = 20260101
_MILLISECONDS = 86_400_000


def fit_stock(days: FloatArray, series: FloatArray, spec: ProphetSpec, regressors: FloatArray) -> ProphetFit:
    """One series (T,), NaN where unknown, as a fit of one row over T + H `days`; `regressors` (T + H, K)."""
    instants = np.round(days * _MILLISECONDS).astype("datetime64[ms]")
    names = [f"regressor_{column}" for column in range(regressors.shape[1])]
    with quiet_prophet():
        import pandas as pd
        from prophet import Prophet

        frame = pd.DataFrame({"ds": instants} | dict(zip(names, regressors.T, strict=True)))
        model = Prophet(
            n_changepoints=spec.changepoints,
            changepoint_range=spec.changepoint_range,
            changepoint_prior_scale=spec.changepoint_prior,
            yearly_seasonality=False,
            weekly_seasonality=False,
            daily_seasonality=False,
            uncertainty_samples=0,
        )
        for wave in filter(attrgetter("order"), spec.waves):
            model.add_seasonality(wave.name, wave.period_days, wave.order, wave.prior_scale)
        for name, prior in zip(names, spec.regressor_priors, strict=True):
            model.add_regressor(name, prior_scale=prior, standardize=False)
        # L-BFGS for short series too, where Prophet would take the slower Newton
        model.fit(frame.head(len(series)).assign(y=series), seed=_SEED, algorithm="LBFGS")
    # the parts straight from the parameters: the frames of `Prophet.predict` cost as much as the fit
    scale, delta = model.y_scale, model.params["delta"][0]
    since = ((frame["ds"] - model.start) / model.t_scale).to_numpy()
    trend = model.piecewise_linear(since, delta, model.params["k"][0], model.params["m"][0], model.changepoints_t)
    beta = model.params["beta"][0] * scale
    seasonal, first = {}, 0
    for wave in spec.waves:
        last = first + 2 * wave.order
        seasonal[wave.name] = (fourier_terms(days, (wave,)) @ beta[first:last])[None]
        first = last
    row_share = float(np.diff(since[: len(series)][np.isfinite(series)]).mean())
    return ProphetFit(
        trend=trend[None] * scale,
        seasonal=seasonal,
        regressors=(regressors @ beta[first : first + len(names)])[None],
        sigma=model.params["sigma_obs"][0] * scale,
        slope_change=np.abs(delta).mean(keepdims=True) * scale * row_share,
        changes_per_row=np.array([len(model.changepoints) * row_share]),
        is_stock=np.array([True]),
    )


@contextmanager
def quiet_prophet() -> Iterator[None]:
    """Prophet and Stan without chatter."""
    prophet, stan = logging.getLogger("prophet"), logging.getLogger("cmdstanpy")
    level, was_disabled = prophet.level, stan.disabled
    logging.getLogger("prophet.plot").disabled = True  # says at import that plotly is absent; nothing here plots
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_module("prophet")  # sets its logger's level when first imported, so it comes before ours
        prophet.setLevel(logging.CRITICAL)
        stan.disabled = True  # its level would be reset by its first call
        try:
            yield
        finally:
            prophet.setLevel(level)
            stan.disabled = was_disabled
