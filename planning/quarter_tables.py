"""The tables of the next quarter's allocation: who serves whom week by week, and the prices of capacity and demand.

Belongs here: declarations of schema `plan` by week. Does not belong here: what fills them (quarter.py).
"""

from __future__ import annotations

from planning.evidence import CELL_COLUMN, GROUP_COLUMN, PLAN_COLUMN, PLANT_COLUMN
from store.messages import Text
from store.tables import Column, Table

_WEEK = Column("week_start", "DATE", "周（周一）", "week, by its Monday")

ALLOCATION_WEEKLY = Table(
    "plan",
    "allocation_weekly",
    ("plan_id", "week_start", "plant_id", "cell_id", "grade_group"),
    Text(
        "未来 13 周的调配：按预测均值，现有各站逐周给谁供多少",
        "Allocation of the next 13 weeks: whom each of today's plants serves, at the forecast's means",
    ),
    (
        PLAN_COLUMN,
        _WEEK,
        PLANT_COLUMN,
        CELL_COLUMN,
        GROUP_COLUMN,
        Column("m3", "DOUBLE", "供应量，方/周", "m³ per week"),
        Column("haul_min", "DOUBLE", "运输时间，分钟", "haul, minutes"),
        Column("cost_cny", "DOUBLE", "运费，元/周", "haul cost, CNY per week"),
        Column("kgco2e", "DOUBLE", "运输碳，kgCO2e/周", "transport carbon, kgCO2e per week"),
    ),
)

CELL_PRICES_WEEKLY = Table(
    "plan",
    "cell_prices_weekly",
    ("plan_id", "week_start", "cell_id", "grade_group"),
    Text(
        "未来 13 周各单元的需求、供不上的量与边际成本（需求约束的对偶值）",
        "Demand of each cell in the next 13 weeks, what stays unserved, and its marginal cost (dual of serve_demand)",
    ),
    (
        PLAN_COLUMN,
        _WEEK,
        CELL_COLUMN,
        GROUP_COLUMN,
        Column("demand_m3", "DOUBLE", "需求（预测均值），方/周", "demand, the forecast's mean, m³ per week"),
        Column("unserved_m3", "DOUBLE", "供不上，方/周", "unserved m³ per week"),
        Column(
            "marginal_cny_per_m3",
            "DOUBLE",
            "再多 1 方需求，全市多花多少（含碳价）",
            "what one more m³ here would cost the city, carbon priced in",
        ),
    ),
)

PLANT_PRICES_WEEKLY = Table(
    "plan",
    "plant_prices_weekly",
    ("plan_id", "week_start", "plant_id"),
    Text(
        "未来 13 周各站的可用产能、供应量与产能的价格（产能约束的对偶值）",
        "Usable capacity and load of each plant in the next 13 weeks, and the price of its capacity (duals)",
    ),
    (
        PLAN_COLUMN,
        _WEEK,
        PLANT_COLUMN,
        Column("capacity_m3", "DOUBLE", "可用产能，方/周", "usable capacity, m³ per week"),
        Column("load_m3", "DOUBLE", "供应量（含加班），方/周", "load, overtime included, m³ per week"),
        Column(
            "load_cny_per_m3",
            "DOUBLE",
            "本站每方供应占用产能的价格（respect_capacity 的对偶值）",
            "price of the room that a m³ takes at this plant (dual of respect_capacity)",
        ),
        Column(
            "second_shift_cny_per_m3",
            "DOUBLE",
            "加班再多 1 方可省多少（limit_overtime 的对偶值）",
            "what one more m³ of second shift would save (dual of limit_overtime)",
        ),
        Column(
            "shortfall_cny_per_m3",
            "DOUBLE",
            "本站再多供 1 方所少付的低利用率代价（meet_quota 的对偶值）",
            "what a m³ served here saves of the price of falling short of the minimum utilisation (dual of meet_quota)",
        ),
        Column(
            "capacity_cny_per_m3",
            "DOUBLE",
            "再多 1 方产能（连同其加班与最低利用率）可省多少",
            "what one more m³ of capacity, its second shift and its quota included, would save",
        ),
    ),
)
