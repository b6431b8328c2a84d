"""Rejects as a clerk has them: the exported workbook's sheets, a cell corrected, the workbook dropped back.

Belongs here: what several tests of rejects share. Does not belong here: files of plants (`intake_files`).
"""

from __future__ import annotations

from pathlib import Path

import xlsxwriter
from intake_files import put
from python_calamine import CalamineWorkbook

from pipelines.ingest import FileReport, ingest
from pipelines.rejects.listing import RejectedRow, read_rejects
from pipelines.rejects.workbook import write_workbook
from store.home import Home

FIRST, SECOND, THIRD = 1_741_000_000, 1_742_000_000, 1_743_000_000  # when files were received
Sheet = list[list[str]]


def open_rejects(home: Home, feed: str | None = None) -> tuple[RejectedRow, ...]:
    """The rows that nobody has corrected yet."""
    return read_rejects(home, feed=feed).rows


def export(home: Home, tmp_path: Path, feed: str | None = None) -> dict[str, Sheet]:
    """The sheets of the exported workbook."""
    path = tmp_path / "rejects.xlsx"
    write_workbook(read_rejects(home, feed=feed), path)
    book = CalamineWorkbook.from_path(path)
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def drop(home: Home, feed: str, name: str, sheets: dict[str, Sheet], mtime: int | None = None) -> FileReport:
    """Save the sheets as a clerk's program would, with numbers as numbers, and take the file in."""
    path = put(home, feed, name, b"")
    with xlsxwriter.Workbook(str(path)) as book:
        for title, rows in sheets.items():
            sheet = book.add_worksheet(title)
            for line, row in enumerate(rows):
                sheet.write_row(line, 0, row)
    put(home, feed, name, path.read_bytes(), mtime=mtime)
    return next(file for file in ingest(home).files if file.file == name)


def set_cell(sheet: Sheet, header: str, value: str, line: int = 1) -> None:
    """Correct one cell."""
    sheet[line][sheet[0].index(header)] = value
