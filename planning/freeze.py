"""From the warehouse to the instance: reads marts and forecast paths once, and freezes them.

Belongs here: the queries, and how marts and assumptions become the sets and parameters of docs/formulation.md.
Does not belong here: checks (instance.py), equations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import numpy as np

from planning.assumptions import Assumptions, Options
from planning.design import Design, broken_rules
from planning.instance import MONTHS_PER_YEAR, Instance, Policy, Sites, check, refuse_empty
from planning.model import Bools, Floats
from planning.plants import SITES_SQL, grade_groups, merge_pairs, read_columns, sites_of
from store.messages import EXIT_USAGE, Text, TongmaiError

_ARCS = """
SELECT plant_id, cell_id, haul_km, haul_min, is_feasible
FROM marts.haul_matrix
WHERE hour_band = 'all'
ORDER BY plant_id, cell_id
"""

_CELLS = """
SELECT cell_id, district_code, share_of_district
FROM marts.dim_demand_cells
WHERE share_of_district > 0
ORDER BY cell_id
"""

_PATHS = """
SELECT sample, month, district_code, grade_class, m3
FROM forecast.paths
WHERE run_id = ? AND scenario = 'base' AND sample < ?
ORDER BY sample, month, district_code, grade_class
"""

# Who served whom in the last 52 weeks, by cell and grade class.
_OBSERVED = """
SELECT plant_id, cell_id, grade_class, CAST(sum(CAST(delivered_m3 AS DECIMAL(18, 3))) AS DOUBLE) AS m3
FROM marts.fct_deliveries
WHERE week_start > (SELECT max(week_start) FROM marts.capacity_weekly WHERE is_complete) - INTERVAL 52 WEEK
    AND week_start <= (SELECT max(week_start) FROM marts.capacity_weekly WHERE is_complete)
GROUP BY plant_id, cell_id, grade_class
HAVING sum(delivered_m3) > 0
ORDER BY plant_id, cell_id, grade_class
"""


@dataclass(frozen=True)
class Observed:
    """Who serves whom today: m³ of the last 52 weeks, shape (sites, points), and every haul, feasible or not."""

    m3: Floats
    km: Floats
    minutes: Floats
    is_feasible: Bools


@dataclass(frozen=True)
class Frozen:
    """An instance, who serves whom today, and the forecast run behind them."""

    instance: Instance
    observed: Observed
    run_id: str


def promoted_run(connection: duckdb.DuckDBPyConnection) -> str:
    """The forecast run in force. Raises TongmaiError(`no_forecast`)."""
    try:
        row = connection.execute("SELECT any_value(run_id) FROM forecast.demand_current").fetchone()
    except duckdb.CatalogException:
        row = None
    if row is None or row[0] is None:
        raise TongmaiError(
            "no_forecast",
            "还没有现用的预测，无法规划。请先运行 tongmai forecast。",
            "There is no promoted forecast to plan on. Run tongmai forecast first.",
        )
    return str(row[0])


def freeze(connection: duckdb.DuckDBPyConnection, assumptions: Assumptions, options: Options) -> Frozen:
    """Read everything a plan needs and check it.

    Raises what `check` raises, `no_forecast`, `no_hauls`, `unknown_plant`, `bad_assumptions`, `contradictory_options`.
    """
    run_id = promoted_run(connection)
    plants = read_columns(connection, SITES_SQL)
    cells = read_columns(connection, _CELLS)
    paths = read_columns(connection, _PATHS, [run_id, options.scenarios])
    refuse_empty(has_plants=not all(plants["is_candidate"]), has_demand=bool(cells["cell_id"] and paths["sample"]))
    classes = connection.execute(
        "SELECT grade_class, min_strength_mpa FROM marts.dim_grades ORDER BY sort_order"
    ).fetchall()
    groups = grade_groups(plants["max_grade"], classes)
    group_of = {grade_class: "+".join(group) for group in groups for grade_class in group}
    sites = sites_of(plants, dict(classes), groups, assumptions)

    names = ["+".join(group) for group in groups]
    point_cell = tuple(cell for cell in cells["cell_id"] for _ in names)
    point_district = tuple(district for district in cells["district_code"] for _ in names)
    point_group = tuple(names) * len(cells["cell_id"])
    share = np.repeat(np.asarray(cells["share_of_district"], float), len(names))
    demand, scenarios, periods = _demand(paths, group_of, point_district, point_group, share, options.months)

    observed = _observed(connection, sites, point_cell, point_group, group_of)
    _refuse_missing_hauls(observed)
    can_make = np.array([[group in able for group in point_group] for able in sites.grade_groups]).reshape(
        len(sites), len(point_cell)
    )
    is_arc = observed.is_feasible & can_make & (observed.minutes <= assumptions["haul_limit_min"])
    arc_site, arc_point = np.nonzero(is_arc)
    km = observed.km[arc_site, arc_point]
    merge_from, merge_into = merge_pairs(sites, assumptions["merge_distance_km"], options.merge_pairs)
    policy = _policy(sites, assumptions, options, len(periods))
    instance = Instance(
        sites=sites,
        policy=policy,
        point_cell=point_cell,
        point_grade_group=point_group,
        point_district=point_district,
        arc_site=arc_site,
        arc_point=arc_point,
        arc_km=km,
        arc_min=observed.minutes[arc_site, arc_point],
        arc_cny_per_m3=assumptions["haul_cost_cny_per_m3_km"] * km,
        arc_kgco2e_per_m3=assumptions.carbon_kgco2e_per_m3_km * km,
        demand_m3=demand * (1 + assumptions["demand_change"]),
        scenarios=scenarios,
        periods=periods,
        merge_from=merge_from,
        merge_into=merge_into,
        notes=tuple(_narrower_budget(policy, assumptions)),
    )
    checked = check(instance)
    broken = broken_rules(checked, Design.as_is(checked))
    if broken:
        raise TongmaiError(
            "contradictory_options",
            f"选项与规则矛盾：按选项保留与关停后，违反 {'、'.join(broken)}。",
            f"The options contradict the rules: what they keep and close breaks {', '.join(broken)}.",
            EXIT_USAGE,
        )
    return Frozen(checked, observed, run_id)


def _demand(
    paths: dict[str, list[Any]],
    group_of: dict[str, str],
    point_district: tuple[str, ...],
    point_group: tuple[str, ...],
    share: Floats,
    months: int,
) -> tuple[Floats, tuple[int, ...], tuple[date, ...]]:
    """Paths spread over cells by their share of the district: (scenarios * periods, points), m³ per month."""
    scenarios = tuple(sorted(set(paths["sample"])))
    periods = tuple(sorted(set(paths["month"]))[:months])
    series = sorted(set(zip(point_district, point_group, strict=True)))
    sample_at = {sample: n for n, sample in enumerate(scenarios)}
    period_at = {period: n for n, period in enumerate(periods)}
    series_at = {pair: n for n, pair in enumerate(series)}
    volume = np.zeros((len(scenarios), len(periods), len(series)))
    columns = (paths[name] for name in ("sample", "month", "district_code", "grade_class", "m3"))
    for sample, month, district, grade_class, m3 in zip(*columns, strict=True):
        where = series_at.get((district, group_of.get(grade_class, "")))
        if where is not None and month in period_at:
            volume[sample_at[sample], period_at[month], where] += m3
    at = [series_at[pair] for pair in zip(point_district, point_group, strict=True)]
    demand = volume.reshape(-1, len(series))[:, at] * share
    return demand, scenarios, periods


def _observed(
    connection: duckdb.DuckDBPyConnection,
    sites: Sites,
    point_cell: tuple[str, ...],
    point_group: tuple[str, ...],
    group_of: dict[str, str],
) -> Observed:
    site_at = {plant: p for p, plant in enumerate(sites.plant_id)}
    points_of: dict[str, list[int]] = {}
    for i, cell in enumerate(point_cell):
        points_of.setdefault(cell, []).append(i)
    point_at = {pair: i for i, pair in enumerate(zip(point_cell, point_group, strict=True))}
    shape = (len(sites), len(point_cell))
    m3, is_feasible = np.zeros(shape), np.zeros(shape, bool)
    km, minutes = np.full(shape, np.inf), np.full(shape, np.inf)
    for plant, cell, haul_km, haul_min, feasible in connection.execute(_ARCS).fetchall():
        if plant in site_at and cell in points_of:
            at = (site_at[plant], points_of[cell])
            km[at], minutes[at], is_feasible[at] = haul_km, haul_min, feasible
    for plant, cell, grade_class, volume in connection.execute(_OBSERVED).fetchall():
        point = point_at.get((cell, group_of.get(grade_class, "")))
        if plant in site_at and point is not None:
            m3[site_at[plant], point] += float(volume)
    return Observed(m3, km, minutes, is_feasible)


def _refuse_missing_hauls(observed: Observed) -> None:
    missing = int((~np.isfinite(observed.km)).sum())
    if missing:
        raise TongmaiError(
            "no_hauls",
            f"运距矩阵缺 {missing} 条（站×需求单元）。请重新运行 tongmai build。",
            f"The haul matrix lacks {missing} pairs of plant and demand cell. Run tongmai build again.",
        )


def _narrower_budget(policy: Policy, assumptions: Assumptions) -> Iterator[Text]:
    """A note where the yearly budget leaves less than the whole one."""
    if policy.max_closures < int(assumptions["max_closures"]):
        yield Text(
            f"每年至多关停 {policy.max_closures_per_year} 座，规划期内合计至多 {policy.max_closures} 座，"
            f"少于 max_closures（{assumptions['max_closures']:.0f}）。",
            f"At most {policy.max_closures_per_year} closures a year allow {policy.max_closures} within the horizon,"
            f" fewer than max_closures ({assumptions['max_closures']:.0f}).",
        )


def _policy(sites: Sites, assumptions: Assumptions, options: Options, months: int) -> Policy:
    known = set(sites.plant_id)
    unknown = sorted({*options.keep, *options.close} - known)
    if unknown:
        raise TongmaiError(
            "unknown_plant",
            f"没有这样的在营站或候选站：{'、'.join(unknown)}。",
            f"No such operating plant or candidate site: {', '.join(unknown)}.",
            EXIT_USAGE,
        )
    if not 0 <= assumptions["risk_level"] < 1:
        raise TongmaiError(
            "bad_assumptions",
            f"risk_level 应在 [0, 1) 内，却是 {assumptions['risk_level']}。",
            f"risk_level must lie in [0, 1), not {assumptions['risk_level']}.",
        )
    if not 0 <= assumptions["min_utilisation"] <= 1 or not 0 <= assumptions["min_utilisation_cny_per_m3"] < np.inf:
        raise TongmaiError(
            "bad_assumptions",
            f"min_utilisation 应在 [0, 1] 内且 min_utilisation_cny_per_m3 不为负，"
            f"却是 {assumptions['min_utilisation']} 与 {assumptions['min_utilisation_cny_per_m3']}。",
            "min_utilisation must lie in [0, 1] and min_utilisation_cny_per_m3 be zero or more, not"
            f" {assumptions['min_utilisation']} and {assumptions['min_utilisation_cny_per_m3']}.",
        )
    per_year, usable = int(assumptions["max_closures_per_year"]), assumptions["usable_capacity_share"]
    return Policy(
        max_closures=min(int(assumptions["max_closures"]), int(per_year * -(-max(months, 1) // MONTHS_PER_YEAR))),
        max_expansions=int(assumptions["max_expansions"]),
        max_openings=int(assumptions["max_openings"]),
        max_merges_into_plant=int(assumptions["max_merges_into_plant"]),
        large_enterprise_plants=int(assumptions["large_enterprise_plants"]),
        horizon_years=max(months, 1) / MONTHS_PER_YEAR,
        overtime_share=assumptions["overtime_share"],
        overtime_cny_per_m3=assumptions["overtime_cny_per_m3"],
        carbon_price_cny_per_t=assumptions["carbon_price_cny_per_t"],
        unserved_cny_per_m3=np.where(
            np.arange(months) < assumptions["adaptation_lead_months"],
            assumptions["unserved_penalty_cny_per_m3"],
            assumptions["late_supply_cny_per_m3"],
        ),
        must_stay=np.isin(sites.plant_id, options.keep),
        must_go=np.isin(sites.plant_id, options.close),
        risk_weight=assumptions["risk_weight"],
        risk_level=assumptions["risk_level"],
        max_closures_per_year=per_year,
        closing_notice_months=int(assumptions["closing_notice_months"]),
        building_months=int(assumptions["adaptation_lead_months"]),
        least_load_share=assumptions["min_utilisation"] / usable if usable else 0.0,
        shortfall_cny_per_m3=assumptions["min_utilisation_cny_per_m3"],
    )
