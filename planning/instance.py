"""The frozen instance: sets and parameters of one planning question, checked. All that a solver sees.

Belongs here: shapes, units, checks, the instance's fingerprint. Does not belong here: where the figures
come from (freeze.py), equations.

Symbols as in docs/formulation.md: sites p, demand points i = (cell, grade group), arcs a = (p, i),
sample months n = (scenario, period), merge pairs (p, q).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cached_property

import numpy as np

from planning.model import Bools, Floats, Indices
from store.messages import Text, TongmaiError

MONTHS_PER_YEAR = 12.0


@dataclass(frozen=True)
class Sites:
    """Plants and candidate sites, each array of shape (sites,). Capacities are m³ per month.

    `available_m3` is the mart's capacity, `usable_m3` (C_p) what of it a month can use; `expansion_m3` (ΔC_p) and
    `merge_m3` (capacity that moves with a merged plant) are usable. `closing_cny` (K_p) and `merge_cny` are one-off,
    `fixed_`, `opening_` and `expansion_cny_per_year` (F_p, O_p, E_p) are per year.
    """

    plant_id: tuple[str, ...]
    name: tuple[str, ...]
    enterprise_id: tuple[str, ...]
    grade_groups: tuple[tuple[str, ...], ...]
    lon: Floats
    lat: Floats
    is_candidate: Bools
    is_on_red_line: Bools
    available_m3: Floats
    usable_m3: Floats
    expansion_m3: Floats
    merge_m3: Floats
    fixed_cny_per_year: Floats
    closing_cny: Floats
    merge_cny: Floats
    opening_cny_per_year: Floats
    expansion_cny_per_year: Floats
    observed_utilisation: Floats

    def __len__(self) -> int:
        return len(self.plant_id)


@dataclass(frozen=True)
class Policy:
    """The rules: budgets, the overtime share ρ, prices. `must_stay`, `must_go`: shape (sites,). With `must_serve`
    no demand may stay unserved. λ = `risk_weight` weighs CVaR at level α = `risk_level` of the monthly recourse.
    At most `max_closures_per_year` start in one year, none before its notice, nothing built before its months.
    A site's month below the share κ = `least_load_share` of its usable capacity costs `shortfall_cny_per_m3`; 0: none.

    `unserved_cny_per_m3` (periods,) is M_t: dear while capacity cannot follow demand, later what added capacity costs.
    """

    max_closures: int
    max_expansions: int
    max_openings: int
    max_merges_into_plant: int
    large_enterprise_plants: int
    horizon_years: float
    overtime_share: float
    overtime_cny_per_m3: float
    carbon_price_cny_per_t: float
    unserved_cny_per_m3: Floats
    must_stay: Bools
    must_go: Bools
    must_serve: bool = False
    risk_weight: float = 0.0
    risk_level: float = 0.9
    max_closures_per_year: int = 1_000
    closing_notice_months: int = 0
    building_months: int = 0
    least_load_share: float = 0.0
    shortfall_cny_per_m3: float = 0.0


@dataclass(frozen=True)
class Instance:
    """One planning question.

    Demand points have a cell, a grade group and a district; arcs point into `sites` and the demand points;
    `demand_m3` has shape (scenarios * periods, points), scenario-major, m³ per month. `merge_from[j]` may merge
    into `merge_into[j]`. `notes` are what the checks found and a reader should know.
    """

    sites: Sites
    policy: Policy
    point_cell: tuple[str, ...]
    point_grade_group: tuple[str, ...]
    point_district: tuple[str, ...]
    arc_site: Indices
    arc_point: Indices
    arc_km: Floats
    arc_min: Floats
    arc_cny_per_m3: Floats
    arc_kgco2e_per_m3: Floats
    demand_m3: Floats
    scenarios: tuple[int, ...]
    periods: tuple[date, ...]
    merge_from: Indices
    merge_into: Indices
    notes: tuple[Text, ...] = ()

    @property
    def points(self) -> int:
        return len(self.point_cell)

    @cached_property
    def arc_price(self) -> Floats:
        """Cost of an arc with its carbon priced in, CNY/m³: c_a + w g_a."""
        return self.arc_cny_per_m3 + self.policy.carbon_price_cny_per_t / 1000.0 * self.arc_kgco2e_per_m3

    def with_arcs(self, chosen: Bools) -> Instance:
        """The same question with only the chosen arcs, shape (arcs,)."""
        arcs = ("arc_site", "arc_point", "arc_km", "arc_min", "arc_cny_per_m3", "arc_kgco2e_per_m3")
        return replace(self, **{name: getattr(self, name)[chosen] for name in arcs})

    @cached_property
    def unserved_price(self) -> Floats:
        """M_t of every sample month, shape (samples,)."""
        return np.tile(self.policy.unserved_cny_per_m3, len(self.scenarios))

    @cached_property
    def existing(self) -> Indices:
        return np.flatnonzero(~self.sites.is_candidate)

    @cached_property
    def mean_demand_m3(self) -> Floats:
        """Mean over all sample months, shape (points,)."""
        return np.asarray(self.demand_m3.mean(axis=0))

    @cached_property
    def fingerprint(self) -> str:
        """A hash of every figure: equal questions, equal fingerprints."""
        digest = hashlib.sha256()
        for part in (self.sites, self.policy, self):
            for field in fields(part):
                value = getattr(part, field.name)
                if isinstance(value, np.ndarray):
                    digest.update(f"{field.name}{value.shape}{value.dtype}".encode())
                    digest.update(np.ascontiguousarray(value).tobytes())
                elif not isinstance(value, (Sites, Policy)) and field.name != "notes":
                    digest.update(f"{field.name}{value!r}".encode())
        return digest.hexdigest()[:16]


def check(instance: Instance) -> Instance:
    """Refuse what cannot be planned; note what can but should be known. Returns the instance with its notes.

    Raises TongmaiError: `no_plants`, `no_demand_cells`, `bad_instance` (a negative or missing figure),
    `contradictory_options`.
    """
    refuse_empty(has_plants=len(instance.sites) > 0, has_demand=instance.points > 0 and instance.demand_m3.size > 0)
    _refuse_bad_figures(instance)
    notes = [*instance.notes, *_unreachable(instance), *_without_capacity(instance)]
    return replace(instance, notes=tuple(notes))


def refuse_empty(*, has_plants: bool, has_demand: bool) -> None:
    """Raises TongmaiError: `no_plants`, `no_demand_cells`."""
    if not has_plants:
        raise TongmaiError("no_plants", "没有可规划的搅拌站。", "There is no plant to plan with.")
    if not has_demand:
        raise TongmaiError("no_demand_cells", "没有需求单元或需求路径。", "There are no demand cells or demand paths.")


def _refuse_bad_figures(instance: Instance) -> None:
    shapes = {
        "demand_m3": (len(instance.scenarios) * len(instance.periods), instance.points),
        "arc_point": instance.arc_site.shape,
        "arc_cny_per_m3": instance.arc_site.shape,
        "arc_kgco2e_per_m3": instance.arc_site.shape,
        "arc_min": instance.arc_site.shape,
    }
    for owner in (instance.sites, instance):
        for field in fields(owner):
            value = getattr(owner, field.name)
            if not isinstance(value, np.ndarray):
                continue
            expected = shapes.get(field.name, (len(instance.sites),) if owner is instance.sites else value.shape)
            is_position = field.name in ("lon", "lat")
            if value.shape != expected or not np.isfinite(value).all() or (not is_position and (value < 0).any()):
                raise TongmaiError(
                    "bad_instance",
                    f"规划输入 {field.name} 有缺失、为负或形状不符（{value.shape}，应为 {expected}）。",
                    f"Planning input {field.name} has missing or negative figures, or shape {value.shape}"
                    f" instead of {expected}.",
                )


def _unreachable(instance: Instance) -> list[Text]:
    reached = np.zeros(instance.points, bool)
    reached[instance.arc_point[instance.sites.usable_m3[instance.arc_site] > 0]] = True
    lost = [i for i in np.flatnonzero(~reached) if instance.mean_demand_m3[i] > 0]
    if not lost:
        return []
    cells = sorted({instance.point_cell[i] for i in lost})
    yearly = float(instance.mean_demand_m3[lost].sum() * MONTHS_PER_YEAR)
    shown = "、".join(cells[:5])
    return [
        Text(
            f"{len(cells)} 个需求单元在运输时限内没有任何站可达（{shown}），每年 {yearly:,.0f} 方计为供不上。",
            f"{len(cells)} demand cells have no plant within the haul limit ({', '.join(cells[:5])}):"
            f" {yearly:,.0f} m³ a year count as unserved.",
        )
    ]


def _without_capacity(instance: Instance) -> list[Text]:
    lost = [instance.sites.plant_id[p] for p in np.flatnonzero(instance.sites.available_m3 <= 0)]
    if not lost:
        return []
    return [
        Text(
            f"{len(lost)} 座站没有产能数据，按零产能处理：{'、'.join(lost[:5])}。",
            f"{len(lost)} plants have no capacity and count as zero: {', '.join(lost[:5])}.",
        )
    ]


def facility_location(
    fixed_cny: Floats,
    capacity_m3: Floats,
    demand_m3: Floats,
    cost_cny_per_m3: Floats,
    *,
    penalty_cny_per_m3: float = 1e6,
    is_candidate: Bools | None = None,
) -> Instance:
    """A plain capacitated facility-location instance; `demand_m3` (samples, points) and capacities are per year.

    `cost_cny_per_m3` has shape (sites, points); NaN means that there is no arc. Sites are candidates without
    opening cost unless `is_candidate` says otherwise: the form of the OR-Library `cap` files.
    """
    sites, points = cost_cny_per_m3.shape
    zeros = np.zeros(sites)
    arc_site, arc_point = np.nonzero(np.isfinite(cost_cny_per_m3))
    arcs = np.zeros(len(arc_site))
    return Instance(
        sites=Sites(
            plant_id=tuple(f"P{p}" for p in range(sites)),
            name=tuple(f"P{p}" for p in range(sites)),
            enterprise_id=tuple(f"E{p}" for p in range(sites)),
            grade_groups=(("all",),) * sites,
            lon=zeros,
            lat=zeros,
            is_candidate=np.ones(sites, bool) if is_candidate is None else is_candidate,
            is_on_red_line=np.zeros(sites, bool),
            available_m3=capacity_m3 / MONTHS_PER_YEAR,
            usable_m3=capacity_m3 / MONTHS_PER_YEAR,
            expansion_m3=zeros,
            merge_m3=zeros,
            fixed_cny_per_year=np.asarray(fixed_cny, float),
            closing_cny=zeros,
            merge_cny=zeros,
            opening_cny_per_year=zeros,
            expansion_cny_per_year=zeros,
            observed_utilisation=zeros,
        ),
        policy=Policy(
            max_closures=sites,
            max_expansions=sites,
            max_openings=sites,
            max_merges_into_plant=1,
            large_enterprise_plants=sites + 1,
            horizon_years=1.0,
            overtime_share=0.0,
            overtime_cny_per_m3=0.0,
            unserved_cny_per_m3=np.array([penalty_cny_per_m3]),
            carbon_price_cny_per_t=0.0,
            must_stay=np.zeros(sites, bool),
            must_go=np.zeros(sites, bool),
        ),
        point_cell=tuple(f"Z{z}" for z in range(points)),
        point_grade_group=("all",) * points,
        point_district=("all",) * points,
        arc_site=arc_site,
        arc_point=arc_point,
        arc_km=arcs,
        arc_min=arcs,
        arc_cny_per_m3=cost_cny_per_m3[arc_site, arc_point],
        arc_kgco2e_per_m3=arcs,
        demand_m3=np.atleast_2d(demand_m3) / MONTHS_PER_YEAR,
        scenarios=tuple(range(len(np.atleast_2d(demand_m3)))),
        periods=(date(2026, 1, 1),),
        merge_from=np.zeros(0, np.int64),
        merge_into=np.zeros(0, np.int64),
    )
