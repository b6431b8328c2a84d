"""The tables of schema `plan`: names, keys, columns, meanings in both languages.

Belongs here: declarations, and the view of the plan in force; the evidence behind a plan is declared in evidence.py,
its alternatives in alternatives.py, the next quarter in quarter_tables.py.
Does not belong here: what fills them (results.py).
"""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb

from planning.alternatives import FLIPS, PARETO, REGRETS, WAIT_AND_SEE
from planning.evidence import (
    ALLOCATION,
    ALLOCATION_BEFORE,
    ARCS,
    DEMAND,
    PLAN_COLUMN,
    PLANT_COLUMN,
    SITES,
    UNSERVED,
)
from planning.quarter_tables import ALLOCATION_WEEKLY, CELL_PRICES_WEEKLY, PLANT_PRICES_WEEKLY
from planning.touched import PLANTS_TOUCHED
from store.messages import Text
from store.tables import Column, Table, comment, literal

RUNS = Table(
    "plan",
    "runs",
    ("plan_id",),
    Text(
        "规划批次，只追加；金额、碳与方量均为每年的期望值",
        "Plans, append-only; money, carbon and volume are expected values per year",
    ),
    (
        PLAN_COLUMN,
        Column("run_id", "VARCHAR", "所用预测批次", "forecast run it is made on"),
        Column("created_at", "TIMESTAMPTZ", "生成时间", "when the plan was made"),
        Column(
            "status",
            "VARCHAR",
            "proven 差距已证明；stopped 达到计数上限；timed_out 超时",
            "proven: gap proven as asked; stopped: by a count; timed_out: by the clock",
        ),
        Column("is_base", "BOOLEAN", "基准规划（否则为假设分析）", "the plan itself rather than a what-if"),
        Column("options", "JSON", "本次选项", "options of the run"),
        Column(
            "objective_cny",
            "DOUBLE",
            "目标值：成本＋碳价×碳＋供不上的代价（＋低于最低利用率的代价＋12λ×CVaR），元/年",
            "objective: cost + carbon priced in + price of unserved volume (+ price of what falls short of the minimum"
            " utilisation + 12 λ CVaR), CNY per year",
        ),
        Column("bound_cny", "DOUBLE", "已证明的下界，元/年", "proven lower bound of the objective, CNY per year"),
        Column("gap", "DOUBLE", "已证明的相对差距", "proven gap: (objective - bound) / objective"),
        Column("seconds", "DOUBLE", "用时，秒", "seconds it took"),
        Column("scenarios", "INTEGER", "情景数", "number of scenarios"),
        Column("periods", "INTEGER", "月数", "number of months"),
        Column("clusters", "INTEGER", "下界所用聚类数", "clusters behind the bound"),
        Column("plants_kept", "INTEGER", "保留的现有站（含扩建）", "today's plants that stay, expanded ones included"),
        Column("plants_merged", "INTEGER", "合并的站", "plants that merge into another"),
        Column("plants_closed", "INTEGER", "关停的站", "plants that close"),
        Column("plants_expanded", "INTEGER", "扩建的站", "plants that expand"),
        Column("plants_opened", "INTEGER", "新建的站", "candidate sites that open"),
        Column(
            "cost_before_cny",
            "DOUBLE",
            "现状成本：各站保持近 52 周的客户份额，元/年",
            "cost when every plant keeps its customers of the last 52 weeks, CNY per year",
        ),
        Column(
            "cost_reallocated_cny",
            "DOUBLE",
            "站点不变、只优化调配的成本，元/年",
            "cost with today's plants, optimally allocated, CNY per year",
        ),
        Column(
            "cost_after_cny",
            "DOUBLE",
            "规划后成本：固定＋过渡＋运输＋加班，元/年",
            "cost under the plan: fixed + transition + haul + overtime, CNY per year",
        ),
        Column("kgco2e_before", "DOUBLE", "现状运输碳，kgCO2e/年", "transport carbon by habit, kgCO2e per year"),
        Column("kgco2e_reallocated", "DOUBLE", "只优化调配的运输碳", "transport carbon, reallocated"),
        Column("kgco2e_after", "DOUBLE", "规划后运输碳", "transport carbon under the plan"),
        Column("haul_min_before", "DOUBLE", "现状平均运输分钟（按方量）", "mean haul minutes per m³ by habit"),
        Column("haul_min_reallocated", "DOUBLE", "只优化调配的平均运输分钟", "mean haul minutes, reallocated"),
        Column("haul_min_after", "DOUBLE", "规划后平均运输分钟", "mean haul minutes under the plan"),
        Column("unserved_m3_before", "DOUBLE", "现状供不上，方/年", "unserved m³ per year by habit"),
        Column("unserved_m3_reallocated", "DOUBLE", "只优化调配的供不上", "unserved m³ per year, reallocated"),
        Column("unserved_m3_after", "DOUBLE", "规划后供不上", "unserved m³ per year under the plan"),
        Column(
            "over_limit_m3_before", "DOUBLE", "现状超时限运输，方/年", "m³ per year hauled beyond the limit by habit"
        ),
        Column(
            "quota_short_m3_after",
            "DOUBLE",
            "规划后低于最低利用率的方量（逐站逐月），方/年",
            "m³ per year by which plants fall short of the minimum utilisation, month by month, under the plan",
        ),
        Column(
            "transition_objective_cny",
            "DOUBLE",
            "按各站生效月份分步实施时的目标值，元/年（精确值，无下界）；空为时限内未算",
            "objective when the changes are made step by step from their from_period, CNY per year; exact, no bound;"
            " null: no time for it",
        ),
        Column(
            "cvar_recourse_cny",
            "DOUBLE",
            "最贵的 1-α 份情景月的平均调配成本（CVaR，含碳价与供不上的代价），元/月",
            "CVaR: mean recourse of the dearest share 1-α of sample months, carbon and unserved volume priced in, CNY"
            " per month; its weight λ in the objective is the assumption risk_weight",
        ),
        Column(
            "stochastic_value_cny",
            "DOUBLE",
            "随机解的价值：只按平均预测规划会多花，元/年",
            "value of the stochastic solution: what planning on the mean forecast alone would cost more, CNY per year",
        ),
        Column(
            "information_from_cny",
            "DOUBLE",
            "完全信息的价值至少：事先知道情景每年可省（已证明）；空为未计算",
            "value of perfect information, at least (proven): what knowing the scenario would save, CNY per year; null:"
            " not computed",
        ),
        Column(
            "information_to_cny",
            "DOUBLE",
            "完全信息的价值至多（已证明），元/年；空为时限内未能证明上限",
            "value of perfect information, at most (proven), CNY per year; null: no upper end proven in the time given",
        ),
        Column(
            "notes",
            "JSON",
            "检查提示与时限内未算的（中英文）",
            "what the checks found and what the time limit left out, in both languages",
        ),
    ),
)

PLANT_DECISIONS = Table(
    "plan",
    "plant_decisions",
    ("plan_id", "plant_id"),
    Text("每座站的去留与理由", "What becomes of each plant, and why"),
    (
        PLAN_COLUMN,
        PLANT_COLUMN,
        Column(
            "decision",
            "VARCHAR",
            "keep 保留、merge 合并、close 关停、expand 扩建、open 新建、not_opened 不建",
            "keep, merge, close, expand, open or not_opened",
        ),
        Column("merge_into_plant_id", "VARCHAR", "并入的站", "plant that it merges into"),
        Column(
            "from_period",
            "DATE",
            "生效月份（分步实施，每年关停数有限）",
            "month from which it holds: closures step by step within a budget per year, building after its lead",
        ),
        Column("reason_zh", "VARCHAR", "理由（中文）", "reason, in Chinese"),
        Column("reason_en", "VARCHAR", "理由（英文）", "reason, in English"),
        Column(
            "regret_cny",
            "DOUBLE",
            "若反过来决定，全市每年多花（元，全样本精确值）；空为未计算",
            "what the opposite decision would cost more, CNY per year, exact over all samples; null: not computed",
        ),
        Column("utilisation_before", "DOUBLE", "近 52 周利用率", "utilisation of the last 52 weeks"),
        Column("utilisation_after", "DOUBLE", "规划后平均利用率", "mean utilisation under the plan"),
        Column("quota_short_m3", "DOUBLE", "各月低于最低利用率，方/年", "months below the minimum use, m³ per year"),
    ),
)

ASSUMPTIONS = Table(
    "plan",
    "assumptions",
    ("plan_id", "name"),
    Text("规划所用假设：数值、单位、来源", "Assumptions of a plan: value, unit, source"),
    (
        PLAN_COLUMN,
        Column("name", "VARCHAR", "名称", "name"),
        Column("value", "DOUBLE", "数值", "value"),
        Column("unit", "VARCHAR", "单位", "unit"),
        Column("source", "VARCHAR", "来源", "source"),
        Column("status", "VARCHAR", "核实状态", "verified, secondary, unverified or option"),
        Column("note_zh", "VARCHAR", "说明（中文）", "note, in Chinese"),
        Column("note_en", "VARCHAR", "说明（英文）", "note, in English"),
    ),
)

OUTLOOK_BALANCE_WEEKLY = Table(
    "plan",
    "outlook_balance_weekly",
    ("plan_id", "district_code", "week_start"),
    Text(
        "未来 52 周各区县需求预测对可达产能",
        "Forecast demand of the next 52 weeks per district against the capacity within reach",
    ),
    (
        PLAN_COLUMN,
        Column("district_code", "VARCHAR", "区县", "district"),
        Column("week_start", "DATE", "周（周一）", "week, by its Monday"),
        Column("h", "INTEGER", "提前周数", "weeks ahead"),
        Column("mean", "DOUBLE", "需求期望，方/周", "expected demand, m³ per week"),
        Column("q10", "DOUBLE", "需求 10% 分位数", "10 % quantile of demand"),
        Column("q90", "DOUBLE", "需求 90% 分位数", "90 % quantile of demand"),
        Column("reach_gross_m3", "DOUBLE", "可达产能（毛）", "capacity within reach, each plant counted in full"),
        Column("reach_share_m3", "DOUBLE", "可达产能（分摊）", "capacity within reach, plants shared by districts"),
        Column("surplus_share_m3", "DOUBLE", "分摊产能减期望需求", "shared reach minus expected demand"),
        Column("probability_short", "DOUBLE", "需求超过分摊产能的概率", "probability that demand exceeds shared reach"),
    ),
)

POLICY_BRIEF = Table(
    "plan",
    "policy_brief",
    ("plan_id", "position"),
    Text("给主管部门的要点", "The plan in a few sentences for the bureau"),
    (
        PLAN_COLUMN,
        Column("position", "INTEGER", "次序", "order"),
        Column("topic", "VARCHAR", "主题", "topic"),
        Column("text_zh", "VARCHAR", "要点（中文）", "sentence, in Chinese"),
        Column("text_en", "VARCHAR", "要点（英文）", "sentence, in English"),
    ),
)

PROMOTIONS = Table(
    "plan",
    "promotions",
    ("plan_id", "promoted_at"),
    Text(
        "启用记录，只追加：现行规划是最近一次启用的那个",
        "Promotions, append-only: the plan in force is the one promoted last",
    ),
    (PLAN_COLUMN, Column("promoted_at", "TIMESTAMPTZ", "启用时间", "when the plan came into force")),
)

TABLES = (
    RUNS,
    PROMOTIONS,
    SITES,
    ARCS,
    DEMAND,
    ALLOCATION,
    UNSERVED,
    ALLOCATION_BEFORE,
    PLANT_DECISIONS,
    PLANTS_TOUCHED,
    PARETO,
    FLIPS,
    REGRETS,
    WAIT_AND_SEE,
    ALLOCATION_WEEKLY,
    CELL_PRICES_WEEKLY,
    PLANT_PRICES_WEEKLY,
    ASSUMPTIONS,
    OUTLOOK_BALANCE_WEEKLY,
    POLICY_BRIEF,
)

# Of the plans on the promoted forecast, the one promoted last; a what-if only where there is no base plan.
_PLAN_CURRENT = """
CREATE OR REPLACE VIEW plan.plan_current AS
SELECT runs.*
FROM plan.runs AS runs
INNER JOIN plan.promotions AS promotions ON promotions.plan_id = runs.plan_id
WHERE runs.run_id IN (SELECT demand.run_id FROM forecast.demand_current AS demand)
ORDER BY runs.is_base DESC, promotions.promoted_at DESC, runs.plan_id
LIMIT 1
"""


def create_plan_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create what is absent of schema `plan`, its view included."""
    for table in TABLES:
        table.create(connection)
    connection.execute(_PLAN_CURRENT)
    connection.execute("COMMENT ON VIEW plan.plan_current IS '现行规划 | The plan in force'")
    for column in RUNS.columns:
        described = literal(comment(column.text))
        connection.execute(f'COMMENT ON COLUMN plan.plan_current."{column.name}" IS {described}')


def promote(connection: duckdb.DuckDBPyConnection, plan_id: str) -> None:
    """Put a plan in force again, unless it is, or a base plan is and this one is a what-if or ran out of time."""
    connection.execute(
        """INSERT INTO plan.promotions
        SELECT runs.plan_id, ? FROM plan.runs AS runs
        WHERE runs.plan_id = ? AND NOT EXISTS (
            SELECT 1 FROM plan.plan_current AS current
            WHERE current.plan_id = runs.plan_id
                OR (current.is_base AND NOT runs.is_base)
                OR (current.is_base AND current.status <> 'timed_out' AND runs.status = 'timed_out')
        )""",
        [datetime.now(UTC), plan_id],
    )
