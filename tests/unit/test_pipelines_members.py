"""Members: a file of several tables, from its sheets to the lineage of rows and rejects."""

from __future__ import annotations

from pathlib import Path

import pytest
import xlsxwriter
from intake_files import order, orders, query, without_beam

from pipelines.ingest import ingest
from store.home import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    without_beam(monkeypatch)
    return Home.at(tmp_path)


def write_sheets(path: Path, sheets: dict[str, list[str]]) -> Path:
    """A workbook of text cells, its sheets given as CSV lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(path) as book:
        for name, lines in sheets.items():
            sheet = book.add_worksheet(name)
            for row, line in enumerate(lines):
                sheet.write_row(row, 0, line.split(","))
    return path


def test_rows_and_rejects_of_two_sheets_name_their_sheet(home: Home) -> None:
    header, *_ = orders().splitlines()
    sheets = {"一站": [header, order("O1"), order("")], "二站": [header, order("O1"), order(""), order("O2")]}
    write_sheets(home.inbox / "orders" / "a.xlsx", sheets)
    (file,) = ingest(home).files
    assert (file.read, file.loaded, file.duplicate, file.reasons) == (5, 2, 1, {"missing_required": 2})
    rows = query(home, "SELECT order_id, _source_file, _source_row FROM raw.orders_versions ORDER BY ALL")
    assert rows == [("O1", "a.xlsx!一站", 2), ("O2", "a.xlsx!二站", 4)]
    rejects = query(home, "SELECT source_file, source_row FROM ops.rejects ORDER BY ALL")
    assert rejects == [("a.xlsx!一站", 3), ("a.xlsx!二站", 3)]
