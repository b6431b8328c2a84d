"""Weeks to months: joint sample paths for the planner.

Belongs here: the months after the cutoff, proration of weeks by day. Does not belong here: how samples are drawn.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from forecasting.hierarchy import FloatArray


def months_after(cutoff: date, months: int) -> list[date]:
    """First days of the `months` whole months after the month of `cutoff`'s Monday."""
    first = cutoff.year * 12 + cutoff.month  # months since year 0, counting January as 0: the next month
    return [date((first + month) // 12, (first + month) % 12 + 1, 1) for month in range(months)]


def weeks_to_cover(cutoff: date, months: int) -> int:
    """Weeks beyond the cutoff until the last of these months is covered."""
    after_last = months_after(cutoff, months + 1)[-1]
    return -(-(after_last - cutoff - timedelta(days=7)).days // 7)


def month_shares(cutoff: date, weeks: int, months: int) -> FloatArray:
    """(weeks, months): share of each week's days that lies in each month; week 0 is the one after the cutoff."""
    shares = np.zeros((weeks, months))
    firsts = months_after(cutoff, months)
    position = {(first.year, first.month): month for month, first in enumerate(firsts)}
    for week in range(weeks):
        for day in range(7):
            on = cutoff + timedelta(days=7 * (week + 1) + day)
            month = position.get((on.year, on.month))
            if month is not None:
                shares[week, month] += 1 / 7
    return shares


def is_outlook(month: date, cutoff: date, horizon_weeks: int) -> bool:
    """Whether a month ends after the weekly horizon: pipeline, season and trend carry it alone."""
    next_month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return next_month > cutoff + timedelta(weeks=horizon_weeks + 1)


def monthly_paths(samples: FloatArray, mean: FloatArray, cutoff: date, months: int) -> FloatArray:
    """(n, B, months) m3 per month from weekly draws (n, B, H), their mean over the n matched to `mean` (B, H).

    Matching the mean makes a few dozen paths carry the forecast's volume exactly, which a planner adds up.
    """
    shares = month_shares(cutoff, mean.shape[1], months)
    paths, expected = samples @ shares, mean @ shares
    drawn = paths.mean(axis=0)
    matched = np.where(drawn > 0, paths * expected / np.maximum(drawn, 1e-9), expected)
    return np.asarray(matched)
