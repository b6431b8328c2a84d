"""US building permits ahead of what is built: completions of the country, starts of its four regions, month by month.

Belongs here: the series, and at each origin the pipeline that permits known by then call for. Does not belong here:
the kernel (`forecasting.pipeline`), forecasts, scores.

Everything about lags was settled before the first origin's data were looked at: kernels free to two years, and new
permits expected at the mean of the last half year, as in the city.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.public_series import monthly, panel_of
from forecasting.hierarchy import FloatArray
from forecasting.panel import Panel
from forecasting.pipeline import fit_kernel, pipeline_m3

KNOTS_MONTHS = (0, 1, 2, 4, 6, 9, 12, 18, 24)
RATE_MONTHS = 6
HORIZON_MONTHS = 12
FIRST_ORIGIN, LAST_ORIGIN, STEP_MONTHS = "2001-01", "2022-07", 6
REGIONS = ("NE", "MW", "S", "W")
PAIRS = {"completions, US": ("PERMIT", "COMPUTSA")} | {
    f"starts, {region}": (f"PERMIT{region}", f"HOUST{region}") for region in REGIONS
}


@dataclass(frozen=True, eq=False)
class Origin:
    """A panel of one series with its permits' pipeline as offset, as known then and before, and what came (1, H)."""

    panel: Panel
    actual: FloatArray


def origins(folder: Path) -> dict[str, list[Origin]]:
    """Name of the series -> its origins."""
    regional = folder / "fred-md" / "regional_permits_starts.csv"
    found = {}
    for name, (permits, built) in PAIRS.items():
        months, (granted,) = monthly(regional, "month", (permits,))
        file = (folder / "fred-md" / "COMPUTSA_long.csv", "DATE") if built == "COMPUTSA" else (regional, "month")
        built_months, (y,) = monthly(*file, (built,))
        known = np.isfinite(granted)
        found[name] = list(_origins(name, months[known], granted[known], built_months, y))
    return found


def _origins(
    name: str, months: np.ndarray, granted: FloatArray, built_months: np.ndarray, y: FloatArray
) -> Iterator[Origin]:
    both = built_months >= max(months[0], built_months[0])
    built_months, y = built_months[both], y[both]

    def known_at(origin: np.datetime64) -> Panel:
        then = y[None, built_months <= origin]
        panel = panel_of((name,), origin.astype("datetime64[D]"), "MS", then, HORIZON_MONTHS, (12,))
        pipeline = _pipeline(granted[months <= origin], then)
        return replace(panel, offset=np.log(pipeline), past=lambda back: known_at(origin - back))

    for origin in np.arange(FIRST_ORIGIN, LAST_ORIGIN, STEP_MONTHS, dtype="datetime64[M]"):
        after = (built_months > origin) & (built_months <= origin + HORIZON_MONTHS)
        yield Origin(known_at(origin), y[None, after])


def _pipeline(granted: FloatArray, built: FloatArray) -> FloatArray:
    """(1, T + H) what permits (P,) call for, by a kernel learned from them and what was built (1, T)."""
    before = np.repeat(granted[:12].mean(), KNOTS_MONTHS[-1])
    grants = np.concatenate([before, granted])[None, None, :]
    kernel = fit_kernel(grants, built, np.ones(built.shape[1]), KNOTS_MONTHS)
    expected = np.full((1, 1, HORIZON_MONTHS), granted[-RATE_MONTHS:].mean())
    return pipeline_m3(kernel, np.concatenate([grants, expected], axis=2), built.shape[1] + HORIZON_MONTHS)
