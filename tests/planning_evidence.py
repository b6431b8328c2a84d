"""A plan from its tables alone: every volume, constraint, cost and rule recomputed, nothing of the planner's code.

Belongs here: reading the tables of schema `plan`, and the recomputation. Does not belong here: which plans are asked.
"""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pandas as pd
import pytest

from store.home import Home

KEY = ["scenario", "period", "cell_id", "grade_group"]


def table(home: Home, name: str, plan_id: str) -> pd.DataFrame:
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        rows = connection.execute(f"SELECT * FROM plan.{name} WHERE plan_id = ?", [plan_id])
        return rows.to_arrow_table().to_pandas()


def recompute(home: Home, plan_id: str) -> None:
    """Fails where a figure of the plan does not follow from its tables, or a constraint is broken."""
    sites = table(home, "sites", plan_id).set_index("plant_id")
    arcs, demand = table(home, "arcs", plan_id), table(home, "demand", plan_id)
    sent, lost = table(home, "allocation", plan_id), table(home, "unserved", plan_id)
    decided = table(home, "plant_decisions", plan_id).set_index("plant_id")
    assumed = table(home, "assumptions", plan_id).set_index("name")["value"]
    run = table(home, "runs", plan_id).iloc[0]
    options = json.loads(run["options"])
    months = demand.groupby(["scenario", "period"]).ngroups
    years = demand["period"].nunique() / 12

    # volume: served + unserved = demand, everywhere
    served = sent.groupby(KEY)["m3"].sum().add(lost.groupby(KEY)["m3"].sum(), fill_value=0)
    assert (demand.set_index(KEY)["m3"].sub(served, fill_value=0).abs() < 1e-3).all()

    # arcs: only what is within the limit, at its cost, by a site that works and can make the grade
    used = sent.merge(arcs, on=["plant_id", "cell_id", "grade_group"], how="left", suffixes=("", "_arc"))
    assert used["haul_km"].notna().all() and (arcs["haul_min"] <= assumed["haul_limit_min"] + 1e-9).all()
    assert (used["cost_cny"] - used["m3"] * used["cost_cny_per_m3"]).abs().max() < 1e-6
    haul_cny = assumed["haul_cost_cny_per_m3_km"] * used["haul_km"] * used["m3"]
    assert (used["cost_cny"] - haul_cny).abs().max() < 1e-6
    factor = assumed["truck_kgco2e_per_t_km"] * assumed["concrete_density_t_per_m3"]
    assert (used["kgco2e"] - factor * used["haul_km"] * used["m3"]).abs().max() < 1e-6
    assert set(sent["plant_id"]) <= set(sites.index[sites["is_open"]])
    for row in used[["plant_id", "grade_group"]].drop_duplicates().itertuples():
        assert row.grade_group in sites.loc[row.plant_id, "grade_groups"]

    # capacity: from the decisions, never exceeded even in overtime
    into = decided["merge_into_plant_id"].dropna()
    moved = sites.loc[into.index, "merge_m3_per_month"].where(~sites.loc[into, "is_on_red_line"].to_numpy(), 0.0)
    capacity = (
        sites["usable_m3_per_month"] * decided["decision"].isin(["keep", "expand", "open"])
        + sites["expansion_m3_per_month"] * (decided["decision"] == "expand")
    ).add(moved.groupby(into).sum(), fill_value=0)
    assert (capacity - sites["capacity_after_m3_per_month"]).abs().max() < 1e-6
    load = sent.groupby(["scenario", "period", "plant_id"])["m3"].sum().reset_index()
    overtime = (load["m3"] - load["plant_id"].map(capacity)).clip(lower=0)
    assert (overtime <= assumed["overtime_share"] * load["plant_id"].map(capacity) + 1e-3).all()
    short = _shortfall(demand, load, capacity, assumed)
    _shortfall_is_told(run, decided, 12 / months * short.groupby("plant_id")["m3"].sum())

    gone = decided["decision"].isin(["close", "merge"])
    _rules_hold(sites, decided, assumed, options)
    _steps_hold(run, decided, assumed, pd.Timestamp(demand["period"].min()))

    # cost
    one_off = sites["closing_cny"].where(decided["decision"] != "merge", sites["merge_cny"]) * gone
    cost = (
        (sites["fixed_cny_per_year"] * sites["is_open"]).sum()
        + one_off.sum() / years
        + (sites["opening_cny_per_year"] * (decided["decision"] == "open")).sum()
        + (sites["expansion_cny_per_year"] * (decided["decision"] == "expand")).sum()
        + 12 / months * (sent["cost_cny"].sum() + assumed["overtime_cny_per_m3"] * overtime.sum())
    )
    assert run["cost_after_cny"] == pytest.approx(cost, rel=1e-9)
    assert run["kgco2e_after"] == pytest.approx(12 / months * sent["kgco2e"].sum(), rel=1e-9)
    assert run["haul_min_after"] == pytest.approx((sent["haul_min"] * sent["m3"]).sum() / sent["m3"].sum(), rel=1e-9)
    assert run["unserved_m3_after"] == pytest.approx(12 / months * lost["m3"].sum(), rel=1e-9)
    price = _unserved_price(demand, lost, assumed)
    carbon = assumed["carbon_price_cny_per_t"] / 1000 * run["kgco2e_after"]
    below = assumed["min_utilisation_cny_per_m3"] * short["m3"]
    objective = cost + carbon + 12 / months * ((lost["m3"] * price).sum() + below.sum())
    monthly = _monthly_cny(
        (sent, sent["cost_cny"] + assumed["carbon_price_cny_per_t"] / 1000 * sent["kgco2e"]),
        (load, assumed["overtime_cny_per_m3"] * overtime),
        (lost, lost["m3"] * price),
        (short, below),
    )
    cvar = _dearest(monthly, 1 - assumed["risk_level"])
    assert run["cvar_recourse_cny"] == pytest.approx(cvar, rel=1e-6)
    objective += 12 * assumed["risk_weight"] * cvar
    assert run["objective_cny"] == pytest.approx(objective, rel=1e-6)
    assert run["gap"] == pytest.approx(1 - run["bound_cny"] / run["objective_cny"], abs=1e-9)
    assert run["bound_cny"] <= run["objective_cny"] and run["gap"] <= options["gap"]


def _shortfall(demand: pd.DataFrame, load: pd.DataFrame, capacity: pd.Series, assumed: pd.Series) -> pd.DataFrame:
    """m³ below the minimum utilisation of the mart's capacity, a row per scenario, period and plant."""
    least = assumed["min_utilisation"] / assumed["usable_capacity_share"] * capacity
    samples = demand[["scenario", "period"]].drop_duplicates()
    every = samples.merge(least.rename("least").rename_axis("plant_id").reset_index(), how="cross")
    every = every.merge(load, on=["scenario", "period", "plant_id"], how="left").fillna({"m3": 0.0})
    return every.assign(m3=(every["least"] - every["m3"]).clip(lower=0))


def _shortfall_is_told(run: pd.Series, decided: pd.DataFrame, yearly_m3: pd.Series) -> None:
    assert (decided["quota_short_m3"] - yearly_m3.reindex(decided.index)).abs().max() < 1e-3
    assert run["quota_short_m3_after"] == pytest.approx(yearly_m3.sum(), rel=1e-6, abs=1e-3)


def _monthly_cny(*parts: tuple[pd.DataFrame, pd.Series]) -> pd.Series:
    """Rows with their money, added up by sample month; the last part has rows in each."""
    rows = [part[["scenario", "period"]].assign(cny=cny) for part, cny in parts]
    return pd.concat(rows).groupby(["scenario", "period"])["cny"].sum()


def _unserved_price(demand: pd.DataFrame, lost: pd.DataFrame, assumed: pd.Series) -> pd.Series:
    month = lost["period"].map({p: n for n, p in enumerate(sorted(demand["period"].unique()))})
    return month.lt(assumed["adaptation_lead_months"]).map(
        {True: assumed["unserved_penalty_cny_per_m3"], False: assumed["late_supply_cny_per_m3"]}
    )


def _dearest(monthly: pd.Series, share: float) -> float:
    """The mean of the dearest share of months, the last of them in part."""
    left, total = share * len(monthly), 0.0
    for cny in sorted(monthly, reverse=True):
        total += min(left, 1.0) * cny
        left -= min(left, 1.0)
    return total / (share * len(monthly))


def _steps_hold(run: pd.Series, decided: pd.DataFrame, assumed: pd.Series, first: pd.Timestamp) -> None:
    """Closures begin after their notice and within the budget of each year of the horizon, building after its lead."""
    start = pd.to_datetime(decided["from_period"])
    month = 12 * (start.dt.year - first.year) + start.dt.month - first.month
    gone = decided["decision"].isin(["close", "merge"])
    assert (month[gone] >= assumed["closing_notice_months"]).all()
    assert ((month[gone] // 12).value_counts() <= assumed["max_closures_per_year"]).all()
    assert (month[decided["decision"].isin(["expand", "open"])] == assumed["adaptation_lead_months"]).all()
    assert (month[decided["decision"].isin(["keep", "not_opened"])] == 0).all()
    assert run["transition_objective_cny"] > 0


def _rules_hold(sites: pd.DataFrame, decided: pd.DataFrame, assumed: pd.Series, options: dict[str, Any]) -> None:
    gone, into = decided["decision"].isin(["close", "merge"]), decided["merge_into_plant_id"].dropna()
    assert gone.sum() <= assumed["max_closures"]
    assert (decided["decision"] == "expand").sum() <= assumed["max_expansions"]
    assert (decided["decision"] == "open").sum() <= assumed["max_openings"]
    on_line = sites["is_on_red_line"]
    assert not (decided["decision"][on_line].isin(["expand", "open"])).any()
    today = sites[~sites["is_candidate"]]
    for _, members in today.groupby("enterprise_id"):
        if len(members) >= assumed["large_enterprise_plants"]:
            assert not gone[members.index].all()
    assert not gone[options["keep"]].any() and not sites.loc[options["close"], "is_open"].any()
    assert (into.value_counts() <= assumed["max_merges_into_plant"]).all() and sites.loc[into, "is_open"].all()
    assert (sites.loc[into.index, "enterprise_id"].to_numpy() == sites.loc[into, "enterprise_id"].to_numpy()).all()


def recompute_weeks(home: Home, plan_id: str) -> None:
    """Fails where a week's allocation breaks a constraint, or its prices do not prove it the cheapest."""
    names = ("arcs", "allocation_weekly", "cell_prices_weekly", "plant_prices_weekly")
    arcs, sent, cells, plants = (table(home, name, plan_id).drop(columns="plan_id") for name in names)
    assumed = table(home, "assumptions", plan_id).set_index("name")["value"]
    dearest, second = assumed["unserved_penalty_cny_per_m3"], assumed["overtime_cny_per_m3"]
    share, point = assumed["overtime_share"], ["week_start", "cell_id", "grade_group"]
    key = [*point, "plant_id"]

    # volume and capacity
    served = sent.groupby(point)["m3"].sum()
    balance = cells.set_index(point)
    assert (balance["demand_m3"] - balance["unserved_m3"]).sub(served, fill_value=0).abs().max() < 1e-4
    load = sent.groupby(["week_start", "plant_id"])["m3"].sum()
    at = plants.set_index(["week_start", "plant_id"])
    assert at["load_m3"].sub(load, fill_value=0).abs().max() < 1e-4
    assert (at["load_m3"] <= (1 + share) * at["capacity_m3"] + 1e-4).all()

    # prices: no shipment could save anything, and what is used or full is priced as it is (complementary slackness)
    priced = arcs.merge(cells, on=["cell_id", "grade_group"]).merge(plants, on=["week_start", "plant_id"])
    own = priced["cost_cny_per_m3"] + assumed["carbon_price_cny_per_t"] / 1000 * priced["kgco2e_per_m3"]
    room = priced["load_cny_per_m3"] - priced["shortfall_cny_per_m3"]
    priced["slack"] = own + room - priced["marginal_cny_per_m3"]
    assert priced["slack"].min() > -1e-6
    used = sent.loc[sent["m3"] > 1e-4, key].merge(priced, on=key)
    assert used["slack"].abs().max() < 1e-6
    assert (cells["marginal_cny_per_m3"] <= dearest + 1e-6).all()
    assert (cells.loc[cells["unserved_m3"] > 1e-4, "marginal_cny_per_m3"] > dearest - 1e-6).all()
    assert (plants[["load_cny_per_m3", "second_shift_cny_per_m3"]] >= 0).all(axis=None)
    assert (at["load_m3"] >= at["capacity_m3"] - 1e-4)[at["load_cny_per_m3"] > 1e-6].all()
    assert (at["load_m3"] >= (1 + share) * at["capacity_m3"] - 1e-4)[at["second_shift_cny_per_m3"] > 1e-6].all()
    assert (at["load_cny_per_m3"] <= second + at["second_shift_cny_per_m3"] + 1e-6).all()
    least, below = assumed["min_utilisation"] / assumed["usable_capacity_share"], assumed["min_utilisation_cny_per_m3"]
    assert at["shortfall_cny_per_m3"].between(0, below + 1e-6).all()
    assert (at["load_m3"] <= least * at["capacity_m3"] + 1e-4)[at["shortfall_cny_per_m3"] > 1e-6].all()
    short = (least * at["capacity_m3"] - at["load_m3"]).clip(lower=0)
    assert (at["shortfall_cny_per_m3"] > below - 1e-6)[short > 1e-4].all()
    capacity_price = at["load_cny_per_m3"] + share * at["second_shift_cny_per_m3"] - least * at["shortfall_cny_per_m3"]
    assert (at["capacity_cny_per_m3"] - capacity_price).abs().max() < 1e-9

    # duality: what is paid is what the prices say
    overtime = (at["load_m3"] - at["capacity_m3"]).clip(lower=0).sum()
    carbon = assumed["carbon_price_cny_per_t"] / 1000 * sent["kgco2e"].sum()
    paid = sent["cost_cny"].sum() + carbon + second * overtime + dearest * cells["unserved_m3"].sum()
    paid += below * short.sum()
    worth = (cells["marginal_cny_per_m3"] * cells["demand_m3"]).sum()
    assert paid == pytest.approx(worth - (at["capacity_cny_per_m3"] * at["capacity_m3"]).sum(), rel=1e-6)
