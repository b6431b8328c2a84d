"""Evidence: mixes, tests, receipts, statements and batches as rows under the contracts' names.

Belongs here: ids, versions, what is known when, for the feeds around production. Does not belong here: the models
behind the rows, how rows look in a file. Columns that start with `_` are bookkeeping, as in records.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulation.batches import Batches
from simulation.codes import Codes, station_code
from simulation.conduct import Conduct
from simulation.demand import GRADES
from simulation.mixes import MATERIALS, MIX_STATUSES, SLOTS, Mixes, sand_ratio, water_binder_ratio
from simulation.orders import Orders
from simulation.plants import Plants
from simulation.records import entries, instants, numbered, ticket_ids
from simulation.silos import Receipts
from simulation.statements import Statements, first_day_of
from simulation.streams import DAY_S, Bools, Floats, Ints, stream
from simulation.strength import StrengthTests
from simulation.tickets import Tickets

CURINGS = ("standard", "field")
RESULTS = ("合格", "不合格", "待检")
PASSED, FAILED, PENDING = range(3)
TESTS_AMENDED_SHARE = 0.006  # a laboratory mistyped a cube and sends the group again
BATCHES_AMENDED_SHARE = 0.002  # a weighing entered by hand afterwards


def days(numbers: Ints) -> pa.Array:
    """Day numbers as date32."""
    return pa.array(numbers.astype("datetime64[D]"))


def mix_ids(mixes: Mixes, rows: Ints, plants: Plants) -> pa.Array:
    """`P001-PB-0007`."""
    plant_ids = pa.array([f"{plant_id}-PB" for plant_id in plants.plant_id]).take(pa.array(mixes.plant[rows]))
    return numbered(plant_ids, mixes.number[rows], 4)


def batch_ids(orders: Orders, tickets: Tickets, ticket: Ints, place: Ints) -> pa.Array:
    """The running number of the order, of its truck and of the truck's batch."""
    number = (orders.number[tickets.order[ticket]] * 1_000 + tickets.sequence[ticket]) * 10 + place
    return pc.utf8_lpad(pa.array(number).cast(pa.string()), 11, "0")


def mix_records(mixes: Mixes, plants: Plants, sender_of_plant: Ints, first_s: int, cut_s: int) -> pa.Table:
    """One row per state of a mix; those filed before the window opens are sent on its first day."""
    told_s = np.maximum(mixes.from_day * DAY_S + 35 * 3600, first_s + 600)
    rows = np.flatnonzero(told_s < cut_s)
    kg_per_m3, reported_s = mixes.kg_per_m3[rows], told_s[rows]
    key = mixes.plant[rows] * 10_000 + mixes.number[rows]  # ascending, and by day
    columns = {
        "mix_id": mix_ids(mixes, rows, plants),
        "plant_id": entries(mixes.plant[rows], plants.plant_id),
        "grade": entries(mixes.grade[rows], GRADES),
        "filed_on": days(mixes.filed[rows]),
        "water_binder_ratio": pa.array(water_binder_ratio(kg_per_m3)),
        "sand_ratio": pa.array(sand_ratio(kg_per_m3)),
        "slump_mm": pa.array(mixes.slump_mm[rows]),
        "status": entries(mixes.status[rows], MIX_STATUSES),
        "updated_at": instants(mixes.from_day[rows] * DAY_S + 9 * 3600),
        "known_at": instants(reported_s),
    }
    for slot, name in enumerate(SLOTS):
        columns[f"{name}.kg_per_m3"] = pa.array(kg_per_m3[:, slot], mask=kg_per_m3[:, slot] == 0)
    single = np.bincount(key)[key] == 1
    is_older = np.append(key[1:] == key[:-1], False)
    return pa.table(columns | _book(sender_of_plant[mixes.plant[rows]], reported_s, key, single, is_older))


def receipt_records(seed: int, receipts: Receipts, plants: Plants, sender_of_plant: Ints, cut_s: int) -> pa.Table:
    """One row per receipt reported before `cut_s`; before its result is known a lot may be reported as pending."""
    rng = stream(seed, "receipt records", int(receipts.received_s[0]), len(receipts))
    key = (receipts.plant * len(SLOTS) + receipts.slot) * 1_000_000 + receipts.number
    pending = receipts.is_pending == 1
    tested_s = receipts.received_s + rng.integers(1, 6, len(receipts)) * DAY_S
    prompt_s = receipts.received_s + rng.integers(900, 14 * 3600, len(receipts))
    is_told = pending & (tested_s + 7_200 < cut_s)

    def part(rows: Ints, result: Ints, updated_s: Ints, reported_s: Ints, is_older: Bools) -> pa.Table:
        at = pa.array(rows)
        lots = pa.array(receipts.lot_no).take(at)
        plant_ids = pa.array(plants.plant_id).take(pa.array(receipts.plant[rows]))
        return pa.table(
            {
                "receipt_id": pc.binary_join_element_wise("GB", plant_ids, lots, "-"),
                "plant_id": entries(receipts.plant[rows], plants.plant_id),
                "material": entries(receipts.slot[rows], MATERIALS),
                "lot_no": lots,
                "supplier_id": pa.array(receipts.supplier).take(at),
                "received_at": instants(receipts.received_s[rows]),
                "net_t": receipts.net_t[rows],
                "unit_price_cny_per_t": receipts.unit_price_cny_per_t[rows],
                "test_report_no": pc.if_else(
                    pa.array(result == PENDING), pa.scalar(None, pa.string()),
                    pc.binary_join_element_wise("YCL", lots, "-"),
                ),
                "test_result": entries(result, RESULTS),
                "updated_at": instants(updated_s),
                "known_at": instants(reported_s),
            }
            | _book(sender_of_plant[receipts.plant[rows]], reported_s, key[rows], ~pending[rows], is_older)
        )  # fmt: skip

    final = np.flatnonzero(~pending | is_told)
    first = np.flatnonzero(pending & (prompt_s < cut_s))
    told_s = np.where(pending, tested_s + 7_200, prompt_s)
    result = np.where(receipts.has_failed == 1, FAILED, PASSED)
    waiting = np.full(len(first), PENDING)
    parts = [
        part(final, result[final], np.where(pending, tested_s, receipts.received_s)[final], told_s[final],
             np.zeros(len(final), dtype=bool)),
        part(first, waiting, receipts.received_s[first], prompt_s[first], is_told[first]),
    ]  # fmt: skip
    table = pa.concat_tables(parts)
    return table.filter(pa.array(table["_reported_s"].to_numpy() < cut_s))


def test_records(
    seed: int, tests: StrengthTests, orders: Orders, tickets: Tickets, plants: Plants, conduct: Conduct,
    codes: Codes, batches_from_s: int, senders: int, sender_of_plant: Ints, cut_s: int,
) -> pa.Table:  # fmt: skip
    """One row per group reported before `cut_s`; some laboratories write the quality station's codes for plants."""
    rng = stream(seed, "test records", int(tests.cast_day[0]), len(tests))
    order = tickets.order[tests.ticket]
    plant = orders.plant[order]
    tested_day = tests.cast_day + tests.age_d
    reported_s = tested_day * DAY_S + rng.integers(16 * 3600, 44 * 3600, len(tests))
    amended_s = reported_s + rng.integers(1, 9, len(tests)) * DAY_S
    is_amended = (rng.random(len(tests)) < TESTS_AMENDED_SHARE) & (amended_s < cut_s)
    ages = np.array([3, 7, 28, 60])
    key = (orders.number[order] * 1_000 + tickets.sequence[tests.ticket]) * 10 + np.searchsorted(ages, tests.age_d)
    is_own = tests.lab < len(plants)
    sender = np.where(is_own, sender_of_plant[plant], senders + tests.lab - len(plants))
    called = station_code(codes, plants, plant, tests.cast_day, conduct.lab_writes_codes[tests.lab])
    labs = pa.array(conduct.lab_id).take(pa.array(tests.lab))
    has_batch = is_own & (tickets.batched_s[tests.ticket] >= batches_from_s)
    sampled = batch_ids(orders, tickets, tests.ticket, np.ones(len(tests), dtype=np.int64))
    numbers = pc.utf8_lpad(pa.array(key).cast(pa.string()), 12, "0")
    wrong = tests.cubes_mpa.copy()
    wrong[:, 1] = (wrong[:, 1] + 10).round(1)

    def part(rows: Ints, cubes: Floats, told_s: Ints, is_older: Bools) -> pa.Table:
        at = pa.array(rows)
        return pa.table(
            {
                "specimen_id": pc.binary_join_element_wise(labs, numbers, "-").take(at),
                "plant_id": called.take(at),
                "ticket_id": ticket_ids(orders, tickets, tests.ticket[rows], plants),
                "batch_id": pc.if_else(pa.array(has_batch), sampled, pa.scalar(None, pa.string())).take(at),
                "lab_id": entries(tests.lab[rows], conduct.lab_id),
                "grade": entries(orders.grade[order[rows]], GRADES),
                "cast_on": days(tests.cast_day[rows]),
                "tested_on": days(tested_day[rows]),
                "age_d": tests.age_d[rows],
                "cube_1_mpa": cubes[rows, 0],
                "cube_2_mpa": cubes[rows, 1],
                "cube_3_mpa": cubes[rows, 2],
                "size_mm": tests.size_mm[rows],
                "curing": entries(tests.is_field_cured[rows].astype(np.int64), CURINGS),
                "result": entries(np.where(tests.is_fit[rows], PASSED, FAILED), RESULTS),
                "updated_at": instants(told_s),
                "known_at": instants(told_s),
            }
            | _book(sender[rows], told_s, key[rows], ~is_amended[rows], is_older)
        )

    rows = np.arange(len(tests))
    first, again = rows[reported_s < cut_s], rows[is_amended]
    return pa.concat_tables(
        [
            part(first, np.where(is_amended[:, None], wrong, tests.cubes_mpa), reported_s[first], is_amended[first]),
            part(again, tests.cubes_mpa, amended_s[again], np.zeros(len(again), dtype=bool)),
        ]
    )


def statement_records(seed: int, lines: Statements, plants: Plants, sender_of_plant: Ints, cut_s: int) -> pa.Table:
    """One row per line stated before `cut_s`, early in the next month; a second one for a correction."""
    rng = stream(seed, "statement records")
    due_s = first_day_of(lines.month + 1) * DAY_S + rng.integers(2, 9, len(lines)) * DAY_S + 15 * 3600
    corrected_s = due_s + rng.integers(20, 80, len(lines)) * DAY_S
    is_corrected = lines.is_revised & (corrected_s < cut_s)
    key = (lines.plant * 1_000 + lines.month) * len(GRADES) + lines.grade

    def part(rows: Ints, delivered_m3: Floats, told_s: Ints, is_older: Bools) -> pa.Table:
        return pa.table(
            {
                "plant_id": entries(lines.plant[rows], plants.plant_id),
                "month": days(first_day_of(lines.month[rows])),
                "grade": entries(lines.grade[rows], GRADES),
                "m3_delivered": delivered_m3[rows],
                "m3_ordered": lines.ordered_m3[rows],
                "cement_t": lines.cement_t[rows],
                "cny_sales": lines.sales_cny[rows],
                "updated_at": instants(told_s[rows]),
                "known_at": instants(told_s[rows]),
            }
            | _book(sender_of_plant[lines.plant[rows]], told_s[rows], key[rows], ~is_corrected[rows], is_older[rows])
        )

    rows = np.arange(len(lines))
    nothing = np.zeros(len(lines), dtype=bool)
    first_m3 = np.where(is_corrected, lines.first_m3, lines.delivered_m3)
    return pa.concat_tables(
        [
            part(rows[due_s < cut_s], first_m3, due_s, is_corrected),
            part(rows[is_corrected], lines.delivered_m3, corrected_s, nothing),
        ]
    )


def batch_records(
    seed: int, batches: Batches, plant: int, orders: Orders, tickets: Tickets, mixes: Mixes, plants: Plants,
    lot_texts: Sequence[Sequence[str]], lots: Ints, cut_s: int,
) -> pa.Table:  # fmt: skip
    """One row per batch of a plant, and a second one for a weighing corrected the day after.

    `lots` is the lot in use by batch and slot, into `lot_texts`; shape (batches, slots).
    """
    rng = stream(seed, "batch records", plant, int(batches.mixed_s[0]))
    corrected_s = batches.mixed_s + 20 * 3600
    is_amended = (rng.random(len(batches)) < BATCHES_AMENDED_SHARE) & (corrected_s < cut_s)
    again = np.flatnonzero(is_amended)
    rows = np.concatenate([np.arange(len(batches)), again])
    is_older = np.concatenate([is_amended, np.zeros(len(again), dtype=bool)])
    is_again = np.arange(len(rows)) >= len(batches)
    actual_kg = batches.actual_kg[rows]
    actual_kg[is_older, 0] = 0.0  # what the scale told before somebody entered it
    ticket = batches.ticket[rows]
    updated_s = np.where(is_again, corrected_s[rows], batches.mixed_s[rows] + 30)
    columns = {
        "batch_id": batch_ids(orders, tickets, ticket, batches.place[rows]),
        "plant_id": entries(np.full(len(rows), plant), plants.plant_id),
        "ticket_id": ticket_ids(orders, tickets, ticket, plants),
        "line_no": entries(batches.line[rows], [f"{n}#" for n in range(int(plants.lines[plant]) + 1)]),
        "mixed_at": instants(batches.mixed_s[rows]),
        "batch_m3": pa.array(batches.batch_m3[rows]),
        "mix_id": mix_ids(mixes, batches.mix[rows], plants),
        "mixing_s": pa.array(batches.mixing_s[rows]),
        "updated_at": instants(updated_s),
    }
    for slot, name in enumerate(SLOTS):
        target_kg = batches.target_kg[rows, slot]
        is_empty = target_kg == 0
        lot = lots[rows, slot]
        texts = pa.array(lot_texts[slot], pa.string())
        columns[f"{name}.lot_no"] = pa.DictionaryArray.from_arrays(
            pa.array(np.maximum(lot, 0).astype(np.int32), mask=is_empty | (lot < 0)), texts
        )
        columns[f"{name}.target_kg"] = pa.array(target_kg, mask=is_empty)
        columns[f"{name}.actual_kg"] = pa.array(actual_kg[:, slot], mask=is_empty)
    key = (orders.number[tickets.order[ticket]] * 1_000 + tickets.sequence[ticket]) * 10 + batches.place[rows]
    book = _book(np.zeros(len(rows), dtype=np.int64), updated_s, key, ~is_amended[rows], is_older)
    book["_truth_m3"] = pa.array(np.where(is_older, 0.0, batches.batch_m3[rows]))
    return pa.table(columns | book)


def _book(sender: Ints, reported_s: Ints, key: Ints, is_single: Bools, is_older: Bools) -> dict[str, pa.Array]:
    """The bookkeeping columns of rows (see records.py)."""
    return {
        "_sender": pa.array(sender),
        "_reported_s": pa.array(reported_s),
        "_key": pa.array(key),
        "_is_single": pa.array(is_single),
        "_is_older": pa.array(is_older),
    }
