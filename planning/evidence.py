"""The tables that let anyone recompute a plan: sites, arcs, demand, allocation, unserved volume, today's habits.

Belongs here: declarations of schema `plan` that hold evidence. Does not belong here: decisions and figures about them
(tables.py), what fills them (results.py).
"""

from __future__ import annotations

from store.messages import Text
from store.tables import Column, Table

PLAN_COLUMN = Column("plan_id", "VARCHAR", "规划编号", "plan")
PLANT_COLUMN = Column("plant_id", "VARCHAR", "搅拌站或候选站编号", "plant or candidate site")
CELL_COLUMN = Column("cell_id", "VARCHAR", "需求单元", "demand cell")
GROUP_COLUMN = Column(
    "grade_group",
    "VARCHAR",
    "强度组：同样一些站都能生产的强度分类，以 + 连接",
    "grade group: the grade classes that the same plants can make, joined by +",
)
_SCENARIO = Column("scenario", "INTEGER", "情景：forecast.paths 的样本号", "scenario: sample number of forecast.paths")
_PERIOD = Column("period", "DATE", "月份（月首日）", "month, by its first day")
_SAMPLE = (PLAN_COLUMN, _SCENARIO, _PERIOD)

SITES = Table(
    "plan",
    "sites",
    ("plan_id", "plant_id"),
    Text("规划所用站点及其参数", "Sites of a plan with their parameters"),
    (
        PLAN_COLUMN,
        PLANT_COLUMN,
        Column("plant_name", "VARCHAR", "名称", "name"),
        Column("enterprise_id", "VARCHAR", "所属企业", "enterprise"),
        Column("grade_groups", "VARCHAR[]", "能生产的强度组", "grade groups that it can make"),
        Column("lon", "DOUBLE", "经度，WGS-84", "longitude, WGS-84"),
        Column("lat", "DOUBLE", "纬度，WGS-84", "latitude, WGS-84"),
        Column("is_candidate", "BOOLEAN", "候选站", "candidate site"),
        Column("is_on_red_line", "BOOLEAN", "在生态保护红线内", "stands on an ecological red line"),
        Column("is_open", "BOOLEAN", "规划后在用（y）", "works under the plan (y)"),
        Column("is_expanded", "BOOLEAN", "规划后扩建（e）", "expanded under the plan (e)"),
        Column("available_m3_per_month", "DOUBLE", "月产能", "capacity, m³ per month"),
        Column("usable_m3_per_month", "DOUBLE", "可用月产能（C）", "usable capacity C, m³ per month"),
        Column("expansion_m3_per_month", "DOUBLE", "扩建增加的可用月产能（ΔC）", "usable capacity that expanding adds"),
        Column("merge_m3_per_month", "DOUBLE", "合并时随迁的可用月产能（A）", "usable capacity moved by a merge"),
        Column("capacity_after_m3_per_month", "DOUBLE", "规划后可用月产能", "usable capacity under the plan"),
        Column("fixed_cny_per_year", "DOUBLE", "年固定成本（F）", "fixed cost F, CNY per year"),
        Column("closing_cny", "DOUBLE", "关停一次性成本（K）", "one-off closing cost K, CNY"),
        Column("merge_cny", "DOUBLE", "合并一次性成本（G）", "one-off merging cost G, CNY"),
        Column("opening_cny_per_year", "DOUBLE", "新建年摊销（O）", "opening capital per year O, CNY"),
        Column("expansion_cny_per_year", "DOUBLE", "扩建年成本（E）", "expansion cost per year E, CNY"),
    ),
)

ARCS = Table(
    "plan",
    "arcs",
    ("plan_id", "plant_id", "cell_id", "grade_group"),
    Text("运输时限内可供应的线路", "Arcs within the haul limit: who can serve whom with what"),
    (
        PLAN_COLUMN,
        PLANT_COLUMN,
        CELL_COLUMN,
        GROUP_COLUMN,
        Column("haul_km", "DOUBLE", "运距，公里", "haul, km"),
        Column("haul_min", "DOUBLE", "运输时间，分钟", "haul, minutes"),
        Column("cost_cny_per_m3", "DOUBLE", "每方运费（c）", "haul cost c, CNY per m³"),
        Column("kgco2e_per_m3", "DOUBLE", "每方运输碳（g）", "transport carbon g, kgCO2e per m³"),
    ),
)

DEMAND = Table(
    "plan",
    "demand",
    ("plan_id", "scenario", "period", "cell_id", "grade_group"),
    Text("规划所用需求：情景×月×单元", "Demand of a plan: scenario × month × cell"),
    (*_SAMPLE, CELL_COLUMN, GROUP_COLUMN, Column("m3", "DOUBLE", "需求，方/月", "demand, m³ per month")),
)

ALLOCATION = Table(
    "plan",
    "allocation",
    ("plan_id", "scenario", "period", "plant_id", "cell_id", "grade_group"),
    Text(
        "规划后的调配：谁给谁供多少；一站超过可用产能的部分为加班",
        "Allocation under the plan; what a site delivers beyond its usable capacity is overtime",
    ),
    (
        *_SAMPLE,
        PLANT_COLUMN,
        CELL_COLUMN,
        GROUP_COLUMN,
        Column("m3", "DOUBLE", "供应量，方/月", "m³ per month"),
        Column("haul_min", "DOUBLE", "运输时间，分钟", "haul, minutes"),
        Column("cost_cny", "DOUBLE", "运费，元/月", "haul cost, CNY per month"),
        Column("kgco2e", "DOUBLE", "运输碳，kgCO2e/月", "transport carbon, kgCO2e per month"),
    ),
)

UNSERVED = Table(
    "plan",
    "unserved",
    ("plan_id", "scenario", "period", "cell_id", "grade_group"),
    Text("规划后供不上的需求；没有行即全部供上", "Demand that stays unserved under the plan; no row means none"),
    (*_SAMPLE, CELL_COLUMN, GROUP_COLUMN, Column("m3", "DOUBLE", "供不上，方/月", "unserved m³ per month")),
)

ALLOCATION_BEFORE = Table(
    "plan",
    "allocation_before",
    ("plan_id", "plant_id", "cell_id", "grade_group"),
    Text(
        "现状调配：近 52 周谁给谁供多少，与规划对照",
        "Who served whom in the last 52 weeks, to compare the plan with",
    ),
    (
        PLAN_COLUMN,
        PLANT_COLUMN,
        CELL_COLUMN,
        GROUP_COLUMN,
        Column("m3_52w", "DOUBLE", "近 52 周供应量，方", "m³ of the last 52 weeks"),
        Column("haul_km", "DOUBLE", "运距，公里", "haul, km"),
        Column("haul_min", "DOUBLE", "运输时间，分钟", "haul, minutes"),
        Column("is_feasible", "BOOLEAN", "在运输时限内", "within the haul limit"),
    ),
)
