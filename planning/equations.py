"""The equations of a plan, one function each, with the symbols of docs/formulation.md.

Belongs here: constraint blocks and the first-stage cost, laid into a `Model`. Does not belong here: which model
takes which block (allocation.py, consolidation.py), how it is solved.

x[k, a] flow on arc a for demand k; u[k, i] unserved, in the unit of x; o[k, p] overtime, b[k, p] below the quota in m³
per month; y, e per site; w per merge pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from planning.design import large_enterprises, moved_capacity_m3
from planning.instance import Instance
from planning.model import Floats, Indices, Model, Term


@dataclass(frozen=True)
class FirstStage:
    """Columns of the first stage: y, e of shape (sites,), w of shape (merge pairs,)."""

    y: Indices
    e: Indices
    w: Indices


@dataclass(frozen=True)
class Shipments:
    """Columns x of chosen pairs (k, a): four arrays of one length; a column of 1 stands for `m3` m³ per month."""

    column: Indices
    demand: Indices
    arc: Indices
    m3: Floats

    def joined(self, other: Shipments) -> Shipments:
        """These and the others."""
        pairs = [(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)]
        return Shipments(*(np.concatenate(pair) for pair in pairs))


def first_stage(model: Model, instance: Instance, unit_cny: float) -> tuple[FirstStage, float]:
    """Columns y, e, w with their yearly cost in units of `unit_cny`, and the constant beside them.

    min Σ_p F_p y_p + Σ_{p existing} K_p/T (1 - y_p) - Σ_{pq} (K_p - G_p)/T w_pq + Σ_{p candidate} O_p y_p
    + Σ_p E_p e_p;
    e_p = 0 on red lines and for candidates, y_p = 0 for candidates on red lines; y_p fixed where an option says so.
    """
    sites, policy = instance.sites, instance.policy
    count, years = len(sites), policy.horizon_years
    closing = np.where(sites.is_candidate, 0.0, sites.closing_cny / years)
    opening = np.where(sites.is_candidate, sites.opening_cny_per_year, 0.0)
    is_forbidden = policy.must_go | (sites.is_candidate & sites.is_on_red_line)
    may_expand = ~sites.is_candidate & ~sites.is_on_red_line
    merge_saving = (sites.closing_cny - sites.merge_cny)[instance.merge_from] / years
    columns = FirstStage(
        y=model.add_columns(
            "y",
            count,
            lower=(policy.must_stay & ~is_forbidden).astype(float),
            upper=(~is_forbidden).astype(float),
            cost=(sites.fixed_cny_per_year - closing + opening) / unit_cny,
            integer=True,
        ),
        e=model.add_columns(
            "e", count, upper=may_expand.astype(float), cost=sites.expansion_cny_per_year / unit_cny, integer=True
        ),
        w=model.add_columns("w", len(instance.merge_from), upper=1.0, cost=-merge_saving / unit_cny, integer=True),
    )
    return columns, float(closing.sum() / unit_cny)


def serve_demand(model: Model, instance: Instance, x: Shipments, u: Indices, demand: Floats) -> Indices:
    """Σ_{a→i} x_ka + u_ki = d_ki, all in the unit of x; `demand`, `u` and the rows have shape (demands, points)."""
    points = demand.shape[1]
    every = np.arange(demand.size).reshape(demand.shape)
    terms: list[Term] = [(x.demand * points + instance.arc_point[x.arc], x.column, 1.0), (every, u, 1.0)]
    return model.add_rows("serve_demand", demand.shape, terms, lower=demand, upper=demand)


def respect_capacity(
    model: Model, instance: Instance, x: Shipments, o: Indices, capacity: FirstStage | Floats
) -> Indices:
    """Σ_{a∈p} x_ka - o_kp <= C_p y_p + ΔC_p e_p + Σ_q A_qp w_qp, m³ per month; rows (demands, sites).

    With `capacity` as numbers of shape (sites,) the right-hand side is fixed.
    """
    demands, sites = o.shape
    every = np.arange(demands)[:, None] * sites + np.arange(sites)
    terms: list[Term] = [(x.demand * sites + instance.arc_site[x.arc], x.column, x.m3), (every, o, -1.0)]
    given, upper = _capacity_side(instance, demands, capacity, 1.0)
    return model.add_rows("respect_capacity", (demands, sites), terms + given, upper=upper)


def limit_overtime(model: Model, instance: Instance, o: Indices, capacity: FirstStage | Floats) -> Indices:
    """o_kp <= ρ (C_p y_p + ΔC_p e_p + Σ_q A_qp w_qp), m³ per month; rows (demands, sites)."""
    demands, sites = o.shape
    every = np.arange(demands)[:, None] * sites + np.arange(sites)
    given, upper = _capacity_side(instance, demands, capacity, instance.policy.overtime_share)
    return model.add_rows("limit_overtime", (demands, sites), [(every, o, 1.0), *given], upper=upper)


def meet_quota(model: Model, instance: Instance, x: Shipments, b: Indices, capacity: FirstStage | Floats) -> Indices:
    """b_kp >= κ (C_p y_p + ΔC_p e_p + Σ_q A_qp w_qp) - Σ_{a∈p} x_ka, m³ per month; rows (demands, sites).

    κ is the least load, as a share of usable capacity; b is the shortfall below it.
    """
    demands, sites = b.shape
    every = np.arange(demands)[:, None] * sites + np.arange(sites)
    terms: list[Term] = [(x.demand * sites + instance.arc_site[x.arc], x.column, -x.m3), (every, b, -1.0)]
    given, upper = _capacity_side(instance, demands, capacity, -instance.policy.least_load_share)
    return model.add_rows("meet_quota", (demands, sites), terms + given, upper=upper)


def _capacity_side(
    instance: Instance, demands: int, capacity: FirstStage | Floats, share: float
) -> tuple[list[Term], Floats | float]:
    """The usable capacity times `share`, as terms of a left-hand side and as a right-hand side."""
    if not isinstance(capacity, FirstStage):
        return [], share * capacity
    first = np.arange(demands)[:, None] * len(instance.sites)
    every = first + np.arange(len(instance.sites))
    moved = moved_capacity_m3(instance, instance.merge_from, instance.merge_into)
    return [
        (every, capacity.y, -share * instance.sites.usable_m3),
        (every, capacity.e, -share * instance.sites.expansion_m3),
        (first + instance.merge_into, capacity.w, -share * moved),
    ], 0.0


def link_strongly(x: Indices, y: Indices) -> Term:
    """x_ka <= y_p for chosen shipments, x as a share of d_ki: two equal-length arrays; one row per entry.

    Implied by integer y, so any subset is valid; it is what makes the relaxation tight.
    """
    rows = np.arange(len(x))
    ones = np.ones(len(x))
    return np.concatenate([rows, rows]), np.concatenate([x, y]), np.concatenate([ones, -ones])


def cover_demand(model: Model, instance: Instance, columns: FirstStage) -> None:
    """Σ_p (1 + ρ) (C_p y_p + ΔC_p e_p + Σ_q A_qp w_qp) >= max_k Σ_i d_ki, where all demand must be served.

    Implied by the rows of each demand; it is what the solver's knapsack covers are made from.
    """
    if instance.policy.must_serve:
        zero = np.zeros(1, int)
        most = 1 + instance.policy.overtime_share
        sites, moved = instance.sites, moved_capacity_m3(instance, instance.merge_from, instance.merge_into)
        terms: list[Term] = [
            (zero, columns.y, most * sites.usable_m3),
            (zero, columns.e, most * sites.expansion_m3),
            (zero, columns.w, most * moved),
        ]
        model.add_rows("cover_demand", 1, terms, lower=float(instance.demand_m3.sum(axis=1).max()))


def limit_closures(model: Model, instance: Instance, columns: FirstStage) -> None:
    """Σ_{p existing} (1 - y_p) <= budget."""
    existing = instance.existing
    least = len(existing) - min(instance.policy.max_closures, len(existing))
    model.add_rows("limit_closures", 1, [(np.zeros(len(existing), int), columns.y[existing], 1.0)], lower=float(least))


def limit_expansions(model: Model, instance: Instance, columns: FirstStage) -> None:
    """Σ_p e_p <= budget."""
    limit = float(instance.policy.max_expansions)
    model.add_rows("limit_expansions", 1, [(np.zeros(columns.e.size, int), columns.e, 1.0)], upper=limit)


def limit_openings(model: Model, instance: Instance, columns: FirstStage) -> None:
    """Σ_{p candidate} y_p <= budget."""
    candidates = columns.y[instance.sites.is_candidate]
    limit = float(instance.policy.max_openings)
    model.add_rows("limit_openings", 1, [(np.zeros(candidates.size, int), candidates, 1.0)], upper=limit)


def expand_only_kept(model: Model, instance: Instance, columns: FirstStage) -> None:
    """e_p <= y_p."""
    sites = np.arange(len(instance.sites))
    model.add_rows("expand_only_kept", len(sites), [(sites, columns.e, 1.0), (sites, columns.y, -1.0)], upper=0.0)


def keep_one_of_large_enterprise(model: Model, instance: Instance, columns: FirstStage) -> None:
    """Σ_{p ∈ enterprise} y_p >= 1 for every large enterprise."""
    groups = large_enterprises(instance)
    if groups:
        rows = np.concatenate([np.full(len(group), row) for row, group in enumerate(groups)])
        term = (rows, columns.y[np.concatenate(groups)], 1.0)
        model.add_rows("keep_one_of_large_enterprise", len(groups), [term], lower=1.0)


def merge_only_closing(model: Model, instance: Instance, columns: FirstStage) -> None:
    """Σ_q w_pq <= 1 - y_p: only a plant that closes merges, and into one other."""
    sites = np.arange(len(instance.sites))
    terms: list[Term] = [(instance.merge_from, columns.w, 1.0), (sites, columns.y, 1.0)]
    model.add_rows("merge_only_closing", len(sites), terms, upper=1.0)


def merge_into_kept(model: Model, instance: Instance, columns: FirstStage) -> None:
    """w_pq <= y_q."""
    pairs = np.arange(len(instance.merge_from))
    terms: list[Term] = [(pairs, columns.w, 1.0), (pairs, columns.y[instance.merge_into], -1.0)]
    model.add_rows("merge_into_kept", len(pairs), terms, upper=0.0)


def limit_merges(model: Model, instance: Instance, columns: FirstStage) -> None:
    """Σ_p w_pq <= most merges that one plant can take."""
    term = (instance.merge_into, columns.w, 1.0)
    limit = float(instance.policy.max_merges_into_plant)
    model.add_rows("limit_merges", len(instance.sites), [term], upper=limit)


def measure_tail(model: Model, instance: Instance, cost: Sequence[Term], weights: Floats) -> Indices:
    """λ (η + Σ_k ζ_k / (1 - α)) in the objective, with ζ_k >= π_k (Q_k - η) and ζ_k >= 0: λ CVaR_α.

    By Rockafellar and Uryasev (2000). `cost` is Σ π_k Q_k in the unit of the objective as terms by k, `weights`
    (demands,) are π_k; η >= 0, as costs are.
    Rows (demands,).
    """
    policy, every = instance.policy, np.arange(len(weights))
    threshold = model.add_columns("threshold", 1, cost=policy.risk_weight)
    excess = model.add_columns("excess", len(weights), cost=policy.risk_weight / (1 - policy.risk_level))
    terms: list[Term] = [*cost, (every, excess, -1.0), (every, threshold, -weights)]
    return model.add_rows("measure_tail", len(weights), terms, upper=0.0)


FIRST_STAGE_RULES = (
    limit_closures,
    limit_expansions,
    limit_openings,
    expand_only_kept,
    keep_one_of_large_enterprise,
    merge_only_closing,
    merge_into_kept,
    limit_merges,
)
