"""Traces through the published version: from a ticket to its materials and tests, from a lot to whom it reached.

Belongs here: what is found under an id. Does not belong here: how it is printed (`orchestration.trace_text`), and what
a trace joins (the marts `trace_forward` and `trace_reverse`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import duckdb

from dashboard.published import rows
from store.connections import reader
from store.home import Home
from store.messages import TongmaiError

Found = dict[str, Any]

_TICKET = """
SELECT ticket_id, plant_id, plant_name, order_id, project_id, project_name, structure_part, permit_no, grade, load_m3,
    delivered_m3, delivered_on, tickets.status
FROM marts.fct_deliveries AS tickets
LEFT JOIN (SELECT plant_id, plant_name FROM marts.dim_plants WHERE is_current) USING (plant_id)
LEFT JOIN (SELECT order_id, structure_part, permit_no FROM marts.fct_orders) USING (order_id)
LEFT JOIN (SELECT project_id, project_name FROM marts.dim_projects) USING (project_id)
WHERE ticket_id = $id
"""
_WEIGHINGS = "FROM marts.trace_forward WHERE ticket_id = $id ORDER BY mixed_at, batch_id, weighing_no"
_RECEIPTS = """
SELECT plant_id, material, lot_no, receipt_id, supplier_id, received_at, net_t, test_report_no, test_result
FROM marts.fct_material_receipts
WHERE plant_id = $plant AND lot_no IN (SELECT unnest($lots))
ORDER BY material, lot_no, received_at, receipt_id
"""
_SPECIMENS = """
SELECT specimen_id, ticket_id, batch_id, lab_id, cast_on, tested_on, age_d, curing, cube_1_mpa, cube_2_mpa, cube_3_mpa,
    size_mm, group_rule, group_mpa, share_of_grade, result
FROM marts.fct_strength_tests
WHERE ticket_id = $id OR (plant_id = $plant AND batch_id IN (SELECT unnest($batches)))
ORDER BY age_d, specimen_id
"""
_LOTS = """
SELECT plant_id, plant_name, material, lot_no, received_t, used_kg, first_mixed_on, last_mixed_on, lot_state
FROM marts.dim_lots
LEFT JOIN (SELECT plant_id, plant_name FROM marts.dim_plants WHERE is_current) USING (plant_id)
WHERE lot_no = $id
ORDER BY plant_id, material
"""
_REACHED = """
WITH reached AS MATERIALIZED (
    FROM marts.trace_reverse WHERE lot_no = $id AND plant_id = $plant AND material = $material
)
SELECT reached.* EXCLUDE (plant_id, material, lot_no), coalesce(specimens, 0) AS specimens
FROM reached
LEFT JOIN (
    SELECT ticket_id, count(*) AS specimens FROM marts.fct_strength_tests
    WHERE ticket_id IN (SELECT ticket_id FROM reached) GROUP BY ticket_id
) USING (ticket_id)
ORDER BY first_mixed_at, ticket_id
"""
_PROJECT = """
SELECT project_id, project_name, builder, contractor, permits, orders, ordered_m3
FROM marts.dim_projects WHERE project_id = $id
"""
_PERMITS = """
SELECT permit_no, issued_on, contractor, status
FROM marts.fct_permits WHERE project_id = $id
ORDER BY issued_on, permit_no
"""
_SERVED = """
WITH tickets AS MATERIALIZED (
    SELECT ticket_id, plant_id, order_id, grade, delivered_m3, delivered_on
    FROM marts.fct_deliveries WHERE project_id = $id
)
SELECT tickets.*, structure_part, permit_no, coalesce(specimens, 0) AS specimens
FROM tickets
LEFT JOIN (SELECT order_id, structure_part, permit_no FROM marts.fct_orders) USING (order_id)
LEFT JOIN (
    SELECT ticket_id, count(*) AS specimens FROM marts.fct_strength_tests
    WHERE ticket_id IN (SELECT ticket_id FROM tickets) GROUP BY ticket_id
) USING (ticket_id)
ORDER BY delivered_on, ticket_id
"""
_USED = """
WITH batches AS MATERIALIZED (
    SELECT plant_id, batch_id, mixed_at FROM marts.fct_batches
    WHERE ticket_id IN (SELECT ticket_id FROM marts.fct_deliveries WHERE project_id = $id)
),
used AS (
    SELECT plant_id, material, lot_no, count(DISTINCT ticket_id) AS tickets,
        CAST(sum(CAST(actual_kg AS DECIMAL(18, 3))) AS DOUBLE) AS actual_kg
    FROM marts.fct_batch_materials SEMI JOIN batches USING (plant_id, batch_id, mixed_at)
    GROUP BY ALL
)
SELECT used.*, coalesce(lot_state, 'lot_not_recorded') AS lot_state, supplier_ids, test_report_nos
FROM used LEFT JOIN marts.dim_lots USING (plant_id, material, lot_no)
ORDER BY plant_id, material, lot_no
"""


def read_trace(home: Home, wanted: str, plant: str | None = None) -> Found:
    """All that bears the id: `{"id", "found": [ticket, lot or project, …]}`; `plant` chooses among lots of one number.

    Raises TongmaiError: `not_published`, `nothing_to_trace` (nothing bears the id), `version_without_trace`.
    """
    with reader(home.published) as connection:
        try:
            found = [
                *_tickets(connection, wanted),
                *_lots(connection, wanted, plant),
                *_projects(connection, wanted),
            ]
        except duckdb.CatalogException as error:
            raise TongmaiError(
                "version_without_trace",
                "已发布的版本还没有追溯所需的表；请先运行 tongmai run。",
                "The published version lacks the tables of a trace; run tongmai run first.",
            ) from error
    if not found:
        raise TongmaiError(
            "nothing_to_trace",
            f"已发布的版本里没有编号为“{wanted}”的运单、批号或工程。",
            f"The published version holds no ticket, lot or project '{wanted}'.",
        )
    return {"id": wanted, "found": found}


def _tickets(connection: duckdb.DuckDBPyConnection, wanted: str) -> Iterator[Found]:
    """The ticket and its chain; batches of a ticket that has not come (yet) are found as well."""
    tickets = rows(connection, _TICKET, {"id": wanted})
    weighings = rows(connection, _WEIGHINGS, {"id": wanted})
    if not tickets and not weighings:
        return
    ticket = tickets[0] if tickets else {"ticket_id": wanted, "plant_id": weighings[0]["plant_id"]}
    batches = _batches(weighings)
    lots = sorted({weighing["lot_no"] for weighing in weighings if weighing["lot_no"] is not None})
    plant = {"plant": batches[0]["plant_id"] if batches else ticket["plant_id"]}
    specimens = rows(
        connection, _SPECIMENS, {"id": wanted, **plant, "batches": [batch["batch_id"] for batch in batches]}
    )
    yield {
        "kind": "ticket",
        **ticket,
        "is_on_record": bool(tickets),
        "batches": batches,
        "receipts": rows(connection, _RECEIPTS, {**plant, "lots": lots}) if lots else [],
        "is_sampled": bool(specimens),
        "specimens": specimens,
    }


def _batches(weighings: list[Found]) -> list[Found]:
    """The batches in their order, each with its weighings."""
    batches = []
    of_batch = ("plant_id", "batch_id", "mixed_at", "batch_m3", "mix_id", "has_filed_mix")
    of_ticket = ("ticket_id", "order_id", "project_id", "structure_part", "permit_no")
    for _, group in groupby(weighings, key=itemgetter("plant_id", "batch_id")):
        rows_ = list(group)
        told = [{name: row[name] for name in row if name not in of_batch and name not in of_ticket} for row in rows_]
        batches.append({**{name: rows_[0][name] for name in of_batch}, "weighings": told})
    return batches


def _lots(connection: duckdb.DuckDBPyConnection, wanted: str, plant: str | None) -> Iterator[Found]:
    """Every lot of that number, each with its receipts and the tickets that it reached."""
    for lot in rows(connection, _LOTS, {"id": wanted}):
        if plant is not None and lot["plant_id"] != plant:
            continue
        place = {"plant": lot["plant_id"]}
        receipts = rows(connection, _RECEIPTS, {**place, "lots": [wanted]})
        reached = rows(connection, _REACHED, {"id": wanted, **place, "material": lot["material"]})
        yield {
            "kind": "lot",
            **lot,
            "receipt_rows": [receipt for receipt in receipts if receipt["material"] == lot["material"]],
            "tickets": reached,
            "projects": sorted({ticket["project_id"] for ticket in reached if ticket["project_id"] is not None}),
        }


def _projects(connection: duckdb.DuckDBPyConnection, wanted: str) -> Iterator[Found]:
    """The project with its permits, tickets and lots."""
    for project in rows(connection, _PROJECT, {"id": wanted}):
        yield {
            "kind": "project",
            **project,
            "permit_rows": rows(connection, _PERMITS, {"id": wanted}),
            "tickets": rows(connection, _SERVED, {"id": wanted}),
            "lots": rows(connection, _USED, {"id": wanted}),
        }
