"""The minimum utilisation of plants: what falls short of it month by month, and what is said about it.

Belongs here: the shortfall of given loads, its price, words for the brief. Does not belong here: the same as rows of a
model (`equations.meet_quota`), reasons per plant (explain.py).

The quota holds of every sample month by itself: one over the horizon would tie the months together, and the recourse
could no longer be solved, bounded or evaluated month by month.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from planning.instance import MONTHS_PER_YEAR, Instance, Policy
from planning.model import Floats
from store.messages import Text

TOLD_M3_PER_YEAR = 1.0  # less than this a year is not worth a word


def shortfall_m3(policy: Policy, load_m3: Floats, capacity_m3: Floats) -> Floats:
    """(κ C_p - load)^+ of loads (samples, sites) under usable capacities (sites,), m³ per month; κ = least load."""
    return np.asarray(np.maximum(policy.least_load_share * capacity_m3 - load_m3, 0.0))


def shortfall_cny(policy: Policy, load_m3: Floats, capacity_m3: Floats) -> Floats:
    """The price of it all over the city, CNY per sample month, shape (samples,)."""
    return np.asarray(policy.shortfall_cny_per_m3 * shortfall_m3(policy, load_m3, capacity_m3).sum(axis=1))


def least_utilisation(instance: Instance) -> float:
    """The quota as a share of the mart's capacity, as utilisation is told: the mean over sites with capacity."""
    sites = instance.sites
    return instance.policy.least_load_share * float(sites.usable_m3.sum()) / max(float(sites.available_m3.sum()), 1e-9)


def quota_told(instance: Instance, site_short_m3: Floats) -> Iterator[Text]:
    """The quota in a sentence: how many sites fall short of it and by how much (sites,), m³ per month."""
    if not instance.policy.least_load_share:
        return
    yearly = MONTHS_PER_YEAR * site_short_m3
    count, total = int((yearly >= TOLD_M3_PER_YEAR).sum()), float(yearly.sum())
    cny = total * instance.policy.shortfall_cny_per_m3
    least = least_utilisation(instance)
    yield Text(
        f"最低利用率 {least:.0%}（逐月）：{count} 座站在部分月份达不到，合计每年少 {total:,.0f} 方，"
        f"按 {cny / 1e4:,.1f} 万元计入目标值。",
        f"Minimum utilisation of {least:.0%} month by month: {count} plants miss it in some months, by"
        f" {total:,.0f} m³ a year together, which counts CNY {cny / 1e3:,.0f} k in the objective.",
    )
