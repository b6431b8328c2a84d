"""Workbooks (XLSX, XLSM, XLS) as raw tables.

Belongs here: opening workbooks, sheets as grids. Does not belong here: cells to columns
(`pipelines.sources.grids`), and dates that are numbers (a reading). All visible sheets that hold the feed's
columns are read, each a member of the file when there are several.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import IO, Any

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError, SheetVisibleEnum

from pipelines.faults import FileError
from pipelines.feeds import Feed
from pipelines.mapping import FieldMapping
from pipelines.sources.archives import is_archive
from pipelines.sources.contents import Content, seekable
from pipelines.sources.grids import Grid, grid_tables
from pipelines.sources.packages import inspect
from pipelines.sources.tables import Origin, RawTable
from pipelines.sources.xls import xls_grids


def spreadsheet_tables(content: Content, feed: Feed, mapping: FieldMapping) -> Iterator[RawTable]:
    """The workbook's rows, as `grid_tables` yields them.

    Raises FileError: `truncated_file`, `encrypted_file`, and those of `packages.inspect` and `grid_tables`.
    """
    with seekable(content) as file:
        is_package = is_archive(file.read(4))
        file.seek(0)
        if not is_package:
            with xls_grids(file) as grids:
                yield from grid_tables(grids, feed, mapping, Origin("xls"))
            return
        notes = inspect(file)
        file.seek(0)
        with _opened(file) as workbook:
            yield from grid_tables(_grids(workbook), feed, mapping, Origin("xlsx", notes=notes))


def _opened(file: IO[bytes]) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_filelike(file)
    except PasswordError as error:
        raise FileError("encrypted_file") from error
    except (CalamineError, OSError, ValueError) as error:
        raise FileError("truncated_file", str(error)) from error


def _grids(workbook: CalamineWorkbook) -> list[Grid]:
    grids = []
    for described in workbook.sheets_metadata:
        try:
            sheet = workbook.get_sheet_by_name(described.name)
        except (CalamineError, OSError, ValueError) as error:
            raise FileError("truncated_file", f"{described.name}: {error}") from error
        above, left = sheet.start or (0, 0)
        merged = sorted(
            ((top - above, first - left), (bottom - above, last - left))
            for (top, first), (bottom, last) in sheet.merged_cell_ranges or ()
            if top >= above and first >= left
        )
        is_visible = described.visible == SheetVisibleEnum.Visible
        grids.append(Grid(described.name, partial(_rows, sheet), above, tuple(merged), is_visible))
    return grids


def _rows(sheet: CalamineSheet) -> Iterator[list[Any]]:
    """The sheet's rows from the first that is not empty."""
    if sheet.start is None:
        return iter(())
    return islice(sheet.iter_rows(), sheet.start[0], None)
