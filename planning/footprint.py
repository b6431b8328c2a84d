"""What serving the city costs per year in a state of things: money, carbon, minutes, unserved volume.

Belongs here: the three states that a reader compares: today's habits, the best allocation of today's plants, the plan.
Does not belong here: how the plan was found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planning.allocation import Recourse
from planning.design import Design, fixed_cny_per_year, transition_cny_per_year, usable_capacity_m3
from planning.freeze import Observed
from planning.instance import MONTHS_PER_YEAR, Instance
from planning.model import Floats, Indices
from planning.quota import shortfall_cny, shortfall_m3
from planning.risk import risk_cny, tail_weights

LEAST_M3 = 1e-6  # flows below a millilitre are rounding


@dataclass(frozen=True)
class Footprint:
    """Expected per year. `cost_cny` = fixed + transition + haul + overtime; carbon is that of transport;
    `shortage_cny` is the price of what stays unserved, `haul_min` the m³-weighted mean. `site_m3` (sites,) is what each
    site delivers per month, on average. `quota_cny` is the price of what sites fall short of their quota,
    `site_short_m3` (sites,) that volume per month. `risk_cny` is 12 λ CVaR_α of the monthly recourse.
    """

    cost_cny: float
    kgco2e: float
    haul_min: float
    unserved_m3: float
    shortage_cny: float
    site_m3: Floats
    site_short_m3: Floats
    quota_cny: float
    risk_cny: float = 0.0

    @property
    def quota_short_m3(self) -> float:
        """What all sites together fall short of their quotas, m³ per year."""
        return MONTHS_PER_YEAR * float(self.site_short_m3.sum())

    def objective_cny(self, instance: Instance) -> float:
        """Cost + carbon priced in + price of what stays unserved and of idle quotas + the weight of the tail."""
        carbon = instance.policy.carbon_price_cny_per_t / 1000 * self.kgco2e
        return self.cost_cny + carbon + self.shortage_cny + self.quota_cny + self.risk_cny


@dataclass(frozen=True)
class Dispatch:
    """Every sample month's allocation under a decision, as rows: (sample, arc, m³) and (sample, point, m³)."""

    flow_sample: Indices
    flow_arc: Indices
    flow_m3: Floats
    unserved_sample: Indices
    unserved_point: Indices
    unserved_m3: Floats
    footprint: Footprint


def dispatch(instance: Instance, recourse: Recourse, design: Design) -> Dispatch:
    """The optimal allocation of every sample month under a decision, and its footprint."""
    capacity = usable_capacity_m3(instance, design)
    flows, unserved = [], []
    for flow in recourse.flows(capacity):
        arcs = np.flatnonzero(flow.arc_m3 > LEAST_M3)
        points = np.flatnonzero(flow.unserved_m3 > LEAST_M3)
        flows.append((np.full(len(arcs), flow.sample), arcs, flow.arc_m3[arcs]))
        unserved.append((np.full(len(points), flow.sample), points, flow.unserved_m3[points]))
    sample, arc, m3 = (np.concatenate(part) for part in zip(*flows, strict=True))
    lost_sample, lost_point, lost_m3 = (np.concatenate(part) for part in zip(*unserved, strict=True))

    samples, sites = len(instance.demand_m3), len(instance.sites)
    load = np.zeros((samples, sites))
    np.add.at(load, (sample, instance.arc_site[arc]), m3)
    overtime_m3 = np.maximum(load - capacity, 0.0).sum(axis=1)
    idle_cny = shortfall_cny(instance.policy, load, capacity)
    monthly_cny = (
        np.bincount(sample, instance.arc_price[arc] * m3, samples)
        + instance.policy.overtime_cny_per_m3 * overtime_m3
        + np.bincount(lost_sample, lost_m3 * instance.unserved_price[lost_sample], samples)
        + idle_cny
    )
    per_year = MONTHS_PER_YEAR / samples
    served = m3.sum()
    variable = instance.arc_cny_per_m3[arc] @ m3 + instance.policy.overtime_cny_per_m3 * overtime_m3.sum()
    footprint = Footprint(
        cost_cny=fixed_cny_per_year(instance, design)
        + transition_cny_per_year(instance, design)
        + per_year * float(variable),
        kgco2e=per_year * float(instance.arc_kgco2e_per_m3[arc] @ m3),
        haul_min=float(instance.arc_min[arc] @ m3 / served) if served else 0.0,
        unserved_m3=per_year * float(lost_m3.sum()),
        shortage_cny=per_year * float(lost_m3 @ instance.unserved_price[lost_sample]),
        site_m3=load.mean(axis=0),
        site_short_m3=shortfall_m3(instance.policy, load, capacity).mean(axis=0),
        quota_cny=MONTHS_PER_YEAR * float(idle_cny.mean()),
        risk_cny=MONTHS_PER_YEAR * risk_cny(instance.policy, monthly_cny),
    )
    return Dispatch(sample, arc, m3, lost_sample, lost_point, lost_m3, footprint)


def tail_unserved_m3(instance: Instance, dispatch: Dispatch) -> float:
    """CVaR_α of the unserved m³ per month: the mean over the worst share 1 - α of sample months."""
    monthly = np.bincount(dispatch.unserved_sample, dispatch.unserved_m3, len(instance.demand_m3)).astype(float)
    return float(tail_weights(monthly, instance.policy.risk_level) @ monthly) / len(monthly)


@dataclass(frozen=True)
class Habit:
    """Today's habits faced with the forecast: `share` (sites, points) of each point's demand, and their footprint.

    `over_limit_m3` per year is served beyond the haul limit.
    """

    share: Floats
    footprint: Footprint
    over_limit_m3: float


def habit(instance: Instance, observed: Observed, cny_per_m3_km: float, kgco2e_per_m3_km: float) -> Habit:
    """Each plant keeps its share of each cell as in the last 52 weeks; nobody helps out.

    A point without deliveries goes to its nearest plant of today. What exceeds a plant's capacity with overtime is
    unserved: habits are taken as rigid, and `Dispatch` of today's plants shows what reallocation alone would mend.
    """
    sites = instance.sites
    total = observed.m3.sum(axis=0)
    nearest = np.where(sites.is_candidate[:, None], np.inf, observed.minutes).argmin(axis=0)
    share = np.divide(observed.m3, total, out=np.zeros_like(observed.m3), where=total > 0)
    fresh = np.flatnonzero(total <= 0)
    share[nearest[fresh], fresh] = 1.0

    load = instance.demand_m3 @ share.T
    ceiling = sites.usable_m3 * (1 + instance.policy.overtime_share)
    excess = np.maximum(load - ceiling, 0.0)
    overtime = np.maximum(np.minimum(load, ceiling) - sites.usable_m3, 0.0)
    own = np.where(sites.is_candidate, 0.0, sites.usable_m3)  # what works by habit
    kept = np.divide(load - excess, load, out=np.ones_like(load), where=load > 0)
    volume = share * (kept.T @ instance.demand_m3) / len(load)  # (sites, points), m³ per month
    served = float(volume.sum())
    km_m3 = MONTHS_PER_YEAR * float((volume * observed.km).sum())
    footprint = Footprint(
        cost_cny=float(sites.fixed_cny_per_year @ ~sites.is_candidate)
        + cny_per_m3_km * km_m3
        + MONTHS_PER_YEAR * instance.policy.overtime_cny_per_m3 * float(overtime.sum(axis=1).mean()),
        kgco2e=kgco2e_per_m3_km * km_m3,
        haul_min=float((volume * observed.minutes).sum() / served) if served else 0.0,
        unserved_m3=MONTHS_PER_YEAR * float(excess.sum(axis=1).mean()),
        shortage_cny=MONTHS_PER_YEAR * float((excess.sum(axis=1) * instance.unserved_price).mean()),
        site_m3=volume.sum(axis=1),
        site_short_m3=shortfall_m3(instance.policy, load - excess, own).mean(axis=0),
        quota_cny=MONTHS_PER_YEAR * float(shortfall_cny(instance.policy, load - excess, own).mean()),
    )
    over_limit = MONTHS_PER_YEAR * float(volume[~observed.is_feasible].sum())
    return Habit(share, footprint, over_limit)
