"""Traces through the published version: from a ticket to its materials and tests, from a lot to whom it reached.

Belongs here: what is found under an id. Does not belong here: how it is printed (`orchestration.trace_text`), and what
lies behind a fact (the warehouse's models).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from operator import itemgetter
from typing import Any

import duckdb

from dashboard.published import rows
from store.connections import reader
from store.home import Home
from store.messages import TongmaiError

Found = dict[str, Any]

_NAMED = (
    "LEFT JOIN (SELECT material, label_zh AS material_zh, label_en AS material_en FROM marts.dim_materials) "
    "USING (material)"
)

# Rows are asked for table by table, each with what the one before told: constants let a scan pass by what it does not
# need, where a join would read it. Deliveries, batches, weighings and receipts lie plant by plant, each in the order of
# time, and where a ticket's batches lie is found by ticket_batches_daily. Constants only say where to look first: what
# is not found there is looked for everywhere.
_MIXED = """
SELECT plant_id, min(mixed_on) AS first_on, max(mixed_on) AS last_on,
    min(first_mixed_at) AS first_at, max(last_mixed_at) AS last_at
FROM marts.ticket_batches_daily WHERE ticket_key = md5_number_lower($id) AND ticket_id = $id
GROUP BY plant_id ORDER BY plant_id
"""
_TICKET = """
SELECT ticket_id, plant_id, order_id, project_id, grade, load_m3, delivered_m3, delivered_on, status
FROM marts.fct_deliveries WHERE ticket_id = $id
"""
_NEAR = "AND plant_id = $plant AND delivered_on BETWEEN $first_on AND $last_on + 1"
_PLANT = "SELECT plant_name FROM marts.dim_plants WHERE plant_id = $plant_id AND is_current"
_ORDER = "SELECT structure_part, permit_no FROM marts.fct_orders WHERE order_id = $order_id"
_PROJECT_NAME = "SELECT project_name FROM marts.dim_projects WHERE project_id = $project_id"
_KG = "CAST(sum(CAST(actual_kg AS DECIMAL(18, 3))) AS DOUBLE) AS actual_kg"
_BATCHES = """
SELECT plant_id, batch_id, mixed_at, batch_m3, mix_id, has_filed_mix
FROM marts.fct_batches WHERE ticket_id = $id AND plant_id = $plant AND mixed_at BETWEEN $first_at AND $last_at
"""
_WEIGHINGS = f"""
SELECT plant_id, batch_id, weighing_no, material, material_zh, material_en, lot_no, target_kg, actual_kg, filed_kg,
    deviation_from_target_pct, deviation_from_filed_pct
FROM marts.fct_batch_materials {_NAMED}
WHERE ticket_id = $id AND plant_id = $plant AND mixed_at BETWEEN $first_at AND $last_at
ORDER BY batch_id, weighing_no
"""
_LOT_STATES = """
SELECT material, lot_no, lot_state, supplier_ids, first_received_at, test_report_nos
FROM marts.dim_lots WHERE plant_id = $plant AND lot_no IN (SELECT unnest($lots))
"""
_RECEIPTS = f"""
SELECT plant_id, material, material_zh, material_en, lot_no, receipt_id, supplier_id, received_at, net_t,
    test_report_no, test_result
FROM marts.fct_material_receipts {_NAMED}
WHERE plant_id = $plant AND lot_no IN (SELECT unnest($lots))
ORDER BY material, lot_no, received_at, receipt_id
"""
_SPECIMEN = """
SELECT specimen_id, ticket_id, batch_id, lab_id, cast_on, tested_on, age_d, curing, cube_1_mpa, cube_2_mpa, cube_3_mpa,
    size_mm, group_rule, group_mpa, share_of_grade, result
FROM marts.fct_strength_tests
"""
_SPECIMENS = f"""
{_SPECIMEN} WHERE ticket_id = $id
UNION {_SPECIMEN} WHERE plant_id = $plant AND batch_id IN (SELECT unnest($batches))
ORDER BY age_d, specimen_id
"""
_LOTS = f"""
SELECT plant_id, plant_name, material, material_zh, material_en, lot_no, received_t, used_kg,
    first_mixed_on, last_mixed_on, lot_state
FROM marts.dim_lots
LEFT JOIN (SELECT plant_id, plant_name FROM marts.dim_plants WHERE is_current) USING (plant_id)
{_NAMED}
WHERE lot_no = $id
ORDER BY plant_id, material
"""
_REACHED = f"""
SELECT ticket_id, count(DISTINCT batch_id) AS batches, min(mixed_at) AS first_mixed_at, {_KG}
FROM marts.fct_batch_materials
WHERE lot_no = $id AND plant_id = $plant AND material = $material AND mixed_on BETWEEN $first_on AND $last_on
GROUP BY ticket_id ORDER BY first_mixed_at, ticket_id
"""
_DELIVERED = """
SELECT ticket_id, grade, delivered_m3, delivered_on, order_id, project_id
FROM marts.fct_deliveries WHERE ticket_id IN (SELECT unnest($tickets))
"""
_PROJECT_NAMES = "SELECT project_id, project_name FROM marts.dim_projects"
_PARTS = """
SELECT order_id, structure_part, permit_no FROM marts.fct_orders WHERE order_id IN (SELECT unnest($orders))
"""
_SAMPLED = """
SELECT ticket_id, count(*) AS specimens FROM marts.fct_strength_tests
WHERE ticket_id IN (SELECT unnest($tickets)) GROUP BY ticket_id
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
SELECT ticket_id, plant_id, order_id, grade, delivered_m3, delivered_on
FROM marts.fct_deliveries WHERE project_id = $id ORDER BY delivered_on, ticket_id
"""
_MIXED_FOR = """
SELECT plant_id, min(first_mixed_at) AS first_at, max(last_mixed_at) AS last_at
FROM marts.ticket_batches_daily
WHERE ticket_key IN (SELECT md5_number_lower(id) FROM (SELECT unnest($tickets) AS id))
GROUP BY plant_id ORDER BY plant_id
"""
_USED = f"""
WITH used AS (
    SELECT plant_id, material, lot_no, count(DISTINCT ticket_id) AS tickets, {_KG}
    FROM marts.fct_batch_materials
    WHERE plant_id = $plant_id AND mixed_at BETWEEN $first_at AND $last_at
        AND ticket_id IN (SELECT unnest($tickets))
    GROUP BY ALL
)
SELECT used.*, material_zh, material_en, coalesce(lot_state, 'lot_not_recorded') AS lot_state, supplier_ids,
    test_report_nos
FROM used LEFT JOIN (FROM marts.dim_lots WHERE plant_id = $plant_id) USING (plant_id, material, lot_no) {_NAMED}
ORDER BY material, lot_no
"""


def read_trace(home: Home, wanted: str, plant: str | None = None) -> Found:
    """All that bears the id: `{"id", "found": [ticket, lot or project, …]}`; `plant` chooses among lots of one number.

    Raises TongmaiError: `not_published`, `nothing_to_trace` (nothing bears the id), `version_without_trace`.
    """
    with reader(home.published) as connection:
        try:
            found = [*_tickets(connection, wanted), *_lots(connection, wanted, plant), *_projects(connection, wanted)]
            found = found or _unrecorded(connection, wanted)
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
    """The ticket and its chain; it is looked for where its batches were mixed, and everywhere if it is not there."""
    mixed = rows(connection, _MIXED, {"id": wanted})
    near = ({"plant": place["plant_id"], **{day: place[day] for day in ("first_on", "last_on")}} for place in mixed)
    found = (rows(connection, _TICKET + _NEAR, {"id": wanted, **place}) for place in near)
    for ticket in next(filter(None, found), None) or rows(connection, _TICKET, {"id": wanted}):
        told = {"plant_name": None, "project_name": None, "structure_part": None, "permit_no": None}
        for question, name in ((_PLANT, "plant_id"), (_ORDER, "order_id"), (_PROJECT_NAME, "project_id")):
            for answer in rows(connection, question, {name: ticket[name]}):
                told |= answer
        batches = _batches(connection, wanted, mixed)
        yield {"kind": "ticket", **ticket, **told, "is_on_record": True, **_chain(connection, wanted, batches)}


def _unrecorded(connection: duckdb.DuckDBPyConnection, wanted: str) -> list[Found]:
    """Batches of a ticket that has not come (yet)."""
    batches = _batches(connection, wanted, rows(connection, _MIXED, {"id": wanted}))
    if not batches:
        return []
    ticket = {"kind": "ticket", "ticket_id": wanted, "plant_id": batches[0]["plant_id"], "is_on_record": False}
    return [{**ticket, **_chain(connection, wanted, batches)}]


def _batches(connection: duckdb.DuckDBPyConnection, ticket_id: str, mixed: list[Found]) -> list[Found]:
    """The ticket's batches, plant by plant."""
    found = []
    for place in mixed:
        asked = {"plant": place["plant_id"], "first_at": place["first_at"], "last_at": place["last_at"]}
        found += rows(connection, _BATCHES, {"id": ticket_id, **asked})
    return found


def _chain(connection: duckdb.DuckDBPyConnection, ticket_id: str, batches: list[Found]) -> Found:
    """Batches with their weighings, the receipts of their lots, and the specimens."""
    batches = sorted(batches, key=itemgetter("mixed_at", "batch_id"))
    receipts: list[Found] = []
    of_batch = defaultdict(list)
    specimens: dict[str, Found] = {}  # each once, however many plants mixed for the ticket
    for plant_id in sorted({batch["plant_id"] for batch in batches}) or [None]:
        mine = [batch for batch in batches if batch["plant_id"] == plant_id]
        for weighing in _weighings(connection, ticket_id, mine):
            of_batch[plant_id, weighing["batch_id"]].append(weighing)
        used = {(row["material"], row["lot_no"]) for batch in mine for row in of_batch[plant_id, batch["batch_id"]]}
        lots = sorted({lot_no for _, lot_no in used if lot_no is not None})
        found = rows(connection, _RECEIPTS, {"plant": plant_id, "lots": lots}) if lots else []
        receipts += [receipt for receipt in found if (receipt["material"], receipt["lot_no"]) in used]
        asked = {"id": ticket_id, "plant": plant_id, "batches": [batch["batch_id"] for batch in mine]}
        specimens |= {specimen["specimen_id"]: specimen for specimen in rows(connection, _SPECIMENS, asked)}
    return {
        "batches": [{**batch, "weighings": of_batch[batch["plant_id"], batch["batch_id"]]} for batch in batches],
        "receipts": receipts,
        "is_sampled": bool(specimens),
        "specimens": list(specimens.values()),
    }


def _weighings(connection: duckdb.DuckDBPyConnection, ticket_id: str, batches: list[Found]) -> list[Found]:
    """The ticket's weighings at one plant, each with the state of its lot; the batches in the order of time."""
    if not batches:
        return []
    plant = {"plant": batches[0]["plant_id"]}
    span = {"first_at": batches[0]["mixed_at"], "last_at": batches[-1]["mixed_at"]}
    weighings = rows(connection, _WEIGHINGS, {"id": ticket_id, **plant, **span})
    lots = sorted({weighing["lot_no"] for weighing in weighings if weighing["lot_no"] is not None})
    found = rows(connection, _LOT_STATES, {**plant, "lots": lots}) if lots else []
    states = {(lot["material"], lot["lot_no"]): lot for lot in found}
    unrecorded = {"lot_state": "lot_not_recorded"}
    return [{**row, **states.get((row["material"], row["lot_no"]), unrecorded)} for row in weighings]


def _lots(connection: duckdb.DuckDBPyConnection, wanted: str, plant: str | None) -> Iterator[Found]:
    """Every lot of that number, each with its receipts and the tickets that it reached."""
    lots = [lot for lot in rows(connection, _LOTS, {"id": wanted}) if plant in (None, lot["plant_id"])]
    reached = [_reached(connection, lot) for lot in lots]
    names = dict(connection.execute(_PROJECT_NAMES).fetchall()) if lots else {}
    for ticket in chain.from_iterable(reached):
        ticket["project_name"] = names.get(ticket["project_id"])
    _tell_parts_and_specimens(connection, list(chain.from_iterable(reached)))
    for lot, tickets in zip(lots, reached, strict=True):
        receipts = rows(connection, _RECEIPTS, {"plant": lot["plant_id"], "lots": [wanted]})
        yield {
            "kind": "lot",
            **lot,
            "receipt_rows": [receipt for receipt in receipts if receipt["material"] == lot["material"]],
            "tickets": tickets,
            "projects": sorted({ticket["project_id"] for ticket in tickets if ticket["project_id"] is not None}),
        }


def _reached(connection: duckdb.DuckDBPyConnection, lot: Found) -> list[Found]:
    """The tickets that hold the lot, as delivered: at its plant on its days or the day after, or else anywhere."""
    near = {"plant": lot["plant_id"], "first_on": lot["first_mixed_on"], "last_on": lot["last_mixed_on"]}
    reached = rows(connection, _REACHED, {"id": lot["lot_no"], "material": lot["material"], **near})
    sought = {ticket["ticket_id"] for ticket in reached} - {None}
    found = rows(connection, _DELIVERED + _NEAR, {"tickets": sorted(sought), **near}) if sought else []
    missing = sought - {ticket["ticket_id"] for ticket in found}
    found += rows(connection, _DELIVERED, {"tickets": sorted(missing)}) if missing else []
    delivered = {ticket["ticket_id"]: ticket for ticket in found}
    unknown = dict.fromkeys(("grade", "delivered_m3", "delivered_on", "order_id", "project_id"))
    return [ticket | delivered.get(ticket["ticket_id"], unknown) for ticket in reached]


def _tell_parts_and_specimens(connection: duckdb.DuckDBPyConnection, tickets: list[Found]) -> None:
    """Add to each ticket its order's part and permit, and the number of its specimens."""
    orders = sorted({ticket["order_id"] for ticket in tickets} - {None})
    ids = sorted({ticket["ticket_id"] for ticket in tickets} - {None})
    parts = {row.pop("order_id"): row for row in rows(connection, _PARTS, {"orders": orders})} if orders else {}
    sampled = rows(connection, _SAMPLED, {"tickets": ids}) if ids else []
    specimens = {row["ticket_id"]: row["specimens"] for row in sampled}
    for ticket in tickets:
        ticket.update(parts.get(ticket["order_id"], {"structure_part": None, "permit_no": None}))
        ticket["specimens"] = specimens.get(ticket["ticket_id"], 0)


def _projects(connection: duckdb.DuckDBPyConnection, wanted: str) -> Iterator[Found]:
    """The project with its permits, tickets and lots."""
    for project in rows(connection, _PROJECT, {"id": wanted}):
        tickets = rows(connection, _SERVED, {"id": wanted})
        _tell_parts_and_specimens(connection, tickets)
        served = {"tickets": [ticket["ticket_id"] for ticket in tickets]}
        mixed = rows(connection, _MIXED_FOR, served) if tickets else []
        yield {
            "kind": "project",
            **project,
            "permit_rows": rows(connection, _PERMITS, {"id": wanted}),
            "tickets": tickets,
            "lots": [lot for place in mixed for lot in rows(connection, _USED, place | served)],
        }
