"""Plants and candidate sites as the planner sees them: capacity, costs, what they can make, who may merge.

Belongs here: today's sites from the marts and the assumptions. Does not belong here: demand, hauls, policy (freeze.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np

from planning.assumptions import Assumptions
from planning.instance import MONTHS_PER_YEAR, Sites
from planning.model import Floats, Indices
from store.messages import EXIT_USAGE, TongmaiError

WEEKS_PER_MONTH = 52 / MONTHS_PER_YEAR
EARTH_RADIUS_KM = 6371.0088

# Today's plants by the weeks of the last year in which the mart knows them, candidates by their full weeks.
# Sums are exact decimals, so that the order of rows changes no bit.
SITES_SQL = """
WITH lately AS (
    SELECT
        plant_id,
        avg(CAST(available_m3 AS DECIMAL(18, 3))) AS available_m3,
        sum(CAST(delivered_m3 AS DECIMAL(18, 3))) / nullif(sum(CAST(available_m3 AS DECIMAL(18, 3))), 0) AS utilisation
    FROM marts.capacity_weekly
    WHERE is_complete
        AND week_start > (SELECT max(week_start) FROM marts.capacity_weekly WHERE is_complete) - INTERVAL 52 WEEK
    GROUP BY plant_id
)
SELECT
    plants.plant_id, plants.plant_name, plants.enterprise_id, plants.max_grade, plants.lon, plants.lat, plants.lines,
    plants.rated_m3_per_h, plants.is_candidate, plants.is_on_red_line, plants.rent_and_fixed_cny_per_year,
    CASE
        WHEN plants.is_candidate THEN plants.capacity_m3_per_day * plants.working_days_per_week
        ELSE lately.available_m3
    END AS available_m3,
    lately.utilisation
FROM marts.dim_plants AS plants
LEFT JOIN lately ON lately.plant_id = plants.plant_id
WHERE plants.is_current AND plants.status IN ('operating', 'planned') AND plants.lon IS NOT NULL
ORDER BY plants.plant_id
"""


def read_columns(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: list[Any] | None = None
) -> dict[str, list[Any]]:
    """A query's columns as lists."""
    table = connection.execute(sql, parameters or []).to_arrow_table()
    return {name: table.column(name).to_pylist() for name in table.column_names}


def grade_groups(max_grades: list[str | None], classes: list[tuple[str, int]]) -> list[tuple[str, ...]]:
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


def sites_of(
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


def _declared(sites: Sites, pair: str) -> tuple[int, int]:
    names = [name.strip() for name in pair.split(":")]
    unknown = [name for name in names if name not in sites.plant_id]
    if len(names) != 2 or unknown:
        raise TongmaiError(
            "unknown_plant",
            f"合并对应写作 站:并入站，且两座都在营：{pair}。",
            f"A pair to merge is written PLANT:INTO, both of them operating: {pair}.",
            EXIT_USAGE,
        )
    return sites.plant_id.index(names[0]), sites.plant_id.index(names[1])


def merge_pairs(sites: Sites, limit_km: float, declared: Sequence[str] = ()) -> tuple[Indices, Indices]:
    """Pairs of today's plants of one enterprise, or declared as FROM:INTO, within the distance: (from, into).

    Raises TongmaiError: `unknown_plant`, `bad_option` (a declared pair that the distance forbids, or a candidate's).
    """
    lon, lat = np.radians(sites.lon), np.radians(sites.lat)
    half = np.sin((lat[:, None] - lat) / 2) ** 2
    half = half + np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    km = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(half))
    enterprise = np.array(sites.enterprise_id)
    is_existing = ~sites.is_candidate
    is_owned = enterprise[:, None] == enterprise
    is_possible = is_existing[:, None] & is_existing & (km <= limit_km)
    np.fill_diagonal(is_possible, False)
    may = is_owned & is_possible
    for pair in declared:
        one, other = _declared(sites, pair)
        if not is_possible[one, other]:
            raise TongmaiError(
                "bad_option",
                f"{pair} 不能合并：须是两座不同的现有站，直线距离不超过 {limit_km:g} 公里。",
                f"{pair} cannot merge: two plants of today within {limit_km:g} km of each other are needed.",
                EXIT_USAGE,
            )
        may[one, other] = True
    merge_from, merge_into = np.nonzero(may)
    return merge_from, merge_into
