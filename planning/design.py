"""A first-stage decision: which sites work, grow or merge; what it costs and which rule it breaks.

Belongs here: the decision itself, its capacity, its cost, its feasibility. Does not belong here: how it is
found (consolidation.py), what serving demand then costs (allocation.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planning.instance import Instance
from planning.model import Bools, Floats, Indices

NOWHERE = -1
ROUNDING = 1e-9  # of all demand: capacity that is short by no more than this covers it


@dataclass(frozen=True)
class Design:
    """Arrays of shape (sites,): y_p, e_p, and the site that p merges into (`NOWHERE` when it does not)."""

    is_open: Bools
    is_expanded: Bools
    merge_into: Indices

    @classmethod
    def as_is(cls, instance: Instance) -> Design:
        """Every plant of today kept, nothing else; plants that must go are closed, candidates that must stay opened."""
        is_open = (~instance.sites.is_candidate & ~instance.policy.must_go) | instance.policy.must_stay
        sites = len(is_open)
        return cls(is_open, np.zeros(sites, bool), np.full(sites, NOWHERE))

    def flipped(self, site: int) -> Design:
        """The same decision with y_p turned over: a closed plant works as today, a working one is gone.

        Merges that this makes impossible are undone: the plants concerned then close on their own.
        """
        is_open, is_expanded, merge_into = self.is_open.copy(), self.is_expanded.copy(), self.merge_into.copy()
        is_open[site] = not is_open[site]
        is_expanded[site] = False
        merge_into[site] = NOWHERE
        if not is_open[site]:
            merge_into[merge_into == site] = NOWHERE
        return Design(is_open, is_expanded, merge_into)

    def decision(self, instance: Instance, site: int) -> str:
        """keep | merge | close | expand | open | not_opened."""
        if instance.sites.is_candidate[site]:
            return "open" if self.is_open[site] else "not_opened"
        if self.is_open[site]:
            return "expand" if self.is_expanded[site] else "keep"
        return "merge" if self.merge_into[site] != NOWHERE else "close"


def usable_capacity_m3(instance: Instance, design: Design) -> Floats:
    """Right-hand side of `respect_capacity`, m³ per month, shape (sites,): C_p y_p + ΔC_p e_p + Σ_q A_q w_qp."""
    sites = instance.sites
    capacity = sites.usable_m3 * design.is_open + sites.expansion_m3 * design.is_expanded
    merged = np.flatnonzero(design.merge_into != NOWHERE)
    np.add.at(capacity, design.merge_into[merged], moved_capacity_m3(instance, merged, design.merge_into[merged]))
    return np.asarray(capacity, float)


def moved_capacity_m3(instance: Instance, merge_from: Indices, merge_into: Indices) -> Floats:
    """A_pq: usable capacity that moves from p to q, m³ per month; none onto a red line, where no plant may grow."""
    return np.where(instance.sites.is_on_red_line[merge_into], 0.0, instance.sites.merge_m3[merge_from])


def fixed_cny_per_year(instance: Instance, design: Design) -> float:
    """Σ_p F_p y_p."""
    return float(instance.sites.fixed_cny_per_year @ design.is_open)


def transition_cny_per_year(instance: Instance, design: Design) -> float:
    """One-off costs spread over the horizon and capital by annuity, CNY per year.

    Σ_{closed p} K_p / T, or G_p / T where p merges, + Σ_{opened p} O_p + Σ_p E_p e_p.
    """
    sites, years = instance.sites, instance.policy.horizon_years
    is_gone = ~sites.is_candidate & ~design.is_open
    one_off = np.where(design.merge_into != NOWHERE, sites.merge_cny, sites.closing_cny)
    return float(
        one_off @ is_gone / years
        + sites.opening_cny_per_year @ (sites.is_candidate & design.is_open)
        + sites.expansion_cny_per_year @ design.is_expanded
    )


def broken_rules(instance: Instance, design: Design) -> list[str]:
    """Names of the rules that a decision breaks; empty means feasible."""
    sites, policy = instance.sites, instance.policy
    is_gone = ~sites.is_candidate & ~design.is_open
    merged = np.flatnonzero(design.merge_into != NOWHERE)
    pairs = set(zip(instance.merge_from.tolist(), instance.merge_into.tolist(), strict=True))
    received = np.bincount(design.merge_into[merged], minlength=len(sites))
    room_m3 = (1 + policy.overtime_share) * float(usable_capacity_m3(instance, design).sum())
    rules = {
        "closure_budget": is_gone.sum() <= policy.max_closures,
        "expansion_budget": design.is_expanded.sum() <= policy.max_expansions,
        "opening_budget": (sites.is_candidate & design.is_open).sum() <= policy.max_openings,
        "red_line": not (sites.is_on_red_line & (design.is_expanded | (sites.is_candidate & design.is_open))).any(),
        "expand_only_kept": not (design.is_expanded & (~design.is_open | sites.is_candidate)).any(),
        "enterprise_floor": all(design.is_open[members].any() for members in large_enterprises(instance)),
        "merge_only_closing": bool(is_gone[merged].all()),
        "merge_into_kept": bool(design.is_open[design.merge_into[merged]].all()),
        "merge_pairs": all((p, int(design.merge_into[p])) in pairs for p in merged.tolist()),
        "merge_limit": bool((received <= policy.max_merges_into_plant).all()),
        "must_stay": not (policy.must_stay & ~design.is_open).any(),
        "must_go": not (policy.must_go & design.is_open).any(),
        "cover_demand": not policy.must_serve
        or room_m3 >= float(instance.demand_m3.sum(axis=1).max()) * (1 - ROUNDING),
    }
    return [name for name, holds in rules.items() if not holds]


def large_enterprises(instance: Instance) -> list[Indices]:
    """The plants of each large enterprise: at least `large_enterprise_plants` of today's."""
    members: dict[str, list[int]] = {}
    for site in instance.existing.tolist():
        members.setdefault(instance.sites.enterprise_id[site], []).append(site)
    floor = instance.policy.large_enterprise_plants
    return [np.array(group) for _, group in sorted(members.items()) if len(group) >= floor]
