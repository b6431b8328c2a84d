"""Permits that nobody has granted yet: how many will be, of which size, in which season.

Belongs here: grants expected beyond the origin and behind the reporting delay. Does not belong here: what they pour
(`pipeline`).
"""

from __future__ import annotations

import numpy as np

from forecasting.engine.season import DOUBT, seasonal
from forecasting.hierarchy import FloatArray, IntArray
from forecasting.history import History

LEVEL_WEEKS = 13
SIZE_WEEKS = 156
SHARE_WEEKS = 104
_YEAR_WEEKS = 52
_LEAST_SEASON = 0.3


def expected_grants(
    history: History, horizon_weeks: int, before_weeks: int, new_grants: float | FloatArray = 1.0
) -> FloatArray:
    """(D, U, K + P + H) grants in m3/week: K weeks before the first record, P recorded, H expected.

    Beyond the cutoff: the city's mean rate by use over three years, times the level of the last quarter, times the
    season, shared out by each district's part of the last two years, times `new_grants` (one factor, or (D, H)). Recent
    weeks, known only in part, are topped up to the same expectation by the share that is still to arrive. Before the
    first record: the first year's mean.
    """
    granted = history.granted_m3
    recorded = granted.shape[2]
    known = np.ones(recorded)
    still_open = history.permit_known_share[history.settled_weeks :][:recorded]
    known[recorded - len(still_open) :] = still_open[::-1]
    season = season_of_grants(granted, horizon_weeks)
    seen = known * season[:recorded]
    years = slice(-SIZE_WEEKS, None)
    city_rate = granted[:, :, years].sum(axis=(0, 2)) / max(seen[years].sum(), 1e-9)
    newest = min(LEVEL_WEEKS + history.permits_stale_weeks, recorded)
    level = newest_level(granted[:, :, years], seen[years], newest)
    rate = level * city_rate[None, :] * _district_share(granted[:, :, -SHARE_WEEKS:].sum(axis=2))
    expected = rate[:, :, None] * season
    topped_up = granted + expected[:, :, :recorded] * (1 - known)
    before = np.repeat(granted[:, :, :_YEAR_WEEKS].mean(axis=2, keepdims=True), before_weeks, axis=2)
    factor = np.broadcast_to(new_grants, (len(granted), horizon_weeks))
    return np.concatenate([before, topped_up, expected[:, :, recorded:] * factor[:, None, :]], axis=2)


def newest_level(granted: FloatArray, seen: FloatArray, newest: int) -> float:
    """The rate of the `newest` weeks over that of all weeks P of `granted` (D, U, P): (n / n̄) · exp(g d).

    n and n̄: district-uses with a grant per week of `seen` (P,), the share known times the season; d: by how much their
    mean log size moved; g = max(0, 1 - doubt · se² / d²) believes it as far as it exceeds its own error. Sizes are so
    uneven that a quarter's volume tells more of one large permit than of how many will follow.
    """
    is_granted = granted > 0
    count = is_granted.sum(axis=(0, 1))
    if not count[-newest:].any():
        return 0.0 if granted.any() else 1.0
    arrivals = count[-newest:].sum() / max(seen[-newest:].sum(), 1e-9) / (count.sum() / max(seen.sum(), 1e-9))
    size = np.log(np.where(is_granted, granted, 1.0))
    usual = size.sum(axis=(0, 2)) / np.maximum(is_granted.sum(axis=(0, 2)), 1)
    moved = np.where(is_granted, size - usual[:, None], 0.0)
    change = moved[:, :, -newest:].sum() / count[-newest:].sum()
    error2 = (moved**2).sum() / count.sum() / count[-newest:].sum()
    gain = max(0.0, 1 - DOUBT * error2 / change**2) if change else 0.0
    return float(arrivals * np.exp(gain * change))


def season_of_grants(granted: FloatArray, horizon_weeks: int) -> FloatArray:
    """(P + H,) the year's course of how many permits are granted, as a factor, believed as far as its years agree."""
    count = (granted > 0).sum(axis=(0, 1)).astype(float)
    relative = (count / max(count.mean(), 1e-9))[None, :]
    lengths: IntArray = np.array([granted.shape[2]])
    return np.asarray(np.maximum(1 + seasonal(relative, lengths, (_YEAR_WEEKS,), horizon_weeks)[0], _LEAST_SEASON))


def _district_share(recent: FloatArray) -> FloatArray:
    """(D, U) each district's share of a use, leaning on its share of all uses where permits are few."""
    overall = recent.sum(axis=1) / max(recent.sum(), 1e-9)
    prior = 0.25 * recent.sum(axis=0)
    return np.asarray((recent + prior * overall[:, None]) / np.maximum(recent.sum(axis=0) + prior, 1e-9))
