"""The virtual city's files: readable under the contracts, described by their truth, equal on every run."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from python_calamine import CalamineWorkbook

from pipelines import layout as reading
from pipelines.feeds import FEEDS
from simulation.city import SimulationReport, simulate
from simulation.layouts import DRIVER_NAME_HEADER, Layout, make_sender
from simulation.mixes import SLOTS
from simulation.pages import Page
from simulation.plants import OPERATING
from simulation.rendering import render
from store.home import Home
from store.messages import TongmaiError

SEED, SCALE = 5, 0.004
Truth = dict[str, Any]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, SimulationReport, Truth]:
    home = Home.at(tmp_path_factory.mktemp("virtual"))
    report = simulate(home, years=1, scale=SCALE, seed=SEED, batch_weeks=3)
    return home, report, json.loads(home.truth.read_text(encoding="utf-8"))


def fingerprint(home: Home) -> dict[str, tuple[str, int]]:
    """Hash and modification time of everything written; truth.json has no receipt time."""
    files = [*home.inbox.rglob("*.*"), home.truth]
    return {
        str(path.relative_to(home.root)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            0 if path == home.truth else path.stat().st_mtime_ns,
        )
        for path in files
        if path.is_file()
    }


def test_a_second_run_in_another_process_writes_the_same_bytes(
    tiny: tuple[Home, SimulationReport, Truth], tmp_path: Path
) -> None:
    program = (
        "import sys; from simulation.city import simulate; from store.home import Home; "
        f"simulate(Home.at(sys.argv[1]), years=1, scale={SCALE}, seed={SEED}, batch_weeks=3)"
    )
    environment = os.environ | {"PYTHONHASHSEED": "12345", "OMP_NUM_THREADS": "1", "TZ": "America/Lima"}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=environment, capture_output=True)
    assert fingerprint(Home.at(tmp_path)) == fingerprint(tiny[0])


def test_every_feed_and_format_is_written_and_says_that_it_is_synthetic(
    tiny: tuple[Home, SimulationReport, Truth],
) -> None:
    home, report, truth = tiny
    files = [path for path in home.inbox.rglob("*") if path.is_file()]
    assert {path.parent.name for path in files} == set(FEEDS)
    assert {".csv", ".xlsx", ".jsonl", ".parquet", ".geojson"} <= {path.suffix for path in files}
    assert all("虚拟" in path.name for path in files)
    assert report.is_synthetic
    assert truth["about"]["note"].endswith("synthetic")
    assert len(files) == report.files == len(truth["files"])


@pytest.mark.parametrize("sender", [f"P{n:03d}" for n in range(1, OPERATING + 1, 3)])
def test_the_contracts_resolve_every_header(sender: str) -> None:
    for is_small in (False, True):
        drawn = make_sender(SEED, sender, is_small)
        for feed in ("orders", "deliveries"):
            known = reading.aliases(FEEDS[feed])
            layout = drawn.layout(feed)
            for name, header in layout.headers.items():
                if name == DRIVER_NAME_HEADER:
                    continue
                assert known[reading.normalise(header)].name == name, header
            required = {field.name for field in FEEDS[feed].fields if field.required}
            assert required <= set(layout.headers)


def test_a_batch_says_the_same_as_wide_columns_nested_or_a_line_each() -> None:
    slots = tuple(SLOTS.index(name) for name in ("cement_1", "water_1"))
    table = pa.table(
        {
            "batch_id": ["B1", "B2"],
            "cement_1.lot_no": ["L7", None],
            "cement_1.target_kg": [900.0, None],
            "cement_1.actual_kg": [901.5, None],
            "water_1.lot_no": pa.nulls(2, pa.string()),
            "water_1.target_kg": [500.0, 480.0],
            "water_1.actual_kg": [499.0, 481.0],
        }
    )
    content = {}
    for style in ("wide", "nested", "long"):
        members = ("lot_no", "target_kg", "actual_kg")
        headers = {"batch_id": "batch_id"} | {f"{SLOTS[slot]}.{name}": name for slot in slots for name in members}
        names = {"material": "material", "cement_1": "cement", "water_1": "water"}
        layout = Layout(
            "batches", "jsonl" if style == "nested" else "csv", "utf-8", ",", False, headers, {}, "iso", False,
            list_style=style, materials=names,
        )  # fmt: skip
        page = Page(layout, table, {"water_1.actual_kg": {1: "481kg"}})
        content[style] = render(page)
    assert content["wide"].content.decode().splitlines()[1:] == [
        "B1,L7,900,901.5,,500,499",
        "B2,,,,,480,481kg",
    ]
    assert content["long"].content.decode().splitlines() == [
        "batch_id,material,lot_no,target_kg,actual_kg",
        "B1,cement,L7,900,901.5",
        "B1,water,,500,499",
        "B2,water,,480,481kg",
    ]
    assert content["long"].lines.tolist() == [2, 4]
    nested = [json.loads(line)["materials"] for line in content["nested"].content.decode().splitlines()]
    assert nested == [
        [
            {"material": "cement", "lot_no": "L7", "target_kg": 900, "actual_kg": 901.5},
            {"material": "water", "lot_no": None, "target_kg": 500, "actual_kg": 499},
        ],
        [{"material": "water", "lot_no": None, "target_kg": 480, "actual_kg": "481kg"}],
    ]


def line_reader(path: Path) -> Callable[[int], str]:
    """How to get the text of a 1-based row of a file, as a person would count it."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        return lambda row: str(table.slice(row - 1, 1).to_pylist()[0])
    if path.suffix == ".xlsx":
        sheet = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
        return lambda row: str(sheet[row - 1])
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        lines = content.decode("gb18030").splitlines()
    return lambda row: lines[row - 1]


def test_truth_points_at_the_right_line_in_every_format(tiny: tuple[Home, SimulationReport, Truth]) -> None:
    home, _, truth = tiny
    readers: dict[str, Callable[[int], str]] = {}
    seen = set()
    for row in truth["rows"]:
        path = home.root / row["file"]
        reader = readers.setdefault(row["file"], line_reader(path))
        text = reader(row["row"])
        seen.add(path.suffix)
        if row["kind"] == "missing_key":
            assert row["key"] not in text
        else:
            assert row["key"] in text, row
        if row["kind"] == "unknown_grade":
            assert "特强混凝土" in text
        if row["kind"] == "excel_serial":
            assert row["expect"][:10] == _excel_day(text, row["expect"]), row
    assert seen >= {".csv", ".xlsx", ".jsonl", ".parquet"}


def _excel_day(text: str, expect: str) -> str:
    """The day, when the line holds its Excel serial."""
    serial = str(date.fromisoformat(expect[:10]).toordinal() - date(1899, 12, 30).toordinal())
    return expect[:10] if serial in text else ""


def test_every_outcome_occurs_with_a_reason(tiny: tuple[Home, SimulationReport, Truth]) -> None:
    _, _, truth = tiny
    outcomes = {row["outcome"] for row in truth["rows"]}
    assert outcomes == {"rejected", "duplicate", "converted", "flagged", "older_version"}
    assert all(row["reason"] for row in truth["rows"] if row["outcome"] in ("rejected", "flagged"))
    assert all(row["expect"] is not None for row in truth["rows"] if row["outcome"] == "converted")


def test_file_counts_add_up(tiny: tuple[Home, SimulationReport, Truth]) -> None:
    _, report, truth = tiny
    assert all(file["rows"] == file["loaded"] + file["duplicate"] + file["rejected"] for file in truth["files"])
    for feed, rows in report.rows.items():
        assert truth["totals"]["feeds"][feed]["rows"] == rows
    assert report.delivered_m3 == pytest.approx(20e6 * SCALE, rel=0.1)


def test_backfills_say_when_a_row_became_known_and_recent_files_do_not(
    tiny: tuple[Home, SimulationReport, Truth],
) -> None:
    home, _, _ = tiny
    for path in (home.inbox / "deliveries").glob("*.parquet"):
        assert ("known_at" in pq.read_schema(path).names) == ("20251214" in path.name)


def test_arguments_outside_their_range_are_refused(home: Home) -> None:
    with pytest.raises(TongmaiError, match="bad_simulation"):
        simulate(home, end=date(2025, 12, 27))
    with pytest.raises(TongmaiError, match="bad_simulation"):
        simulate(home, scale=0)
