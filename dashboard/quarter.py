"""The next quarter (13 weeks): demand with its 80 % band against reachable capacity, city and districts.

Belongs here: reading it from `forecast` and `plan`. Does not belong here: the weekly curve (`fan`).

The mean of 13 weeks is the sum of the weekly means. Its band is not the sum of weekly quantiles, since
weeks do not go wrong together by chance alone: each joint sample of `forecast.paths` is summed over its
first three months, and the quantiles of those sums, relative to their mean, are put around the weekly mean.
(Relative, because three months have 89 to 92 days and 13 weeks have 91.)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb

from dashboard.published import holds, rows
from store.messages import Text

WEEKS = 13
MONTHS = 3
CITY = "all"
CITY_NAME = Text("全市", "Whole city")
UNKNOWN_NAME = Text("区县不明", "District unknown")


@dataclass(frozen=True)
class DistrictQuarter:
    """One district's 13 weeks in m³; `load_share` is demand ÷ reach share, `surplus_m3` reach share − demand.

    `weeks_short` counts the weeks whose mean exceeds the reach share; `probability_short` is the mean over the
    weeks of the plan's weekly probability. What a version without a plan cannot say is None.
    """

    district_code: str
    name: Text
    demand_m3: float
    q10_m3: float | None
    q90_m3: float | None
    reach_gross_m3: float | None
    reach_share_m3: float | None
    load_share: float | None
    surplus_m3: float | None
    weeks_short: int | None
    probability_short: float | None


@dataclass(frozen=True)
class Quarter:
    """`city` and its `districts`, from Monday `from_on` to Sunday `until_on`, out of one forecast run."""

    run_id: str
    from_on: date
    until_on: date
    weeks: int
    city: DistrictQuarter
    districts: tuple[DistrictQuarter, ...]


def read_quarter(connection: duckdb.DuckDBPyConnection) -> Quarter | None:
    """The quarter after the forecast's cutoff, None when the version holds no forecast."""
    if not holds(connection, "forecast.demand_current"):
        return None
    demands = rows(connection, _DEMAND, {"weeks": WEEKS})
    if not demands:
        return None
    run_id = str(demands[0]["run_id"])
    bands = {row["district_code"]: row for row in rows(connection, _BANDS, {"run_id": run_id, "months": MONTHS})}
    reaches = _read_reaches(connection)
    names = _read_names(connection)
    quarters = {
        row["district_code"]: _quarter(row, bands.get(row["district_code"]), reaches.get(row["district_code"]), names)
        for row in demands
    }
    city = quarters.pop(CITY)
    return Quarter(
        run_id=run_id,
        from_on=demands[0]["from_on"],
        until_on=demands[0]["last_week"] + timedelta(days=6),
        weeks=int(demands[0]["weeks"]),
        city=city,
        districts=tuple(quarters.values()),
    )


_DEMAND = """
SELECT
    district_code,
    sum(mean) AS demand_m3,
    min(run_id) AS run_id,
    min(week_start) AS from_on,
    max(week_start) AS last_week,
    count(DISTINCT week_start) AS weeks
FROM forecast.demand_current
WHERE level IN ('city', 'district') AND scenario = 'base' AND h BETWEEN 1 AND $weeks
GROUP BY district_code
ORDER BY district_code
"""

_BANDS = """
WITH first_months AS (
    SELECT DISTINCT month FROM forecast.paths
    WHERE run_id = $run_id AND scenario = 'base'
    ORDER BY month LIMIT $months
),
parts AS (
    SELECT sample, district_code, m3
    FROM forecast.paths
    WHERE run_id = $run_id AND scenario = 'base' AND month IN (SELECT month FROM first_months)
        AND district_code <> 'all' AND grade_class <> 'all'
),
totals AS (
    SELECT sample, district_code, sum(m3) AS m3 FROM parts GROUP BY ALL
    UNION ALL
    SELECT sample, 'all' AS district_code, sum(m3) AS m3 FROM parts GROUP BY ALL
)
SELECT
    district_code,
    quantile_cont(m3, 0.1) / nullif(avg(m3), 0) AS low,
    quantile_cont(m3, 0.9) / nullif(avg(m3), 0) AS high
FROM totals
GROUP BY district_code
"""

_REACHES = """
WITH weeks AS (
    SELECT district_code, week_start, mean, reach_gross_m3, reach_share_m3, probability_short
    FROM plan.outlook_balance_weekly
    WHERE plan_id = (SELECT max(plan_id) FROM plan.plan_current)
        AND h BETWEEN 1 AND $weeks AND district_code <> 'all'
),
city AS (
    SELECT week_start, sum(mean) AS mean, sum(reach_share_m3) AS reach_share_m3 FROM weeks GROUP BY week_start
)
SELECT
    district_code,
    sum(reach_gross_m3) AS reach_gross_m3,
    sum(reach_share_m3) AS reach_share_m3,
    CAST(count(*) FILTER (mean > reach_share_m3) AS INTEGER) AS weeks_short,
    avg(probability_short) AS probability_short
FROM weeks
GROUP BY district_code
UNION ALL
SELECT  -- districts' gross reaches overlap, so the city has none; its shares add up
    'all', NULL, sum(reach_share_m3), CAST(count(*) FILTER (mean > reach_share_m3) AS INTEGER), NULL
FROM city
HAVING count(*) > 0
"""


def _read_reaches(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    if not holds(connection, "plan.outlook_balance_weekly"):
        return {}
    return {row["district_code"]: row for row in rows(connection, _REACHES, {"weeks": WEEKS})}


def _read_names(connection: duckdb.DuckDBPyConnection) -> dict[str, Text]:
    found = rows(connection, "SELECT district_code, district_name, district_name_en FROM marts.dim_districts", {})
    names = {row["district_code"]: Text(row["district_name"], row["district_name_en"]) for row in found}
    return {"unknown": UNKNOWN_NAME, **names, CITY: CITY_NAME}


def _quarter(
    demand: dict[str, Any], band: dict[str, Any] | None, reach: dict[str, Any] | None, names: dict[str, Text]
) -> DistrictQuarter:
    code, demand_m3 = demand["district_code"], float(demand["demand_m3"])
    share_m3 = reach["reach_share_m3"] if reach else None
    return DistrictQuarter(
        district_code=code,
        name=names.get(code, Text(code, code)),
        demand_m3=demand_m3,
        q10_m3=demand_m3 * band["low"] if band and band["low"] is not None else None,
        q90_m3=demand_m3 * band["high"] if band and band["high"] is not None else None,
        reach_gross_m3=reach["reach_gross_m3"] if reach else None,
        reach_share_m3=share_m3,
        load_share=demand_m3 / share_m3 if share_m3 else None,
        surplus_m3=share_m3 - demand_m3 if share_m3 is not None else None,
        weeks_short=reach["weeks_short"] if reach else None,
        probability_short=reach["probability_short"] if reach else None,
    )
