"""JSON documents: arrays, wrappers, feature collections, nested objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.faults import FileError
from pipelines.feeds import FEEDS
from pipelines.mapping import NO_MAPPING
from pipelines.sources import json_documents
from pipelines.sources.formats import open_tables

ROWS = [{"permit_no": "P1", "status": "active"}, {"permit_no": "P2", "note": "x"}]


def read(path: Path, feed: str = "permits") -> dict[str, list[Any]]:
    """All columns of the file, and its source rows."""
    columns: dict[str, list[Any]] = {}
    rows = 0
    for raw in open_tables(path, FEEDS[feed], NO_MAPPING):
        found = {header: raw.table[f"c{index}"].to_pylist() for index, header in enumerate(raw.header)}
        found["row"] = raw.table["_source_row"].to_pylist()
        for header in {*columns, *found}:
            before = columns.setdefault(header, [None] * rows)
            before += found.get(header, [None] * raw.table.num_rows)
        rows += raw.table.num_rows
    return columns


EXPECTED = {"permit_no": ["P1", "P2"], "status": ["active", None], "note": [None, "x"], "row": [1, 2]}


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    "document",
    [
        ROWS,
        {"data": ROWS, "total": 2},
        {"code": 0, "msg": "ok", "data": {"total": 2, "list": ROWS}},
        {"help": "…", "success": True, "result": {"fields": [{"id": "permit_no"}], "records": ROWS}},
        {
            "meta": {"view": {"columns": [{"name": "permit_no"}, {"name": "status"}, {"name": "note"}]}},
            "data": [["P1", "active", None], ["P2", None, "x"]],
        },
        {"features": [{"attributes": row} for row in ROWS]},
    ],
)
def test_arrays_and_wrappers(tmp_path: Path, document: Any, indent: int | None) -> None:
    path = tmp_path / "permits.json"
    path.write_text(json.dumps(document, indent=indent), encoding="utf-8-sig")
    assert read(path) == EXPECTED


@pytest.mark.parametrize("size", [5, 64])
def test_documents_are_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(json_documents, "_HEAD_BYTES", 1 << 20)
    path = tmp_path / "permits.json"
    path.write_text(json.dumps({"data": [{"permit_no": f"号{n}"} for n in range(50)]}, ensure_ascii=False))
    records = json_documents.find_records(json_documents.Content("a.json", lambda: path.open("rb")), FEEDS["permits"])
    assert records is not None
    monkeypatch.setattr(json_documents, "_HEAD_BYTES", size)
    with path.open("rb") as stream:
        stream.seek(records.start)  # ASCII up to here
        found = list(json_documents._items(stream, json_documents.Records(0, (), "utf-8", is_array=True)))
    assert [item["permit_no"] for item in found] == [f"号{n}" for n in range(50)]


def test_lines_of_rows_with_lists_are_no_wrapper(tmp_path: Path) -> None:
    path = tmp_path / "permits.jsonl"
    path.write_text("\ufeff" + "\n".join(json.dumps({"permit_no": f"P{n}", "items": [{"a": n}]}) for n in range(2)))
    assert read(path) == {"permit_no": ["P0", "P1"], "items": ['[{"a":0}]', '[{"a":1}]'], "row": [1, 2]}


@pytest.mark.parametrize("is_lines", [False, True])
def test_points_of_features_become_points_as_text(tmp_path: Path, is_lines: bool) -> None:
    features = [
        {"type": "Feature", "properties": row, "geometry": {"type": "Point", "coordinates": [106.5 + n, 26.5]}}
        for n, row in enumerate(ROWS)
    ]
    path = tmp_path / "permits.geojson"
    document = "\n".join(map(json.dumps, features))
    path.write_text(document if is_lines else json.dumps({"type": "FeatureCollection", "features": features}))
    assert read(path) == {**EXPECTED, "geometry": ["POINT (106.5 26.5)", "POINT (107.5 26.5)"]}


def test_a_collection_may_be_called_as_a_record_of_the_feed_is(tmp_path: Path) -> None:
    path = tmp_path / "zones.geojson"
    feature = {"type": "Feature", "properties": {"zone_id": "Z1", "kind": "industrial"}, "geometry": None}
    path.write_text(json.dumps({"type": "FeatureCollection", "name": "zones", "features": [feature]}, indent=1))
    assert read(path, "zones")["zone_id"] == ["Z1"]


def test_objects_within_records_become_columns(tmp_path: Path) -> None:
    path = tmp_path / "permits.jsonl"
    lines = [
        {"permit": {"no": "P1", "by": {"x": 1}}},
        {"permit": None},
        {"permit": "odd"},
        {"permit": {"on": "2026-03-01"}},
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    assert read(path) == {
        "permit": [None, None, "odd", None],
        "permit.no": ["P1", None, None, None],
        "permit.by": ['{"x":1}', None, None, None],
        "permit.on": [None, None, None, "2026-03-01"],
        "row": [1, 2, 3, 4],
    }


def test_one_object_over_several_lines(tmp_path: Path) -> None:
    path = tmp_path / "permits.json"
    path.write_text(json.dumps(ROWS[0], indent=2))
    assert read(path) == {"permit_no": ["P1"], "status": ["active"], "row": [1]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "empty_file"),
        ('{"data": []}', "empty_file"),
        ('[{"permit_no": "P1"}', "truncated_file"),
        ('[{"permit_no": "P1"}, nonsense', "truncated_file"),
        ('{"data": [{"permit_no": "P1"}, {"perm', "truncated_file"),
        ("[" * 100_000, "truncated_file"),
        ('[{"a": ' + "9" * 5_000 + "}]", "truncated_file"),
    ],
)
def test_documents_that_cannot_be_taken(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "permits.json"
    path.write_text(content)
    with pytest.raises(FileError) as caught:
        read(path)
    assert caught.value.reason == reason


def test_escapes_of_half_characters_harm_nobody(tmp_path: Path) -> None:
    path = tmp_path / "permits.jsonl"
    path.write_text('{"permit_no": "P\\ud800", "\\udc00": 1, "note": "\\ud83d\\ude00"}\n')
    assert read(path) == {"permit_no": ["P\ufffd"], "\ufffd": ["1"], "note": ["\U0001f600"], "row": [1]}
