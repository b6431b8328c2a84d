"""The plan in force: its headline, its brief and what it decides for each plant.

Belongs here: reading `plan.plan_current`, `policy_brief` and `plant_decisions` beside the plants. Does not belong here:
judging them.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from dashboard.published import holds, rows
from store.messages import Text

DECISIONS = ("merge", "close", "expand", "open", "keep", "not_opened")
"""Every decision; changes first, as the page lists them."""


@dataclass(frozen=True)
class PlanHeadline:
    """The plan in one row; costs in CNY a year, haul carbon in kgCO₂e a year, haul in mean minutes per m³.

    `gap` is proven: no plan's objective can be lower by more than this share. `brief` is the planner's own
    summary for the bureau, sentence by sentence.
    """

    plan_id: str
    run_id: str
    status: str
    gap: float | None
    scenarios: int
    plants_kept: int
    plants_merged: int
    plants_closed: int
    plants_expanded: int
    plants_opened: int
    cost_before_cny: float
    cost_reallocated_cny: float
    cost_after_cny: float
    kgco2e_before: float
    kgco2e_reallocated: float
    kgco2e_after: float
    haul_min_before: float
    haul_min_reallocated: float
    haul_min_after: float
    unserved_m3_before: float
    unserved_m3_reallocated: float
    unserved_m3_after: float
    brief: tuple[Text, ...]


@dataclass(frozen=True)
class Decision:
    """One plant or candidate site, what becomes of it, and why; `regret_cny` is the cost of deciding otherwise."""

    plant_id: str
    plant_name: str
    enterprise_name: str
    district_code: str
    district: Text
    lon: float | None
    lat: float | None
    decision: str
    merge_into_plant_id: str | None
    merge_into_plant_name: str | None
    reason: Text
    utilisation_before: float | None
    utilisation_after: float | None
    regret_cny: float | None


def read_plan(connection: duckdb.DuckDBPyConnection) -> PlanHeadline | None:
    """The plan in force, None when the version holds none."""
    if not holds(connection, "plan.plan_current"):
        return None
    columns = ", ".join(name for name in PlanHeadline.__dataclass_fields__ if name != "brief")
    found = rows(connection, f"SELECT {columns} FROM plan.plan_current", {})
    return PlanHeadline(**found[0], brief=_read_brief(connection, found[0]["plan_id"])) if found else None


def _read_brief(connection: duckdb.DuckDBPyConnection, plan_id: str) -> tuple[Text, ...]:
    if not holds(connection, "plan.policy_brief"):
        return ()
    found = rows(
        connection,
        "SELECT text_zh, text_en FROM plan.policy_brief WHERE plan_id = $plan_id ORDER BY position",
        {"plan_id": plan_id},
    )
    return tuple(Text(row["text_zh"], row["text_en"]) for row in found)


def read_decisions(connection: duckdb.DuckDBPyConnection, plan_id: str) -> tuple[Decision, ...]:
    """Every decision of the plan, changes first, then by district and plant."""
    found = rows(connection, _DECISIONS, {"plan_id": plan_id})
    decisions = [
        Decision(
            district=Text(row.pop("district_name"), row.pop("district_name_en")),
            reason=Text(row.pop("reason_zh"), row.pop("reason_en")),
            **row,
        )
        for row in found
    ]
    order = {decision: place for place, decision in enumerate(DECISIONS)}
    return tuple(
        sorted(decisions, key=lambda each: (order.get(each.decision, len(order)), each.district_code, each.plant_id))
    )


_DECISIONS = """
WITH plants AS (
    SELECT * FROM marts.dim_plants
    QUALIFY row_number() OVER (PARTITION BY plant_id ORDER BY is_current DESC, valid_from DESC) = 1
)
SELECT
    decisions.plant_id,
    coalesce(plants.plant_name, decisions.plant_id) AS plant_name,
    coalesce(plants.enterprise_name, plants.enterprise_id, '') AS enterprise_name,
    coalesce(plants.district_code, 'unknown') AS district_code,
    coalesce(districts.district_name, plants.district_code, '') AS district_name,
    coalesce(districts.district_name_en, plants.district_code, '') AS district_name_en,
    plants.lon,
    plants.lat,
    decisions.decision,
    decisions.merge_into_plant_id,
    targets.plant_name AS merge_into_plant_name,
    coalesce(decisions.reason_zh, '') AS reason_zh,
    coalesce(decisions.reason_en, '') AS reason_en,
    decisions.utilisation_before,
    decisions.utilisation_after,
    decisions.regret_cny
FROM plan.plant_decisions AS decisions
LEFT JOIN plants USING (plant_id)
LEFT JOIN plants AS targets ON targets.plant_id = decisions.merge_into_plant_id
LEFT JOIN marts.dim_districts AS districts ON districts.district_code = plants.district_code
WHERE decisions.plan_id = $plan_id
"""
