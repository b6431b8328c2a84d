"""The warehouse from `raw` to `marts`: every figure against plain Python, any order of arrival, any day of knowledge.

Belongs here: properties of the built tables. Does not belong here: arithmetic of one model (dbt's unit tests).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from math import asin, cos, radians, sin, sqrt
from typing import Any

import duckdb
import pytest
from warehouse_built import AS_OF, KNOWN_BY_DAY, Versions, Warehouses, rows_of, shanghai
from warehouse_city import DISTRICTS

CLASSES = {"C15": "c10_c25", "LC20": "c10_c25", "细石C25": "c10_c25", "C30": "c30_c35", "C30P6": "c30_c35"}
CLASSES |= {"C45": "c40_c45", "C60": "c50_c100"}
CHAIN = ("batched_at", "departed_at", "arrived_at", "discharge_started_at", "discharged_at")

Key = tuple[str, str, date]


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


# What the warehouse should say, in plain Python.


def tickets_as_of(versions: dict[str, Versions], day: date) -> dict[str, dict[str, Any]]:
    """The newest known value of each column of each ticket, from the versions known by `day`, with its demand."""
    merged: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in known_by(versions["deliveries"], day):
        merged[row["ticket_id"]].update({name: value for name, value in row.items() if value is not None})
    merged = {name: ticket for name, ticket in merged.items() if "load_m3" in ticket}
    districts = {row["order_id"]: row["district_code"] for row in known_by(versions["orders"], day)}
    for ticket in merged.values():
        names = ("discharged_at", "arrived_at", "departed_at", "batched_at")
        instant = next((ticket[name] for name in names if name in ticket), None)
        load, returned = Decimal(str(ticket["load_m3"])), Decimal(str(ticket.get("returned_m3", 0)))
        ticket["delivered_m3"] = Decimal(0) if ticket.get("status") == "退货" else max(load - returned, Decimal(0))
        ticket["delivered_on"] = shanghai(instant) if instant else None
        code = districts.get(ticket["order_id"])
        ticket["district_code"] = code if code in DISTRICTS else "unknown"
        ticket["grade_class"] = CLASSES[ticket["grade"]]
    return merged


def known_by(rows: Versions, day: date) -> Versions:
    known = [row for row in rows if shanghai(row["known_at"]) <= day]
    return sorted(known, key=lambda row: (row["_version_at"], row["_content_hash"]))


def demand_as_of(versions: dict[str, Versions], day: date) -> dict[Key, Decimal]:
    demand: dict[Key, Decimal] = defaultdict(Decimal)
    for ticket in tickets_as_of(versions, day).values():
        if ticket["delivered_on"]:
            key = (ticket["district_code"], ticket["grade_class"], monday(ticket["delivered_on"]))
            demand[key] += ticket["delivered_m3"]
    return {key: volume for key, volume in demand.items() if volume}


def great_circle_km(lon_1: float, lat_1: float, lon_2: float, lat_2: float) -> float:
    half = sin(radians(lat_2 - lat_1) / 2) ** 2
    half += cos(radians(lat_1)) * cos(radians(lat_2)) * sin(radians(lon_2 - lon_1) / 2) ** 2
    return 2 * 6371.0088 * asin(sqrt(half))


# Facts and demand.


def test_tickets_carry_their_demand_and_their_times(
    marts: duckdb.DuckDBPyConnection, versions: dict[str, Versions]
) -> None:
    expected = tickets_as_of(versions, date.max)
    facts = marts.execute("FROM marts.fct_deliveries").to_arrow_table().to_pylist()
    assert len(facts) == len(expected)
    for fact in facts:
        ticket = expected[fact["ticket_id"]]
        assert fact["delivered_m3"] == float(ticket["delivered_m3"])
        for name in ("delivered_on", "district_code", "grade_class"):
            assert fact[name] == ticket[name]
        times = [ticket[name] for name in CHAIN if name in ticket]
        assert fact["has_contradicting_times"] == (times != sorted(times)) == ("times_decrease" in fact["flags"])
        spans = {"haul_min": ("departed_at", "arrived_at"), "compliance_min": ("batched_at", "discharged_at")}
        for name, (start, end) in spans.items():
            minutes = (ticket[end] - ticket[start]).total_seconds() / 60 if {start, end} <= ticket.keys() else None
            assert fact[name] == (minutes if minutes is not None and minutes >= 0 else None)
        if fact["compliance_min"] is not None:
            assert fact["is_over_limit"] == (fact["compliance_min"] > 90)


def test_events_without_their_ticket_are_no_deliveries_and_counted(
    marts: duckdb.DuckDBPyConnection, versions: dict[str, Versions]
) -> None:
    seen = {row["ticket_id"] for row in versions["deliveries"]}
    unmatched = seen - tickets_as_of(versions, date.max).keys()
    query = "SELECT ticket_id, versions, first_event_at = last_event_at, status FROM marts.fct_deliveries_unmatched"
    found = rows_of(marts, query)
    assert len(unmatched) > 2
    assert sorted(found) == [(ticket, 2, True, "签收") for ticket in sorted(unmatched)]


def test_weekly_demand_is_dense_and_complete_to_the_last_day_of_data(
    marts: duckdb.DuckDBPyConnection, versions: dict[str, Versions]
) -> None:
    expected = demand_as_of(versions, date.max)
    demand = {
        row[:3]: row[3:]
        for row in rows_of(
            marts, "SELECT district_code, grade_class, week_start, delivered_m3, is_complete FROM marts.demand_weekly"
        )
    }
    assert {key: Decimal(str(volume)) for key, (volume, _) in demand.items() if volume} == expected
    weeks = {key[2] for key in demand}
    first, last = min(key[2] for key in expected), max(key[2] for key in expected)
    assert weeks == {first + timedelta(weeks=number) for number in range((last - first).days // 7 + 1)}
    series = {key[:2] for key in demand}
    assert len(demand) == len(series) * len(weeks)
    known = [row[0] for row in rows_of(marts, "SELECT district_code FROM marts.dim_districts")]
    assert {(district, grade_class) for district in known for grade_class in set(CLASSES.values())} <= series
    through = max(
        ticket["delivered_on"] for ticket in tickets_as_of(versions, date.max).values() if ticket["delivered_on"]
    )
    assert all(is_complete == (key[2] + timedelta(days=6) <= through) for key, (_, is_complete) in demand.items())


@pytest.mark.parametrize("day", [date(2025, 1, 10), date(2025, 1, 31), AS_OF, date(2025, 3, 8), date.max])
def test_revisions_rebuild_demand_as_it_was_known(
    marts: duckdb.DuckDBPyConnection, versions: dict[str, Versions], day: date
) -> None:
    sums = marts.execute(
        "SELECT district_code, grade_class, week_start, sum(delta_delivered_m3::DECIMAL(18, 3)) "
        "FROM marts.demand_weekly_revisions WHERE known_date <= ? GROUP BY ALL HAVING sum(delta_delivered_m3) <> 0",
        [day],
    ).fetchall()
    assert {row[:3]: row[3] for row in sums if row[3]} == demand_as_of(versions, day)


def test_what_was_known_on_a_day_never_changes(warehouses: Warehouses) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{warehouses.whole}' AS whole (READ_ONLY)")
        connection.execute(f"ATTACH '{warehouses.as_of}' AS early (READ_ONLY)")
        for table in KNOWN_BY_DAY:
            then = f"SELECT * FROM early.marts.{table}"
            now = f"SELECT * FROM whole.marts.{table} WHERE known_date <= DATE '{AS_OF}'"
            assert connection.execute(f"({then} EXCEPT ALL {now}) UNION ALL ({now} EXCEPT ALL {then})").fetchall() == []
            assert connection.execute(f"SELECT count(*) FROM ({then})").fetchone() != (0,)


def test_any_order_of_arrival_gives_equal_tables(warehouses: Warehouses) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{warehouses.whole}' AS whole (READ_ONLY)")
        connection.execute(f"ATTACH '{warehouses.grown}' AS grown (READ_ONLY)")
        tables = rows_of(
            connection,
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'whole' AND schema_name = 'marts'",
        )
        assert len(tables) >= 20
        for (table,) in tables:
            one, other = f"SELECT * FROM whole.marts.{table}", f"SELECT * FROM grown.marts.{table}"
            differing = f"({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one})"
            assert connection.execute(f"SELECT count(*) FROM ({differing})").fetchone() == (0,), table


def test_pipeline_is_the_newest_permits(marts: duckdb.DuckDBPyConnection) -> None:
    pipeline = rows_of(
        marts,
        "SELECT sum(delta_floor_area_m2::DECIMAL(18, 3)), sum(delta_concrete_m3::DECIMAL(18, 3)) "
        "FROM marts.permit_pipeline_weekly",
    )
    permits = rows_of(
        marts,
        "SELECT sum(granted_floor_area_m2::DECIMAL(18, 3)), sum(granted_concrete_m3::DECIMAL(18, 3)) "
        "FROM marts.fct_permits",
    )
    assert pipeline == permits


# Geography, capacity and reach.


def test_plants_keep_their_history_and_know_their_zone(marts: duckdb.DuckDBPyConnection) -> None:
    spells = rows_of(
        marts,
        "SELECT plant_id, trucks, valid_from, valid_to, is_current, is_candidate, is_on_red_line FROM marts.dim_plants",
    )
    opened, seen = date(2015, 3, 1), date(2025, 1, 6)
    assert sorted(spells) == [
        ("N1", 6, date(1900, 1, 1), None, True, True, True),
        ("P1", 6, opened, seen + timedelta(days=30), False, False, False),
        ("P1", 9, seen + timedelta(days=30), None, True, False, False),
        ("P2", 6, opened, None, True, False, True),
        ("P3", 6, opened, None, True, False, False),
    ]


def test_every_site_lies_in_its_nearest_hexagon(marts: duckdb.DuckDBPyConnection) -> None:
    radius_km = 5 / sqrt(3)
    centres = rows_of(marts, "SELECT median(center_lon), median(center_lat) FROM marts.dim_districts")
    lon_0, lat_0 = centres[0]
    sites = rows_of(marts, "SELECT lon, lat, hex_q, hex_r FROM intermediate.int_sites_binned")
    assert len(sites) > 100
    for lon, lat, q, r in sites:
        x = 6371.0088 * radians(lon - lon_0) * cos(radians(lat_0))
        y = 6371.0088 * radians(lat - lat_0)

        def away(q: int, r: int, x: float = x, y: float = y) -> float:
            return (radius_km * sqrt(3) * (q + r / 2) - x) ** 2 + (radius_km * 1.5 * r - y) ** 2

        around = [(q + dq, r + dr) for dq in (-1, 0, 1) for dr in (-1, 0, 1)]
        assert min(around, key=lambda cell: away(*cell)) == (q, r)


def test_cells_belong_to_their_district_and_share_it(
    marts: duckdb.DuckDBPyConnection, versions: dict[str, Versions]
) -> None:
    by_cell: dict[str, Decimal] = defaultdict(Decimal)
    for cell, district, volume in rows_of(
        marts, "SELECT cell_id, district_code, delivered_m3 FROM marts.fct_deliveries WHERE delivered_on IS NOT NULL"
    ):
        assert cell.split("-")[0] == district
        by_cell[cell] += Decimal(str(volume))
    cells = rows_of(
        marts, "SELECT cell_id, district_code, delivered_m3_52w, share_of_district FROM marts.dim_demand_cells"
    )
    shares: dict[str, float] = defaultdict(float)
    for cell, district, volume, share in cells:
        assert Decimal(str(volume)) == by_cell[cell]
        shares[district] += share
    assert shares == pytest.approx(dict.fromkeys(shares, 1.0))
    assert len(shares) == 10, "a district without demand has its centre's cell"


def test_hauls_follow_the_calibration_and_feasibility_the_limit(marts: duckdb.DuckDBPyConnection) -> None:
    margin = rows_of(marts, "SELECT 90 - median(wait_min + discharge_min) FROM marts.fct_deliveries")[0][0]
    arcs = rows_of(
        marts,
        "SELECT haul.haul_km, haul.haul_min, haul.is_feasible, plants.lon, plants.lat, cells.cell_lon, cells.cell_lat, "
        "fit.detour_factor, fit.speed_km_per_h FROM marts.haul_matrix AS haul "
        "JOIN marts.dim_plants AS plants ON haul.plant_id = plants.plant_id AND plants.is_current "
        "JOIN marts.dim_demand_cells AS cells USING (cell_id) "
        "JOIN marts.haul_calibration AS fit ON fit.district_code = cells.district_code "
        "AND fit.hour_band = haul.hour_band",
    )
    cells = rows_of(marts, "SELECT count(*) FROM marts.dim_demand_cells")[0][0]
    assert len(arcs) == 4 * cells * 4, "four plants, four bands"
    for haul_km, haul_min, is_feasible, *ends, detour, speed in arcs:
        assert haul_km == pytest.approx(great_circle_km(*ends) * detour, abs=1e-3)
        assert haul_min == pytest.approx(great_circle_km(*ends) * detour / speed * 60, abs=6e-3)
        assert is_feasible == (haul_min <= margin)


def test_reach_conserves_the_citys_capacity(marts: duckdb.DuckDBPyConnection) -> None:
    reach: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for plant, district, volume in rows_of(
        marts,
        "SELECT plant_id, district_code, delivered_m3_52w FROM marts.haul_matrix JOIN marts.dim_demand_cells "
        "USING (cell_id) WHERE hour_band = 'all' AND is_feasible",
    ):
        reach[plant][district] += max(volume, 1.0)
    capacity = rows_of(marts, "SELECT plant_id, week_start, available_m3 FROM marts.capacity_weekly")
    assert {plant for plant, _, _ in capacity} == {"P1", "P2", "P3"}, "a candidate has no capacity yet"
    gross: dict[tuple[str, date], float] = defaultdict(float)
    shared: dict[tuple[str, date], float] = defaultdict(float)
    for plant, week, available in capacity:
        for district, weight in reach[plant].items():
            gross[district, week] += available
            shared[district, week] += available * weight / sum(reach[plant].values())
    balance = rows_of(
        marts,
        "SELECT district_code, week_start, reach_gross_m3, reach_share_m3 FROM marts.supply_demand_balance_weekly",
    )
    for district, week, gross_m3, share_m3 in balance:
        assert gross_m3 == pytest.approx(gross[district, week])
        assert share_m3 == pytest.approx(shared[district, week], abs=1e-4)
    assert sum(row[3] for row in balance) == pytest.approx(sum(row[2] for row in capacity), abs=0.01)


def test_capacity_follows_the_record_in_force(marts: duckdb.DuckDBPyConnection) -> None:
    weeks = dict(rows_of(marts, "SELECT week_start, available_m3 FROM marts.capacity_weekly WHERE plant_id = 'P1'"))
    # Lines: 30 × 0.7 × 10 = 210 m³ a day; trucks: 6 × 10 × 6 = 360. Six days a week, at the New Year too.
    assert weeks[date(2025, 1, 6)] == 1260
    assert weeks[date(2025, 1, 27)] == 1260


def test_the_calendar_knows_the_festivals(marts: duckdb.DuckDBPyConnection) -> None:
    days = {
        row[0]: row[1:]
        for row in rows_of(
            marts,
            "SELECT date_on, is_workday, holiday_name_en, cny_offset_d, national_day_offset_d FROM marts.dim_dates",
        )
    }
    assert (min(days), max(days)) == (date(2018, 1, 1), date(2032, 12, 31))
    assert days[date(2025, 1, 29)][:3] == (False, "Chinese New Year", 0)
    assert days[date(2025, 1, 26)][:3] == (True, None, -3), "a Sunday made up"
    assert days[date(2025, 10, 8)][::3] == (False, 7)
    assert days[date(2025, 3, 3)][:2] == (True, None)
