"""The door of the planner on a small warehouse: what it writes, and that the tables alone prove it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from planning_city import RED_LINE_CANDIDATE, RED_LINE_PLANT, build
from planning_evidence import recompute, recompute_weeks, table

from orchestration.cli import run_command
from planning.run import PlanReport, plan
from planning.tables import TABLES
from store.connections import writer
from store.home import Home
from store.messages import TongmaiError


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A small city before any plan; `copy_of` leaves it untouched."""
    home = Home.at(tmp_path_factory.mktemp("built") / "home")
    build(home)
    return home


def copy_of(built: Home, root: Path, *changes: str) -> Home:
    """A home of its own with the same warehouse, changed by these statements."""
    home = Home.at(root)
    home.warehouse.parent.mkdir(parents=True)
    shutil.copyfile(built.warehouse, home.warehouse)
    with writer(home) as connection:
        for change in changes:
            connection.execute(change)
    return home


@pytest.fixture(scope="module")
def city(built: Home, tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, PlanReport]:
    """A small city, planned once."""
    home = copy_of(built, tmp_path_factory.mktemp("planning") / "home")
    return home, plan(home)


def test_every_cost_and_constraint_follows_from_the_tables_alone(city: tuple[Home, PlanReport]) -> None:
    home, report = city
    recompute(home, report.plan_id)


def test_the_report_is_json_as_it_stands(city: tuple[Home, PlanReport]) -> None:
    _, report = city
    assert report.weeks
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["weeks"][0]["week_start"]


@pytest.mark.parametrize(
    "options",
    [
        {"keep": ("P00",), "close": ("P02",), "max_closures": 3},
        {"demand_change": 0.4, "carbon_price_cny_per_t": 900.0},
        {"haul_limit_min": 25.0},
        {"risk_weight": 0.5},
        {"max_closures_per_year": 1},
        {"min_utilisation": 0.5, "max_closures": 2},
        {"min_utilisation": 0.9, "risk_weight": 0.5},
    ],
    ids=[
        *("keep_and_close", "more_demand_dear_carbon", "short_hauls", "averse_to_risk", "one_closure_a_year"),
        *("least_load", "least_load_averse_to_risk"),
    ],
)
def test_a_what_if_follows_from_its_tables_too(city: tuple[Home, PlanReport], options: dict[str, Any]) -> None:
    home, _ = city
    recompute(home, plan(home, **options).plan_id)


def test_each_week_of_the_quarter_is_allocated_and_its_prices_prove_it(city: tuple[Home, PlanReport]) -> None:
    home, report = city
    recompute_weeks(home, report.plan_id)
    cells, plants = (
        table(home, "cell_prices_weekly", report.plan_id),
        table(home, "plant_prices_weekly", report.plan_id),
    )
    assert cells["week_start"].nunique() == len(report.weeks) == 4
    assert cells.groupby("week_start")["demand_m3"].sum().tolist() == pytest.approx([1800.0] * 4)
    full, short = plants.groupby("week_start")["capacity_m3"].sum().iloc[[0, 3]]
    assert (full, short) == pytest.approx((0.75 * 10 * 420, 0.75 * 10 * 420 * 3 / 6)), "a ban of four days"
    tight = plan(home, demand_change=2.0)
    recompute_weeks(home, tight.plan_id)
    assert all(week["capacity_cny_per_m3"] > 0 for week in tight.weeks)
    without = plan(home, close=("P02",), demand_change=2.0)
    assert set(table(home, "allocation_weekly", without.plan_id)["plant_id"]).isdisjoint({"P02"})
    assert "P02" not in {week["tightest_plant_id"] for week in without.weeks}, "it does not work"


def test_where_a_minimum_utilisation_bites_the_plan_the_weeks_and_the_brief_say_so(
    city: tuple[Home, PlanReport], capfd: pytest.CaptureFixture[str]
) -> None:
    home, base = city
    asked = ["plan", "--min-utilisation", "60%", "--max-closures", "0", "--home", str(home.root), "--json"]
    assert run_command(asked) == 0
    told = json.loads(capfd.readouterr().out)
    recompute(home, told["plan_id"])
    recompute_weeks(home, told["plan_id"])
    assert told["quota_short_m3_after"] > 0 == base.quota_short_m3_after
    decided = table(home, "plant_decisions", told["plan_id"])
    short = decided["quota_short_m3"] >= 1
    assert short.any() and (decided["reason_en"].str.contains("Below the minimum utilisation of 60%") == short).all()
    assert (decided["reason_zh"].str.contains("低于最低利用率 60%") == short).all()
    brief = table(home, "policy_brief", told["plan_id"]).set_index("topic").loc["quota"]
    assert f"60% month by month: {short.sum()} plants" in brief["text_en"] and f"{short.sum()} 座站" in brief["text_zh"]
    weekly = table(home, "plant_prices_weekly", told["plan_id"])
    assert (weekly["shortfall_cny_per_m3"] > 0).any() and (weekly["capacity_cny_per_m3"] < 0).any()
    assert "quota" not in set(table(home, "policy_brief", base.plan_id)["topic"])


def test_the_plan_says_why(city: tuple[Home, PlanReport]) -> None:
    home, report = city
    decided = table(home, "plant_decisions", report.plan_id).set_index("plant_id")
    assert (decided["reason_zh"] != "").all() and (decided["reason_en"] != "").all()
    gone = decided[decided["decision"].isin(["close", "merge"])]
    assert 0 < len(gone) < 8
    assert gone["regret_cny"].notna().all() and (gone["regret_cny"] >= -1.0).all()
    assert gone["reason_en"].str.contains("Utilisation").all() and gone["reason_zh"].str.contains("利用率").all()
    assert decided.loc[RED_LINE_CANDIDATE, "decision"] == "not_opened"
    assert decided.loc[RED_LINE_PLANT, "decision"] != "expand"
    assert any("-11" in note.en for note in report.notes)  # the cell that nobody reaches


def test_whom_a_closure_touches_is_counted_and_what_nobody_knows_is_said(
    city: tuple[Home, PlanReport], built: Home, tmp_path: Path
) -> None:
    home, report = city
    touched = table(home, "plants_touched", report.plan_id).set_index("plant_id")
    assert len(touched) == 10 and touched.loc["P02", ["orders_open", "open_m3", "projects_open"]].tolist() == [2, 60, 2]
    assert touched.loc["P02", ["contractors_open", "projects_52w", "m3_52w", "trucks"]].tolist() == [1, 4, 52 * 190, 2]
    assert touched.loc["P03", "orders_open"] == 0 and pd.isna(touched.loc["P00", ["projects_52w", "trucks"]]).all()
    decided = table(home, "plant_decisions", report.plan_id)
    gone = decided[decided["decision"].isin(["close", "merge"])]
    assert (
        gone["reason_en"].str.contains("open orders").all() and gone["reason_en"].str.contains("staff: no data").all()
    )
    assert gone["reason_zh"].str.contains("人员：没有数据").all()
    brief = table(home, "policy_brief", report.plan_id).set_index("topic").loc["touched"]
    orders = touched.loc[gone["plant_id"], "orders_open"].sum()
    assert f"open orders: {orders} " in brief["text_en"] and f"未完成订单 {orders} 笔" in brief["text_zh"]
    assert "contractors: 1)" in brief["text_en"] or not orders, "one contractor of several plants counts once"
    orderless = plan(copy_of(built, tmp_path / "orderless", *(f"DELETE FROM marts.{name}" for name in (
        "order_matching_open", "fct_orders", "dim_projects"))), close=("P02",))  # fmt: skip
    reasons = table(Home.at(tmp_path / "orderless"), "plant_decisions", orderless.plan_id).set_index("plant_id")
    assert "open orders: no data" in reasons.loc["P02", "reason_en"]


def test_equal_inputs_add_nothing_and_the_view_shows_the_base_plan(city: tuple[Home, PlanReport]) -> None:
    home, report = city

    def counts() -> dict[str, int]:
        with duckdb.connect(str(home.warehouse), read_only=True) as connection:
            return {t.name: connection.execute(f"SELECT count(*) FROM {t.qualified}").fetchall()[0][0] for t in TABLES}

    before = counts()
    again = plan(home)
    assert again.plan_id == report.plan_id and not again.is_new
    assert counts() == before
    what_if = plan(home, max_closures=0)
    assert what_if.is_new and what_if.plants_closed + what_if.plants_merged == 0
    assert what_if.objective_cny >= report.objective_cny - 1.0
    with writer(home) as connection:
        assert connection.execute("SELECT plan_id FROM plan.plan_current").fetchall() == [(report.plan_id,)]


def test_going_back_to_an_earlier_question_puts_its_plan_in_force_again(built: Home, tmp_path: Path) -> None:
    home = copy_of(built, tmp_path / "home")

    def in_force() -> list[tuple[str]]:
        with writer(home) as connection:
            return connection.execute("SELECT plan_id FROM plan.plan_current").fetchall()

    first = plan(home)
    with writer(home) as connection:
        connection.execute("UPDATE marts.dim_plants SET rent_and_fixed_cny_per_year = 1e6 WHERE plant_id = 'P00'")
    second = plan(home)
    assert in_force() == [(second.plan_id,)] != [(first.plan_id,)]
    fixed_cny = table(home, "sites", first.plan_id).set_index("plant_id").loc["P00", "fixed_cny_per_year"]
    with writer(home) as connection:
        connection.execute(
            "UPDATE marts.dim_plants SET rent_and_fixed_cny_per_year = ? WHERE plant_id = 'P00'", [float(fixed_cny)]
        )
    again = plan(home)
    assert (again.plan_id, again.is_new) == (first.plan_id, False) and in_force() == [(first.plan_id,)]
    assert plan(home, scenarios=2).is_new and in_force() == [(first.plan_id,)], "fewer scenarios are a trial"
    late = plan(home, seconds=1e-6)
    assert (late.is_new, late.status) == (True, "timed_out") and in_force() == [(first.plan_id,)]


def test_a_closed_plant_and_a_young_one_count_for_what_they_can(built: Home, tmp_path: Path) -> None:
    home = copy_of(
        built,
        tmp_path / "home",
        "UPDATE marts.dim_plants SET status = 'closed' WHERE plant_id = 'P00'",
        "UPDATE marts.dim_plants SET closed_on = DATE '2026-01-05' WHERE plant_id = 'P02'",
        "DELETE FROM marts.capacity_weekly WHERE plant_id = 'P01' AND week_start < '2025-12-01'",
    )
    report = plan(home)
    outlook = table(home, "outlook_balance_weekly", report.plan_id).groupby("h")["reach_share_m3"].sum()
    assert outlook[1] == pytest.approx(9 * 420.0) and outlook[2] == pytest.approx(8 * 420.0)
    sites = table(home, "sites", report.plan_id).set_index("plant_id")
    assert "P00" not in sites.index
    assert sites.loc["P01", "available_m3_per_month"] == pytest.approx(420 * 52 / 12), "four weeks old, not 4/52"


def test_odd_cities_are_planned_or_refused_in_a_sentence(built: Home, tmp_path: Path) -> None:
    def city(name: str, *changes: str) -> Home:
        return copy_of(built, tmp_path / name, *changes)

    lonely = plan(city("lonely", "DELETE FROM marts.dim_plants WHERE plant_id NOT IN ('P00')"))
    assert lonely.plants_kept + lonely.plants_closed == 1
    no_candidates = plan(city("no_candidates", "DELETE FROM marts.dim_plants WHERE is_candidate"))
    assert no_candidates.plants_opened == 0
    silent = plan(city("silent", "UPDATE forecast.paths SET m3 = 0", "DELETE FROM marts.fct_deliveries"))
    assert silent.kgco2e_after == silent.unserved_m3_after == silent.haul_min_before == 0
    forbidden = plan(city("forbidden", "UPDATE marts.dim_plants SET is_on_red_line = TRUE"))
    assert forbidden.plants_expanded == forbidden.plants_opened == 0
    unreached = plan(city("unreached", "UPDATE marts.haul_matrix SET is_feasible = FALSE"))
    assert unreached.unserved_m3_after > 0
    burst = plan(city("burst", "UPDATE forecast.paths SET m3 = 10 * m3 WHERE sample = 0"))
    assert 0 <= burst.gap < 1 and burst.unserved_m3_after > 0
    hurried = plan(city("hurried"), seconds=0.01)
    assert hurried.status in {"timed_out", "proven"} and hurried.bound_cny <= hurried.objective_cny
    for name, change, reason in (
        ("no_plants", "DELETE FROM marts.dim_plants", "no_plants"),
        ("only_candidates", "DELETE FROM marts.dim_plants WHERE NOT is_candidate", "no_plants"),
        ("no_cells", "DELETE FROM marts.dim_demand_cells", "no_demand_cells"),
        ("no_paths", "DELETE FROM forecast.paths", "no_demand_cells"),
        ("no_hauls", "DELETE FROM marts.haul_matrix", "no_hauls"),
    ):
        with pytest.raises(TongmaiError, match=reason):
            plan(city(name, change))


def test_a_fresh_home_gets_the_same_plan(city: tuple[Home, PlanReport], tmp_path: Path) -> None:
    home, report = city
    other = Home.at(tmp_path / "other")
    build(other)
    assert plan(other).plan_id == report.plan_id
    for name in ("plant_decisions", "allocation", "unserved"):
        pd.testing.assert_frame_equal(table(home, name, report.plan_id), table(other, name, report.plan_id))


def test_keep_and_close_are_obeyed_and_contradictions_refused(city: tuple[Home, PlanReport]) -> None:
    home, _ = city
    ordered = plan(home, keep=("P00",), close=("P02",), max_closures=2)
    decided = table(home, "plant_decisions", ordered.plan_id).set_index("plant_id")
    assert decided.loc["P00", "decision"] in {"keep", "expand"}
    assert decided.loc["P02", "decision"] in {"close", "merge"}
    for options, reason in (
        ({"close": ("P00", "P01"), "max_closures": 1}, "contradictory_options"),
        ({"close": ("P99",)}, "unknown_plant"),
        ({"close": ("P01",), "keep": ("P01",)}, "contradictory_options"),
        ({"seconds": float("nan")}, "bad_option"),
        ({"risk_weight": -0.1}, "bad_option"),
        ({"min_utilisation": -0.1}, "bad_option"),
        ({"min_utilisation": 1.01}, "bad_option"),
        ({"no_such": 1}, "bad_option"),
        ({"keep": (RED_LINE_CANDIDATE,)}, "contradictory_options"),
    ):
        with pytest.raises(TongmaiError, match=reason):
            plan(home, **options)


def test_a_declared_pair_may_merge_across_owners(city: tuple[Home, PlanReport], built: Home, tmp_path: Path) -> None:
    home, _ = city
    for pair, reason in (("P00", "unknown_plant"), ("P00:P99", "unknown_plant"), ("P00:P00", "bad_option")):
        with pytest.raises(TongmaiError, match=reason):
            plan(home, merge_pairs=(pair,))
    sites = table(home, "sites", city[1].plan_id).set_index("plant_id").filter(like="P0", axis=0)
    away = (sites[["lon", "lat"]] - sites.loc["P02", ["lon", "lat"]]).pow(2).sum(axis=1).drop(["P02", RED_LINE_PLANT])
    lone = copy_of(built, tmp_path / "lone", "UPDATE marts.dim_plants SET enterprise_id = plant_id")
    assert plan(lone, close=("P02",)).plants_merged == 0
    merged = plan(lone, close=("P02",), merge_pairs=(f"P02:{away.astype(float).idxmin()}",))
    row = table(lone, "plant_decisions", merged.plan_id).set_index("plant_id").loc["P02"]
    assert row["decision"] == "merge" and "a declared pair" in row["reason_en"] and "声明" in row["reason_zh"]


def test_an_empty_warehouse_is_told_what_is_missing(home: Home) -> None:
    with pytest.raises(TongmaiError, match=r"no_forecast|no_marts"):
        plan(home)


def test_the_outlook_sets_the_forecast_against_reach(city: tuple[Home, PlanReport]) -> None:
    home, report = city
    outlook = table(home, "outlook_balance_weekly", report.plan_id)
    assert len(outlook) == 8 and outlook["probability_short"].between(0, 1).all()
    full, short = outlook[outlook["h"] == 1], outlook[outlook["h"] == 4]
    assert full["reach_share_m3"].sum() == pytest.approx(10 * 420.0)
    assert short["reach_share_m3"].sum() == pytest.approx(10 * 420.0 * 3 / 6)
    assert (outlook["surplus_share_m3"] == outlook["reach_share_m3"] - outlook["mean"]).all()
