"""The whole river on the demo's city, stage by stage, and what its forecast and plan are worth.

Belongs here: one row per stage; the forecast beside its yardsticks; the plan beside today. Does not belong
here: the intake's own limit (`bench.intake`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb

from bench.processes import measure
from store.home import Home

STAGES = ("simulate", "ingest", "build", "forecast", "plan", "publish")


def stages(home: Home) -> Iterator[str]:
    """Each stage as a process of its own on an empty home: 3 years at scale 0.1."""
    yield "| stage | CPU s | wall s | peak MB |"
    yield "|---|---:|---:|---:|"
    for stage in STAGES:
        used = measure(["-m", "orchestration", stage], home.root)
        yield f"| {stage} | {used.cpu_s:.1f} | {used.wall_s:.1f} | {used.peak_mb:.0f} |"
    again = measure(["-m", "orchestration", "run"], home.root)
    named = "run again with nothing new, through Dagster"
    yield f"| {named} | {again.cpu_s:.1f} | {again.wall_s:.1f} | {again.peak_mb:.0f} |"


def forecast_scores(published: Path) -> Iterator[str]:
    """WAPE per horizon at the levels that matter, beside the yardsticks, from the replayed origins."""
    bands = ("1-4", "5-13", "14-26", "27-52")
    yield "| level | model | weeks " + " | ".join(bands) + " |"
    yield "|---|---|" + "---:|" * len(bands)
    for level in ("city", "district", "district_grade_class"):
        for model in _models(published, level):
            values = _scores(published, level, model, "wape")
            yield f"| {level} | {model} | " + " | ".join(_shown(values.get(band)) for band in bands) + " |"


def plan_headline(published: Path) -> Iterator[str]:
    """Today, today's plants optimally allocated, and the plan."""
    figures = (
        ("cost, M CNY", "cost_{}_cny", 1e6),
        ("haul carbon, t CO₂e", "kgco2e_{}", 1e3),
        ("mean haul, min", "haul_min_{}", 1.0),
        ("not served, 1,000 m³", "unserved_m3_{}", 1e3),
    )
    yield "| per year | today | same plants, allocated | plan |"
    yield "|---|---:|---:|---:|"
    for name, column, unit in figures:
        states = ", ".join(column.format(state) for state in ("before", "reallocated", "after"))
        values = _rows(published, f"SELECT {states} FROM plan.plan_current", [])[0]
        yield f"| {name} | " + " | ".join(f"{value / unit:,.1f}" for value in values) + " |"
    query = "SELECT plants_kept, plants_merged, plants_closed, gap, seconds FROM plan.plan_current"
    kept, merged, closed, gap, seconds = _rows(published, query, [])[0]
    yield ""
    yield f"Kept {kept}, merged {merged}, closed {closed}; proven gap {gap:.2%} in {seconds:.0f} s."


def _models(published: Path, level: str) -> list[str]:
    query = "SELECT DISTINCT model FROM forecast.scores WHERE level = ? AND metric = 'wape' ORDER BY model"
    return [row[0] for row in _rows(published, query, [level])]


def _scores(published: Path, level: str, model: str, metric: str) -> dict[str, float]:
    query = (
        "SELECT h_band, avg(value) FROM forecast.scores WHERE level = ? AND model = ? AND metric = ? "
        "AND run_id = (SELECT any_value(run_id) FROM forecast.demand_current) GROUP BY h_band"
    )
    return {band: float(value) for band, value in _rows(published, query, [level, model, metric])}


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _rows(published: Path, query: str, parameters: list[str]) -> list[tuple]:  # type: ignore[type-arg]
    connection = duckdb.connect(str(published), read_only=True)
    try:
        return connection.execute(query, parameters).fetchall()
    finally:
        connection.close()
