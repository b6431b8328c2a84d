"""Blocks with stray quotes, read record by record.

Belongs here: the careful, slow reading of a block whose quotes are not regular, so that one stray quote
costs one row and not the rest of the file. Does not belong here: regular blocks.
"""

from __future__ import annotations

import re

from pipelines.sources.tables import MalformedRow
from pipelines.sources.text import TextBlock

QUOTED_LIMIT = 1 << 16
CarefulRows = tuple[list[list[str]], list[int], list[MalformedRow], int, int]


def careful_records(block: TextBlock, delimiter: str, width: int, line: int, is_last: bool) -> CarefulRows:
    """Rows, their lines, malformed rows, blank lines, and the bytes used.

    A quoted field must end before a delimiter or a line's end; a quote anywhere else is taken as text. When a
    record that spans lines has a wrong number of fields only its first line is rejected, and reading goes on
    with the next line.
    """
    text = block.data.decode(errors="replace")
    field = re.compile(
        rf'"((?:[^"]|""){{0,{QUOTED_LIMIT}}})"(?=[{re.escape(delimiter)}\r\n]|\Z)|([^{re.escape(delimiter)}\n]*)'
    )
    rows: list[list[str]] = []
    lines: list[int] = []
    malformed: list[MalformedRow] = []
    blanks = position = 0
    while position < len(text):
        cells, end = _record(text, position, field, delimiter)
        if end >= len(text) and not is_last and not text.endswith("\n"):
            break  # it may go on in the next block
        while len(cells) > width and not cells[-1]:
            cells.pop()  # empty fields beyond the header's, as regular blocks take them
        if len(cells) != width and "\n" in text[position : end - 1]:
            end = text.index("\n", position) + 1
            cells = text[position : end - 1].split(delimiter)
            malformed.append(_reject(cells, line))
        elif not any(cell.strip() for cell in cells):
            blanks += 1
        elif len(cells) != width or (block.is_damaged and any("\ufffd" in cell for cell in cells)):
            malformed.append(_reject(cells, line))
        else:
            rows.append(cells)
            lines.append(line)
        line += text.count("\n", position, end)
        position = end
    return rows, lines, malformed, blanks, len(text[:position].encode()) if position < len(text) else len(block.data)


def _record(text: str, start: int, field: re.Pattern[str], delimiter: str) -> tuple[list[str], int]:
    cells: list[str] = []
    position = start
    while True:
        match = field.match(text, position)
        assert match is not None  # the second alternative matches anything, the empty text too
        quoted, plain = match.groups()
        cells.append(quoted.replace('""', '"') if quoted is not None else plain.rstrip("\r"))
        position = match.end()
        if position < len(text) and text[position] == delimiter:
            position += 1
            continue
        break
    position = text.find("\n", position)
    return cells, len(text) if position < 0 else position + 1


def _reject(cells: list[str], line: int) -> MalformedRow:
    reason = "bad_encoding" if any("\ufffd" in cell for cell in cells) else "wrong_field_count"
    return MalformedRow(line, reason, tuple(cells))
