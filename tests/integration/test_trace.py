"""A trace through the small city: every link that plain Python finds, and plain words where there is none."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from typing import Any

import duckdb
import pytest
from test_warehouse_facts import newest_batches
from warehouse_built import Versions, Warehouses

from orchestration.cli import run_command
from orchestration.commands.options import console
from orchestration.trace import read_trace
from orchestration.trace_text import print_trace
from store.home import WAREHOUSE_FILE, Home
from store.messages import EXIT_FAILED, TongmaiError


@pytest.fixture
def city(home: Home, warehouses: Warehouses) -> Home:
    """A home whose published version is the built city."""
    folder = home.versions / "v1"
    folder.mkdir(parents=True)
    (folder / WAREHOUSE_FILE).hardlink_to(warehouses.whole)
    home.current.symlink_to(folder)
    return home


def tickets_of(versions: dict[str, Versions]) -> dict[str, list[dict[str, Any]]]:
    """Ticket -> its batches, newest versions only, in the order of mixing."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for (plant, _), batch in newest_batches(versions).items():
        found[batch["ticket_id"]].append({**batch, "plant_id": plant})
    return {ticket: sorted(batches, key=lambda batch: batch["mixed_at"]) for ticket, batches in found.items()}


def test_a_ticket_leads_to_its_batches_lots_reports_and_specimens(city: Home, versions: dict[str, Versions]) -> None:
    orders = {row["order_id"]: row for row in versions["orders"]}
    tests = defaultdict(set)
    for row in versions["strength_tests"]:
        tests[row["ticket_id"]].add(row["specimen_id"])
    sampled = set()
    for ticket_id, batches in list(tickets_of(versions).items())[:60]:
        (ticket,) = read_trace(city, ticket_id)["found"]
        assert ticket["kind"] == "ticket"
        assert [batch["batch_id"] for batch in ticket["batches"]] == [batch["batch_id"] for batch in batches]
        lots = set()
        for batch, expected in zip(ticket["batches"], batches, strict=True):
            weighed = [(row["material"], row["lot_no"], row["actual_kg"]) for row in batch["weighings"]]
            assert weighed == [(row["material"], row["lot_no"], row["actual_kg"]) for row in expected["materials"]]
            for weighing in batch["weighings"]:
                assert (weighing["lot_state"] == "lot_not_recorded") == (weighing["lot_no"] is None)
                lots.add((batch["plant_id"], weighing["material"], weighing["lot_no"]))
        due = {row["receipt_id"] for row in versions["material_receipts"]
               if (row["plant_id"], row["material"], row["lot_no"]) in lots}  # fmt: skip
        assert {receipt["receipt_id"] for receipt in ticket["receipts"]} == due
        assert {specimen["specimen_id"] for specimen in ticket["specimens"]} == tests[ticket_id]
        assert ticket["is_sampled"] == bool(tests[ticket_id])
        sampled.add(ticket["is_sampled"])
        if ticket["order_id"] in orders:
            assert ticket["project_id"] == orders[ticket["order_id"]]["project_id"]
            assert ticket["permit_no"] == orders[ticket["order_id"]]["permit_no"]
    assert sampled == {True, False}


def test_a_lot_reaches_every_ticket_that_holds_it_at_its_own_plant(city: Home, versions: dict[str, Versions]) -> None:
    reached: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for batches in tickets_of(versions).values():
        for batch in batches:
            for weighing in batch["materials"]:
                reached[batch["plant_id"], weighing["material"], weighing["lot_no"]].add(batch["ticket_id"])
    lot_no = next(lot for _, material, lot in reached if material == "cement" and lot is not None)
    lots = read_trace(city, lot_no)["found"]
    assert len(lots) > 1, "plants number their lots alike"
    for lot in lots:
        tickets = {ticket["ticket_id"] for ticket in lot["tickets"]}
        assert tickets == reached[lot["plant_id"], lot["material"], lot_no]
    (only,) = read_trace(city, lot_no, plant=lots[0]["plant_id"])["found"]
    assert only == lots[0]


def test_a_ticket_dated_far_from_its_batches_at_another_plant_is_traced_all_the_same(
    city: Home, versions: dict[str, Versions]
) -> None:
    ticket_id, lot_no = next(
        (ticket, weighing["lot_no"])
        for ticket, batches in tickets_of(versions).items()
        for weighing in batches[0]["materials"]
        if weighing["material"] == "cement" and weighing["lot_no"] is not None
        if read_trace(city, ticket)["found"][0]["is_on_record"]
    )
    (before,) = read_trace(city, ticket_id)["found"]
    shared = city.published
    strayed = shutil.copyfile(shared, shared.with_name("strayed.duckdb"))
    with duckdb.connect(str(strayed)) as connection:
        connection.execute(
            "UPDATE marts.fct_deliveries SET plant_id = 'elsewhere', delivered_on = delivered_on + 40 "
            "WHERE ticket_id = $id",
            {"id": ticket_id},
        )
    strayed.rename(shared)
    (after,) = read_trace(city, ticket_id)["found"]
    assert after["plant_id"] == "elsewhere"
    assert after["batches"] == before["batches"]
    (ticket,) = [
        ticket
        for lot in read_trace(city, lot_no, plant=before["batches"][0]["plant_id"])["found"]
        for ticket in lot["tickets"]
        if lot["material"] == "cement" and ticket["ticket_id"] == ticket_id
    ]
    assert ticket["delivered_on"] == after["delivered_on"]
    assert ticket["order_id"] == before["order_id"]


def test_a_project_lists_its_tickets_and_lots(city: Home, versions: dict[str, Versions]) -> None:
    (project,) = read_trace(city, "J01")["found"]
    tickets = {ticket["ticket_id"] for ticket in project["tickets"]}
    assert tickets
    batches = tickets_of(versions)
    lots: dict[tuple[str, str, str | None], list[tuple[str, float]]] = defaultdict(list)
    for ticket in tickets:
        for batch in batches.get(ticket, []):
            for weighing in batch["materials"]:
                lot = batch["plant_id"], weighing["material"], weighing["lot_no"]
                lots[lot].append((ticket, weighing["actual_kg"] or 0))
    told = {(lot["plant_id"], lot["material"], lot["lot_no"]): lot for lot in project["lots"]}
    assert told.keys() == lots.keys()
    for lot, weighings in lots.items():
        assert told[lot]["tickets"] == len({ticket for ticket, _ in weighings})
        assert (told[lot]["actual_kg"] or 0) == pytest.approx(sum(kg for _, kg in weighings))


def test_what_is_missing_is_said_and_never_called_passed(city: Home, versions: dict[str, Versions]) -> None:
    sampled = {row["ticket_id"] for row in versions["strength_tests"]}
    ticket_id = next(
        ticket
        for ticket, batches in tickets_of(versions).items()
        if ticket not in sampled and any(row["lot_no"] is None for batch in batches for row in batch["materials"])
    )
    with console.capture() as capture:
        print_trace(console, read_trace(city, ticket_id))
    text = capture.get()
    assert "Specimens: not sampled" in text
    assert "lot not recorded" in text
    assert "Cement" in text, "materials go by their names"
    assert "passed" not in text


def test_an_id_that_nothing_bears_is_told(city: Home) -> None:
    with pytest.raises(TongmaiError, match="no ticket, lot or project 'nothing'") as failure:
        read_trace(city, "nothing")
    assert failure.value.exit_code == EXIT_FAILED


def test_the_command_prints_json(city: Home, versions: dict[str, Versions], capsys: pytest.CaptureFixture[str]) -> None:
    ticket_id = next(iter(tickets_of(versions)))
    assert run_command(["trace", ticket_id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["found"][0]["ticket_id"] == ticket_id
    assert run_command(["trace", "nothing"]) == EXIT_FAILED
