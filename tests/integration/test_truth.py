"""Every row that the virtual city spoilt meets its due outcome, and every file's rows add up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from pipelines.ingest import IngestReport, ingest
from simulation.city import simulate
from store.home import Home

COUNTS = {"rows": "read", "loaded": "loaded", "duplicate": "duplicate", "rejected": "rejected", "skipped": "skipped"}


class City(NamedTuple):
    """A small virtual city, taken in: what the intake reported, what is true, and the writer's file."""

    report: IngestReport
    truth: dict[str, Any]
    warehouse: duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    home = Home.at(tmp_path_factory.mktemp("city"))
    simulate(home, years=1, scale=0.02)
    report = ingest(home)
    connection = duckdb.connect(str(home.warehouse), read_only=True)
    yield City(report, json.loads(home.truth.read_text(encoding="utf-8")), connection)
    connection.close()


def spoilt(city: City, *outcomes: str) -> list[dict[str, Any]]:
    rows = [row for row in city.truth["rows"] if row["outcome"] in outcomes]
    assert rows, f"the city injects no {outcomes}"
    return rows


def place(row: dict[str, Any]) -> tuple[str, str, int]:
    return row["feed"], Path(row["file"]).name, row["row"]


def test_every_file_counts_as_it_should(city: City) -> None:
    counted = {(file.feed, Path(file.file).name): file for file in city.report.files}
    differing = []
    for file in city.truth["files"]:
        report = counted[file["feed"], Path(file["file"]).name]
        expected = {name: file[name] for name in COUNTS}
        found = {name: getattr(report, counted_as) for name, counted_as in COUNTS.items()}
        if found != expected:
            differing.append((file["file"], expected, found))
    assert differing == []


def test_every_reject_stands_at_its_line_with_its_reason(city: City) -> None:
    expected = {place(row): row["reason"] for row in spoilt(city, "rejected")}
    found = {
        (feed, Path(file).name, row): reason
        for feed, file, row, reason in city.warehouse.execute(
            "SELECT feed, source_file, source_row, reason FROM ops.rejects"
        ).fetchall()
    }
    assert found == expected


def test_converted_values_are_what_they_mean(city: City) -> None:
    for row in spoilt(city, "converted"):
        value = kept(city, row)[row["column"]]
        kind = type(value)
        expected = kind.fromisoformat(row["expect"]) if kind in (date, datetime) else row["expect"]
        assert value == pytest.approx(expected) if isinstance(expected, float) else value == expected, row


def test_flagged_rows_are_kept_with_their_flag(city: City) -> None:
    for row in spoilt(city, "flagged"):
        assert row["reason"] in kept(city, row)["_flags"], row


def test_older_versions_are_kept_and_do_not_count(city: City) -> None:
    for row in spoilt(city, "older_version"):
        stored = kept(city, row)
        key = {"orders": "order_id", "deliveries": "ticket_id", "permits": "permit_no", "plants": "plant_id"}[
            row["feed"]
        ]
        newest = city.warehouse.execute(
            f"SELECT _content_hash FROM raw.{row['feed']} WHERE {key} = ?", [stored[key]]
        ).fetchone()
        assert newest is not None
        assert newest[0] != stored["_content_hash"], row


def test_the_delivered_volume_is_the_true_one(city: City) -> None:
    row = city.warehouse.execute(
        "SELECT sum(load_m3 - coalesce(returned_m3, 0)) FROM raw.deliveries WHERE status IS DISTINCT FROM 'returned'"
    ).fetchone()
    assert row is not None
    assert row[0] == pytest.approx(city.truth["totals"]["delivered_m3"])


def kept(city: City, row: dict[str, Any]) -> dict[str, Any]:
    """The version that came from this row of this file."""
    feed, file, line = place(row)
    cursor = city.warehouse.execute(
        f"SELECT * FROM raw.{feed}_versions WHERE parse_filename(_source_file) = ? AND _source_row = ?", [file, line]
    )
    names = [column[0] for column in cursor.description or []]
    found = cursor.fetchone()
    assert found is not None, f"not kept: {row}"
    return dict(zip(names, found, strict=True))
