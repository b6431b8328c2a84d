"""A small city of versions for the warehouse's tests: every kind of history that a feed can have, fixed by a seed.

Belongs here: the rows. Does not belong here: what the warehouse should make of them (the tests compute that).
"""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

from warehouse_evidence import evidence
from warehouse_raw import versions_of

FIRST_DAY = datetime(2025, 1, 5, 16, tzinfo=UTC)  # Monday 6 January 2025, 00:00 in Shanghai
WEEKS = 9
DISTRICTS = {"520102": (106.71, 26.56), "520111": (106.66, 26.42), "520181": (106.44, 26.57)}
GRADES = ("C15", "C30", "C30P6", "LC20", "细石C25", "C45", "C60")
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

Rows = list[dict[str, Any]]


def city(seed: int = 5) -> dict[str, Rows]:
    """Feed -> versions, each with its lineage."""
    dice = random.Random(seed)
    orders = _orders(dice)
    deliveries = _deliveries(dice, [history[0] for history in orders])
    feeds = {
        "orders": [version for history in orders for version in history],
        "deliveries": deliveries,
        "permits": _permits(dice),
        "plants": plants(),
        "zones": zones(),
    }
    tickets = {row["ticket_id"]: row for row in deliveries if {"load_m3", "batched_at", "plant_id"} <= row.keys()}
    feeds |= evidence(seed, list(tickets.values()), FIRST_DAY)
    return {feed: versions_of(rows) for feed, rows in feeds.items()}


def _orders(dice: random.Random) -> list[Rows]:
    histories = []
    for number in range(260):
        district = dice.choice(sorted(DISTRICTS))
        lon, lat = DISTRICTS[district]
        pour = FIRST_DAY + DAY * dice.randrange(WEEKS * 7) + MINUTE * 30 * dice.randrange(48)
        has_site = dice.random() > 0.1
        order = {
            "order_id": f"O{number:03}",
            "plant_id": dice.choice(["P1", "P2", "P3", "P1", "P2", "nowhere"]),
            "project_id": f"J{number % 40:02}",
            "permit_no": f"G{number % 40:02}",
            "district_code": district if dice.random() > 0.05 else "999999",
            "site_lon": round(lon + dice.gauss(0, 0.06), 5) if has_site else None,
            "site_lat": round(lat + dice.gauss(0, 0.05), 5) if has_site else None,
            "grade": dice.choice(GRADES),
            "ordered_m3": round(dice.uniform(5, 90), 1),
            "placed_at": pour - DAY,
            "pour_from_at": pour,
            "pour_to_at": pour + MINUTE * 300,
            "unit_price_cny_per_m3": 400.0,
            "status": "done",
            # One order in ten arrives days after its tickets.
            "known_at": pour - DAY if dice.random() > 0.1 else pour + DAY * 4,
        }
        history = [order]
        if dice.random() < 0.15:
            amended = {"district_code": dice.choice(sorted(DISTRICTS)), "status": dice.choice(["changed", "cancelled"])}
            history.append({**order, **amended, "known_at": order["known_at"] + DAY * 8})
        if dice.random() < 0.05:  # an older version that arrives last must change nothing
            older = {"district_code": "520111", "updated_at": order["known_at"] - DAY * 3}
            history.append({**order, **older, "known_at": order["known_at"] + DAY * 12})
        histories.append(history)
    return histories


def _deliveries(dice: random.Random, orders: Rows) -> Rows:
    rows: Rows = []
    for order in orders:
        for truck in range(dice.randrange(1, 6)):
            number = f"T{order['order_id'][1:]}{truck}"
            batched = order["pour_from_at"] + MINUTE * 20 * truck
            ticket = {"ticket_id": number, "order_id": order["order_id"], "plant_id": order["plant_id"]}
            ticket |= {"grade": order["grade"], "load_m3": round(dice.uniform(4, 12), 2)}
            chain = _chain(dice, batched)
            end = {"status": dice.choice(["签收"] * 12 + ["退货", "转运", "在途"])}
            end |= {"returned_m3": dice.choice([None] * 8 + [1.25, 0.333])}
            kind = dice.random()
            if kind < 0.15:  # one event at a time, over midnight perhaps
                known = batched + MINUTE * 2
                rows.append({**ticket, "batched_at": batched, "known_at": known + DAY * dice.choice([0, 0, 0, 9])})
                event = ticket if dice.random() < 0.5 else {"ticket_id": number}
                for name, instant in list(chain.items())[1:]:
                    rows.append({**event, name: instant, "known_at": instant + MINUTE * 2})
                rows.append({**event, **end, "known_at": chain["discharged_at"] + MINUTE * 3})
            elif kind < 0.25:  # amended a week later
                rows.append({**ticket, **chain, **end, "known_at": batched + DAY})
                amended = {"load_m3": round(ticket["load_m3"] + 0.5, 2), "status": "签收", "grade": dice.choice(GRADES)}
                rows.append({**ticket, **chain, **end, **amended, "known_at": batched + DAY * 8})
            elif kind < 0.28:  # a late correction contradicts the times that were there
                rows.append({**ticket, **chain, "known_at": batched + DAY})
                late = {"arrived_at": chain["departed_at"] - MINUTE * 30}
                rows.append({**ticket, **late, "known_at": batched + DAY * 2})
            elif kind < 0.31:  # an order that never arrives
                rows.append({**ticket, **chain, **end, "order_id": "never", "known_at": batched + DAY})
            elif kind < 0.32:  # events of a ticket whose own row never comes
                rows.append({"ticket_id": number, "arrived_at": chain["arrived_at"], "known_at": chain["arrived_at"]})
                rows.append({"ticket_id": number, "status": "签收", "known_at": chain["arrived_at"] + DAY})
            elif kind < 0.34:  # a ticket without any time
                rows.append({**ticket, "known_at": batched})
            else:
                rows.append({**ticket, **chain, **end, "known_at": batched + DAY})
    return rows


def _chain(dice: random.Random, batched: datetime) -> dict[str, datetime]:
    departed = batched + MINUTE * dice.randrange(3, 12)
    arrived = departed + MINUTE * dice.randrange(8, 70)
    started = arrived + MINUTE * dice.randrange(0, 25)
    names = ("batched_at", "departed_at", "arrived_at", "discharge_started_at", "discharged_at")
    return dict(
        zip(names, (batched, departed, arrived, started, started + MINUTE * dice.randrange(5, 30)), strict=True)
    )


def _permits(dice: random.Random) -> Rows:
    rows: Rows = []
    for number in range(40):
        issued = date(2024, 9, 2) + timedelta(days=dice.randrange(150))
        known = datetime(issued.year, issued.month, issued.day, 4, tzinfo=UTC) + DAY * dice.randrange(20)
        permit = {
            "permit_no": f"G{number:02}",
            "project_id": f"J{number:02}",
            "district_code": dice.choice([*DISTRICTS, "999999"]),
            "floor_area_m2": dice.choice([None, 1200.5, 8000.0]),
            "contract_value": dice.choice([None, 3_500_000, 12_000_000]),
            "currency": "CNY",
            "use": dice.choice(["residential", "industrial", "transport"]),
            "status": "active",
            "issued_on": issued,
            "known_at": known,
        }
        rows.append(permit)
        if number % 4 == 0:
            amended = {"status": dice.choice(["revoked", "changed"]), "floor_area_m2": 9000.0}
            rows.append({**permit, **amended, "known_at": known + DAY * 30})
    return rows


def plants() -> Rows:
    """Three plants and a candidate. P1 grows in February; P2 and N1 lie on the red line, P3 in its hole."""
    plant = {
        "enterprise_id": "E1",
        "enterprise_name": "企业一",
        "lines": 1,
        "rated_m3_per_h": 30.0,
        "effectiveness": 0.7,
    }
    plant |= {"shift_h": 10.0, "trucks": 6, "status": "operating", "opened_on": date(2015, 3, 1), "known_at": FIRST_DAY}
    return [
        {**plant, "plant_id": "P1", "plant_name": "一站", "district_code": "520102", "lon": 106.73, "lat": 26.60},
        {**plant, "plant_id": "P2", "plant_name": "二站", "district_code": "520111", "lon": 106.62, "lat": 26.40},
        {**plant, "plant_id": "P3", "plant_name": "三站", "district_code": "520181", "lon": 106.50, "lat": 26.50},
        {**plant, "plant_id": "N1", "plant_name": "拟建", "district_code": "520181", "lon": 106.20, "lat": 26.20}
        | {"enterprise_id": "E2", "enterprise_name": "企业二", "status": "planned", "opened_on": None},
        {**plant, "plant_id": "P1", "plant_name": "一站", "district_code": "520102", "lon": 106.73, "lat": 26.60}
        | {"trucks": 9, "known_at": FIRST_DAY + DAY * 30},
        # The same record sent again is no new spell.
        {**plant, "plant_id": "P2", "plant_name": "二站", "district_code": "520111", "lon": 106.62, "lat": 26.40}
        | {"updated_at": FIRST_DAY + DAY * 20, "known_at": FIRST_DAY + DAY * 20},
    ]


def zones() -> Rows:
    """A red line of two polygons, one with a hole, and an industrial zone around P1."""

    def ring(west: float, south: float, east: float, north: float) -> list[list[float]]:
        return [[west, south], [east, south], [east, north], [west, north], [west, south]]

    red_line = {
        "type": "MultiPolygon",
        "coordinates": [
            [ring(106.40, 26.35, 106.65, 26.55), ring(106.48, 26.48, 106.52, 26.52)],
            [ring(106.10, 26.10, 106.30, 26.30)],
        ],
    }
    industrial = {"type": "Polygon", "coordinates": [ring(106.70, 26.55, 106.80, 26.65)]}
    return [
        {"zone_id": "Z1", "kind": "ecological_redline", "geometry": json.dumps(red_line), "known_at": FIRST_DAY},
        {"zone_id": "Z2", "kind": "industrial", "geometry": json.dumps(industrial), "known_at": FIRST_DAY},
    ]
