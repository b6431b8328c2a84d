"""The forecasting peers, in `.venv-bench`: Prophet as it is shipped, one series after another, and statsforecast.

Belongs here: their calls with their own defaults, and the CPU that each took, children included (Stan is one). Does
not belong here: anything of Tongmai.

    python -m bench.forecast_peers SERIES.npz OUT.npz PEER

SERIES.npz: `y` (N, T) right-aligned with NaN before a series begins, `days` (N, T + H) as datetime64,
`horizon`, `season`. OUT.npz: `mean` (N, H) and `cpu_s`.
"""

from __future__ import annotations

import logging
import resource
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
PROPHET = "Prophet"
PROPHET_SAMPLED = "Prophet, 1,000 samples"
STATSFORECAST = ("SeasonalNaive", "AutoETS", "DynamicOptimizedTheta", "AutoCES")
_LEVELS = [0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975]


def prophet(y: Array, days: NDArray[np.datetime64], horizon: int, samples: int = 0) -> Array:
    """Prophet with its defaults; with `samples`, the seven quantiles of its futures are taken too."""
    import pandas as pd
    from prophet import Prophet

    mean = np.empty((len(y), horizon))
    for row, values in enumerate(y):
        known = np.isfinite(values)
        model = Prophet(uncertainty_samples=samples)
        model.fit(pd.DataFrame({"ds": days[row, : len(values)][known], "y": values[known]}), seed=1)
        ahead = pd.DataFrame({"ds": days[row, len(values) :]})
        mean[row] = model.predict(ahead)["yhat"]
        if samples:
            np.quantile(model.predictive_samples(ahead)["yhat"], _LEVELS, axis=1)
    return mean


def statsforecast(name: str, y: Array, horizon: int, season: int) -> Array:
    """One model of statsforecast, its season as told, one process."""
    from statsforecast import models

    periods = 1 if name == "AutoETS" and season > 24 else season  # with 52 it costs fifteen times as much
    model = getattr(models, name)(season_length=periods)
    return np.array([model.forecast(y=values[np.isfinite(values)], h=horizon)["mean"] for values in y])


def main(source: Path, target: Path, peer: str) -> None:
    """Run one peer; it sees one series first, so that what is loaded and compiled once is not counted."""
    logging.getLogger("cmdstanpy").disabled = True
    warnings.simplefilter("ignore")
    given: Any = np.load(source)
    call = _caller(peer, given["days"], int(given["horizon"]), int(given["season"]))
    call(given["y"][:1])
    started = _cpu_s()
    mean = call(given["y"])
    np.savez(target, mean=mean, cpu_s=_cpu_s() - started)


def _cpu_s() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def _caller(peer: str, days: NDArray[np.datetime64], horizon: int, season: int) -> Callable[[Array], Array]:
    if peer in STATSFORECAST:
        return lambda y: statsforecast(peer, y, horizon, season)
    samples = 1000 if peer == PROPHET_SAMPLED else 0
    return lambda y: prophet(y, days, horizon, samples)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
