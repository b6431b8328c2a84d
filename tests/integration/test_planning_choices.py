"""What decision makers ask of a finished plan: its alternatives with their bounds, and two plans side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from planning_city import build
from planning_evidence import table

from orchestration.cli import run_command
from planning.compare import compare_plans
from planning.run import PlanReport, plan
from store.connections import writer
from store.home import Home
from store.messages import EXIT_USAGE, TongmaiError


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, PlanReport]:
    """A small city, planned with its front and its flips."""
    home = Home.at(tmp_path_factory.mktemp("choices") / "home")
    build(home)
    return home, plan(home, has_front=True, has_regrets=True, has_flips=True)


def test_the_front_has_fifteen_points_each_with_its_bound(city: tuple[Home, PlanReport]) -> None:
    home, report = city
    points = table(home, "pareto", report.plan_id).set_index("point").drop(index=0)
    assert len(points) >= 15 and points["bound"].notna().all()
    assert (points["bound"] <= points["objective_cny"] + 1e-6).all() and points["gap"].between(0, 0.05).all()
    plain = points[points["unserved_price_factor"] == 1].sort_values("carbon_price_cny_per_t")
    slack = 1 + plain["gap"].max()
    assert plain["kgco2e"].iloc[-1] <= plain["kgco2e"].iloc[0] * slack, "dearer carbon, less of it"
    price = points["carbon_price_cny_per_t"]
    same = points[price == points.loc[1, "carbon_price_cny_per_t"]].sort_values("unserved_price_factor")
    assert same["unserved_m3"].iloc[-1] <= same["unserved_m3"].iloc[0] * slack + 1.0, "dearer shortage, less of it"
    nothing_beats_the_plan_at_its_prices(points, report, 0.0)


def nothing_beats_the_plan_at_its_prices(points: pd.DataFrame, report: PlanReport, below_cny_per_m3: float) -> None:
    """No alternative does, by more than what the plan leaves unproven."""
    below = below_cny_per_m3 * points["quota_short_m3"]
    carbon = points["carbon_price_cny_per_t"] / 1000 * points["kgco2e"]
    shortage = points["objective_cny"] - points["cost"] - carbon - below
    at_plan = points["cost"] + points.loc[1, "carbon_price_cny_per_t"] / 1000 * points["kgco2e"] + below
    at_plan += shortage / points["unserved_price_factor"]
    assert (at_plan >= report.bound_cny - 1.0).all()
    assert at_plan[1] == pytest.approx(report.objective_cny, rel=1e-6)


def test_with_a_minimum_utilisation_alternatives_and_regrets_count_it_too(city: tuple[Home, PlanReport]) -> None:
    home, _ = city
    report = plan(home, has_front=True, has_regrets=True, has_flips=True, min_utilisation=0.5)
    assumed = table(home, "assumptions", report.plan_id).set_index("name")["value"]
    points = table(home, "pareto", report.plan_id).set_index("point").drop(index=0)
    assert (points["quota_short_m3"] > 0).all() and points["bound"].le(points["objective_cny"] + 1e-6).all()
    nothing_beats_the_plan_at_its_prices(points, report, assumed["min_utilisation_cny_per_m3"])
    regrets = table(home, "regrets", report.plan_id)
    allowed = regrets[regrets["broken_rules"].map(len) == 0]
    assert (allowed["regret_cny"] >= -(report.objective_cny - report.bound_cny) - 1.0).all()
    assert len(table(home, "flips", report.plan_id)) and report.transition_objective_cny > 0
    seen = table(home, "wait_and_see", report.plan_id)
    assert seen["plan_cny"].mean() == pytest.approx(report.objective_cny)


def test_every_closure_says_at_what_assumption_it_turns_over(city: tuple[Home, PlanReport]) -> None:
    home, report = city
    flips, sites = table(home, "flips", report.plan_id), table(home, "sites", report.plan_id).set_index("plant_id")
    decided = table(home, "plant_decisions", report.plan_id).set_index("plant_id")
    own = flips[flips["assumption"] == "fixed_cny_per_year"].set_index("plant_id")["factor"]
    gone = decided[decided["decision"].isin(["close", "merge"])]
    for plant, regret in gone["regret_cny"].items():
        factor = 1 - regret / sites.loc[plant, "fixed_cny_per_year"]
        assert own[plant] == pytest.approx(factor) if factor >= 0 else pd.isna(own[plant])
    resolved = flips[flips["method"] == "resolved"]
    assert set(resolved["assumption"]) == {"demand", "haul_cost_cny_per_m3_km"}
    assert resolved["factor"].dropna().between(0.6, 1.6).all()


def test_every_plant_has_its_regret_and_what_forbids_the_opposite(city: tuple[Home, PlanReport]) -> None:
    home, report = city
    regrets = table(home, "regrets", report.plan_id).set_index("plant_id")
    decided = table(home, "plant_decisions", report.plan_id).set_index("plant_id")
    assert set(regrets.index) == set(decided.index) and regrets["regret_cny"].notna().all()
    known = decided["regret_cny"].dropna()
    assert regrets.loc[known.index, "regret_cny"].tolist() == pytest.approx(known.tolist(), abs=1.0)
    is_allowed = regrets["broken_rules"].map(len) == 0
    assert (regrets.loc[is_allowed, "regret_cny"] >= -(report.objective_cny - report.bound_cny) - 1.0).all()
    assert set(regrets.loc[decided["decision"].isin(["keep", "expand"]), "opposite"]) == {"close"}


def test_what_the_scenarios_and_knowing_them_are_worth_follows_from_the_tables(city: tuple[Home, PlanReport]) -> None:
    home, report = city
    seen, run = table(home, "wait_and_see", report.plan_id), table(home, "runs", report.plan_id).iloc[0]
    assert len(seen) == report.scenarios and (seen["bound_cny"] <= seen["best_cny"] + 1e-6).all()
    assert (seen["best_cny"] <= seen["plan_cny"] + 1.0).all()
    assert seen["plan_cny"].mean() == pytest.approx(report.objective_cny)
    assert run["information_to_cny"] == pytest.approx(report.objective_cny - seen["bound_cny"].mean())
    assert run["information_from_cny"] == pytest.approx(max(report.bound_cny - seen["best_cny"].mean(), 0))
    told = report.to_dict()
    assert told["stochastic_value_cny"] >= 0 and told["information_from_cny"] <= told["information_to_cny"]
    brief = table(home, "policy_brief", report.plan_id)
    worth = brief[brief["topic"] == "information"]
    assert worth["text_en"].str.contains("value of").sum() == 2 and worth["text_zh"].str.contains("价值").sum() == 2


def test_what_a_time_limit_leaves_out_is_unknown_and_told(city: tuple[Home, PlanReport]) -> None:
    home, whole = city
    hurried = plan(home, seconds=1e-3)
    assert hurried.status == "timed_out" and hurried.unserved_m3_after is not None and not hurried.weeks
    assert hurried.transition_objective_cny is hurried.information_from_cny is hurried.information_to_cny is None
    brief = table(home, "policy_brief", hurried.plan_id).set_index("topic")
    left_out = brief.loc["time_limit", "text_en"]
    assert "step by step" in left_out and "last 4 of 4 weeks" in left_out and "perfect information" in left_out
    assert [note.en for note in hurried.notes][-1] == left_out and "未算" in brief.loc["time_limit", "text_zh"]
    assert "unknown" in brief.loc["proof", "text_en"] and "不知道" in brief.loc["proof", "text_zh"]
    assert "time_limit" not in set(table(home, "policy_brief", whole.plan_id)["topic"])


def test_without_a_complete_capacity_week_what_plants_delivered_is_unknown(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "new")
    build(home)
    with writer(home) as connection:
        connection.execute("UPDATE marts.capacity_weekly SET is_complete = FALSE")
    touched = table(home, "plants_touched", plan(home).plan_id)
    assert len(touched) and touched["m3_52w"].isna().all() and touched["projects_52w"].isna().all()


def test_reasons_say_longer_or_shorter_and_why_a_plant_stays(city: tuple[Home, PlanReport]) -> None:
    home, report = city
    decided = table(home, "plant_decisions", report.plan_id)
    gone = decided[decided["decision"].isin(["close", "merge"]) & decided["reason_en"].str.contains("mean haul")]
    assert len(gone) and gone["reason_en"].str.contains(r"\d km (?:longer|shorter) than today").all()
    assert not gone["reason_en"].str.contains(r"[+-]\d+\.\d km").any()
    kept = decided[decided["decision"] == "keep"]
    why = r"--regrets|used up|option|enterprise"
    assert len(kept) and kept["reason_en"].str.contains(why).all()


def test_asking_for_the_front_again_adds_nothing(city: tuple[Home, PlanReport]) -> None:
    home, report = city
    before = len(table(home, "pareto", report.plan_id))
    again = plan(home, has_front=True, has_regrets=True, has_flips=True)
    assert not again.is_new and len(table(home, "pareto", report.plan_id)) == before


def test_two_plans_are_compared_by_question_figures_and_decisions(
    city: tuple[Home, PlanReport], capfd: pytest.CaptureFixture[str]
) -> None:
    home, report = city
    other = plan(home, max_closures=0)
    found = compare_plans(home, report.plan_id[:8], other.plan_id)
    assert found is not None and found["plans"] == [report.plan_id, other.plan_id]
    assert found["options"]["max_closures"] == [None, 0] and found["assumptions"]["max_closures"][1] == 0
    assert found["figures"]["objective_cny"] == [report.objective_cny, other.objective_cny]
    closed = {row["plant_id"] for row in found["decisions"] if row["first"] in {"close", "merge"}}
    assert len(closed) == report.plants_closed + report.plants_merged
    assert compare_plans(home, "no such plan", other.plan_id) is None
    with pytest.raises(TongmaiError, match="unknown_run"):
        compare_plans(home, report.plan_id, "no such plan")
    capfd.readouterr()
    assert run_command(["compare", report.plan_id, other.plan_id, "--home", str(home.root), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["plans"] == found["plans"]
    assert run_command(["compare", report.plan_id, other.plan_id, "--home", str(home.root)]) == 0
    assert "max_closures" in capfd.readouterr().out


def test_comparing_on_an_empty_home_is_told_in_a_sentence(tmp_path: Path) -> None:
    assert run_command(["compare", "a", "b", "--home", str(tmp_path / "none")]) in {1, EXIT_USAGE}
