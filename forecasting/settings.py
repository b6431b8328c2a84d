"""The numbers a forecaster may want to change, in one place; their hash is part of a run's identity.

Belongs here: settings and the random seed. Does not belong here: anything learned from data.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

import numpy as np

QUANTILES: dict[str, float] = {
    "q025": 0.025,
    "q10": 0.1,
    "q25": 0.25,
    "q50": 0.5,
    "q75": 0.75,
    "q90": 0.9,
    "q975": 0.975,
}

HORIZON_BANDS: tuple[tuple[int, int], ...] = ((1, 4), (5, 13), (14, 26), (27, 52))
"""Weeks ahead (first, last) over which errors are pooled and scores are told."""

MAX_HORIZON_WEEKS = 52


@dataclass(frozen=True)
class Settings:
    """Defaults were chosen on synthetic cities, never on a test part; docs/decisions/0004 says why."""

    seed: int = 20260101
    outlook_months: int = 36
    samples: int = 400  # joint samples behind the quantiles
    paths: int = 40  # of these, how many the planner receives
    origins_back_weeks: tuple[int, ...] = (52, 44, 36, 28, 20, 12)  # the nightly run's; `tongmai backtest` has 12
    promotion_tolerance: float = 0.15  # by how much, relatively, a run's error may exceed that of the run in use
    min_prophet_weeks: int = 60  # shorter histories fall back
    max_zero_share: float = 0.3  # sparser series fall back
    changepoints: int = 8
    changepoint_prior: float = 0.03
    city_yearly_order: int = 5
    own_yearly_order: int = 1
    own_yearly_prior: float = 0.1

    def digest(self, **more: str | int) -> str:
        """Hash of these settings and of a run's options: 12 hex digits."""
        text = json.dumps(asdict(self) | more, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def rolling_origins(weeks: int, settings: Settings, origins: int = 12) -> tuple[int, ...]:
    """Weeks back from the cutoff of a full backtest's origins, oldest first: eight weeks apart, closer together where
    the history is short."""
    oldest = min(weeks - settings.min_prophet_weeks, 8 * origins - 4)
    backs = np.linspace(oldest, min(4, oldest), origins) if oldest > 0 else np.zeros(0)
    return tuple(dict.fromkeys(int(back) for back in np.floor(backs)))


def band_name(band: tuple[int, int]) -> str:
    return f"{band[0]}-{band[1]}"
