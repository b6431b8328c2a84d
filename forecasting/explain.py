"""One series' forecast in words: what it says, what made it, what changed, how right it has been.

Belongs here: figures read from the tables of the run in use, and the sentences made of them. Does not belong here: any
model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb

from forecasting.hierarchy import ALL
from forecasting.promotion import LOCK_WAIT_S, in_use
from forecasting.tables import create_forecast_tables
from store.connections import writer
from store.home import Home
from store.locks import hold
from store.messages import EXIT_USAGE, Text, TongmaiError

NEAR_WEEKS = 13
_NAMES = {
    "pipeline": Text("许可管道", "the permits' pipeline"),
    "trend": Text("趋势", "the trend"),
    "yearly": Text("季节", "the season"),
    "calendar": Text("节假日", "the calendar"),
    "level": Text("近期水平", "the recent level"),
    "ensemble": Text("其他模型", "the other models"),
    "reconciliation": Text("各级一致", "coherence"),
    "policy": Text("政策情景", "the policy"),
}


@dataclass(frozen=True)
class Explanation:
    """`sentences` for people; `figures`: the numbers in them, by name."""

    run_id: str
    unique_id: str
    sentences: tuple[Text, ...]
    figures: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        sentences = [text._asdict() for text in self.sentences]
        return {"run_id": self.run_id, "unique_id": self.unique_id, "sentences": sentences, "figures": self.figures}


def explain(home: Home, district: str, grade_class: str | None = None) -> Explanation:
    """The forecast in use for a district (code or name, or `city`), of one grade class or of all.

    Raises TongmaiError: `unknown_series` (usage), `no_forecast`, `locked`, `warehouse_busy`.
    """
    with hold(home, "warehouse", wait_s=LOCK_WAIT_S), writer(home) as connection:
        create_forecast_tables(connection)
        return explain_in(connection, district, grade_class)


def explain_in(connection: duckdb.DuckDBPyConnection, district: str, grade_class: str | None = None) -> Explanation:
    """`explain` on a connection that is already open."""
    run_id = in_use(connection)
    if run_id is None:
        raise TongmaiError(
            "no_forecast",
            "还没有现用的预测。请先运行 tongmai forecast。",
            "No forecast is in use yet. Run tongmai forecast.",
        )
    unique_id, named = _series(connection, run_id, district, grade_class)
    figures: dict[str, Any] = {}
    sentences = [
        *_said(connection, run_id, unique_id, named, figures),
        *_parts(connection, run_id, unique_id, figures),
        *_changed(connection, run_id, unique_id, figures),
        *_right(connection, run_id, unique_id, figures),
    ]
    return Explanation(run_id, unique_id, tuple(sentences), figures)


def _series(
    connection: duckdb.DuckDBPyConnection, run_id: str, district: str, grade_class: str | None
) -> tuple[str, Text]:
    columns = {row[0] for row in connection.execute("DESCRIBE marts.dim_districts").fetchall()}
    names = [name for name in ("district_name", "district_name_en") if name in columns]
    shown = ", ".join(names) if len(names) == 2 else "district_code, district_code"
    known = connection.execute(f"SELECT district_code, {shown} FROM marts.dim_districts ORDER BY 1").fetchall()
    wanted = district.strip().casefold()
    found = [row for row in known if wanted in {str(name).casefold() for name in row}]
    code, zh, en = found[0] if found else (ALL, "全市", "the city")
    node = connection.execute(
        """SELECT DISTINCT unique_id FROM forecast.demand
        WHERE run_id = ? AND district_code = ? AND grade_class = ?""",
        [run_id, code, grade_class or ALL],
    ).fetchall()
    if not (found or wanted in ("city", "全市", ALL)) or not node:
        choices = "；".join(f"{row[0]} {row[1]}" for row in known if row[0] != "unknown")
        grades = connection.execute(
            "SELECT DISTINCT grade_class FROM forecast.demand WHERE run_id = ? ORDER BY 1", [run_id]
        ).fetchall()
        classes = ", ".join(row[0] for row in grades if row[0] != ALL)
        raise TongmaiError(
            "unknown_series",
            f"没有区县“{district}”（{grade_class or '全部强度'}）的预测。区县：city；{choices}。强度分类：{classes}。",
            f"There is no forecast of '{district}' ({grade_class or 'all grades'}). Districts: city; {choices}. "
            f"Grade classes: {classes}.",
            EXIT_USAGE,
        )
    grade = f" {grade_class}" if grade_class else ""
    return str(node[0][0]), Text(f"{zh}{grade}", f"{en}{grade}")


def _said(
    connection: duckdb.DuckDBPyConnection, run_id: str, unique_id: str, named: Text, figures: dict[str, Any]
) -> list[Text]:
    """The forecast of the quarter and of the year, against the same weeks a year before."""
    cutoff, model, near, year, low, high = connection.execute(
        """SELECT any_value(cutoff), any_value(model), avg(mean) FILTER (WHERE h <= $near), avg(mean),
            avg(q10) FILTER (WHERE h <= $near), avg(q90) FILTER (WHERE h <= $near)
        FROM forecast.demand WHERE run_id = $run_id AND unique_id = $unique_id""",
        {"near": NEAR_WEEKS, "run_id": run_id, "unique_id": unique_id},
    ).fetchall()[0]
    before = _delivered(connection, unique_id, cutoff - timedelta(weeks=51), cutoff - timedelta(weeks=52 - NEAR_WEEKS))
    figures |= {"cutoff": str(cutoff), "model": model, "next_13_weeks_m3": near, "next_52_weeks_m3": year}
    figures |= {"q10_m3": low, "q90_m3": high, "same_weeks_last_year_m3": before}
    change = near / before - 1 if before else None
    since = Text(
        f"，比去年同期{_more_zh(change)}" if change is not None else "",
        f", {_more(change)} than in the same weeks last year" if change is not None else "",
    )
    return [
        Text(
            f"{named.zh}：今后 {NEAR_WEEKS} 周每周 {near:,.0f} m³"
            f"（单周八成落在 {low:,.0f} 到 {high:,.0f} 之间）{since.zh}；全年平均每周 {year:,.0f} m³。"
            f"截至 {cutoff} 当周，模型 {model}，批次 {run_id}。",
            f"{named.en}: {near:,.0f} m³ a week over the next {NEAR_WEEKS} weeks (eight single weeks in ten between "
            f"{low:,.0f} and {high:,.0f}){since.en}; {year:,.0f} m³ a week over the year. Through the week of "
            f"{cutoff}, model {model}, run {run_id}.",
        )
    ]


def _parts(connection: duckdb.DuckDBPyConnection, run_id: str, unique_id: str, figures: dict[str, Any]) -> list[Text]:
    """What each part does over the next 13 weeks, and where the pipeline goes until the year's end."""
    rows = connection.execute(
        """SELECT part, avg(value) FILTER (WHERE h <= 13), avg(value) FILTER (WHERE h BETWEEN 14 AND 26),
            avg(value) FILTER (WHERE h > 39)
        FROM forecast.components JOIN forecast.demand USING (run_id, unique_id, week_start)
        WHERE run_id = ? AND unique_id = ? GROUP BY 1""",
        [run_id, unique_id],
    ).fetchall()
    near = {part: value for part, value, _, _ in rows}
    late = {part: value for part, _, _, value in rows}
    figures["parts_next_13_weeks"], figures["parts_last_13_weeks"] = near, late
    if not near.get("pipeline"):
        return [Text("预计没有需求：过去一直没有供货。", "No demand is expected: nothing was ever delivered.")]
    sentences = []
    flow = late["pipeline"] / near["pipeline"] - 1 if late.get("pipeline") else None
    sentences.append(
        Text(
            f"许可：已批与预期新批的许可合每周 {near['pipeline']:,.0f} m³"
            + (f"，到年末三个月{_more_zh(flow)}。" if flow is not None else "。"),
            f"Permits: those granted, and those still expected, call for {near['pipeline']:,.0f} m³ a week"
            + (f"; in the year's last quarter {_more(flow)}." if flow is not None else "."),
        )
    )
    explained = {
        "trend": ("供货与许可之比", "what is delivered per permitted m³, as it has moved over years"),
        "yearly": ("一年中的此时", "the time of year"),
        "calendar": ("春节、国庆等", "New Year, National Day and other days off"),
        "level": ("近几周高于或低于模型", "recent weeks above or below the model"),
        "ensemble": ("与其他模型合并", "the average with other models"),
        "reconciliation": ("使各级相加一致", "making all levels add up"),
        "policy": ("情景中的政策", "the scenario's policy"),
    }
    told = [(part, near[part] - 1) for part in explained if part in near]
    if told:
        sentences.append(
            Text(
                "再乘以："
                + "；".join(f"{_NAMES[part].zh}（{explained[part][0]}）{value:+.0%}" for part, value in told)
                + "。",
                "Times: "
                + "; ".join(f"{_NAMES[part].en} ({explained[part][1]}) {value:+.0%}" for part, value in told)
                + ".",
            )
        )
    return sentences


def _changed(connection: duckdb.DuckDBPyConnection, run_id: str, unique_id: str, figures: dict[str, Any]) -> list[Text]:
    """Against the run that this one replaced, over the weeks that both forecast: the parts' shares in log points."""
    row = connection.execute(
        """SELECT replaced_run_id FROM forecast.promotions WHERE run_id = ? AND decision = 'promoted'
        AND replaced_run_id IS NOT NULL ORDER BY decided_at DESC LIMIT 1""",
        [run_id],
    ).fetchone()
    if row is None:
        return [Text("此前没有现用批次，无从比较。", "No run was in use before it, so nothing changed.")]
    rows = connection.execute(
        """WITH parts AS (
            SELECT run_id, week_start, part, value FROM forecast.components
            WHERE unique_id = $unique_id AND run_id IN ($now, $before)
        )
        SELECT now.part, avg(ln(now.value / before.value)), count(DISTINCT now.week_start)
        FROM parts AS now JOIN parts AS before USING (week_start, part)
        WHERE now.run_id = $now AND before.run_id = $before AND now.value > 0 AND before.value > 0
        GROUP BY 1 ORDER BY 1""",
        {"unique_id": unique_id, "now": run_id, "before": row[0]},
    ).fetchall()
    figures["replaced_run_id"] = row[0]
    figures["change_by_part"] = {part: math.expm1(change) for part, change, _ in rows}
    if not rows:
        return [Text(f"与上一批次 {row[0]} 没有共同的周。", f"It shares no week with the run before, {row[0]}.")]
    total = math.expm1(sum(change for _, change, _ in rows))
    figures["change"] = total
    largest = sorted(rows, key=lambda found: -abs(found[1]))[:3]
    shown = [(part, math.expm1(change)) for part, change, _ in largest if abs(change) >= 0.005]
    because = Text(
        "，主要来自" + "、".join(f"{_NAMES[part].zh} {change:+.1%}" for part, change in shown) if shown else "",
        ", chiefly by " + ", ".join(f"{_NAMES[part].en} {change:+.1%}" for part, change in shown) if shown else "",
    )
    return [
        Text(
            f"与上一批次 {row[0]} 相比，同样的周 {total:+.1%}{because.zh}。",
            f"Against the run before, {row[0]}, the same weeks are {total:+.1%}{because.en}.",
        )
    ]


def _right(connection: duckdb.DuckDBPyConnection, run_id: str, unique_id: str, figures: dict[str, Any]) -> list[Text]:
    """How the method did on this series from past origins, up to 13 weeks ahead."""
    origins, error, bias, inside = connection.execute(
        """SELECT count(DISTINCT cutoff), sum(abs(mean - actual)) / nullif(sum(actual), 0),
            sum(mean - actual) / nullif(sum(actual), 0), avg(CAST(actual BETWEEN q10 AND q90 AS INTEGER))
        FROM forecast.backtest WHERE run_id = ? AND unique_id = ? AND reconciled AND h <= 13""",
        [run_id, unique_id],
    ).fetchall()[0]
    (naive,) = connection.execute(
        """SELECT sum(abs(mean - actual)) / nullif(sum(actual), 0) FROM forecast.backtest
        WHERE run_id = ? AND unique_id = ? AND model = 'seasonal_naive' AND h <= 13""",
        [run_id, unique_id],
    ).fetchall()[0]
    figures["past"] = {"origins": origins, "wape": error, "bias": bias, "coverage80": inside, "naive_wape": naive}
    if not origins or error is None:
        return [Text("历史太短，还没有可回看的预测。", "The history is too short to look back on past forecasts.")]
    return [
        Text(
            f"准不准：从 {origins} 个历史起点看，13 周内平均偏差 {error:.0%}（去年同周法 {naive:.0%}），"
            f"总体{'偏高' if bias > 0 else '偏低'} {abs(bias):.1%}，八成区间实际包含 {inside:.0%}。",
            f"How right: from {origins} past origins, up to 13 weeks ahead, it was off by {error:.0%} on average (last "
            f"year's same week: {naive:.0%}), {abs(bias):.1%} too {'high' if bias > 0 else 'low'} overall; its 80 % "
            f"band held {inside:.0%} of the weeks.",
        )
    ]


def _delivered(connection: duckdb.DuckDBPyConnection, unique_id: str, first: date, last: date) -> float | None:
    """Mean m³ a week delivered to a series from the week of `first` through that of `last`, as known now."""
    area, _, grade = unique_id.partition("/")
    district, grade = ("", grade) if area in ("city", "grade") else (area, grade)
    row = connection.execute(
        """SELECT sum(delta_delivered_m3) FROM marts.demand_weekly_revisions
        WHERE week_start BETWEEN $first AND $last AND district_code <> 'unknown'
            AND $district IN ('', district_code) AND $grade IN ('', grade_class)""",
        {"first": first, "last": last, "district": district, "grade": grade},
    ).fetchall()[0]
    return None if row[0] is None else float(row[0]) / ((last - first).days / 7 + 1)


def _more(change: float) -> str:
    return f"{abs(change):.0%} {'more' if change >= 0 else 'less'}"


def _more_zh(change: float) -> str:
    return f"{'多' if change >= 0 else '少'} {abs(change):.0%}"
