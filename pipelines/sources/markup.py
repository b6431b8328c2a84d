"""HTML tables and SpreadsheetML 2003 as raw tables: what many systems export under the name `.xls`.

Belongs here: markup to grids. Does not belong here: cells to columns (`pipelines.sources.grids`). Both parsers
are the standard library's and fetch nothing; a document type's entities are never expanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from html.parser import HTMLParser
from typing import Any
from xml.parsers import expat

from pipelines.faults import FileError
from pipelines.feeds import Feed
from pipelines.mapping import FieldMapping
from pipelines.sources.contents import Content
from pipelines.sources.grids import Grid, Range, Row, grid_tables
from pipelines.sources.limits import COLUMNS, DOCUMENT_BYTES, FIELD_BYTES, SHEET_CELLS, SPAN_COLUMNS
from pipelines.sources.tables import Origin, RawTable
from pipelines.sources.text import TextBlock, text_blocks

_SHEETS = b"urn:schemas-microsoft-com:office:spreadsheet"
_TABLE = re.compile(rb"<(table|html)[\s>]", re.IGNORECASE)
_SPACES = re.compile(r"[\s\u00a0]+")
_ROWS = 1 << 20


def is_html(head: bytes) -> bool:
    """Whether a text that begins so is HTML."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith(b"<") and _SHEETS not in head.partition(b">")[0] and bool(_TABLE.search(head))


def is_spreadsheetml(head: bytes) -> bool:
    """Whether a text that begins so is a SpreadsheetML 2003 workbook."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and _SHEETS in head and b"Workbook" in head


def html_tables(content: Content, feed: Feed, mapping: FieldMapping) -> Iterator[RawTable]:
    """The document's tables. Raises FileError: those of `text_blocks` and `grid_tables`, `sheet_too_large`."""
    blocks = _limited(text_blocks(content))
    reader = _Html()
    encoding = "ascii"
    for block in blocks:
        encoding = block.encoding
        reader.feed(block.data.decode(errors="replace"))
    reader.close()
    grids = [sheet.grid() for sheet in reader.finished()]
    yield from grid_tables(grids, feed, mapping, Origin("html", encoding=encoding))


def spreadsheetml_tables(content: Content, feed: Feed, mapping: FieldMapping) -> Iterator[RawTable]:
    """The workbook's sheets. Raises FileError: `truncated_file`, and those of `text_blocks` and `grid_tables`."""
    blocks = _limited(text_blocks(content))
    reader = _SpreadsheetMl()
    encoding = "ascii"
    try:
        for block in blocks:
            encoding = block.encoding
            reader.parser.Parse(block.data, False)
        reader.parser.Parse(b"", True)
    except (expat.ExpatError, ValueError) as error:
        raise FileError("truncated_file", str(error)) from error
    grids = [sheet.grid() for sheet in reader.sheets]
    yield from grid_tables(grids, feed, mapping, Origin("spreadsheetml", encoding=encoding))


def _limited(blocks: Iterator[TextBlock]) -> Iterator[TextBlock]:
    size_bytes = 0
    for block in blocks:
        size_bytes += len(block.data)
        if size_bytes > DOCUMENT_BYTES:
            raise FileError("sheet_too_large")
        yield block


class _Sheet:
    """Cells as they come, each put at the first place that no cell above has taken."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_visible = True
        self._rows: list[Row] = []
        self._merged: list[Range] = []
        self._taken: dict[int, int] = {}  # column -> last row that a cell from above takes
        self._column = self._cells = 0

    def start_row(self, number: int | None = None) -> None:
        """Begin the next row, or row `number` (from 1)."""
        rows = len(self._rows) + 1 if number is None else max(number, len(self._rows) + 1)
        if rows > _ROWS:
            raise FileError("sheet_too_large")
        while len(self._rows) < rows:
            self._rows.append([])
        self._column = 0

    def add(self, value: Any, across: int = 1, down: int = 1, column: int | None = None) -> None:
        """Put a cell that spans so many columns and rows."""
        if not self._rows:
            self.start_row()
        row = len(self._rows) - 1
        self._column = self._column if column is None else max(self._column, column - 1)
        while column is None and self._taken.get(self._column, -1) >= row:
            self._column += 1
        across, down = max(1, min(across, SPAN_COLUMNS)), max(1, min(down, _ROWS))
        cells = self._rows[row]
        last = self._column + across
        self._cells += max(0, last - len(cells))
        if last > COLUMNS or self._cells > SHEET_CELLS:
            raise FileError("sheet_too_large")
        cells.extend([""] * (last - len(cells)))
        cells[self._column] = value
        if across > 1 or down > 1:
            self._merged.append(((row, self._column), (row + down - 1, last - 1)))
        if down > 1:
            self._taken.update(dict.fromkeys(range(self._column, last), row + down - 1))
        self._column = last

    def grid(self) -> Grid:
        """The sheet, rectangular. Raises FileError(`sheet_too_large`)."""
        width = max(map(len, self._rows), default=0)
        if width * len(self._rows) > SHEET_CELLS:
            raise FileError("sheet_too_large")
        rows, last = self._rows, len(self._rows) - 1
        merged = sorted((low, (min(high[0], last), high[1])) for low, high in self._merged)
        return Grid(
            self.name,
            lambda: ([*row, *[""] * (width - len(row))] for row in rows),
            merged=tuple(merged),
            is_visible=self.is_visible,
        )


class _Html(HTMLParser):
    """Tables of a document; the text of a cell is what stands in it and in no table within it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[_Sheet] = []
        self._cells: list[list[str] | None] = []
        self._spans: list[tuple[int, int]] = []
        self._sheets: list[_Sheet] = []
        self._hidden = ""

    def finished(self) -> list[_Sheet]:
        """All tables, in the order in which they began."""
        while self._open:
            self._end_table()
        return self._sheets

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Tables, rows, cells; other tags only part words."""
        if tag in ("style", "script"):
            self._hidden = tag
        elif tag == "table":
            sheet = _Sheet(f"table {len(self._sheets) + 1}")
            self._sheets.append(sheet)
            self._open.append(sheet)
            self._cells.append(None)
            self._spans.append((1, 1))
        elif not self._open:
            return
        elif tag == "tr":
            self._end_cell()
            self._open[-1].start_row()
        elif tag in ("td", "th"):
            self._end_cell()
            spans = {name: _count(value) for name, value in attrs if name in ("colspan", "rowspan")}
            self._cells[-1], self._spans[-1] = [], (spans.get("colspan", 1), spans.get("rowspan", 1))
        elif tag in ("br", "p", "div") and (texts := self._cells[-1]) is not None:
            texts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        """What ends: cells, tables."""
        if tag == self._hidden:
            self._hidden = ""
        elif self._open and tag in ("td", "th", "tr"):
            self._end_cell()
        elif self._open and tag == "table":
            self._end_table()

    def handle_data(self, data: str) -> None:
        """Text of a cell."""
        if self._open and not self._hidden and (texts := self._cells[-1]) is not None:
            texts.append(data)

    def _end_cell(self) -> None:
        texts = self._cells[-1]
        if texts is not None:
            self._open[-1].add(_SPACES.sub(" ", "".join(texts)).strip(), *self._spans[-1])
            self._cells[-1] = None

    def _end_table(self) -> None:
        self._end_cell()
        self._open.pop()
        self._cells.pop()
        self._spans.pop()


class _SpreadsheetMl:
    """Sheets of a SpreadsheetML 2003 workbook."""

    def __init__(self) -> None:
        self.sheets: list[_Sheet] = []
        self.parser = expat.ParserCreate("utf-8")  # the text has been decoded, whatever its declaration says
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = _refuse_doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self._texts: list[str] | None = None
        self._type = ""
        self._cell: tuple[int, int, int | None] = (1, 1, None)
        self._value: Any = ""

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        given = {name.rpartition(":")[2]: value for name, value in attributes.items()}
        name = tag.rpartition(":")[2]
        if name == "Worksheet":
            self.sheets.append(_Sheet(given.get("Name", f"Sheet{len(self.sheets) + 1}")))
        elif not self.sheets:
            return
        elif name == "Row":
            self.sheets[-1].start_row(_count(given["Index"]) if "Index" in given else None)
        elif name == "Cell":
            column = _count(given["Index"]) if "Index" in given else None
            self._cell = (1 + _count(given.get("MergeAcross", "0")), 1 + _count(given.get("MergeDown", "0")), column)
            self._value = ""
        elif name in ("Data", "Visible"):
            self._texts, self._type = [], given.get("Type", "String")

    def _end(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        if name == "Data" and self._texts is not None:
            self._value, self._texts = _typed("".join(self._texts), self._type), None
        elif name == "Visible" and self._texts is not None:
            self.sheets[-1].is_visible = "hidden" not in "".join(self._texts).casefold()
            self._texts = None
        elif name == "Cell" and self.sheets:
            across, down, column = self._cell
            self.sheets[-1].add(self._value, across, down, column)

    def _characters(self, text: str) -> None:
        if self._texts is not None:
            self._texts.append(text)


def _typed(text: str, type_: str) -> Any:
    """A cell's value; what its type does not hold stays text, errors are missing."""
    if len(text) > FIELD_BYTES:
        raise FileError("field_too_large")
    try:
        match type_:
            case "Number":
                return float(text)
            case "DateTime":
                return datetime.fromisoformat(text).replace(tzinfo=None)
            case "Boolean":
                return text.strip() == "1"
            case "Error":
                return ""
    except ValueError:
        return text
    return text


def _count(text: str | None) -> int:
    digits = re.match(r"\s*(\d{1,7})", text or "")
    return int(digits[1]) if digits else 1


def _refuse_doctype(*_: Any) -> None:
    raise FileError("truncated_file", "DOCTYPE")
