"""A made-up full city-year in the published tables that a trace reads: 2.2 M tickets, 8 M batches, 72 M weighings.

Belongs here: the facts, and the models and views over them as the warehouse has them. Does not belong here: what is
measured (`bench.trace`). Ids begin alike, as in a real register; three plants number their lots alike; eight plants
serve a project. The last month was built day by day, the months before it at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import jinja2

from store.connections import BUSINESS_TIME_ZONE
from store.home import REPOSITORY

TICKETS, BATCHES, PLANTS, PROJECTS, DAYS = 2_200_000, 8_000_000, 78, 1_400, 365
DAY_BY_DAY = 31  # days at the end of the year, each appended to what stood
YEAR_MS = DAYS * 86_400_000
MODELS = {"dim_lots": "TABLE", "ticket_batches_daily": "TABLE", "trace_forward": "VIEW", "trace_reverse": "VIEW"}
# material, kilograms per m3, hours that a lot of it lasts (water has none)
SCALES = (
    *(("cement", 280, 12), ("fly_ash", 60, 60), ("slag", 70, 60), ("sand", 200, 30), ("manufactured_sand", 600, 18)),
    *(("stone", 400, 20), ("stone", 600, 20), ("water", 160, 0), ("admixture", 7, 170)),
)
_REGISTERS = """
    CREATE TABLE marts.dim_plants AS
        SELECT format('P{:03d}', n) AS plant_id, format('示例站{}', n) AS plant_name, true AS is_current
        FROM range($plants) AS r(n);
    CREATE TABLE marts.dim_materials AS
        SELECT material, label_zh, label_en FROM read_csv('$reference/materials.csv') ORDER BY sort_order;
    CREATE TABLE marts.dim_projects AS
        SELECT format('PROJECT-2025-{:05d}', n) AS project_id, format('示例工程{}', n) AS project_name, '' AS builder,
            '' AS contractor, 1 AS permits, 300 AS orders, 14_000.0 AS ordered_m3
        FROM range($projects) AS r(n);
    CREATE TABLE marts.fct_permits AS
        SELECT format('PERMIT-2025-{:05d}', n) AS permit_no, format('PROJECT-2025-{:05d}', n) AS project_id,
            DATE '2024-06-01' AS issued_on, '' AS contractor, 'active' AS status
        FROM range($projects) AS r(n);
    CREATE TABLE marts.fct_orders AS
        SELECT n AS order_no, CAST(hash(n) % $projects AS BIGINT) AS project_no,
            (project_no + n % 8) % $plants AS plant_no, format('ORDER-2025-{:07d}', n) AS order_id,
            format('PROJECT-2025-{:05d}', project_no) AS project_id,
            replace(project_id, 'PROJECT', 'PERMIT') AS permit_no,
            ['基础', '主体', '地下室', '路面'][n % 4 + 1] AS structure_part
        FROM range($tickets // 5 + 1) AS r(n);
    CREATE TABLE marts.fct_deliveries AS
        SELECT format('TICKET-2025-{:03d}-{:09d}', plant_no, n * 7919 % $tickets) AS ticket_id, order_id,
            format('P{:03d}', plant_no) AS plant_id, project_id, 'C30' AS grade, 9.2 AS load_m3, 9.2 AS delivered_m3,
            CAST($began + to_milliseconds(n * $year_ms // $tickets) AS DATE) AS delivered_on,
            '签收' AS status, n AS place
        FROM range($tickets) AS r(n) JOIN marts.fct_orders ON order_no = n // 5
        ORDER BY plant_id, delivered_on, ticket_id;
    CREATE TEMP TABLE mixed AS
        SELECT plant_id, format('BATCH-2025-{:09d}', n) AS batch_id, ticket_id,
            $began + to_milliseconds(n * $year_ms // $batches) AS mixed_at, CAST(mixed_at AS DATE) AS mixed_on,
            2.5 AS batch_m3, plant_id || '-PB-0003' AS mix_id, true AS has_filed_mix
        FROM range($batches) AS r(n) JOIN marts.fct_deliveries ON place = n * $tickets // $batches;
    CREATE TABLE marts.fct_batches AS FROM mixed LIMIT 0
"""
_BATCHES = "INSERT INTO marts.fct_batches FROM mixed WHERE {part} ORDER BY plant_id, mixed_at, batch_id"
_WEIGHINGS = """
    SELECT plant_id, batch_id, number AS weighing_no, ticket_id, mixed_at, mixed_on, material,
        CASE WHEN hours > 0
            THEN format(
                'LOT-2025-{{}}-{{:02d}}-{{}}',
                number, CAST(plant_id[2:] AS INTEGER) // 3, CAST(epoch(mixed_at) AS BIGINT) // (3600 * hours)
            )
        END AS lot_no,
        kg * batch_m3 AS target_kg, kg * batch_m3 * (1 + deviation / 100) AS actual_kg, kg * batch_m3 AS filed_kg,
        deviation AS deviation_from_target_pct, deviation AS deviation_from_filed_pct
    FROM marts.fct_batches
    CROSS JOIN (VALUES {scales}) AS scales (number, material, kg, hours)
    CROSS JOIN LATERAL (SELECT round(CAST(hash(mixed_at, number) % 200 AS DOUBLE) / 100 - 1, 3) AS deviation)
    WHERE {part}
    ORDER BY plant_id, mixed_at, batch_id, weighing_no
"""
_EVIDENCE = """
    CREATE TABLE marts.lot_use_daily AS
        SELECT plant_id, material, lot_no, mixed_on, CAST(count(*) AS INTEGER) AS weighings,
            sum(target_kg) AS target_kg, sum(actual_kg) AS actual_kg, sum(filed_kg) AS filed_kg
        FROM marts.fct_batch_materials GROUP BY ALL ORDER BY lot_no, plant_id, material, mixed_on;
    CREATE TABLE marts.fct_material_receipts AS
        SELECT 'RECEIPT-' || plant_id || '-' || lot_no || '-' || n AS receipt_id, plant_id, material, lot_no,
            'S' || hash(lot_no) % 50 AS supplier_id,
            CAST(min(mixed_on) AS TIMESTAMPTZ) AS received_at, 60.0 AS net_t, 'YCL-' || lot_no AS test_report_no,
            '合格' AS test_result
        FROM marts.lot_use_daily, range(3) AS r(n) WHERE lot_no IS NOT NULL GROUP BY ALL
        ORDER BY plant_id, received_at, receipt_id;
    CREATE TABLE marts.fct_strength_tests AS
        SELECT 'SPECIMEN-' || ticket_id AS specimen_id, ticket_id, plant_id, CAST(NULL AS VARCHAR) AS batch_id,
            'L1' AS lab_id, delivered_on AS cast_on, delivered_on + 28 AS tested_on, 28 AS age_d, 'standard' AS curing,
            35.1 AS cube_1_mpa,
            35.4 AS cube_2_mpa, 34.9 AS cube_3_mpa, 150 AS size_mm, 'mean' AS group_rule, 35.1 AS group_mpa,
            1.17 AS share_of_grade, '合格' AS result
        FROM marts.fct_deliveries WHERE hash(ticket_id) % 7 = 0
        ORDER BY plant_id, cast_on, specimen_id
"""


def write(file: Path, scale: float) -> None:
    """The year's tables in `file`, `scale` of the rows, in the warehouse's own order."""
    file.parent.mkdir(parents=True, exist_ok=True)
    sizes = {"$tickets": int(TICKETS * scale), "$batches": int(BATCHES * scale), "$plants": PLANTS}
    values = {**sizes, "$projects": PROJECTS, "$year_ms": YEAR_MS, "$began": "TIMESTAMPTZ '2025-01-01 00:00:00+08'"}
    values |= {"$reference": REPOSITORY / "data" / "reference"}
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"SET TimeZone = '{BUSINESS_TIME_ZONE}'")
        connection.execute("SET memory_limit = '3GB'")
        connection.execute("CREATE SCHEMA marts")
        connection.execute(_filled(_REGISTERS, values))
        scales = ", ".join(str((number, *scale)) for number, scale in enumerate(SCALES, start=1))
        empty = {"scales": scales, "part": "false"}
        connection.execute(f"CREATE TABLE marts.fct_batch_materials AS FROM ({_WEIGHINGS}) LIMIT 0".format(**empty))
        for part in _parts():
            connection.execute(_BATCHES.format(part=part))
            connection.execute(f"INSERT INTO marts.fct_batch_materials {_WEIGHINGS}".format(scales=scales, part=part))
        connection.execute(_EVIDENCE)
        for statement in model_statements():
            connection.execute(statement)


def _parts() -> Iterator[str]:
    """What is written at once: some plants' year up to its last month, then that month's days, one by one."""
    first = f"DATE '2025-01-01' + {DAYS - DAY_BY_DAY}"
    for plant in range(0, PLANTS, 6):
        yield f"mixed_on < {first} AND plant_id BETWEEN 'P{plant:03d}' AND 'P{plant + 5:03d}'"
    for day in range(DAY_BY_DAY):
        yield f"mixed_on = {first} + {day}"


def model_statements() -> Iterator[str]:
    """The warehouse's own tables and views, from their models."""
    for name, kind in MODELS.items():
        model = (REPOSITORY / "dbt" / "models" / "marts" / f"{name}.sql").read_text(encoding="utf-8")
        select = jinja2.Template(model).render(
            config=lambda **_: "",
            kept_by_parts=lambda *_: "",
            only_changed_parts=lambda *_: "",
            ref=lambda table: f"marts.{table}",
            published_ref=lambda table: f"marts.{table}",
            exact_sum=lambda quantity: f"sum(CAST({quantity} AS DECIMAL(18, 3)))",
        )
        yield f"CREATE OR REPLACE {kind} marts.{name} AS {select}"


def _filled(statements: str, values: dict[str, object]) -> str:
    for name, value in values.items():
        statements = statements.replace(name, str(value))
    return statements
