"""Schema `raw` for the warehouse's tests: the tables and views that the loader would have made, filled row by row.

Belongs here: the raw tables' columns as the loader declares them, and a small writer of versions. Does not belong
here: anything that a test expects of the warehouse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import md5
from typing import Any

import duckdb
import pyarrow as pa

LINEAGE = (
    "updated_at TIMESTAMPTZ, known_at TIMESTAMPTZ, _version_at TIMESTAMPTZ, _content_hash VARCHAR, "
    "_segment_id VARCHAR, _source_file VARCHAR, _source_row BIGINT, _flags VARCHAR[], _extra JSON"
)
COLUMNS = {
    "orders": "order_id VARCHAR, plant_id VARCHAR, project_id VARCHAR, project_name VARCHAR, permit_no VARCHAR, "
    "district_code VARCHAR, site_lon DOUBLE, site_lat DOUBLE, structure_part VARCHAR, grade VARCHAR, slump_mm INTEGER, "
    "ordered_m3 DOUBLE, placed_at TIMESTAMPTZ, pour_from_at TIMESTAMPTZ, pour_to_at TIMESTAMPTZ, pour_method VARCHAR, "
    "unit_price_cny_per_m3 DOUBLE, status VARCHAR",
    "deliveries": "ticket_id VARCHAR, order_id VARCHAR, plant_id VARCHAR, truck_id VARCHAR, driver_id VARCHAR, "
    "grade VARCHAR, load_m3 DOUBLE, cumulative_m3 DOUBLE, batched_at TIMESTAMPTZ, departed_at TIMESTAMPTZ, "
    "arrived_at TIMESTAMPTZ, discharge_started_at TIMESTAMPTZ, discharged_at TIMESTAMPTZ, returned_at TIMESTAMPTZ, "
    "slump_plant_mm INTEGER, slump_site_mm INTEGER, water_added_l DOUBLE, haul_km DOUBLE, status VARCHAR, "
    "rejected_reason VARCHAR, returned_m3 DOUBLE",
    "permits": "permit_no VARCHAR, project_id VARCHAR, project_name VARCHAR, builder VARCHAR, contractor VARCHAR, "
    "district_code VARCHAR, floor_area_m2 DOUBLE, contract_value DECIMAL(18,2), currency VARCHAR, use VARCHAR, "
    "structure VARCHAR, issued_on DATE, planned_start_on DATE, planned_end_on DATE, status VARCHAR, "
    "site_lon DOUBLE, site_lat DOUBLE",
    "plants": "plant_id VARCHAR, plant_name VARCHAR, enterprise_id VARCHAR, enterprise_name VARCHAR, "
    "district_code VARCHAR, lon DOUBLE, lat DOUBLE, lines INTEGER, rated_m3_per_h DOUBLE, effectiveness DOUBLE, "
    "shift_h DOUBLE, trucks INTEGER, qualification VARCHAR, lab_id VARCHAR, max_grade VARCHAR, "
    "recycled_capable BOOLEAN, opened_on DATE, closed_on DATE, status VARCHAR, rent_and_fixed_cny_per_year DOUBLE",
    "zones": "zone_id VARCHAR, zone_name VARCHAR, kind VARCHAR, geometry VARCHAR, source_document VARCHAR",
}
KEYS = {
    "orders": "order_id",
    "deliveries": "ticket_id",
    "permits": "permit_no",
    "plants": "plant_id",
    "zones": "zone_id",
}


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Schema `raw`: per feed the table of versions and the view of the newest."""
    connection.execute("SET TimeZone = 'Asia/Shanghai'")
    connection.execute("CREATE SCHEMA IF NOT EXISTS raw")
    for feed, columns in COLUMNS.items():
        key = KEYS[feed]
        connection.execute(f"CREATE TABLE raw.{feed}_versions ({columns}, {LINEAGE})")
        if feed == "deliveries":
            names = [column.split()[0] for column in f"{columns}, {LINEAGE}".split(", ") if column.split()[0] != key]
            newest = ", ".join(f"arg_max({name}, (_version_at, _content_hash)) AS {name}" for name in names)
            select = f"SELECT {key}, {newest} FROM raw.{feed}_versions GROUP BY {key}"
        else:
            select = (
                f"SELECT * FROM raw.{feed}_versions "
                f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY _version_at DESC, _content_hash DESC) = 1"
            )
        connection.execute(f"CREATE VIEW raw.{feed} AS {select}")


def versions_of(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with their lineage. A row gives `known_at`; its `_version_at` is its `updated_at`, else that."""
    versions = []
    for number, row in enumerate(rows, start=1):
        content = {name: value for name, value in row.items() if name != "known_at"}
        lineage = {
            "_version_at": row.get("updated_at") or row["known_at"],
            "_content_hash": md5(repr(sorted(content.items())).encode(), usedforsecurity=False).hexdigest(),
            "_source_file": "file.csv",
            "_source_row": number,
        }
        versions.append({**row, **lineage})
    return versions


def append(connection: duckdb.DuckDBPyConnection, feed: str, versions: Sequence[Mapping[str, Any]]) -> None:
    """Append versions to a feed, in the order given; columns that a version lacks are null."""
    names = sorted({name for version in versions for name in version})
    block = pa.Table.from_pylist([{name: version.get(name) for name in names} for version in versions])
    connection.register("block", block)
    connection.execute(f"INSERT INTO raw.{feed}_versions BY NAME SELECT * FROM block")
    connection.unregister("block")
