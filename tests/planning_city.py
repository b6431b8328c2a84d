"""A small city's marts and forecast, written by hand: what the planner reads, and nothing else.

Belongs here: tables with the columns that planning/freeze.py and planning/outlook.py ask for. Does not belong here:
asserts.
"""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import numpy as np

from store.connections import writer
from store.home import Home

PLANTS, CANDIDATES, CELLS, SAMPLES, MONTHS = 10, 2, 12, 4, 6
DISTRICTS = ("520102", "520103")
CLASSES = (("c10_c25", 10), ("c30_c35", 30), ("c40_c45", 40), ("c50_c100", 50))
LAST_WEEK = date(2025, 12, 22)
RED_LINE_PLANT, RED_LINE_CANDIDATE = "P03", "N11"

_TABLES = """
CREATE TABLE marts.dim_districts AS
    SELECT * FROM (VALUES ('520102', '南明区', 'Nanming'), ('520103', '云岩区', 'Yunyan'))
        AS districts (district_code, district_name, district_name_en);
CREATE TABLE marts.dim_grades (grade_class VARCHAR, min_strength_mpa INTEGER, sort_order INTEGER);
CREATE TABLE marts.dim_plants (
    plant_id VARCHAR, plant_name VARCHAR, enterprise_id VARCHAR, max_grade VARCHAR, lon DOUBLE, lat DOUBLE,
    lines INTEGER, trucks INTEGER, rated_m3_per_h DOUBLE, capacity_m3_per_day DOUBLE, working_days_per_week DOUBLE,
    opened_on DATE, closed_on DATE, status VARCHAR, rent_and_fixed_cny_per_year DOUBLE, is_candidate BOOLEAN,
    is_on_red_line BOOLEAN, is_current BOOLEAN);
CREATE TABLE marts.dim_demand_cells (cell_id VARCHAR, district_code VARCHAR, share_of_district DOUBLE);
CREATE TABLE marts.haul_matrix (
    plant_id VARCHAR, cell_id VARCHAR, hour_band VARCHAR, haul_km DOUBLE, haul_min DOUBLE, is_feasible BOOLEAN);
CREATE TABLE marts.capacity_weekly (
    plant_id VARCHAR, week_start DATE, available_m3 DOUBLE, delivered_m3 DOUBLE, is_complete BOOLEAN);
CREATE TABLE marts.plant_reach (plant_id VARCHAR, district_code VARCHAR, share_of_capacity DOUBLE);
CREATE TABLE marts.fct_deliveries (
    plant_id VARCHAR, cell_id VARCHAR, grade_class VARCHAR, week_start DATE, delivered_m3 DOUBLE, project_id VARCHAR);
CREATE TABLE marts.order_matching_open (order_id VARCHAR, plant_id VARCHAR, is_own_plant BOOLEAN, open_m3 DOUBLE);
CREATE TABLE marts.fct_orders (order_id VARCHAR, project_id VARCHAR);
CREATE TABLE marts.dim_projects (project_id VARCHAR, contractor VARCHAR);
CREATE TABLE marts.dim_dates (date_on DATE, week_start DATE, is_policy_ban BOOLEAN);
CREATE TABLE forecast.demand_current (
    run_id VARCHAR, level VARCHAR, district_code VARCHAR, grade_class VARCHAR, week_start DATE, h INTEGER,
    mean DOUBLE, q025 DOUBLE, q10 DOUBLE, q25 DOUBLE, q50 DOUBLE, q75 DOUBLE, q90 DOUBLE, q975 DOUBLE);
CREATE TABLE forecast.paths (
    run_id VARCHAR, scenario VARCHAR, sample INTEGER, district_code VARCHAR, grade_class VARCHAR, month DATE,
    m3 DOUBLE);
"""


def build(home: Home, *, seed: int = 5) -> None:
    """Write the small city into the home's warehouse: ten plants, two candidates, twelve cells, one unreachable."""
    with writer(home) as connection:
        connection.execute(_TABLES)
        fill(connection, np.random.default_rng(seed))


def fill(connection: duckdb.DuckDBPyConnection, rng: np.random.Generator) -> None:
    sites = [f"P{n:02d}" for n in range(PLANTS)] + [f"N{PLANTS + n:02d}" for n in range(CANDIDATES)]
    cells = [f"{DISTRICTS[n % 2]}-{n:02d}" for n in range(CELLS)]
    place, spot = rng.random((len(sites), 2)) * 0.25, rng.random((CELLS, 2)) * 0.25
    spot[-1] += 3.0  # out of everybody's reach
    connection.executemany(
        "INSERT INTO marts.dim_grades VALUES (?, ?, ?)", [(*pair, n) for n, pair in enumerate(CLASSES)]
    )
    for n, plant in enumerate(sites):
        is_candidate = n >= PLANTS
        connection.execute(
            "INSERT INTO marts.dim_plants VALUES (?, ?, ?, ?, ?, ?, 1, ?, 10, 70, 6, NULL, NULL, ?, ?, ?, ?, TRUE)",
            [
                plant,
                f"站{n}",
                f"E{n // 4}",
                "C45" if n % 3 == 0 else "C60",
                106.6 + place[n, 0],
                26.5 + place[n, 1],
                None if n == 0 else n,
                "planned" if is_candidate else "operating",
                None if n == 1 else 60_000 + 25_000 * float(rng.random()),
                is_candidate,
                plant in (RED_LINE_PLANT, RED_LINE_CANDIDATE),
            ],
        )
    km = 120 * np.linalg.norm(place[:, None] - spot, axis=2)
    hauls = [
        (plant, cell, "all", float(km[p, z]), float(2 * km[p, z]), bool(2 * km[p, z] <= 40))
        for p, plant in enumerate(sites)
        for z, cell in enumerate(cells)
    ]
    connection.executemany("INSERT INTO marts.haul_matrix VALUES (?, ?, ?, ?, ?, ?)", hauls)
    connection.executemany(
        "INSERT INTO marts.dim_demand_cells VALUES (?, ?, ?)", [(cell, cell[:6], 2 / CELLS) for cell in cells]
    )
    weeks = [LAST_WEEK - timedelta(weeks=n) for n in range(52)]
    for p, plant in enumerate(sites[:PLANTS]):
        near = cells[int(np.argmin(km[p]))]
        connection.execute("INSERT INTO marts.plant_reach VALUES (?, ?, 1.0)", [plant, near[:6]])
        rows = [(plant, week, 420.0, 190.0, True) for week in weeks]
        connection.executemany("INSERT INTO marts.capacity_weekly VALUES (?, ?, ?, ?, ?)", rows)
        tickets = [
            (plant, cells[(p + n) % (CELLS - 1)], "c30_c35", week, 190.0, f"J{n % 4}" if p else None)
            for n, week in enumerate(weeks)
        ]
        connection.executemany("INSERT INTO marts.fct_deliveries VALUES (?, ?, ?, ?, ?, ?)", tickets)
        orders = [(f"O{p}-{n}", plant, f"J{n}") for n in range(p % 3)]
        for order, owner, project in orders:
            connection.execute("INSERT INTO marts.order_matching_open VALUES (?, ?, TRUE, 30)", [order, owner])
            connection.execute("INSERT INTO marts.order_matching_open VALUES (?, 'P09', FALSE, 30)", [order])
            connection.execute("INSERT INTO marts.fct_orders VALUES (?, ?)", [order, project])
    connection.executemany("INSERT INTO marts.dim_projects VALUES (?, 'same builder')", [[f"J{n}"] for n in range(4)])
    for h in range(1, 5):
        week = LAST_WEEK + timedelta(weeks=h)
        days = [(week + timedelta(days=day), week, h == 4 and day < 4) for day in range(7)]  # a ban of four days
        connection.executemany("INSERT INTO marts.dim_dates VALUES (?, ?, ?)", days)
        for district in DISTRICTS:
            spread = [900.0 * f for f in (1, 0.5, 0.7, 0.9, 1, 1.1, 1.3, 1.6)]
            rows = [["R1", "district", district, "all", week, h, *spread]]
            parts = [[m3 / len(CLASSES) for m3 in spread]] * len(CLASSES)
            rows += [["R1", "district_grade_class", district, name, week, h, *part]
                     for (name, _), part in zip(CLASSES, parts, strict=True)]  # fmt: skip
            connection.executemany(
                "INSERT INTO forecast.demand_current VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
            )
    months = [date(2026, 1 + month, 1) for month in range(MONTHS)]
    swing = rng.lognormal(0, 0.25, (SAMPLES, MONTHS, len(DISTRICTS)))
    paths = [
        ("R1", "base", s, district, name, month, 1000.0 * float(swing[s, m, d]))
        for s in range(SAMPLES)
        for m, month in enumerate(months)
        for d, district in enumerate(DISTRICTS)
        for name, _ in CLASSES
    ]
    connection.executemany("INSERT INTO forecast.paths VALUES (?, ?, ?, ?, ?, ?, ?)", paths)
