"""What the small city's plants weigh, take in and state: versions of batches, mixes, receipts and statements.

Belongs here: the rows. Does not belong here: orders and tickets (warehouse_city), what the warehouse makes of any.
"""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

Rows = list[dict[str, Any]]
DAY = timedelta(days=1)
KG_PER_M3 = {"cement": 251.3, "sand": 803.7, "stone": 1051.9, "water": 171.1, "admixture": 6.7}
PLANTS = ("P1", "P2", "P3")


def evidence(deliveries: Rows, first_day: datetime, days: int, seed: int = 7) -> dict[str, Rows]:
    """Feed -> versions without lineage: each ticket in two batches, a receipt every few days, a statement a month."""
    dice = random.Random(seed)
    tickets = {row["ticket_id"]: row for row in deliveries if "load_m3" in row and "batched_at" in row}
    return {
        "batches": [batch for ticket in tickets.values() for batch in _batches(dice, ticket)],
        "mixes": [_mix(plant, grade, first_day) for plant in PLANTS for grade in ("C30", "C45")],
        "material_receipts": _receipts(dice, first_day, days),
        "statements": _statements(dice, list(tickets.values())),
    }


def _batches(dice: random.Random, ticket: dict[str, Any]) -> Rows:
    batch = {name: ticket[name] for name in ("plant_id", "ticket_id")} | {"mixed_at": ticket["batched_at"]}
    batch |= {"mix_id": f"M-{ticket['grade']}", "known_at": ticket["batched_at"] + DAY * dice.choice([0, 0, 2])}
    rows = []
    for number in range(2):
        volume = round(ticket["load_m3"] / 2, 2)
        weighings = [
            {
                "material": material,
                "lot_no": f"L{dice.randrange(9)}",
                "target_kg": round(kg * volume, 1),
                "actual_kg": round(kg * volume * dice.gauss(1, 0.01), 1),
            }
            for material, kg in KG_PER_M3.items()
        ]
        rows.append(
            {**batch, "batch_id": f"{ticket['ticket_id']}-{number}", "batch_m3": volume, "materials": weighings}
        )
    return rows


def _mix(plant: str, grade: str, first_day: datetime) -> dict[str, Any]:
    parts = [{"material": material, "kg_per_m3": kg} for material, kg in KG_PER_M3.items()]
    mix = {"plant_id": plant, "mix_id": f"M-{grade}", "grade": grade, "materials": parts, "status": "active"}
    return {**mix, "filed_on": date(2024, 12, 1), "known_at": first_day}


def _receipts(dice: random.Random, first_day: datetime, days: int) -> Rows:
    rows: Rows = []
    for day in range(0, days, 3):
        for plant in PLANTS:
            for material in KG_PER_M3:
                receipt = {"receipt_id": f"R{plant}{material}{day}", "plant_id": plant, "material": material}
                receipt |= {"lot_no": f"L{dice.randrange(9)}", "net_t": round(dice.uniform(5, 60), 2)}
                receipt |= {"unit_price_cny_per_t": round(dice.uniform(50, 400), 1)}
                received = first_day + DAY * day
                rows.append({**receipt, "received_at": received, "known_at": received + DAY})
                if dice.random() < 0.1:  # weighed anew
                    rows.append({**receipt, "net_t": 33.3, "received_at": received, "known_at": received + DAY * 9})
    return rows


def _statements(dice: random.Random, tickets: Rows) -> Rows:
    stated: dict[tuple[str, date, str], float] = defaultdict(float)
    for ticket in tickets:
        day = (ticket["batched_at"] + timedelta(hours=8)).date()
        stated[ticket["plant_id"], day.replace(day=1), ticket["grade"]] += ticket["load_m3"]
    rows = []
    for (plant, month, grade), volume in stated.items():
        known = datetime(month.year, month.month, 1, tzinfo=tickets[0]["batched_at"].tzinfo) + DAY * 36
        row = {"plant_id": plant, "month": month, "grade": grade}
        row |= {"m3_delivered": round(volume * dice.uniform(0.8, 1.2), 1)}
        rows.append({**row, "cement_t": round(volume * 0.25, 2), "known_at": known})
    return rows
