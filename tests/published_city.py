"""A small published city made with SQL, and its page on a port: the page's tests need no run of the whole river."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from store.connections import BUSINESS_TIME_ZONE
from store.home import LIVE_FILE, REFERENCE, WAREHOUSE_FILE, Home
from store.tables import OPS_TABLES

RUN, PLAN, OLD_PLAN = "run-2", "plan-2", "plan-1"
FIRST_WEEK = "DATE '2025-12-29'"  # the first forecast week

MARTS = f"""
CREATE SCHEMA marts;
CREATE TABLE marts.dim_districts AS
    SELECT district_code, district_name, district_name_en, kind, center_lon, center_lat
    FROM read_csv('{REFERENCE / "districts.csv"}', types = {{'district_code': 'VARCHAR'}});
CREATE TABLE marts.dim_grades AS SELECT * FROM read_csv('{REFERENCE / "grade_classes.csv"}');
CREATE TABLE marts.dim_dates AS
    SELECT CAST(unnest(generate_series(DATE '2023-01-01', DATE '2026-12-31', INTERVAL 1 DAY)) AS DATE) AS date_on;
ALTER TABLE marts.dim_dates ADD COLUMN cny_offset_d INTEGER;
UPDATE marts.dim_dates SET cny_offset_d = date_on - DATE '2024-02-10' WHERE year(date_on) = 2024;
UPDATE marts.dim_dates SET cny_offset_d = date_on - DATE '2025-01-29' WHERE year(date_on) = 2025;
UPDATE marts.dim_dates SET cny_offset_d = date_on - DATE '2026-02-17' WHERE year(date_on) = 2026;
CREATE TABLE marts.dim_enterprises AS
    SELECT 'E' || i AS enterprise_id, '虚拟企业' || i AS enterprise_name, 2 AS plants FROM range(1, 11) AS r(i);
CREATE TABLE marts.dim_plants AS
    SELECT 'P' || lpad(CAST(i AS VARCHAR), 2, '0') AS plant_id, '示例搅拌站' || i AS plant_name,
        'E' || (i % 10 + 1) AS enterprise_id, '虚拟企业' || (i % 10 + 1) AS enterprise_name, d.district_code,
        d.center_lon + 0.05 * sin(i * 2.4) AS lon, d.center_lat + 0.04 * cos(i * 2.4) AS lat, i > 18 AS is_candidate,
        TIMESTAMPTZ '2023-01-01 00:00:00+08' AS valid_from, TRUE AS is_current
    FROM range(1, 21) AS r(i)
    JOIN (SELECT *, row_number() OVER (ORDER BY district_code) AS n FROM marts.dim_districts) AS d ON d.n = i % 10 + 1;
INSERT INTO marts.dim_plants
    SELECT * REPLACE ('旧名' AS plant_name, FALSE AS is_current, TIMESTAMPTZ '2022-01-01 00:00:00+08' AS valid_from)
    FROM marts.dim_plants WHERE plant_id = 'P01';
COMMENT ON COLUMN marts.dim_plants.plant_name IS '站点名称：企业申报的名称 | Plant name: as the enterprise states it';
CREATE TABLE marts.demand_weekly AS
    SELECT district_code, grade_class, CAST(week_start AS DATE) AS week_start,
        (400 + 30 * n + 60 * sin(epoch(week_start) / 5e6)) * share AS delivered_m3,
        week_start < {FIRST_WEEK} AS is_complete
    FROM (SELECT district_code, row_number() OVER (ORDER BY district_code) AS n FROM marts.dim_districts)
    CROSS JOIN (VALUES ('c10_c25', 0.2), ('c30_c35', 0.5), ('c40_c45', 0.2), ('c50_c100', 0.1)) AS g(grade_class, share)
    CROSS JOIN (SELECT unnest(generate_series(DATE '2023-06-05', DATE '2025-12-29', INTERVAL 7 DAY)) AS week_start);
"""

FORECAST = f"""
CREATE SCHEMA forecast;
CREATE TABLE forecast.demand AS
WITH weeks AS (SELECT i::INTEGER AS h, {FIRST_WEEK} + 7 * (i::INTEGER - 1) AS week_start FROM range(1, 53) AS r(i)),
bottom AS (
    SELECT district_code, grade_class, week_start, h,
        (410 + 30 * n - 150 * exp(-pow((h - 8) / 2.0, 2)) + 40 * sin(h / 8.0)) * share AS mean
    FROM (SELECT district_code, row_number() OVER (ORDER BY district_code) AS n FROM marts.dim_districts)
    CROSS JOIN (VALUES ('c10_c25', 0.2), ('c30_c35', 0.5), ('c40_c45', 0.2), ('c50_c100', 0.1)) AS g(grade_class, share)
    CROSS JOIN weeks
),
nodes AS (
    SELECT 'district_grade_class' AS level, * FROM bottom
    UNION ALL SELECT 'district', district_code, 'all', week_start, h, sum(mean) FROM bottom GROUP BY ALL
    UNION ALL SELECT 'grade_class', 'all', grade_class, week_start, h, sum(mean) FROM bottom GROUP BY ALL
    UNION ALL SELECT 'city', 'all', 'all', week_start, h, sum(mean) FROM bottom GROUP BY ALL
)
SELECT '{RUN}' AS run_id, level || district_code || grade_class AS unique_id, level, district_code, grade_class,
    DATE '2025-12-22' AS cutoff, week_start, h, 'prophet_offset' AS model, 'base' AS scenario, mean,
    mean * (1 - 0.10 - 0.004 * h) AS q025, mean * (1 - 0.06 - 0.003 * h) AS q10, mean * 0.97 AS q25, mean AS q50,
    mean * 1.03 AS q75, mean * (1 + 0.06 + 0.003 * h) AS q90, mean * (1 + 0.10 + 0.004 * h) AS q975, TRUE AS reconciled
FROM nodes;
INSERT INTO forecast.demand SELECT * REPLACE ('high' AS scenario, mean * 2 AS mean) FROM forecast.demand;
CREATE VIEW forecast.demand_current AS SELECT * FROM forecast.demand WHERE run_id = '{RUN}';
CREATE TABLE forecast.paths AS
    SELECT '{RUN}' AS run_id, 'base' AS scenario, CAST(sample AS INTEGER) AS sample, district_code, grade_class,
        CAST(DATE '2026-01-01' + to_months(CAST(k AS INTEGER)) AS DATE) AS month,
        share * (1700 + 130 * n) * (0.9 + 0.2 * ((sample * 7919 + n * 31) % 30) / 29.0) AS m3
    FROM (SELECT district_code, row_number() OVER (ORDER BY district_code) AS n FROM marts.dim_districts)
    CROSS JOIN (VALUES ('c10_c25', 0.2), ('c30_c35', 0.5), ('c40_c45', 0.2), ('c50_c100', 0.1)) AS g(grade_class, share)
    CROSS JOIN range(30) AS s(sample) CROSS JOIN range(36) AS m(k);
"""

PLANNED = f"""
CREATE SCHEMA plan;
CREATE TABLE plan.runs AS
    SELECT '{OLD_PLAN}' AS plan_id, 'run-1' AS run_id, now() AS created_at, 'proven' AS status, 1e8 AS objective_cny,
        9.9e7 AS bound_cny, 0.05 AS gap, 9.0 AS seconds, 3 AS scenarios, 12 AS periods, 18 AS plants_kept,
        0 AS plants_merged, 0 AS plants_closed, 0 AS plants_expanded, 0 AS plants_opened, 3.4e8 AS cost_before_cny,
        3.35e8 AS cost_reallocated_cny, 3.3e8 AS cost_after_cny, 8.1e7 AS kgco2e_before,
        8.05e7 AS kgco2e_reallocated, 8.0e7 AS kgco2e_after, 31.0 AS haul_min_before, 30.7 AS haul_min_reallocated,
        30.5 AS haul_min_after, 900.0 AS unserved_m3_before, 100.0 AS unserved_m3_reallocated,
        0.0 AS unserved_m3_after
    UNION ALL
    SELECT '{PLAN}', '{RUN}', now(), 'proven', 1e8, 9.95e7, 0.0049, 12.0, 5, 12, 13, 3, 2, 1, 1, 3.42e8,
        3.1e8, 2.97e8, 8.1e7, 7.8e7, 7.6e7, 31.4, 29.5, 28.9, 1234.0, 20.0, 0.0;
CREATE VIEW plan.plan_current AS SELECT * FROM plan.runs WHERE plan_id = '{PLAN}';
CREATE TABLE plan.plant_decisions AS
    SELECT '{PLAN}' AS plan_id, plant_id, CASE
            WHEN plant_id IN ('P02', 'P03', 'P04') THEN 'merge' WHEN plant_id IN ('P05', 'P06') THEN 'close'
            WHEN plant_id = 'P07' THEN 'expand' WHEN plant_id = 'P19' THEN 'open'
            WHEN plant_id = 'P20' THEN 'not_opened' ELSE 'keep' END AS decision,
        CASE plant_id WHEN 'P02' THEN 'P12' WHEN 'P03' THEN 'P13' WHEN 'P04' THEN 'P14' END AS merge_into_plant_id,
        1 AS from_period, '利用率低，邻站可承接其全部供应。' AS reason_zh,
        'Little used; its neighbours can serve all it serves.' AS reason_en, 1.2e6 AS regret_cny,
        0.41 AS utilisation_before, 0.63 AS utilisation_after
    FROM marts.dim_plants WHERE is_current;
INSERT INTO plan.plant_decisions
    SELECT * REPLACE ('{OLD_PLAN}' AS plan_id, 'keep' AS decision) FROM plan.plant_decisions;
CREATE TABLE plan.policy_brief AS
    SELECT '{PLAN}' AS plan_id, 1 AS position, 'cost' AS topic, '示例要点一。' AS text_zh, 'First sentence.' AS text_en
    UNION ALL SELECT '{PLAN}', 2, 'haul', '示例要点二。', 'Second sentence.';
CREATE TABLE plan.outlook_balance_weekly AS
    SELECT '{PLAN}' AS plan_id, district_code, week_start, h, mean, q10, q90, 1800.0 AS reach_gross_m3,
        CASE district_code WHEN '520181' THEN 640.0 ELSE 900.0 END AS reach_share_m3,
        CASE district_code WHEN '520181' THEN 640.0 ELSE 900.0 END - mean AS surplus_share_m3,
        CASE district_code WHEN '520181' THEN 0.75 ELSE 0.02 END AS probability_short
    FROM forecast.demand_current WHERE level = 'district' AND scenario = 'base';
INSERT INTO plan.outlook_balance_weekly SELECT * REPLACE ('{OLD_PLAN}' AS plan_id, 1.0 AS reach_share_m3)
    FROM plan.outlook_balance_weekly;
"""

OPERATIONS = """
INSERT INTO ops.ingest_ledger (
    segment_id, feed, source_file, sha256, mapping_hash, contract_version, rows_read, rows_loaded, rows_duplicate,
    rows_rejected, rows_skipped, reasons, received_at, committed_at
) VALUES
    ('s1', 'orders', '虚拟_orders_1.csv', 'a', 'm', 1, 1000, 950, 20, 30, 3, '{"bad_grade": 18, "missing_key": 12}',
        TIMESTAMPTZ '2025-12-29 01:00:00+08', TIMESTAMPTZ '2025-12-29 02:00:00+08'),
    ('s2', 'orders', '虚拟_orders_2.xlsx', 'b', 'm', 1, 500, 490, 5, 5, 2, '{"bad_grade": 5}',
        TIMESTAMPTZ '2025-12-29 01:00:00+08', TIMESTAMPTZ '2025-12-29 02:00:00+08'),
    ('s3', 'plants', '虚拟_plants.jsonl', 'c', 'm', 1, 20, 20, 0, 0, 0, '{}',
        TIMESTAMPTZ '2025-12-29 01:00:00+08', TIMESTAMPTZ '2025-12-29 02:00:00+08');
INSERT INTO ops.rejects (
    segment_id, feed, source_file, source_row, reason, column_name, sentence_zh, sentence_en, raw_text
) VALUES
    ('s1', 'orders', '虚拟_orders_1.csv', 7, 'bad_grade', 'grade', '等级“C3O”不认识。', 'Grade “C3O” is unknown.', 'x'),
    ('s1', 'orders', '虚拟_orders_1.csv', 9, 'bad_grade', 'grade', '等级“X”不认识。', 'Grade “X” is unknown.', 'x');
"""

LIVE = """
CREATE TABLE live_supply_demand_15min AS
    SELECT TIMESTAMPTZ '2025-12-28 08:00:00+08' + to_minutes(15 * i::INTEGER) AS window_start_at, district_code,
        'c30_c35' AS grade_class, 40.0 + i AS ordered_m3, 30.0 + i AS delivered_m3, 4 AS tickets, i < 8 AS is_final,
        TIMESTAMPTZ '2025-12-28 10:31:00+08' AS refreshed_at
    FROM range(10) AS r(i), (VALUES ('520102'), ('520103')) AS d(district_code);
"""


def publish_city(home: Home, version: str = "v1", with_plan: bool = True, with_forecast: bool = True) -> Path:
    """Publish the city as `version` of `home` and return the file's real path."""
    folder = home.versions / version
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / WAREHOUSE_FILE)) as connection:
        connection.execute(f"SET TimeZone = '{BUSINESS_TIME_ZONE}'")
        connection.execute(MARTS)
        if with_forecast:
            connection.execute(FORECAST)
        if with_plan:
            connection.execute(PLANNED)
        connection.execute("CREATE SCHEMA ops")
        for table in OPS_TABLES:
            table.create(connection)
        connection.execute(OPERATIONS)
        connection.execute(
            "INSERT INTO ops.published_versions (version, data_version, published_at, checks_passed) "
            "VALUES (?, 'abc123def456', TIMESTAMPTZ '2026-01-02 03:04:00+08', 42)",
            [version],
        )
    point(home.current, folder)
    return home.published


def publish_live(home: Home, version: str = "l1") -> Path:
    """Publish ten live windows of two districts."""
    folder = home.live_versions / version
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / LIVE_FILE)) as connection:
        connection.execute(f"SET TimeZone = '{BUSINESS_TIME_ZONE}'")
        connection.execute(LIVE)
    point(home.live_current, folder)
    return home.live_published


def point(link: Path, folder: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(folder)


@contextmanager
def served(home: Home) -> Iterator[str]:
    """The page of `home` on an ephemeral loopback port; yields its address, as http://127.0.0.1:port."""
    import uvicorn

    from dashboard.app import create_app

    server = uvicorn.Server(uvicorn.Config(create_app(home), port=0, log_level="warning", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20.0
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline, "the server did not start"
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
