"""Rejects as a workbook: the reason beside each row, ready to be corrected and dropped back.

Belongs here: laying rows out in sheets. Does not belong here: which rejects (`pipelines.rejects.listing`), reading
the corrected file (`pipelines.rejects.corrections`).

Every cell is text, so that no cell is a formula and no number changes on its way through a spreadsheet. A record that
stood on several lines (a batch, a line per weighing) is written on as many, so that it is gathered again. A row with a
cell that no spreadsheet holds is named, and left to its own file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pipelines.feeds import FEEDS
from pipelines.feeds.contract import Kind
from pipelines.rejects.corrections import ADDED
from pipelines.rejects.listing import RejectedRow, RejectList
from store.messages import Lang, Text, language

_SHEET_ROWS = 1_000_000
_CELL_CHARACTERS = 32_767
_TOO_LONG = Text(
    "这一行有一格超过 32767 字，电子表格放不下：请在原文件中改正它，再把原文件放回。",
    "A cell of this row is longer than the 32,767 characters of a spreadsheet's: correct it in its own file and drop "
    "that one back.",
)
_SENTENCE_WIDTH = 60
_WIDTH = 16
_MADE_AT = datetime(2000, 1, 1)


def write_workbook(rejects: RejectList, path: Path) -> int:
    """Write one sheet per feed and layout, headers in the language in force; returns the number of rows written."""
    import xlsxwriter

    lang: Lang = language()
    path.parent.mkdir(parents=True, exist_ok=True)
    layouts: dict[tuple[str, tuple[str, ...]], list[RejectedRow]] = {}
    for row in rejects.rows:
        layouts.setdefault((row.feed, row.header), []).append(row)
    with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        book.set_properties({"created": _MADE_AT})
        text = book.add_format({"num_format": "@"})
        wrapped = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
        bold = book.add_format({"num_format": "@", "bold": True, "bg_color": "#F2F2F2"})
        names: list[str] = []
        for (feed, header), rows in layouts.items() or {("", ()): []}.items():
            lines = [line for row in rows for line in _lines(row, lang)]
            for start in range(0, max(len(lines), 1), _SHEET_ROWS):
                names.append(feed or "rejects")
                count = names.count(names[-1])
                sheet = book.add_worksheet(names[-1] if count == 1 else f"{names[-1]} {count}")
                titles = [*(getattr(added, lang) for added in ADDED), *header]
                sheet.set_column(0, len(titles) - 1, _WIDTH, text)
                sheet.set_column(4, 4, _SENTENCE_WIDTH, wrapped)
                sheet.freeze_panes(1, 1)
                for place, title in enumerate(titles):
                    sheet.write_string(0, place, title, bold)
                for number, line in enumerate(lines[start : start + _SHEET_ROWS], 1):
                    for place, cell in enumerate(line):
                        if cell:
                            sheet.write_string(number, place, cell, wrapped if place == 4 else text)
    return len(rejects.rows)


def _lines(row: RejectedRow, lang: Lang) -> Iterator[list[str]]:
    """A row's cells, in the order of ADDED and then of its file's headers; a line for each that the record stood on."""
    sentence = row.sentence_zh if lang == "zh" else row.sentence_en
    added = (row.reject_id, row.feed, row.reason, row.column or "", sentence, row.source_file, str(row.source_row))
    text = "" if row.cells else row.raw_text
    parts = _gathered(row)
    lines = []
    for number in range(len(next(iter(parts.values()), [text]))):
        cells = {**row.cells, **{header: cells[number] for header, cells in parts.items()}}
        lines.append([*added, text, *(cells.get(header, "") for header in row.header)])
    if any(len(cell) > _CELL_CHARACTERS for line in lines for cell in line):
        told = [*added[:4], f"{sentence} {_TOO_LONG}", *added[5:], ""]
        lines = [[*told, *("" for _ in row.header)]]  # cut off it would load so; a line without cells is skipped
    yield from lines


def _gathered(row: RejectedRow) -> dict[str, list[str]]:
    """The columns that differ from line to line of one record, by header: at least which element, and how much."""
    if not any(field.kind is Kind.LIST for field in FEEDS[row.feed].fields):
        return {}
    found: dict[str, list[str]] = {}
    for header, text in row.cells.items():
        try:
            cells = json.loads(text) if text.startswith("[") else None
        except ValueError:
            continue
        if isinstance(cells, list) and cells and not any(isinstance(cell, dict | list) for cell in cells):
            found[header] = ["" if cell is None else str(cell) for cell in cells]
    return found if len(found) > 1 and len({len(cells) for cells in found.values()}) == 1 else {}
