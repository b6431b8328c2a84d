"""From the warehouse to the instance: reads marts and forecast paths once, and freezes them.

Belongs here: the queries, and how marts and assumptions become the sets and parameters of docs/formulation.md.
Does not belong here: checks (instance.py), equations.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import numpy as np

from planning.assumptions import Assumptions, Options
from planning.design import Design, broken_rules
from planning.instance import MONTHS_PER_YEAR, Instance, Policy, Sites, check
from planning.model import Bools, Floats, Indices
from store.messages import EXIT_USAGE, TongmaiError

WEEKS_PER_MONTH = 52 / MONTHS_PER_YEAR
EARTH_RADIUS_KM = 6371.0088

# Capacity as in marts.capacity_weekly: today's plants by its last 52 complete weeks, candidates by its formula.
_SITES = """
WITH parameters AS (
    SELECT
        max(value) FILTER (WHERE name = 'default_effectiveness') AS effectiveness,
        max(value) FILTER (WHERE name = 'default_shift_h') AS shift_h,
        max(value) FILTER (WHERE name = 'mean_load_m3') AS load_m3,
        max(value) FILTER (WHERE name = 'trips_per_shift') AS trips,
        max(value) FILTER (WHERE name = 'working_days_per_week') AS working_days
    FROM staging.warehouse_assumptions
),
lately AS (
    SELECT plant_id, sum(available_m3) / 52 AS available_m3, sum(delivered_m3) AS delivered_m3,
        sum(available_m3) AS available_52w_m3
    FROM marts.capacity_weekly
    WHERE is_complete
        AND week_start > (SELECT max(week_start) FROM marts.capacity_weekly WHERE is_complete) - INTERVAL 52 WEEK
    GROUP BY plant_id
)
SELECT
    plants.plant_id, plants.plant_name, plants.enterprise_id, plants.max_grade, plants.lon, plants.lat, plants.lines,
    plants.rated_m3_per_h, plants.is_candidate, plants.is_on_red_line, plants.rent_and_fixed_cny_per_year,
    CASE
        WHEN plants.is_candidate THEN working_days * least(
            lines * rated_m3_per_h * coalesce(plants.effectiveness, parameters.effectiveness)
            * coalesce(plants.shift_h, parameters.shift_h),
            trucks * load_m3 * trips
        )
        ELSE lately.available_m3
    END AS available_m3,
    lately.delivered_m3 / nullif(lately.available_52w_m3, 0) AS utilisation
FROM marts.dim_plants AS plants
CROSS JOIN parameters
LEFT JOIN lately ON lately.plant_id = plants.plant_id
WHERE plants.is_current AND plants.status IN ('operating', 'planned') AND plants.lon IS NOT NULL
ORDER BY plants.plant_id
"""

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
SELECT plant_id, cell_id, grade_class, sum(delivered_m3) AS m3
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
    """Read everything a plan needs and check it. Raises what `check` raises, `no_forecast`, `unknown_plant`."""
    run_id = promoted_run(connection)
    plants = _read(connection, _SITES)
    cells = _read(connection, _CELLS)
    paths = _read(connection, _PATHS, [run_id, options.scenarios])
    classes = connection.execute(
        "SELECT grade_class, min_strength_mpa FROM marts.dim_grades ORDER BY sort_order"
    ).fetchall()
    groups = _grade_groups(plants["max_grade"], classes)
    group_of = {grade_class: "+".join(group) for group in groups for grade_class in group}
    sites = _sites(plants, dict(classes), groups, assumptions)

    names = ["+".join(group) for group in groups]
    point_cell = tuple(cell for cell in cells["cell_id"] for _ in names)
    point_district = tuple(district for district in cells["district_code"] for _ in names)
    point_group = tuple(names) * len(cells["cell_id"])
    share = np.repeat(np.asarray(cells["share_of_district"], float), len(names))
    demand, scenarios, periods = _demand(paths, group_of, point_district, point_group, share, options.months)

    observed = _observed(connection, sites, point_cell, point_group, group_of)
    can_make = np.array([[group in able for group in point_group] for able in sites.grade_groups]).reshape(
        len(sites), len(point_cell)
    )
    is_arc = observed.is_feasible & can_make & (observed.minutes <= assumptions["haul_limit_min"])
    arc_site, arc_point = np.nonzero(is_arc)
    km = observed.km[arc_site, arc_point]
    merge_from, merge_into = _merge_pairs(sites, assumptions["merge_distance_km"])
    instance = Instance(
        sites=sites,
        policy=_policy(sites, assumptions, options, len(periods)),
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


def _read(connection: duckdb.DuckDBPyConnection, sql: str, parameters: list[Any] | None = None) -> dict[str, list[Any]]:
    """A query's columns as lists."""
    table = connection.execute(sql, parameters or []).to_arrow_table()
    return {name: table.column(name).to_pylist() for name in table.column_names}


def _grade_groups(max_grades: list[str | None], classes: list[tuple[str, int]]) -> list[tuple[str, ...]]:
    """Grade classes that exactly the same plants can make, together: fewer commodities, the same problem."""
    by_makers: dict[tuple[bool, ...], list[str]] = {}
    for grade_class, strength in classes:
        makers = tuple(_can_make(max_grade, strength) for max_grade in max_grades)
        by_makers.setdefault(makers, []).append(grade_class)
    return [tuple(group) for group in by_makers.values()]


def _can_make(max_grade: str | None, strength_mpa: int) -> bool:
    """Whether a plant's highest grade (C60; none means any) reaches a class's lowest strength."""
    digits = "".join(c for c in max_grade or "" if c.isdigit())
    return not digits or int(digits) >= strength_mpa


def _sites(
    plants: dict[str, list[Any]],
    strengths: dict[str, int],
    groups: list[tuple[str, ...]],
    assumptions: Assumptions,
) -> Sites:
    def column(name: str) -> Floats:
        return np.array([np.nan if value is None else value for value in plants[name]], float)

    rated = np.nan_to_num(column("lines") * column("rated_m3_per_h"))
    available = np.nan_to_num(column("available_m3")) * WEEKS_PER_MONTH
    usable = assumptions["usable_capacity_share"] * available
    fixed = column("rent_and_fixed_cny_per_year")
    fixed = np.where(np.isnan(fixed), assumptions["fixed_cost_cny_per_m3_per_h"] * rated, fixed)
    lines = np.maximum(np.nan_to_num(column("lines"), nan=1.0), 1.0)
    closing = assumptions["closing_cost_cny_per_m3_per_h"] * rated
    annuity = assumptions.annuity
    expansion_capital = assumptions["expansion_capital_cny_per_m3_per_h"] * rated / lines
    return Sites(
        plant_id=tuple(plants["plant_id"]),
        name=tuple(plants["plant_name"]),
        enterprise_id=tuple(
            owner or plant for owner, plant in zip(plants["enterprise_id"], plants["plant_id"], strict=True)
        ),
        grade_groups=tuple(
            tuple("+".join(group) for group in groups if _can_make(grade, strengths[group[0]]))
            for grade in plants["max_grade"]
        ),
        lon=column("lon"),
        lat=column("lat"),
        is_candidate=np.array(plants["is_candidate"], bool),
        is_on_red_line=np.array(plants["is_on_red_line"], bool),
        available_m3=available,
        usable_m3=usable,
        expansion_m3=usable / lines,
        merge_m3=assumptions["merge_capacity_share"] * usable,
        fixed_cny_per_year=fixed,
        closing_cny=closing,
        merge_cny=assumptions["merge_cost_share"] * closing,
        opening_cny_per_year=assumptions["opening_capital_cny_per_m3_per_h"] * rated * annuity,
        expansion_cny_per_year=expansion_capital * annuity + assumptions["expansion_fixed_share"] * fixed / lines,
        observed_utilisation=np.nan_to_num(column("utilisation")),
    )


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
    m3, km, minutes, is_feasible = np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape, bool)
    for plant, cell, haul_km, haul_min, feasible in connection.execute(_ARCS).fetchall():
        if plant in site_at and cell in points_of:
            at = (site_at[plant], points_of[cell])
            km[at], minutes[at], is_feasible[at] = haul_km, haul_min, feasible
    for plant, cell, grade_class, volume in connection.execute(_OBSERVED).fetchall():
        point = point_at.get((cell, group_of.get(grade_class, "")))
        if plant in site_at and point is not None:
            m3[site_at[plant], point] += float(volume)
    return Observed(m3, km, minutes, is_feasible)


def _merge_pairs(sites: Sites, limit_km: float) -> tuple[Indices, Indices]:
    """Pairs of today's plants of one enterprise within the distance: (from, into)."""
    lon, lat = np.radians(sites.lon), np.radians(sites.lat)
    half = np.sin((lat[:, None] - lat) / 2) ** 2
    half = half + np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    km = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(half))
    enterprise = np.array(sites.enterprise_id)
    is_existing = ~sites.is_candidate
    may = (enterprise[:, None] == enterprise) & is_existing[:, None] & is_existing & (km <= limit_km)
    np.fill_diagonal(may, False)
    merge_from, merge_into = np.nonzero(may)
    return merge_from, merge_into


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
    return Policy(
        max_closures=int(assumptions["max_closures"]),
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
    )
