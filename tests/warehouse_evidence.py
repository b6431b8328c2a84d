"""What surrounds production in the small city of `warehouse_city`: mixes, batches, receipts, tests, statements, codes.

Belongs here: the rows. Does not belong here: what the warehouse should make of them (the tests compute that).
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

Rows = list[dict[str, Any]]

MOVED_ON = date(2025, 2, 1)  # until then the quality station's ZJ1 is P1, from then on P2
UNKNOWN_PLANT, UNKNOWN_SUPPLIER = "ZJ9", "S9"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
KG_PER_M3 = {"cement": 300.0, "stone": 1000.0, "water": 170.0}


def crosswalk(known: datetime) -> Rows:
    """Codes of the quality station and of an ERP."""
    entries: list[tuple[str, str, str, str, date, date | None]] = [
        ("plant", "quality_station", "ZJ1", "P1", date(2020, 1, 1), MOVED_ON - DAY),
        ("plant", "quality_station", "ZJ1", "P2", MOVED_ON, None),
        ("lab", "quality_station", "JCJG1", "JC1", date(2020, 1, 1), None),
        ("supplier", "erp", "GYS1", "S1", date(2020, 1, 1), None),
        ("supplier", "erp", "GYS2", "S2", date(2020, 1, 1), None),
    ]
    names = ("kind", "system", "code", "canonical_id", "valid_from", "valid_to")
    return [{**dict(zip(names, entry, strict=True)), "known_at": known} for entry in entries]


def mixes(known: datetime) -> Rows:
    """A mix per plant, filed long ago; from day 30 on it has more cement, and P3's is withdrawn on day 40."""
    rows: Rows = []
    for plant in ("P1", "P2", "P3"):
        mix = {"plant_id": plant, "mix_id": f"{plant}-M", "grade": "C30", "filed_on": date(2024, 11, 1)}
        mix |= {"sand_ratio": 0.42, "status": "active"}
        rows.append({**mix, "materials": _parts(300.0), "known_at": known})
        rows.append({**mix, "materials": _parts(320.0), "known_at": known + DAY * 30})
    rows.append({**rows[-1], "status": "withdrawn", "known_at": known + DAY * 40})
    return rows


def _parts(cement: float) -> Rows:
    kg = {**KG_PER_M3, "cement": cement}
    stones = [{"material": "stone", "kg_per_m3": kg["stone"] * share} for share in (0.4, 0.6)]
    return [{"material": name, "kg_per_m3": kg[name]} for name in ("cement", "water")] + stones


def batches(dice: random.Random, tickets: Rows) -> Rows:
    """Two batches for every third ticket. Some come again amended, some under the quality station's code too."""
    rows: Rows = []
    for ticket in tickets[::3]:
        for place in (1, 2):
            mixed = ticket["batched_at"] - MINUTE * (3 - place)
            batch = {"plant_id": ticket["plant_id"], "batch_id": f"{ticket['ticket_id']}-{place}"}
            batch |= {"ticket_id": ticket["ticket_id"], "mixed_at": mixed, "batch_m3": round(ticket["load_m3"] / 2, 2)}
            batch |= {"mix_id": f"{ticket['plant_id']}-M", "known_at": mixed + DAY}
            batch["materials"] = _weighings(dice, batch["batch_m3"], mixed)
            rows.append(batch)
            fate = dice.random()
            amended = {"materials": _weighings(dice, batch["batch_m3"], mixed), "known_at": mixed + DAY * 3}
            if fate < 0.06:
                rows.append({**batch, **amended})
            elif fate < 0.12 and (code := code_of(batch["plant_id"], mixed)):
                rows.append({**batch, **amended, "plant_id": code})
    return rows


def code_of(plant: str, instant: datetime) -> str | None:
    """What the quality station calls a plant at an instant."""
    is_moved = (instant + timedelta(hours=8)).date() >= MOVED_ON
    return "ZJ1" if plant == ("P2" if is_moved else "P1") else None


def _weighings(dice: random.Random, volume: float, mixed: datetime) -> Rows:
    lots = f"{mixed:%y%m%d}"[:5]  # a new lot every ten days

    def weighing(material: str, lot: str | None, kg: float) -> dict[str, Any]:
        target = round(kg * volume, 1)
        return {
            "material": material,
            "lot_no": lot,
            "target_kg": target if dice.random() > 0.05 else None,
            "actual_kg": round(target * dice.gauss(1, 0.01), 1),
        }

    return [
        weighing("cement", f"C{lots}" if dice.random() > 0.1 else None, 290.0),
        weighing("stone", f"A{lots}", 400.0),
        weighing("stone", f"B{lots}", 600.0),
        weighing("water", None, 170.0),
        *([weighing("other", None, 2.0)] if dice.random() < 0.05 else []),
    ]


def receipts(dice: random.Random, batch_rows: Rows) -> Rows:
    """A receipt or two for most lots of each plant; some fail their test, some wait for it."""
    lots = {
        (row["plant_id"], weighing["material"], weighing["lot_no"])
        for row in batch_rows
        for weighing in row["materials"]
        if weighing["lot_no"] and row["plant_id"] != "ZJ1"
    }
    rows: Rows = []
    for plant, material, lot in sorted(lots):
        if dice.random() < 0.15:
            continue
        for number in range(dice.choice([1, 1, 2])):
            received = datetime.strptime(f"20{lot[1:]}1", "%Y%m%d").replace(tzinfo=UTC) - DAY * (3 - number)
            row = {"receipt_id": f"R-{plant}-{lot}-{number}", "plant_id": plant, "material": material, "lot_no": lot}
            row |= {"supplier_id": dice.choice(["S1", "GYS1", "GYS2", UNKNOWN_SUPPLIER]), "received_at": received}
            row |= {"net_t": round(dice.uniform(20, 60), 2), "unit_price_cny_per_t": 330.0}
            row |= {"test_result": dice.choice(["合格", "合格", "合格", "不合格", "待检", None])}
            row |= {"test_report_no": f"YCL-{lot}-{number}" if row["test_result"] in ("合格", "不合格") else None}
            rows.append({**row, "known_at": received + DAY})
    return rows


def strength_tests(dice: random.Random, tickets: Rows) -> Rows:
    """A group for every eighth ticket, some by a laboratory that writes the quality station's codes."""
    rows: Rows = []
    for number, ticket in enumerate(tickets[::8]):
        cast = (ticket["batched_at"] + timedelta(hours=8)).date()
        mean = dice.uniform(30, 45)
        test = {"specimen_id": f"SP{number:03}", "plant_id": ticket["plant_id"], "ticket_id": ticket["ticket_id"]}
        test |= {"lab_id": dice.choice(["JC1", "JCJG1", "L1"]), "grade": ticket["grade"], "cast_on": cast}
        if number % 3 == 0:
            test["plant_id"] = code_of(ticket["plant_id"], ticket["batched_at"]) or UNKNOWN_PLANT
        test |= {f"cube_{n}_mpa": round(mean * dice.choice([1.0, 1.0, 0.99, 1.02, 0.84, 1.17]), 1) for n in (1, 2, 3)}
        test |= {"tested_on": cast + DAY * 28, "age_d": 28, "size_mm": dice.choice([100, 150, 150, 200, None, 70])}
        rows.append({**test, "curing": "standard", "known_at": ticket["batched_at"] + DAY * 29})
    return rows


def statements(known: datetime) -> Rows:
    """January as three plants state it, one of them by its code and again by its id."""
    line = {"month": date(2025, 1, 1), "grade": "C30", "m3_delivered": 100.0, "known_at": known + DAY * 33}
    rows = [{**line, "plant_id": plant} for plant in ("ZJ1", "P2", "P3")]
    return [*rows, {**line, "plant_id": "P1", "m3_delivered": 120.0, "known_at": known + DAY * 35}]


def evidence(seed: int, tickets: Rows, known: datetime) -> dict[str, Rows]:
    """Feed -> rows, around tickets that have a load and a batching time."""
    dice = random.Random(seed)
    known_tickets = [ticket for ticket in tickets if ticket["plant_id"] != "nowhere"]
    batch_rows = batches(dice, known_tickets)
    return {
        "crosswalk": crosswalk(known),
        "mixes": mixes(known),
        "batches": batch_rows,
        "material_receipts": receipts(dice, batch_rows),
        "strength_tests": strength_tests(dice, known_tickets),
        "statements": statements(known),
    }
