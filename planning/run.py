"""The door of the stage: one plan, from marts and forecast to schema `plan`.

Belongs here: the order of steps. Does not belong here: any equation, any SQL on marts.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from planning.allocation import Recourse
from planning.assumptions import OPTION_NAMES, Assumptions, Options, read_assumptions
from planning.brief import policy_brief, time_limit_told
from planning.choices import add_flips, add_front, add_regrets
from planning.consolidation import consolidate
from planning.design import Design
from planning.explain import Explainer
from planning.footprint import dispatch, habit
from planning.freeze import Frozen, freeze
from planning.information import wait_and_see
from planning.outlook import district_names, outlook
from planning.quarter import WeekAsked, allocate, ask_quarter, quarter_told, read_quarter
from planning.quota import quota_told
from planning.regret import polish
from planning.results import Columns, Plan, write_plan
from planning.risk import sample_weights
from planning.tables import create_plan_tables, promote
from planning.touched import Touched, read_touched, touched_columns, touched_told
from planning.transition import schedule, transition_told
from store.connections import writer
from store.home import Home
from store.locks import hold
from store.messages import EXIT_USAGE, Text, TongmaiError, progress

_LOCK_WAIT_S = 600.0
SEARCH_SHARE = 0.75  # of the time limit; the rest is for regrets and single scenarios


@dataclass(frozen=True)
class _Asked:
    """Everything that was read for a plan, before anything is decided."""

    options: Options
    assumptions: Assumptions
    frozen: Frozen
    balance: Columns
    names: dict[str, Text]
    weeks: list[WeekAsked]
    touched: dict[str, Touched]

    @property
    def identity(self) -> str:
        """Hash of the question, its assumptions, options, outlook and the code that answers it."""
        digest = hashlib.sha256()
        digest.update(self.frozen.run_id.encode())
        digest.update(self.frozen.instance.fingerprint.encode())
        digest.update(self.frozen.observed.m3.tobytes())
        digest.update(repr(self.assumptions.rows).encode())
        digest.update(repr((self.options, self.balance, self.names)).encode())
        digest.update(repr(touched_columns(self.touched.values())).encode())
        for week in self.weeks:
            digest.update(week.week_start.isoformat().encode() + week.demand_m3.tobytes() + week.capacity_m3.tobytes())
        for module in sorted(Path(__file__).parent.glob("*.py")):
            digest.update(module.read_bytes())
        return digest.hexdigest()[:12]


@dataclass(frozen=True)
class PlanReport:
    """The plan's row of plan.runs without its JSON, and its weeks; `is_new` is False when an equal plan was there."""

    plan_id: str
    run_id: str
    is_new: bool
    status: str
    objective_cny: float
    bound_cny: float
    gap: float
    seconds: float
    scenarios: int
    periods: int
    plants_kept: int
    plants_merged: int
    plants_closed: int
    plants_expanded: int
    plants_opened: int
    cost_before_cny: float
    cost_reallocated_cny: float
    cost_after_cny: float
    kgco2e_before: float
    kgco2e_after: float
    haul_min_before: float
    haul_min_after: float
    unserved_m3_before: float
    unserved_m3_after: float
    quota_short_m3_after: float | None
    transition_objective_cny: float | None
    cvar_recourse_cny: float
    stochastic_value_cny: float | None
    information_from_cny: float | None
    information_to_cny: float | None
    notes: tuple[Text, ...]
    weeks: tuple[dict[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        weeks = [
            {name: value.isoformat() if isinstance(value, date) else value for name, value in week.items()}
            for week in self.weeks
        ]
        return asdict(self) | {"notes": [note._asdict() for note in self.notes], "weeks": weeks}


def plan(
    home: Home, *, has_front: bool = False, has_regrets: bool = False, has_flips: bool = False, **options: Any
) -> PlanReport:
    """Plan on the promoted forecast and append the plan; equal inputs add no plan and say so.

    With `has_front` the plan gets its front of alternatives too, with `has_regrets` the regret of every site, with
    `has_flips` what would turn its decisions over.

    `options` are the fields of planning.assumptions.Options. Raises TongmaiError: `bad_option`, `unknown_plant`,
    `contradictory_options` (usage), `no_marts`, `no_forecast`, `no_plants`, `no_demand_cells`, `no_hauls`,
    `bad_instance`, `locked`.
    """
    chosen = _options(options)
    with hold(home, "warehouse", wait_s=_LOCK_WAIT_S), writer(home) as connection:
        report = plan_in(connection, chosen)
        if has_front or has_regrets or has_flips:
            instance = _freeze(connection, read_assumptions(chosen), chosen).instance
            if has_front:
                add_front(connection, report.plan_id, instance)
            if has_regrets:
                add_regrets(connection, report.plan_id, instance)
            if has_flips:
                add_flips(connection, report.plan_id, instance)
        return report


def plan_in(connection: duckdb.DuckDBPyConnection, options: Options) -> PlanReport:
    """`plan` on a writer's connection that is already open."""
    started_at = time.monotonic()
    assumptions = read_assumptions(options)
    frozen = _freeze(connection, assumptions, options)
    asked = _Asked(
        options=options,
        assumptions=assumptions,
        frozen=frozen,
        balance=outlook(connection),
        names=district_names(connection),
        weeks=ask_quarter(connection, frozen.instance, assumptions),
        touched=read_touched(connection),
    )
    plan_id = asked.identity
    is_new = connection.execute("SELECT 1 FROM plan.runs WHERE plan_id = ?", [plan_id]).fetchone() is None
    if is_new:
        instance = frozen.instance
        existing, candidates = len(instance.existing), int(instance.sites.is_candidate.sum())
        progress(
            "plan",
            f"{existing} 座站、{candidates} 个候选、{instance.points} 个需求点、{len(instance.demand_m3)} 个情景月",
            f"{existing} plants, {candidates} candidates, {instance.points} demand points,"
            f" {len(instance.demand_m3)} scenario months",
        )
        for note in instance.notes:
            progress("plan", note.zh, note.en)
        made = _make(plan_id, asked, started_at)
        for note in made.notes[len(instance.notes) :]:
            progress("plan", note.zh, note.en)
        write_plan(connection, made)
    promote(connection, plan_id)
    report = read_report(connection, plan_id, is_new=is_new)
    if is_new:
        progress(
            "plan",
            f"规划 {plan_id} 已写入：差距 {report.gap:.2%}（{report.status}）",
            f"plan {plan_id} written: gap {report.gap:.2%} ({report.status})",
        )
    else:
        progress(
            "plan",
            f"输入未变：规划 {plan_id} 已在，不再重算",
            f"same inputs: plan {plan_id} is already there, nothing added",
        )
    return report


def read_report(connection: duckdb.DuckDBPyConnection, plan_id: str, *, is_new: bool) -> PlanReport:
    """The report of a plan whose rows are in the tables."""
    cursor = connection.execute("SELECT * FROM plan.runs WHERE plan_id = ?", [plan_id])
    names = [column[0] for column in cursor.description]
    row = dict(zip(names, cursor.fetchall()[0], strict=True))
    notes = tuple(Text(note["zh"], note["en"]) for note in json.loads(row["notes"]))
    values = {name: row[name] for name in PlanReport.__dataclass_fields__ if name in row and name != "notes"}
    weeks = tuple(read_quarter(connection, plan_id))
    return PlanReport(**values, is_new=is_new, notes=notes, weeks=weeks)


def _make(plan_id: str, asked: _Asked, started_at: float) -> Plan:
    options, assumptions, frozen, instance = asked.options, asked.assumptions, asked.frozen, asked.frozen.instance
    recourse = Recourse(instance)
    deadline = started_at + options.seconds
    search_s = SEARCH_SHARE * max(deadline - time.monotonic(), 0.0)
    result = consolidate(instance, recourse, gap=options.gap, seconds=search_s)
    result, regrets = polish(instance, recourse, result, deadline)
    after = dispatch(instance, recourse, result.design)
    reallocated = dispatch(instance, recourse, Design.as_is(instance))
    today = habit(
        instance, frozen.observed, assumptions["haul_cost_cny_per_m3_km"], assumptions.carbon_kgco2e_per_m3_km
    )
    weight = sample_weights(instance.policy, result.evaluation.monthly_cny)
    capacity_price = weight @ result.evaluation.capacity_price / len(weight)
    explainer = Explainer(
        instance, result.design, after, today, frozen.observed.km, regrets, capacity_price, asked.touched
    )
    explanations = [explainer.explain(site) for site in range(len(instance.sites))]
    decisions = [explanation.decision for explanation in explanations]
    transition = schedule(instance, recourse, result.design, regrets, deadline)
    weeks = allocate(instance, recourse, asked.weeks, deadline)
    seen = wait_and_see(instance, result, seconds=deadline - time.monotonic())
    left_out = time_limit_told(instance, result.design, regrets, transition, (len(weeks), len(asked.weeks)), seen)
    states = (today.footprint, reallocated.footprint, after.footprint)
    brief = policy_brief(decisions, result, seen, states, asked.balance, asked.names, instance.policy)
    brief += [
        ("transition", told) for told in transition_told(instance, result.design, transition, result.objective_cny)
    ]
    brief += [("quota", told) for told in quota_told(instance, after.footprint.site_short_m3)]
    brief += [("quarter", told) for told in quarter_told(instance, options, weeks)]
    gone = np.flatnonzero(~result.design.is_open & ~instance.sites.is_candidate).tolist()
    touched = [asked.touched[instance.sites.plant_id[site]] for site in gone]
    brief += [("touched", told) for told in touched_told(touched)]
    brief += [("time_limit", told) for told in left_out]
    return Plan(
        plan_id=plan_id,
        options=options,
        assumptions=assumptions,
        frozen=frozen,
        result=result,
        dispatch=after,
        reallocated=reallocated,
        habit=today,
        explanations=explanations,
        outlook=asked.balance,
        brief=brief,
        notes=(*instance.notes, *left_out),
        transition=transition,
        seen=seen,
        weeks=weeks,
        touched=asked.touched,
        seconds=time.monotonic() - started_at,
    )


def _options(options: dict[str, Any]) -> Options:
    unknown = sorted(set(options) - OPTION_NAMES)
    if unknown:
        raise TongmaiError(
            "bad_option",
            f"没有这样的选项：{'、'.join(unknown)}；可用：{'、'.join(sorted(OPTION_NAMES))}。",
            f"No such option: {', '.join(unknown)}; choose from {', '.join(sorted(OPTION_NAMES))}.",
            EXIT_USAGE,
        )
    return Options(**options)


def _freeze(connection: duckdb.DuckDBPyConnection, assumptions: Assumptions, options: Options) -> Frozen:
    try:
        create_plan_tables(connection)  # first, so that they stand where there is no forecast to plan on yet
        return freeze(connection, assumptions, options)
    except duckdb.CatalogException as error:
        missing = str(error).splitlines()[0]
        raise TongmaiError(
            "no_marts",
            f"数仓还没建好，缺：{missing}。请先运行 tongmai build。",
            f"The warehouse is not built yet: {missing}. Run tongmai build first.",
        ) from error
