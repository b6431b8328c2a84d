"""Permits that nobody has granted yet: how many will be, of which size, in which season.

Belongs here: grants expected beyond the origin and behind the reporting delay. Does not belong here: what they pour
(`pipeline`).
"""

from __future__ import annotations

import numpy as np

from forecasting.engine.season import DOUBT, seasonal
from forecasting.hierarchy import FloatArray, IntArray
from forecasting.history import History

SIZE_WEEKS = 156
SHARE_WEEKS = 104
_YEAR_WEEKS = 52
_LEAST_SEASON = 0.3
_FADING = 6 / 7  # by week, of what a grant says of those to come: as old on the mean, and as sure, as 13 equal weeks
_PRIOR_GRANTS = 1.0  # that the usual rate is worth
_SHORTEST_LULL_WEEKS = 4
_UNLIKELY = 7.0  # grants usual in a lull; that none comes then has a chance of 1 in 1,000


def expected_grants(
    history: History, horizon_weeks: int, before_weeks: int, new_grants: float | FloatArray = 1.0
) -> FloatArray:
    """(D, U, K + P + H) grants in m3/week: K weeks before the first record, P recorded, H expected.

    Beyond the cutoff: the city's mean rate by use over three years, times the newest level, times the season, shared
    out by each district's part of the last two years, times `new_grants` (one factor, or (D, H)). Recent weeks, known
    only in part, are topped up to the same expectation by the share that is still to arrive. Before the first record:
    the first year's mean.
    """
    granted = history.granted_m3
    recorded = granted.shape[2]
    season, known = season_of_grants(granted, horizon_weeks), _known_share(history)
    seen = known * season[:recorded]
    years = slice(-SIZE_WEEKS, None)
    city_rate = granted[:, :, years].sum(axis=(0, 2)) / max(seen[years].sum(), 1e-9)
    level = newest_level(granted[:, :, years], seen[years])
    rate = level * city_rate[None, :] * _district_share(granted[:, :, -SHARE_WEEKS:].sum(axis=2))
    expected = rate[:, :, None] * season
    topped_up = granted + expected[:, :, :recorded] * (1 - known)
    before = np.repeat(granted[:, :, :_YEAR_WEEKS].mean(axis=2, keepdims=True), before_weeks, axis=2)
    factor = np.broadcast_to(new_grants, (len(granted), horizon_weeks))
    return np.concatenate([before, topped_up, expected[:, :, recorded:] * factor[:, None, :]], axis=2)


def newest_level(granted: FloatArray, seen: FloatArray) -> float:
    """The rate of newest grants over that of all weeks P of `granted` (D, U, P): (1 + Σ w n) / (1 + Σ w e) · exp(g d).

    n: district-uses with a grant in a week, e: how many are usual, by `seen` (P,), the share known times the season;
    w = (6/7)^age. That is the mean of a Gamma-Poisson rate whose past fades (Harvey & Fernandes 1989), worth one grant
    at the start: weeks without any lower it step by step, weeks nobody saw leave it. d: by how much the mean log size
    moved; g = max(0, 1 - doubt · se² / d²) believes it as far as it exceeds its own error. Sizes are so uneven that a
    quarter's volume tells more of one large permit than of how many will follow.
    """
    is_granted = granted > 0
    count = is_granted.sum(axis=(0, 1))
    if not count.any():
        return 1.0
    weight = _FADING ** np.arange(len(count))[::-1]
    usual = seen * count.sum() / max(seen.sum(), 1e-9)
    arrivals = (_PRIOR_GRANTS + weight @ count) / (_PRIOR_GRANTS + weight @ usual)
    size = np.log(np.where(is_granted, granted, 1.0))
    usual_size = size.sum(axis=(0, 2)) / np.maximum(is_granted.sum(axis=(0, 2)), 1)
    moved = np.where(is_granted, size - usual_size[:, None], 0.0)
    change = (moved.sum(axis=(0, 1)) @ weight) / (weight @ count)
    error2 = (moved**2).sum() / count.sum() * (weight**2 @ count) / (weight @ count) ** 2
    gain = max(0.0, 1 - DOUBT * error2 / change**2) if change else 0.0
    return float(arrivals * np.exp(gain * change))


def lull_weeks(history: History) -> int:
    """Weeks without one grant at the end of what permits tell, where so many are usual that chance would not do it; 0
    else. Weeks that are not known yet do not count, nor does a feed that stopped."""
    granted = history.granted_m3
    count = (granted > 0).sum(axis=(0, 1))
    if history.permits_stale_weeks or not count.any():
        return 0
    weeks = int(np.argmax(count[::-1] > 0))
    seen = _known_share(history) * season_of_grants(granted, 0)
    usual = seen[len(count) - weeks :].sum() * count.sum() / max(seen.sum(), 1e-9)
    return weeks if weeks >= _SHORTEST_LULL_WEEKS and usual > _UNLIKELY else 0


def _known_share(history: History) -> FloatArray:
    """(P,) share of each week's grants that is known."""
    known = np.ones(history.granted_m3.shape[2])
    still_open = history.permit_known_share[history.settled_weeks :][: len(known)]
    known[len(known) - len(still_open) :] = still_open[::-1]
    return known


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
