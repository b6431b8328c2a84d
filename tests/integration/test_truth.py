"""Every row that the virtual city spoilt meets its due outcome, and every file's rows add up."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from virtual_city import City

from pipelines.feeds import FEEDS

COUNTS = {"rows": "read", "loaded": "loaded", "duplicate": "duplicate", "rejected": "rejected", "skipped": "skipped"}


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
        value, expected = kept(city, row)[row["column"]], row["expect"]
        if isinstance(expected, dict):  # of a list: the element and the member
            found = [element for element in value if element["material"] == expected["material"]]
            assert [element[expected["member"]] for element in found] == [pytest.approx(expected["value"])], row
            continue
        kind = type(value)
        expected = kind.fromisoformat(expected) if kind in (date, datetime) else expected
        assert value == pytest.approx(expected) if isinstance(expected, float) else value == expected, row


def test_flagged_rows_are_kept_with_their_flag(city: City) -> None:
    for row in spoilt(city, "flagged"):
        assert row["reason"] in kept(city, row)["_flags"], row


def test_older_versions_are_kept_and_do_not_count(city: City) -> None:
    newest = {feed: newest_hashes(city, feed) for feed in {row["feed"] for row in spoilt(city, "older_version")}}
    for row in spoilt(city, "older_version"):
        stored = kept(city, row)
        key = tuple(stored[name] for name in FEEDS[row["feed"]].key)
        assert newest[row["feed"]][key] != stored["_content_hash"], row


def newest_hashes(city: City, feed: str) -> dict[tuple[Any, ...], str]:
    """Key -> content hash of its newest version."""
    rows = city.warehouse.execute(f"SELECT _content_hash, {', '.join(FEEDS[feed].key)} FROM raw.{feed}").fetchall()
    return {key: content_hash for content_hash, *values in rows for key in [tuple(values)]}


def test_the_delivered_volume_is_the_true_one(city: City) -> None:
    row = city.warehouse.execute(
        "SELECT sum(load_m3 - coalesce(returned_m3, 0)) FROM raw.deliveries WHERE status IS DISTINCT FROM 'returned'"
    ).fetchone()
    assert row is not None
    assert row[0] == pytest.approx(city.truth["totals"]["delivered_m3"])


def test_the_mixed_volume_and_every_weighing_arrive(city: City) -> None:
    row = city.warehouse.execute("SELECT sum(batch_m3), min(len(materials)), max(len(materials)) FROM raw.batches")
    assert row.fetchone() == (pytest.approx(city.truth["totals"]["batch_m3"]), 9, 10)


def test_batches_of_a_ticket_add_up_to_its_load(city: City) -> None:
    """Where neither a batch nor the ticket was rejected."""
    row = city.warehouse.execute(
        """
        SELECT count(*), count(*) FILTER (abs(mixed_m3 - load_m3) < 0.011)
        FROM (SELECT ticket_id, sum(batch_m3) AS mixed_m3 FROM raw.batches GROUP BY ticket_id)
        JOIN raw.deliveries USING (ticket_id)
        """
    ).fetchone()
    assert row is not None
    assert row[0] > 1_000
    assert row[1] > 0.99 * row[0]


def test_every_lot_weighed_was_received(city: City) -> None:
    row = city.warehouse.execute(
        """
        SELECT count(*), count(receipt_id)
        FROM (SELECT DISTINCT plant_id, unnest(materials).lot_no AS lot_no FROM raw.batches)
        LEFT JOIN raw.material_receipts USING (plant_id, lot_no)
        WHERE lot_no IS NOT NULL
        """
    ).fetchone()
    assert row is not None
    assert row[1] > 0.98 * row[0]  # but for receipts that were rejected


def test_every_feed_is_spoilt(city: City) -> None:
    """Rejected, flagged and repeated rows occur in each feed that plants send."""
    seen = {(row["feed"], row["outcome"]) for row in city.truth["rows"]}
    for feed in set(FEEDS) - {"zones", "plants"}:
        assert (feed, "rejected") in seen
        assert (feed, "older_version") in seen
        assert (feed, "converted") in seen or feed == "crosswalk"


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
