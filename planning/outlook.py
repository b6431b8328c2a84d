"""Forecast against reachable capacity, week by week and district by district.

Belongs here: plan.outlook_balance_weekly, the one place where a forecast meets today's capacity. Does not belong here:
the choice of plants.
"""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np

from store.messages import Text

QUANTILES = {"q025": 0.025, "q10": 0.1, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q90": 0.9, "q975": 0.975}

# The plants that work in a coming week of `demand`, each with its capacity of a day x the week's working days as in
# marts.capacity_weekly.
AVAILABLE = """available AS (
    SELECT
        plants.plant_id,
        dates.week_start,
        any_value(plants.capacity_m3_per_day) * least(any_value(plants.working_days_per_week), count(*)) AS available_m3
    FROM marts.dim_plants AS plants
    INNER JOIN marts.dim_dates AS dates
        ON dates.date_on >= coalesce(plants.opened_on, dates.date_on)
        AND dates.date_on < coalesce(plants.closed_on, DATE '9999-12-31')
    WHERE plants.is_current AND plants.status = 'operating' AND NOT dates.is_policy_ban
        AND dates.week_start IN (SELECT week_start FROM demand)
    GROUP BY plants.plant_id, dates.week_start
)"""

# A district's reach gross (every plant that reaches it) and shared (marts.plant_reach).
_OUTLOOK = f"""
WITH demand AS (
    SELECT * FROM forecast.demand_current WHERE level = 'district'
),
{AVAILABLE},
reached AS (
    SELECT
        reach.district_code,
        available.week_start,
        sum(CAST(available.available_m3 AS DECIMAL(18, 3))) AS gross_m3,
        sum(CAST(available.available_m3 * reach.share_of_capacity AS DECIMAL(18, 6))) AS share_m3
    FROM marts.plant_reach AS reach
    INNER JOIN available ON available.plant_id = reach.plant_id
    GROUP BY reach.district_code, available.week_start
)
SELECT
    demand.district_code, demand.week_start, demand.h, demand.mean,
    demand.q025, demand.q10, demand.q25, demand.q50, demand.q75, demand.q90, demand.q975,
    CAST(coalesce(reached.gross_m3, 0) AS DOUBLE) AS reach_gross_m3,
    CAST(coalesce(reached.share_m3, 0) AS DOUBLE) AS reach_share_m3
FROM demand
LEFT JOIN reached ON reached.district_code = demand.district_code AND reached.week_start = demand.week_start
ORDER BY demand.district_code, demand.week_start
"""


def outlook(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Any]]:
    """Columns of plan.outlook_balance_weekly, without the plan_id."""
    table = connection.execute(_OUTLOOK).to_arrow_table()
    columns: dict[str, list[Any]] = {name: table.column(name).to_pylist() for name in table.column_names}
    rows = range(table.num_rows)
    quantiles = [[float(columns[name][row]) for name in QUANTILES] for row in rows]
    columns["surplus_share_m3"] = [columns["reach_share_m3"][row] - columns["mean"][row] for row in rows]
    columns["probability_short"] = [probability_above(columns["reach_share_m3"][row], quantiles[row]) for row in rows]
    return columns


def district_names(connection: duckdb.DuckDBPyConnection) -> dict[str, Text]:
    """What a person calls each district; a code without a name stands for itself."""
    found = connection.execute(
        "SELECT district_code, district_name, district_name_en FROM marts.dim_districts"
    ).fetchall()
    return {code: Text(name, name_en) for code, name, name_en in found}


def probability_above(capacity_m3: float, quantiles_m3: list[float]) -> float:
    """P(demand > capacity) from the seven quantiles: linear between them, the outer slopes carried on to 0 and 1."""
    levels = np.array(list(QUANTILES.values()))
    values = np.maximum.accumulate(np.array(quantiles_m3))
    if capacity_m3 < values[0]:
        inner, outer = values[1] - values[0], levels[1] - levels[0]
        below = levels[0] - (values[0] - capacity_m3) * outer / inner if inner > 0 else 0.0
    elif capacity_m3 >= values[-1]:
        inner, outer = values[-1] - values[-2], levels[-1] - levels[-2]
        below = levels[-1] + (capacity_m3 - values[-1]) * outer / inner if inner > 0 else 1.0
    else:
        upper = int(np.searchsorted(values, capacity_m3, side="right"))
        width = values[upper] - values[upper - 1]
        below = levels[upper - 1] + (capacity_m3 - values[upper - 1]) / width * (levels[upper] - levels[upper - 1])
    return float(1 - min(max(below, 0.0), 1.0))
