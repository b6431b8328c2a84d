"""The tables of a plan's alternatives: the front around it, what would turn its decisions over, and the plans of single
scenarios.

Belongs here: declarations of schema `plan`. Does not belong here: what fills them (results.py, choices.py).
"""

from __future__ import annotations

from planning.evidence import PLAN_COLUMN, PLANT_COLUMN
from store.messages import Text
from store.tables import Column, Table

PARETO = Table(
    "plan",
    "pareto",
    ("plan_id", "point"),
    Text(
        "可选方案的成本、碳与供应保障；下界为空表示未证明",
        "Alternatives: cost, carbon and security of supply; a null bound says that none is proven",
    ),
    (
        PLAN_COLUMN,
        Column(
            "point",
            "INTEGER",
            "0 站点不变、只优化调配；1 本规划；2 起为 --front 按其他价格求得的方案",
            "0: today's plants, reallocated; 1: this plan; from 2: plans at other prices, by --front",
        ),
        Column("cost", "DOUBLE", "成本，元/年", "cost, CNY per year"),
        Column("kgco2e", "DOUBLE", "运输碳，kgCO2e/年", "transport carbon, kgCO2e per year"),
        Column(
            "cvar_unserved",
            "DOUBLE",
            "最差的 1-α 份情景月的平均供不上（α：假设 risk_level），方/月",
            "mean unserved m³ per month over the worst share 1-α of sample months (α: assumption risk_level)",
        ),
        Column("plants_kept", "INTEGER", "在用站数（含新建）", "working sites, opened ones included"),
        Column(
            "bound",
            "DOUBLE",
            "目标值下界（按该方案的价格），元/年",
            "lower bound of the objective at its prices, CNY per year",
        ),
        Column("gap", "DOUBLE", "相对差距", "proven gap"),
        Column("carbon_price_cny_per_t", "DOUBLE", "该方案的碳价，元/吨", "carbon price of the alternative, CNY per t"),
        Column(
            "unserved_price_factor",
            "DOUBLE",
            "供不上代价相对假设的倍数",
            "price of unserved volume relative to the assumption",
        ),
        Column("unserved_m3", "DOUBLE", "供不上，方/年", "unserved m³ per year"),
        Column("quota_short_m3", "DOUBLE", "低于最低利用率，方/年", "m³ per year below the minimum utilisation"),
        Column("objective_cny", "DOUBLE", "该价格下的目标值，元/年", "objective at these prices, CNY per year"),
    ),
)

FLIPS = Table(
    "plan",
    "flips",
    ("plan_id", "plant_id", "assumption"),
    Text(
        "假设变到多少倍时，某站的决定翻转（--flips）",
        "At what multiple of an assumption a plant's decision turns over (--flips)",
    ),
    (
        PLAN_COLUMN,
        PLANT_COLUMN,
        Column(
            "assumption",
            "VARCHAR",
            "fixed_cny_per_year 本站年固定成本、demand 全市需求、haul_cost_cny_per_m3_km 运费",
            "fixed_cny_per_year of this plant, demand of the city, or haul_cost_cny_per_m3_km",
        ),
        Column(
            "factor", "DOUBLE", "倍数；空为所试范围内不翻转", "multiple of today's value; null: none of those tried"
        ),
        Column(
            "method",
            "VARCHAR",
            "exact 由后悔值直接得出；resolved 逐个倍数重新求解后二分",
            "exact: from the regret; resolved: solved again at each factor, then bisected",
        ),
    ),
)

WAIT_AND_SEE = Table(
    "plan",
    "wait_and_see",
    ("plan_id", "scenario"),
    Text(
        "若事先知道是哪个情景：本规划在该情景下的目标值，与只为该情景所做方案的目标值及其下界，元/年",
        "Were it known which scenario comes: the plan's objective in it, and that of the plan made for it alone with"
        " its bound, CNY per year",
    ),
    (
        PLAN_COLUMN,
        Column("scenario", "INTEGER", "情景：forecast.paths 的样本号", "scenario: sample number of forecast.paths"),
        Column("plan_cny", "DOUBLE", "本规划在该情景下的目标值", "the plan's objective in this scenario"),
        Column("best_cny", "DOUBLE", "只为该情景所做方案的目标值", "objective of the plan made for it alone"),
        Column("bound_cny", "DOUBLE", "只为该情景所做方案的下界", "proven lower bound of the plan made for it alone"),
        Column(
            "plants_kept",
            "INTEGER",
            "只为该情景所做方案的在用站数（含新建）",
            "sites working in the plan made for it alone, opened ones included",
        ),
    ),
)

REGRETS = Table(
    "plan",
    "regrets",
    ("plan_id", "plant_id"),
    Text(
        "每座站（含保留的）若反过来决定，全市每年多花多少；全样本精确值（--regrets）",
        "What turning each decision over would cost the city, kept plants included; exact over all samples (--regrets)",
    ),
    (
        PLAN_COLUMN,
        PLANT_COLUMN,
        Column("opposite", "VARCHAR", "反过来的决定", "the opposite decision"),
        Column(
            "regret_cny",
            "DOUBLE",
            "多花，元/年；负数即反过来更省，但违反所列规则或尚未证明更优",
            "CNY per year; negative: it would save, but breaks the rules named, or lies within the gap left unproven",
        ),
        Column("broken_rules", "VARCHAR[]", "反过来会违反的规则；空列表即可行", "rules it would break; empty: allowed"),
    ),
)
