"""Points in one column: read as longitude and latitude, row by row, in any format."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from intake_files import put, query, without_beam

from pipelines.explain import explain
from pipelines.ingest import ingest
from store.home import Home

HERE = (106.71, 26.58)
ROW = {"permit_no": "A", "district_code": "520103", "issued_on": "2025-03-05"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    without_beam(monkeypatch)


def loaded(home: Home, rows: list[dict[str, Any]], name: str) -> list[tuple[Any, ...]]:
    """Longitude, latitude and `_extra` of each row of a file with those rows."""
    rows = [ROW | {"permit_no": f"A{number:02}"} | row for number, row in enumerate(rows)]
    path = put(home, "permits", name, "")
    if name.endswith("csv"):
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list({key: None for row in rows for key in row}))
            writer.writeheader()
            writer.writerows(rows)
    else:
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        path.write_text("\n".join(lines) if name.endswith("l") else f"[{','.join(lines)}]", encoding="utf-8")
    (file_report,) = ingest(home).files
    assert file_report.status == "loaded"
    assert file_report.loaded == len(rows)
    return query(home, "SELECT site_lon, site_lat, _extra FROM raw.permits ORDER BY permit_no")


OBJECTS: list[Any] = [
    {"latitude": "26.58", "longitude": "106.71", "needs_recoding": False},
    {"type": "Point", "coordinates": [106.71, 26.58]},
    {"lon": 106.71, "lat": 26.58},
]
TEXTS = ["POINT (106.71 26.58)", "point(106.71 26.58)", "SRID=4326;POINT Z (106.71 26.58 1071)"]
NAMED = ["(26.58, 106.71)", "1 Main St\nGuiyang\n(26.58°, 106.71°)", "106.71,26.58", "26.58，106.71"]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_objects_and_texts_are_points_beside_rows_without_any(home: Home, name: str) -> None:
    rows = [{"location": point} for point in [*OBJECTS, *TEXTS, *NAMED]]
    found = loaded(home, [*rows, {}, {"location": None}], name)
    assert found == [(*HERE, None)] * len(rows) + [(None, None, None)] * 2


def test_points_of_a_table(home: Home) -> None:
    found = loaded(home, [{"location": point} for point in [*TEXTS, *NAMED, ""]], "a.csv")
    assert found == [(*HERE, None)] * 7 + [(None, None, None)]


def test_a_row_keeps_the_coordinates_that_it_has(home: Home) -> None:
    point = {"the_geom": "POINT (106.5 26.5)"}
    rows = [{"经度": "106.71", "纬度": "26.58"} | point, {"经度": "", "纬度": ""} | point]
    kept = json.dumps(point, separators=(",", ":"))
    assert loaded(home, rows, "a.csv") == [(*HERE, kept), (106.5, 26.5, None)]


@pytest.mark.parametrize(
    "text", ["POINT (501234.5 2941000.1)", "POINT EMPTY", "26.5,56.7", "(91.5, 26.5)", "甲路 1 号"]
)
def test_what_is_no_point_or_may_be_two_stays_where_it_is(home: Home, text: str) -> None:
    assert loaded(home, [{"位置": text}], "a.csv") == [(None, None, f'{{"位置":"{text}"}}')]


def test_an_explanation_tells_where_coordinates_come_from(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("permit_no,district_code,issued_on,location\nA,520103,2025-03-05,POINT (106.71 26.58)\n")
    (table,) = explain(home, "permits", path).tables
    assert [note.en for note in table.notes] == ["points in 'location' are read as coordinates"]


@pytest.mark.parametrize("type_", [pa.int64(), pa.float64(), pa.null(), pa.bool_()], ids=str)
def test_empty_coordinates_of_any_type_take_a_point(home: Home, type_: pa.DataType) -> None:
    path = put(home, "permits", "a.parquet", "")
    columns = {name: [text] for name, text in ROW.items()} | {"the_geom": ["POINT (106.71 26.58)"]}
    pq.write_table(pa.table({**columns, "lon": pa.nulls(1, type_), "lat": pa.nulls(1, type_)}), path)
    ingest(home)
    assert query(home, "SELECT site_lon, site_lat FROM raw.permits") == [HERE]
