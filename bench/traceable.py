"""A made-up full city-year in the published tables that a trace reads: 2.2 M tickets, 8 M batches, 72 M weighings.

Belongs here: the rows, and the views over them as the warehouse has them. Does not belong here: what is measured
(`bench.trace`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import jinja2

from store.connections import BUSINESS_TIME_ZONE
from store.home import REPOSITORY

TICKETS, BATCHES, PLANTS, PROJECTS, MONTHS = 2_200_000, 8_000_000, 78, 1_400, 12
YEAR_MS = 365 * 86_400_000
VIEWS = ("trace_forward", "trace_reverse")
# material, kilograms per m3, hours that a lot of it lasts (water has none)
SCALES = (
    *(("cement", 280, 12), ("fly_ash", 60, 60), ("slag", 70, 60), ("sand", 200, 30), ("manufactured_sand", 600, 18)),
    *(("stone", 400, 20), ("stone", 600, 20), ("water", 160, 0), ("admixture", 7, 170)),
)
_REGISTERS = """
    CREATE TABLE marts.dim_plants AS
        SELECT format('P{:03d}', n) AS plant_id, format('示例站{}', n) AS plant_name, true AS is_current
        FROM range($plants) AS r(n);
    CREATE TABLE marts.dim_projects AS
        SELECT format('J{:05d}', n) AS project_id, format('示例工程{}', n) AS project_name, '' AS builder,
            '' AS contractor, 1 AS permits, 300 AS orders, 14_000.0 AS ordered_m3
        FROM range($projects) AS r(n);
    CREATE TABLE marts.fct_permits AS
        SELECT format('G{:05d}', n) AS permit_no, format('J{:05d}', n) AS project_id, DATE '2024-06-01' AS issued_on,
            '' AS contractor, 'active' AS status
        FROM range($projects) AS r(n);
    CREATE TABLE marts.fct_orders AS
        SELECT format('O{:07d}', n) AS order_id, format('J{:05d}', hash(n) % $projects) AS project_id,
            format('G{:05d}', hash(n) % $projects) AS permit_no,
            ['基础', '主体', '地下室', '路面'][n % 4 + 1] AS structure_part
        FROM range($tickets // 5) AS r(n);
    CREATE TABLE marts.fct_deliveries AS
        SELECT format('P{:03d}-{:09d}', hash(n) % $plants, n * 7919 % $tickets) AS ticket_id,
            format('O{:07d}', n // 5) AS order_id, format('P{:03d}', hash(n) % $plants) AS plant_id,
            format('J{:05d}', hash(n // 5) % $projects) AS project_id, 'C30' AS grade, 9.2 AS load_m3,
            9.2 AS delivered_m3, CAST($began + to_milliseconds(n * $year_ms // $tickets) AS DATE) AS delivered_on,
            '签收' AS status, n AS place
        FROM range($tickets) AS r(n);
    CREATE TABLE marts.fct_batches AS
        SELECT plant_id, format('B{:09d}', n) AS batch_id, ticket_id,
            $began + to_milliseconds(n * $year_ms // $batches) AS mixed_at, CAST(mixed_at AS DATE) AS mixed_on,
            2.5 AS batch_m3, plant_id || '-PB-0003' AS mix_id, true AS has_filed_mix
        FROM range($batches) AS r(n) JOIN marts.fct_deliveries ON place = n * $tickets // $batches
        ORDER BY mixed_at
"""
_WEIGHINGS = """
    SELECT plant_id, batch_id, number AS weighing_no, ticket_id, mixed_at, mixed_on, material,
        CASE WHEN hours > 0
            THEN 'G' || number || '-' || plant_id || '-' || CAST(epoch(mixed_at) AS BIGINT) // (3600 * hours)
        END AS lot_no,
        kg * batch_m3 AS target_kg, kg * batch_m3 * (1 + deviation / 100) AS actual_kg, kg * batch_m3 AS filed_kg,
        deviation AS deviation_from_target_pct, deviation AS deviation_from_filed_pct
    FROM marts.fct_batches
    CROSS JOIN (VALUES {scales}) AS scales (number, material, kg, hours)
    CROSS JOIN LATERAL (SELECT round(CAST(hash(mixed_at, number) % 200 AS DOUBLE) / 100 - 1, 3) AS deviation)
    WHERE month(mixed_on) = {month}
"""
_EVIDENCE = """
    CREATE TABLE marts.lot_use_daily AS
        SELECT plant_id, material, lot_no, mixed_on, sum(actual_kg) AS actual_kg
        FROM marts.fct_batch_materials GROUP BY ALL ORDER BY lot_no, plant_id, material, mixed_on;
    CREATE TABLE marts.fct_material_receipts AS
        SELECT 'R-' || lot_no || '-' || n AS receipt_id, plant_id, material, lot_no,
            'S' || hash(lot_no) % 50 AS supplier_id,
            CAST(min(mixed_on) AS TIMESTAMPTZ) AS received_at, 60.0 AS net_t, 'YCL-' || lot_no AS test_report_no,
            '合格' AS test_result
        FROM marts.lot_use_daily, range(3) AS r(n) WHERE lot_no IS NOT NULL GROUP BY ALL ORDER BY received_at;
    CREATE TABLE marts.dim_lots AS
        SELECT plant_id, material, lot_no, sum(net_t) AS received_t, min(received_at) AS first_received_at,
            list(DISTINCT supplier_id) AS supplier_ids, list(DISTINCT test_report_no) AS test_report_nos,
            1_000.0 AS used_kg, DATE '2025-01-01' AS first_mixed_on, DATE '2025-01-01' AS last_mixed_on,
            'tested' AS lot_state
        FROM marts.fct_material_receipts GROUP BY plant_id, material, lot_no ORDER BY lot_no, plant_id, material;
    CREATE TABLE marts.fct_strength_tests AS
        SELECT 'L-' || ticket_id AS specimen_id, ticket_id, plant_id, CAST(NULL AS VARCHAR) AS batch_id, 'L1' AS lab_id,
            delivered_on AS cast_on, delivered_on + 28 AS tested_on, 28 AS age_d, 'standard' AS curing,
            35.1 AS cube_1_mpa,
            35.4 AS cube_2_mpa, 34.9 AS cube_3_mpa, 150 AS size_mm, 'mean' AS group_rule, 35.1 AS group_mpa,
            1.17 AS share_of_grade, '合格' AS result
        FROM marts.fct_deliveries WHERE hash(ticket_id) % 7 = 0
"""


def write(file: Path, scale: float) -> None:
    """The year's tables in `file`, `scale` of the rows, in the warehouse's own order."""
    file.parent.mkdir(parents=True, exist_ok=True)
    sizes = {"$tickets": int(TICKETS * scale), "$batches": int(BATCHES * scale), "$plants": PLANTS}
    values = {**sizes, "$projects": PROJECTS, "$year_ms": YEAR_MS, "$began": "TIMESTAMPTZ '2025-01-01 00:00:00+08'"}
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"SET TimeZone = '{BUSINESS_TIME_ZONE}'")
        connection.execute("SET memory_limit = '3GB'")
        connection.execute("CREATE SCHEMA marts")
        connection.execute(_filled(_REGISTERS, values))
        scales = ", ".join(str((number, *scale)) for number, scale in enumerate(SCALES, start=1))
        for month in range(1, MONTHS + 1):
            weighings = _WEIGHINGS.format(scales=scales, month=month)
            made = "INSERT INTO marts.fct_batch_materials" if month > 1 else "CREATE TABLE marts.fct_batch_materials AS"
            connection.execute(f"{made} {weighings}")
        connection.execute(_EVIDENCE)
        for view in view_statements():
            connection.execute(view)


def view_statements() -> Iterator[str]:
    """The warehouse's own views, from their models."""
    for name in VIEWS:
        model = (REPOSITORY / "dbt" / "models" / "marts" / f"{name}.sql").read_text(encoding="utf-8")
        select = jinja2.Template(model).render(
            config=lambda **_: "",
            published_ref=lambda table: f"marts.{table}",
            exact_sum=lambda quantity: f"sum(CAST({quantity} AS DECIMAL(18, 3)))",
        )
        yield f"CREATE OR REPLACE VIEW marts.{name} AS {select}"


def _filled(statements: str, values: dict[str, object]) -> str:
    for name, value in values.items():
        statements = statements.replace(name, str(value))
    return statements
