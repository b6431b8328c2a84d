"""The tables of schema `forecast`: names, keys, columns, meanings in both languages.

Belongs here: declarations; planning and the dashboard import names from here. Does not belong here: what fills them.
"""

from __future__ import annotations

import duckdb

from store.messages import Text
from store.tables import Column, Table, comment, literal

_RUN = Column("run_id", "VARCHAR", "预测批次号", "forecast run")
_MODEL = Column(
    "model",
    "VARCHAR",
    "模型：prophet_offset、prophet_level 为池的核心；fallback_ 开头为替代模型",
    "model: prophet_offset and prophet_level are the core of a pool; names starting with fallback_ stood in for it",
)
_SCENARIO = Column(
    "scenario", "VARCHAR", "情景：base、permits_minus_50 或政策事件名", "scenario: base, permits_minus_50 or a policy's"
)
_UNIQUE_ID = Column(
    "unique_id",
    "VARCHAR",
    "序列：city、区县、grade/强度分类、区县/强度分类",
    "series: city, <district>, grade/<grade_class>, <district>/<grade_class>",
)
_LEVEL = Column("level", "VARCHAR", "层级", "level: city, district, grade_class or district_grade_class")
_DISTRICT = Column("district_code", "VARCHAR", "区县代码；all 为合计", "district; all when summed over districts")
_GRADE = Column("grade_class", "VARCHAR", "强度分类；all 为合计", "grade class; all when summed over grade classes")

_SERIES_WEEK = (
    _RUN,
    _UNIQUE_ID,
    _LEVEL,
    _DISTRICT,
    _GRADE,
    Column("cutoff", "DATE", "所用最后一个完整周（周一）", "Monday of the last complete week used"),
    Column("week_start", "DATE", "被预测的周（周一）", "Monday of the forecast week"),
    Column("h", "INTEGER", "提前周数", "weeks ahead of the cutoff, from 1"),
    _MODEL,
    _SCENARIO,
    Column(
        "mean", "DOUBLE", "期望供货量，m³/周；各级相加一致", "expected delivered m³ per week; adds up across levels"
    ),
    Column("q025", "DOUBLE", "2.5% 分位数，m³/周", "2.5 % quantile, m³ per week; quantiles do not add up"),
    Column("q10", "DOUBLE", "10% 分位数，m³/周", "10 % quantile, m³ per week"),
    Column("q25", "DOUBLE", "25% 分位数，m³/周", "25 % quantile, m³ per week"),
    Column("q50", "DOUBLE", "中位数，m³/周", "median, m³ per week"),
    Column("q75", "DOUBLE", "75% 分位数，m³/周", "75 % quantile, m³ per week"),
    Column("q90", "DOUBLE", "90% 分位数，m³/周", "90 % quantile, m³ per week"),
    Column("q975", "DOUBLE", "97.5% 分位数，m³/周", "97.5 % quantile, m³ per week"),
    Column("reconciled", "BOOLEAN", "均值是否已调和一致", "whether the mean adds up across levels"),
)

RUNS = Table(
    "forecast",
    "runs",
    ("run_id",),
    Text("预测批次，只追加；status 指明现用的一个", "Forecast runs, append-only; `status` points at the one in use"),
    (
        _RUN,
        Column("cutoff", "DATE", "所用最后一个完整周（周一）", "Monday of the last complete week used"),
        Column("data_version", "VARCHAR", "数据版本", "data version: hash of the committed segments"),
        Column("code_version", "VARCHAR", "代码版本", "hash of the forecasting code and of its engine's version"),
        Column(
            "config_hash",
            "VARCHAR",
            "参数、时点、范围与情景的哈希",
            "hash of settings, as-of day, horizon and scenario",
        ),
        Column("seed", "BIGINT", "随机种子", "random seed"),
        Column("created_at", "TIMESTAMPTZ", "生成时间", "when the run was made"),
        Column(
            "status",
            "VARCHAR",
            "promoted 现用（只有一个）；superseded 曾用；stored 试算或回测；refused 回测变差，未用；withdrawn 人工撤下",
            "promoted: in use, one run only; superseded: was in use; stored: a what-if, a past as-of day or a "
            "backtest; refused: its backtest was worse; withdrawn: taken out of use by hand",
        ),
        Column("as_of", "DATE", "所用数据截至哪天为人所知", "the day whose knowledge was used"),
        Column("horizon_weeks", "INTEGER", "预测周数", "weeks forecast"),
        _SCENARIO,
        Column(
            "supposed",
            "JSON",
            "情景所设：新许可系数与政策事件（名称、起止、区县、系数、来源）",
            "what the scenario supposes: factor on new grants, policy events with days, districts, factors, source",
        ),
    ),
)

DEMAND = Table(
    "forecast",
    "demand",
    ("run_id", "unique_id", "h"),
    Text(
        "每周需求预测：全部序列 × 周，均值与分位数", "Weekly demand forecast: every series × week, mean and quantiles"
    ),
    _SERIES_WEEK,
)

BACKTEST = Table(
    "forecast",
    "backtest",
    ("run_id", "unique_id", "cutoff", "h", "model"),
    Text(
        "历史起点回测：当时所知数据的预测与后来的实际；基准模型只有均值",
        "Forecasts from past origins, on what was known then, against what came; yardsticks have a mean only",
    ),
    (*_SERIES_WEEK, Column("actual", "DOUBLE", "实际供货量，m³/周", "delivered m³ per week that came")),
)

SCORES = Table(
    "forecast",
    "scores",
    ("run_id", "unique_id", "level", "model", "h_band", "metric"),
    Text(
        "回测得分；unique_id 为 all 时是该层级各序列的合计口径",
        "Backtest scores; unique_id all pools the level's series",
    ),
    (
        _RUN,
        Column("unique_id", "VARCHAR", "序列；all 为整个层级", "series; all for the whole level"),
        _LEVEL,
        _MODEL,
        Column("h_band", "VARCHAR", "提前周数区间；1-52 为全部", "band of weeks ahead, first-last; 1-52 for all"),
        Column(
            "metric",
            "VARCHAR",
            "指标：mase、rmsse、wape、bias、scrps、coverage80、coverage95、skill_<基准>，及其区间 _low、_high",
            "mase, rmsse, wape, bias (Σ(forecast − actual)/Σactual), scrps (scaled CRPS), coverage80 and coverage95 "
            "(leave-one-origin-out), skill_<yardstick> (1 − MAE/MAE of the yardstick) with its 95 % interval, _low and "
            "_high, by a paired bootstrap over origins",
        ),
        Column("value", "DOUBLE", "值", "value"),
    ),
)

COMPONENTS = Table(
    "forecast",
    "components",
    ("run_id", "unique_id", "week_start", "part"),
    Text(
        "预测构成：各部分的乘积等于均值；pipeline 为 m³/周，其余为倍数",
        "What a forecast is made of: the product of its parts is the mean; pipeline in m³ per week, the others factors",
    ),
    (
        _RUN,
        _UNIQUE_ID,
        Column("week_start", "DATE", "被预测的周（周一）", "Monday of the forecast week"),
        Column(
            "part",
            "VARCHAR",
            "部分：pipeline、trend、yearly、calendar、level、ensemble、reconciliation；政策情景另有 policy",
            "pipeline, trend, yearly, calendar, level, ensemble, reconciliation; policy too where there are events",
        ),
        Column("value", "DOUBLE", "m³/周（pipeline）或倍数", "m³ per week (pipeline) or factor"),
    ),
)

PATHS = Table(
    "forecast",
    "paths",
    ("run_id", "scenario", "sample", "district_code", "grade_class", "month"),
    Text(
        "36 个月联合样本路径，规划的输入；各样本内可相加，均值等于预测均值",
        "Joint sample paths over 36 months, the planner's input: sum within a sample; their mean is the forecast's",
    ),
    (
        _RUN,
        _SCENARIO,
        Column("sample", "INTEGER", "样本号，从 0 起", "sample number, from 0"),
        Column("district_code", "VARCHAR", "区县代码", "district"),
        Column("grade_class", "VARCHAR", "强度分类", "grade class"),
        Column("month", "DATE", "月份（当月一日）", "first day of the month"),
        Column("m3", "DOUBLE", "需求量，m³/月", "demand, m³ per month"),
        Column(
            "is_outlook",
            "BOOLEAN",
            "超出 52 周：展望，仅凭许可、季节与趋势",
            "beyond 52 weeks: an outlook from pipeline, season and trend alone",
        ),
    ),
)

PROMOTIONS = Table(
    "forecast",
    "promotions",
    ("decided_at", "run_id"),
    Text("每次决定用哪个批次：自动与人工，只追加", "Every decision on the run in use, by gate or by hand; append-only"),
    (
        Column("decided_at", "TIMESTAMPTZ", "决定时间", "when it was decided"),
        _RUN,
        Column("replaced_run_id", "VARCHAR", "此前在用的批次", "the run in use until then"),
        Column("decision", "VARCHAR", "promoted 采用；refused 未采用", "promoted, or refused"),
        Column("decided_by", "VARCHAR", "gate 自动；hand 人工", "gate: by comparing backtests; hand: by a person"),
        Column(
            "error",
            "DOUBLE",
            "回测误差（区县，全部周）与季节朴素法之比",
            "its backtest error (districts, all weeks) over the seasonal naive's",
        ),
        Column("replaced_error", "DOUBLE", "此前批次的同一比值", "the same of the run in use until then"),
        Column("tolerance", "DOUBLE", "容许变差的比例", "by how much, relatively, it may be worse"),
        Column("sentence_zh", "VARCHAR", "中文说明", "the decision in a sentence, in Chinese"),
        Column("sentence_en", "VARCHAR", "英文说明", "the decision in a sentence, in English"),
    ),
)

FLAGS = Table(
    "forecast",
    "flags",
    ("run_id", "unique_id", "flag"),
    Text(
        "预测旁的标记：历史短、稀疏、停止、缺报等，及其处理",
        "What is unusual about a series, and what was done about it",
    ),
    (
        _RUN,
        _UNIQUE_ID,
        Column(
            "flag",
            "VARCHAR",
            "标记：silent、stopped、idle、new、short、sparse、gap、permits_stopped、no_grants、silent_plants、new_year_unseen、inherited",
            "silent, stopped, idle, new, short, sparse; of the city gap, permits_stopped, no_grants, "
            "silent_plants, new_year_unseen; of a redrawn district inherited",
        ),
        Column("value", "DOUBLE", "数值，单位见说明", "its size, in the unit of the sentence"),
        Column("sentence_zh", "VARCHAR", "中文说明", "what it means and what was done, in Chinese"),
        Column("sentence_en", "VARCHAR", "英文说明", "what it means and what was done, in English"),
    ),
)

DRIFT = Table(
    "forecast",
    "drift",
    ("run_id", "signal"),
    Text("漂移信号：世界是否已偏离所学", "Drift: signs that the world has moved away from what was learned"),
    (
        _RUN,
        Column(
            "signal",
            "VARCHAR",
            "信号：bias、coverage、pipeline_ratio、permit_delay",
            "bias (CUSUM of 8 weeks), coverage (binomial band), pipeline_ratio, permit_delay",
        ),
        Column("value", "DOUBLE", "数值", "value"),
        Column("limit_value", "DOUBLE", "界限", "limit"),
        Column("is_drifting", "BOOLEAN", "是否漂移", "whether it is beyond its limit"),
        Column("sentence_zh", "VARCHAR", "中文说明", "the signal in a sentence, in Chinese"),
        Column("sentence_en", "VARCHAR", "英文说明", "the signal in a sentence, in English"),
    ),
)

DEMAND_CURRENT = Table(
    "forecast",
    "demand_current",
    DEMAND.key,
    Text("现用的需求预测：promoted 的批次", "The forecast in use: demand of the promoted run"),
    DEMAND.columns,
)

TABLES = (RUNS, DEMAND, BACKTEST, SCORES, COMPONENTS, PATHS, FLAGS, DRIFT, PROMOTIONS)
VIEWS = (DEMAND_CURRENT,)


def create_forecast_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the schema's tables and its view where absent."""
    connection.execute("CREATE SCHEMA IF NOT EXISTS forecast")
    for table in TABLES:
        table.create(connection)
    connection.execute(
        """CREATE OR REPLACE VIEW forecast.demand_current AS
        SELECT demand.* FROM forecast.demand AS demand
        WHERE demand.run_id = (
            SELECT runs.run_id FROM forecast.runs AS runs WHERE runs.status = 'promoted'
            ORDER BY runs.created_at DESC, runs.run_id LIMIT 1
        )"""
    )
    connection.execute(f"COMMENT ON VIEW forecast.demand_current IS {literal(comment(DEMAND_CURRENT.text))}")
