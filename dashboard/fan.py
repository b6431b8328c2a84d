"""The weekly curve of the city, a district, a grade class or both: what was delivered, what is forecast.

Belongs here: the series a fan chart draws. Does not belong here: drawing it, and sums over weeks (`quarter`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dashboard.published import holds, rows, to_json
from store.connections import reader
from store.messages import TongmaiError

ALL = "all"
HISTORY_WEEKS = 104
QUANTILES = ("q025", "q10", "q50", "q90", "q975")


def read_fan(path: Path, district_code: str = ALL, grade_class: str = ALL) -> dict[str, Any]:
    """Columns of the fan chart, weeks as ISO dates, volumes in m³ per week.

    `history` {week_start, m3}: the last 104 complete weeks; `forecast` {week_start, mean, q025…q975};
    `reach` {week_start, m3}: the reach share, only when all grades are asked for; `spring_festivals`: days.
    Raises TongmaiError(`unknown_series`) for a district or grade class that the forecast does not know.
    """
    asked = {"district_code": district_code, "grade_class": grade_class}
    with reader(path) as connection:
        if not holds(connection, "forecast.demand_current"):
            raise _unknown(district_code, grade_class)
        forecast = rows(connection, _FORECAST, asked)
        if not forecast:
            raise _unknown(district_code, grade_class)
        history = rows(connection, _HISTORY, {**asked, "weeks": HISTORY_WEEKS, "first": forecast[0]["week_start"]})
        reach = (
            rows(connection, _REACH, {"district_code": district_code})
            if grade_class == ALL and holds(connection, "plan.outlook_balance_weekly")
            else []
        )
        span = {"first": (history or forecast)[0]["week_start"], "last": forecast[-1]["week_start"]}
        festivals = rows(connection, _SPRING_FESTIVALS, span) if holds(connection, "marts.dim_dates") else []
    document: dict[str, Any] = to_json(
        {
            **asked,
            "version": path.parent.name,
            "history": _columns(history, ("week_start", "m3")),
            "forecast": _columns(forecast, ("week_start", "mean", *QUANTILES)),
            "reach": _columns(reach, ("week_start", "m3")),
            "spring_festivals": [row["date_on"] for row in festivals],
        }
    )
    return document


def _columns(found: list[dict[str, Any]], names: tuple[str, ...]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in found] for name in names}


def _unknown(district_code: str, grade_class: str) -> TongmaiError:
    return TongmaiError(
        "unknown_series",
        f"没有区县“{district_code}”、强度等级“{grade_class}”的预测。请从页面的列表中选择。",
        f"No forecast for district '{district_code}' and grade class '{grade_class}'. Choose from the page's lists.",
    )


_FORECAST = """
SELECT week_start, mean, q025, q10, q50, q90, q975
FROM forecast.demand_current
WHERE district_code = $district_code AND grade_class = $grade_class AND scenario = 'base'
ORDER BY week_start
"""

_HISTORY = """
SELECT week_start, sum(delivered_m3) AS m3
FROM marts.demand_weekly
WHERE is_complete
    AND week_start < $first
    AND ($district_code = 'all' OR district_code = $district_code)
    AND ($grade_class = 'all' OR grade_class = $grade_class)
GROUP BY week_start
QUALIFY row_number() OVER (ORDER BY week_start DESC) <= $weeks
ORDER BY week_start
"""

_REACH = """
SELECT week_start, sum(reach_share_m3) AS m3
FROM plan.outlook_balance_weekly
WHERE plan_id = (SELECT max(plan_id) FROM plan.plan_current)
    AND district_code <> 'all'
    AND ($district_code = 'all' OR district_code = $district_code)
GROUP BY week_start
ORDER BY week_start
"""

_SPRING_FESTIVALS = """
SELECT date_on FROM marts.dim_dates WHERE cny_offset_d = 0 AND date_on BETWEEN $first AND $last ORDER BY date_on
"""
