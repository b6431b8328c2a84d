"""A finished plan into its tables.

Belongs here: rows from arrays, one transaction per plan. Does not belong here: anything decided.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import numpy as np

from planning import alternatives, evidence, quarter_tables, tables
from planning.assumptions import Assumptions, Options
from planning.consolidation import Result
from planning.design import NOWHERE, usable_capacity_m3
from planning.explain import Explanation
from planning.footprint import Dispatch, Habit, tail_unserved_m3
from planning.freeze import Frozen
from planning.information import Foresight, perfect_information_cny
from planning.instance import MONTHS_PER_YEAR, Instance
from planning.model import Indices
from planning.quarter import Week, allocation_columns, cell_columns, plant_columns
from planning.risk import cvar_cny
from planning.touched import PLANTS_TOUCHED, Touched, touched_columns
from planning.transition import Transition
from store.messages import Text
from store.tables import Table, append

Columns = dict[str, Any]  # column -> list or array, all of one length


@dataclass(frozen=True)
class Plan:
    """Everything that one plan writes."""

    plan_id: str
    options: Options
    assumptions: Assumptions
    frozen: Frozen
    result: Result
    dispatch: Dispatch
    reallocated: Dispatch
    habit: Habit
    explanations: Sequence[Explanation]
    outlook: Columns
    brief: Sequence[tuple[str, Text]]
    notes: Sequence[Text]
    transition: Transition
    seen: Sequence[Foresight]
    weeks: Sequence[Week]
    touched: Mapping[str, Touched]
    seconds: float


def run_row(plan: Plan) -> dict[str, Any]:
    """The row of plan.runs."""
    instance, result = plan.frozen.instance, plan.result
    decisions = [explanation.decision for explanation in plan.explanations]
    before, reallocated, after = plan.habit.footprint, plan.reallocated.footprint, plan.dispatch.footprint
    information = perfect_information_cny(result, plan.seen) or (None, None)
    return {
        "plan_id": plan.plan_id,
        "run_id": plan.frozen.run_id,
        "created_at": datetime.now(UTC),
        "status": result.status,
        "is_base": plan.options.is_base,
        "options": json.dumps(asdict(plan.options)),
        "objective_cny": result.objective_cny,
        "bound_cny": result.bound_cny,
        "gap": result.gap,
        "seconds": round(plan.seconds, 1),
        "scenarios": len(instance.scenarios),
        "periods": len(instance.periods),
        "clusters": result.clusters,
        "plants_kept": decisions.count("keep") + decisions.count("expand"),
        "plants_merged": decisions.count("merge"),
        "plants_closed": decisions.count("close"),
        "plants_expanded": decisions.count("expand"),
        "plants_opened": decisions.count("open"),
        "cost_before_cny": before.cost_cny,
        "cost_reallocated_cny": reallocated.cost_cny,
        "cost_after_cny": after.cost_cny,
        "kgco2e_before": before.kgco2e,
        "kgco2e_reallocated": reallocated.kgco2e,
        "kgco2e_after": after.kgco2e,
        "haul_min_before": before.haul_min,
        "haul_min_reallocated": reallocated.haul_min,
        "haul_min_after": after.haul_min,
        "unserved_m3_before": before.unserved_m3,
        "unserved_m3_reallocated": reallocated.unserved_m3,
        "unserved_m3_after": after.unserved_m3,
        "over_limit_m3_before": plan.habit.over_limit_m3,
        "quota_short_m3_after": after.quota_short_m3,
        "transition_objective_cny": plan.transition.objective_cny,
        "cvar_recourse_cny": cvar_cny(result.evaluation.monthly_cny, instance.policy.risk_level),
        "stochastic_value_cny": result.stochastic_value_cny,
        "information_from_cny": information[0],
        "information_to_cny": information[1],
        "notes": json.dumps([note._asdict() for note in plan.notes], ensure_ascii=False),
    }


def write_plan(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Append the whole plan or nothing; the run's own row last, so that what it names is there."""
    instance = plan.frozen.instance
    parts: list[tuple[Table, Columns]] = [
        (evidence.SITES, _sites(plan)),
        (evidence.ARCS, _arcs(instance)),
        (evidence.DEMAND, _demand(instance)),
        (evidence.ALLOCATION, _allocation(instance, plan.dispatch)),
        (evidence.UNSERVED, _unserved(instance, plan.dispatch)),
        (evidence.ALLOCATION_BEFORE, _allocation_before(plan.frozen)),
        (tables.PLANT_DECISIONS, _decisions(plan)),
        (PLANTS_TOUCHED, touched_columns(plan.touched.values())),
        (alternatives.PARETO, _pareto(plan)),
        (quarter_tables.ALLOCATION_WEEKLY, allocation_columns(instance, plan.weeks)),
        (quarter_tables.CELL_PRICES_WEEKLY, cell_columns(instance, plan.weeks)),
        (quarter_tables.PLANT_PRICES_WEEKLY, plant_columns(instance, plan.weeks)),
        (alternatives.WAIT_AND_SEE, _wait_and_see(plan)),
        (tables.ASSUMPTIONS, _assumptions(plan.assumptions)),
        (tables.OUTLOOK_BALANCE_WEEKLY, plan.outlook),
        (tables.POLICY_BRIEF, _brief(plan.brief)),
        (tables.RUNS, {name: [value] for name, value in run_row(plan).items()}),
    ]
    connection.execute("BEGIN")
    try:
        for table, columns in parts:
            rows = len(columns[table.column_names[-1]])
            append(connection, table, {**columns, "plan_id": [plan.plan_id] * rows})
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _sites(plan: Plan) -> Columns:
    instance, design = plan.frozen.instance, plan.result.design
    sites = instance.sites
    return {
        "plant_id": sites.plant_id,
        "plant_name": sites.name,
        "enterprise_id": sites.enterprise_id,
        "grade_groups": [list(groups) for groups in sites.grade_groups],
        "lon": sites.lon,
        "lat": sites.lat,
        "is_candidate": sites.is_candidate,
        "is_on_red_line": sites.is_on_red_line,
        "is_open": design.is_open,
        "is_expanded": design.is_expanded,
        "available_m3_per_month": sites.available_m3,
        "usable_m3_per_month": sites.usable_m3,
        "expansion_m3_per_month": sites.expansion_m3,
        "merge_m3_per_month": sites.merge_m3,
        "capacity_after_m3_per_month": usable_capacity_m3(instance, design),
        "fixed_cny_per_year": sites.fixed_cny_per_year,
        "closing_cny": sites.closing_cny,
        "merge_cny": sites.merge_cny,
        "opening_cny_per_year": sites.opening_cny_per_year,
        "expansion_cny_per_year": sites.expansion_cny_per_year,
    }


def _arcs(instance: Instance) -> Columns:
    return {
        **_plants(instance, instance.arc_site),
        **_points(instance, instance.arc_point),
        "haul_km": instance.arc_km,
        "haul_min": instance.arc_min,
        "cost_cny_per_m3": instance.arc_cny_per_m3,
        "kgco2e_per_m3": instance.arc_kgco2e_per_m3,
    }


def _demand(instance: Instance) -> Columns:
    sample, point = np.divmod(np.arange(instance.demand_m3.size), instance.points)
    return {**_samples(instance, sample), **_points(instance, point), "m3": instance.demand_m3.ravel()}


def _allocation(instance: Instance, dispatch: Dispatch) -> Columns:
    order = np.lexsort((dispatch.flow_arc, dispatch.flow_sample))
    arc, m3 = dispatch.flow_arc[order], dispatch.flow_m3[order]
    return {
        **_samples(instance, dispatch.flow_sample[order]),
        **_plants(instance, instance.arc_site[arc]),
        **_points(instance, instance.arc_point[arc]),
        "m3": m3,
        "haul_min": instance.arc_min[arc],
        "cost_cny": instance.arc_cny_per_m3[arc] * m3,
        "kgco2e": instance.arc_kgco2e_per_m3[arc] * m3,
    }


def _unserved(instance: Instance, dispatch: Dispatch) -> Columns:
    order = np.lexsort((dispatch.unserved_point, dispatch.unserved_sample))
    return {
        **_samples(instance, dispatch.unserved_sample[order]),
        **_points(instance, dispatch.unserved_point[order]),
        "m3": dispatch.unserved_m3[order],
    }


def _allocation_before(frozen: Frozen) -> Columns:
    site, point = np.nonzero(frozen.observed.m3)
    return {
        **_plants(frozen.instance, site),
        **_points(frozen.instance, point),
        "m3_52w": frozen.observed.m3[site, point],
        "haul_km": frozen.observed.km[site, point],
        "haul_min": frozen.observed.minutes[site, point],
        "is_feasible": frozen.observed.is_feasible[site, point],
    }


def _decisions(plan: Plan) -> Columns:
    instance, explanations = plan.frozen.instance, plan.explanations
    ids = instance.sites.plant_id
    return {
        "plant_id": ids,
        "decision": [explanation.decision for explanation in explanations],
        "merge_into_plant_id": [None if q == NOWHERE else ids[q] for q in plan.result.design.merge_into.tolist()],
        "from_period": [plan.transition.from_period(instance, site) for site in range(len(ids))],
        "reason_zh": [explanation.reason.zh for explanation in explanations],
        "reason_en": [explanation.reason.en for explanation in explanations],
        "regret_cny": [explanation.regret_cny for explanation in explanations],
        "utilisation_before": [explanation.utilisation_before for explanation in explanations],
        "utilisation_after": [explanation.utilisation_after for explanation in explanations],
        "quota_short_m3": MONTHS_PER_YEAR * plan.dispatch.footprint.site_short_m3,
    }


def _pareto(plan: Plan) -> Columns:
    result, instance = plan.result, plan.frozen.instance
    states = (plan.reallocated, plan.dispatch)
    return {
        "point": [0, 1],
        "cost": [state.footprint.cost_cny for state in states],
        "kgco2e": [state.footprint.kgco2e for state in states],
        "cvar_unserved": [tail_unserved_m3(instance, state) for state in states],
        "plants_kept": [len(instance.existing), int(result.design.is_open.sum())],
        "bound": [None, result.bound_cny],
        "gap": [None, result.gap],
        "carbon_price_cny_per_t": [instance.policy.carbon_price_cny_per_t] * 2,
        "unserved_price_factor": [1.0, 1.0],
        "unserved_m3": [state.footprint.unserved_m3 for state in states],
        "quota_short_m3": [state.footprint.quota_short_m3 for state in states],
        "objective_cny": [state.footprint.objective_cny(instance) for state in states],
    }


def _wait_and_see(plan: Plan) -> Columns:
    names = ("scenario", "plan_cny", "best_cny", "bound_cny", "plants_kept")
    return {name: [getattr(each, name) for each in plan.seen] for name in names}


def _assumptions(assumptions: Assumptions) -> Columns:
    rows = [asdict(row) for row in assumptions.rows]
    return {name: [row[name] for row in rows] for name in rows[0]}


def _brief(brief: Sequence[tuple[str, Text]]) -> Columns:
    return {
        "position": list(range(1, len(brief) + 1)),
        "topic": [topic for topic, _ in brief],
        "text_zh": [text.zh for _, text in brief],
        "text_en": [text.en for _, text in brief],
    }


def _samples(instance: Instance, sample: Indices) -> Columns:
    scenario, period = np.divmod(sample, len(instance.periods))
    return {
        "scenario": np.array(instance.scenarios, np.int32)[scenario],
        "period": np.array(instance.periods, "datetime64[D]")[period],
    }


def _plants(instance: Instance, site: Indices) -> Columns:
    return {"plant_id": np.array(instance.sites.plant_id)[site]}


def _points(instance: Instance, point: Indices) -> Columns:
    return {
        "cell_id": np.array(instance.point_cell)[point],
        "grade_group": np.array(instance.point_grade_group)[point],
    }
