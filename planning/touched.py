"""Whom a plant's closure touches: open orders, projects, contractors, volume, trucks, as far as any feed says.

Belongs here: reading them, counting them, the sentence about them. Does not belong here: the decision (explain.py).
No feed carries how many people work at a plant; where a figure is not known the sentence says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from planning.evidence import PLAN_COLUMN, PLANT_COLUMN
from store.messages import Text
from store.tables import Column, Table

PLANTS_TOUCHED = Table(
    "plan",
    "plants_touched",
    ("plan_id", "plant_id"),
    Text(
        "每座现有站牵涉的订单、工程、施工单位与车辆；空即没有数据（人员数没有任何数据源）",
        "Orders, projects, contractors and trucks that hang on each of today's plants; null: no data (no feed carries"
        " staff)",
    ),
    (
        PLAN_COLUMN,
        PLANT_COLUMN,
        Column("orders_open", "INTEGER", "未完成订单，笔", "open orders"),
        Column("open_m3", "DOUBLE", "未完成订单待供方量", "m³ still to be delivered on them"),
        Column("projects_open", "INTEGER", "未完成订单所属工程", "projects of the open orders"),
        Column("contractors_open", "INTEGER", "未完成订单所属施工单位", "contractors of the open orders"),
        Column("projects_52w", "INTEGER", "近 52 周供过的工程", "projects served in the last 52 weeks"),
        Column(
            "m3_52w",
            "DOUBLE",
            "近 52 周供应量，方；空为还没有完整的周",
            "m³ delivered in the last 52 weeks; null: no complete week yet",
        ),
        Column("trucks", "INTEGER", "登记的搅拌车，辆", "mixer trucks on record"),
    ),
)

_TOUCHED = """
WITH span AS (
    SELECT max(week_start) AS last_week FROM marts.capacity_weekly WHERE is_complete
),
opened AS (
    SELECT
        matching.plant_id,
        count(*) AS orders_open,
        sum(CAST(matching.open_m3 AS DECIMAL(18, 3))) AS open_m3,
        list(DISTINCT orders.project_id) FILTER (orders.project_id IS NOT NULL) AS open_projects,
        list(DISTINCT projects.contractor) FILTER (projects.contractor IS NOT NULL) AS contractors
    FROM marts.order_matching_open AS matching
    LEFT JOIN marts.fct_orders AS orders ON orders.order_id = matching.order_id
    LEFT JOIN marts.dim_projects AS projects ON projects.project_id = orders.project_id
    WHERE matching.is_own_plant
    GROUP BY matching.plant_id
),
served AS (
    SELECT
        plant_id,
        sum(CAST(delivered_m3 AS DECIMAL(18, 3))) AS m3_52w,
        list(DISTINCT project_id) FILTER (project_id IS NOT NULL) AS projects
    FROM marts.fct_deliveries, span
    WHERE week_start > span.last_week - INTERVAL 52 WEEK AND week_start <= span.last_week
    GROUP BY plant_id
)
SELECT
    plants.plant_id,
    coalesce(opened.orders_open, CASE WHEN EXISTS (SELECT 1 FROM marts.fct_orders) THEN 0 END) AS orders_open,
    CAST(coalesce(opened.open_m3, 0) AS DOUBLE) AS open_m3,
    list_sort(coalesce(opened.open_projects, [])) AS open_projects,
    list_sort(coalesce(opened.contractors, [])) AS contractors,
    CAST(CASE WHEN span.last_week IS NOT NULL THEN coalesce(served.m3_52w, 0) END AS DOUBLE) AS m3_52w,
    list_sort(coalesce(served.projects, [])) AS projects,
    plants.trucks
FROM marts.dim_plants AS plants
CROSS JOIN span
LEFT JOIN opened ON opened.plant_id = plants.plant_id
LEFT JOIN served ON served.plant_id = plants.plant_id
WHERE plants.is_current AND plants.status = 'operating'
ORDER BY plants.plant_id
"""


@dataclass(frozen=True)
class Touched:
    """What hangs on a plant, or on several together. None: no data; `trucks` is of the plants that say."""

    plant_ids: tuple[str, ...]
    orders_open: int | None
    open_m3: float
    open_projects: frozenset[str]
    contractors: frozenset[str]
    m3_52w: float | None
    projects: frozenset[str]
    trucks: int | None
    plants_without_trucks: int = 0

    @property
    def projects_52w(self) -> int | None:
        """Projects served in the last 52 weeks; None where tickets name none or there is no complete week."""
        is_unknown = self.m3_52w is None or (self.m3_52w > 0 and not self.projects)
        return None if is_unknown else len(self.projects)

    def told(self) -> Text:
        """The figures in a sentence, without saying whose."""
        no_data = Text("没有数据", "no data")
        orders = (
            Text("未完成订单：没有数据", "open orders: no data")
            if self.orders_open is None
            else Text(
                f"未完成订单 {self.orders_open} 笔、{self.open_m3:,.0f} 方（{len(self.open_projects)} 个工程、"
                f"{len(self.contractors)} 家施工单位）",
                f"open orders: {self.orders_open} ({self.open_m3:,.0f} m³; projects: {len(self.open_projects)},"
                f" contractors: {len(self.contractors)})",
            )
        )
        served = no_data if self.projects_52w is None else Text(f"{self.projects_52w} 个", str(self.projects_52w))
        lately = (
            Text(
                "近 52 周供应量：没有数据（还没有完整的周）", "m³ in the last 52 weeks: no data (no complete week yet)"
            )
            if self.m3_52w is None
            else Text(
                f"近 52 周供 {self.m3_52w:,.0f} 方（工程：{served.zh}）",
                f"{self.m3_52w:,.0f} m³ in the last 52 weeks (projects: {served.en})",
            )
        )
        trucks = no_data if self.trucks is None else Text(f"{self.trucks} 辆", str(self.trucks))
        if self.trucks is not None and self.plants_without_trucks:
            silent = self.plants_without_trucks
            trucks = Text(f"{trucks.zh}（另 {silent} 座站没有数据）", f"{trucks.en} ({silent} more plants: no data)")
        return Text(
            f"{orders.zh}；{lately.zh}；搅拌车：{trucks.zh}；人员：没有数据。",
            f"{orders.en}; {lately.en}; trucks: {trucks.en}; staff: no data.",
        )


def read_touched(connection: duckdb.DuckDBPyConnection) -> dict[str, Touched]:
    """Every plant of today by its id."""
    found = {}
    for plant, orders, open_m3, open_projects, contractors, m3, projects, trucks in connection.execute(
        _TOUCHED
    ).fetchall():
        found[plant] = Touched(
            (plant,),
            orders,
            open_m3,
            frozenset(open_projects),
            frozenset(contractors),
            m3,
            frozenset(projects),
            None if trucks is None else int(trucks),
        )
    return found


def together(parts: Iterable[Touched]) -> Touched:
    """Several plants as one: a project or contractor counts once; trucks and orders of those that say."""
    each = tuple(parts)
    orders = [part.orders_open for part in each if part.orders_open is not None]
    trucks = [part.trucks for part in each if part.trucks is not None]
    delivered = [part.m3_52w for part in each if part.m3_52w is not None]
    return Touched(
        tuple(plant for part in each for plant in part.plant_ids),
        sum(orders) if orders else None,
        sum(part.open_m3 for part in each),
        frozenset().union(*(part.open_projects for part in each)),
        frozenset().union(*(part.contractors for part in each)),
        sum(delivered) if delivered else None,
        frozenset().union(*(part.projects for part in each)),
        sum(trucks) if trucks else None,
        len(each) - len(trucks),
    )


def touched_told(gone: Sequence[Touched]) -> list[Text]:
    """The plants that close or merge, together; nothing where none does."""
    if not gone:
        return []
    told = together(gone).told()
    return [
        Text(
            f"关停与合并的 {len(gone)} 座站共牵涉：{told.zh}",
            f"The {len(gone)} plants that close or merge touch: {told.en}",
        )
    ]


def touched_columns(touched: Iterable[Touched]) -> dict[str, Any]:
    """Columns of plan.plants_touched, without the plan_id."""
    each = tuple(touched)
    return {
        "plant_id": [part.plant_ids[0] for part in each],
        "orders_open": [part.orders_open for part in each],
        "open_m3": [None if part.orders_open is None else part.open_m3 for part in each],
        "projects_open": [None if part.orders_open is None else len(part.open_projects) for part in each],
        "contractors_open": [None if part.orders_open is None else len(part.contractors) for part in each],
        "projects_52w": [part.projects_52w for part in each],
        "m3_52w": [part.m3_52w for part in each],
        "trucks": [part.trucks for part in each],
    }
