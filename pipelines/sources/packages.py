"""XLSX packages looked at before they are opened: how large they are, and what in them a reader must be told.

Belongs here: extents, sizes, counts of odd cells. Does not belong here: reading cells (`spreadsheet`).

A workbook library makes room for every cell between the first and the last one and copies a shared text into
each cell that names it, so that a file of a kilobyte can ask for terabytes. Every part is therefore inflated
once beforehand, which also proves its stated size (CRC). Where the usual spelling of a cell (`<c r="A1"`)
leaves any doubt, the part is parsed.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any
from xml.parsers import expat

import numpy as np

from pipelines.faults import FileError
from pipelines.sources.limits import (
    COLUMNS,
    DAMAGED,
    FIELD_BYTES,
    SHEET_CELLS,
    SHEET_TEXT_BYTES,
    bounded,
    damage,
    expanded_limit,
)
from store.messages import Text

_PARTS = 10_000
_CHUNK_BYTES = 4 << 20
_LAST_REFERENCE_BYTES = 12


@dataclass
class _Extent:
    """The rectangle that a sheet's cells span, counted from 1, and counts of odd cells."""

    top: int = 1 << 30
    left: int = 1 << 30
    bottom: int = 0
    right: int = 0
    cells: int = 0
    errors: int = 0
    uncached: int = 0
    hidden_rows: int = 0
    text_bytes: int = 0
    is_usual: bool = True

    @property
    def area(self) -> int:
        return max(0, self.bottom - self.top + 1) * max(0, self.right - self.left + 1)

    def span(self, rows: tuple[int, int], columns: tuple[int, int]) -> None:
        self.top, self.bottom = min(self.top, rows[0]), max(self.bottom, rows[1])
        self.left, self.right = min(self.left, columns[0]), max(self.right, columns[1])


@dataclass
class _Workbook:
    sheets: list[tuple[zipfile.ZipInfo, _Extent]] = field(default_factory=list)
    text_lengths: list[int] = field(default_factory=list)


def inspect(file: IO[bytes]) -> tuple[Text, ...]:
    """Notes on the workbook. Raises FileError: `archive_too_large`, `sheet_too_large`, `field_too_large`,
    `encrypted_file`, `truncated_file`.
    """
    try:
        with zipfile.ZipFile(file) as package:
            infos = package.infolist()
            limit_bytes = expanded_limit(sum(info.compress_size for info in infos))
            if len(infos) > _PARTS or sum(info.file_size for info in infos) > limit_bytes:
                raise FileError("archive_too_large")
            workbook = _Workbook()
            for info in infos:
                if info.flag_bits & 1:
                    raise FileError("encrypted_file", info.filename[:80])
                with bounded(package.open(info), limit_bytes) as part:
                    _inspect_part(part, info, workbook)
            _judge(package, workbook, limit_bytes)
    except (*DAMAGED, ValueError, RuntimeError, OverflowError) as error:
        raise FileError("truncated_file", str(error)) from error
    except OSError as error:
        raise damage(error) from error
    return tuple(_notes([extent for _, extent in workbook.sheets]))


def _inspect_part(part: IO[bytes], info: zipfile.ZipInfo, workbook: _Workbook) -> None:
    chunk = part.read(_CHUNK_BYTES)
    head = chunk[:2000]
    if b"<sst" in head or b":sst" in head:
        workbook.text_lengths += _text_lengths(chunk, part)
    elif b"worksheet" in head or b"sheetData" in head:
        extent = _Extent()
        workbook.sheets.append((info, extent))
        for piece in _whole_tags(chunk, part):
            _scan(piece, extent)
    else:
        while part.read(_CHUNK_BYTES):
            pass


def _judge(package: zipfile.ZipFile, workbook: _Workbook, limit_bytes: int) -> None:
    longest = max(workbook.text_lengths, default=0)
    for index, (info, extent) in enumerate(workbook.sheets):
        if extent.is_usual and extent.area <= SHEET_CELLS and extent.cells * longest <= SHEET_TEXT_BYTES:
            continue
        with bounded(package.open(info), limit_bytes) as part:
            exact = _Parsed(workbook.text_lengths).extent(part)
        workbook.sheets[index] = info, exact
    if sum(extent.area for _, extent in workbook.sheets) > SHEET_CELLS:
        raise FileError("sheet_too_large")
    if sum(extent.text_bytes for _, extent in workbook.sheets) > SHEET_TEXT_BYTES:
        raise FileError("sheet_too_large")


def _whole_tags(chunk: bytes, part: IO[bytes]) -> Iterator[bytes]:
    carry = b""
    while chunk:
        data = carry + chunk
        cut = max(data.rfind(b"<c "), data.rfind(b"<row"), data.rfind(b"</row"))
        if cut <= 0:
            cut = len(data) if len(data) < FIELD_BYTES else -1
        if cut < 0:
            raise FileError("field_too_large")
        yield data[:cut]
        carry, chunk = data[cut:], part.read(_CHUNK_BYTES)
    yield carry


def _scan(data: bytes, extent: _Extent) -> None:
    cells = data.count(b'<c r="')
    extent.cells += cells
    others = sum(data.count(name) for name in (b"<col", b"<conditionalFormatting", b"<cf"))
    extent.is_usual &= data.count(b"<c") == cells + others and b":c" not in data  # a prefix would hide cells
    extent.errors += data.count(b't="e"')
    if b"<f" in data:
        extent.uncached += data.count(b"</f><v></v>") + data.count(b"</f><v/>") + data.count(b"</f></c>")
    if b'hidden="' in data:
        extent.hidden_rows += sum(b'hidden="1"' in row[: row.find(b">")] for row in data.split(b"<row ")[1:])
    if not cells or not extent.is_usual:
        return
    bytes_ = np.frombuffer(data + bytes(_LAST_REFERENCE_BYTES), np.uint8)
    quotes = np.flatnonzero(bytes_[: len(data)] == ord('"'))
    for back, character in enumerate(b"=r c<", 1):
        quotes = quotes[(quotes >= back) & (bytes_[quotes - back] == character)]
    at, columns, rows = quotes + 1, np.zeros(len(quotes), np.int64), np.zeros(len(quotes), np.int64)
    for base, low, high, number in ((26, b"A", b"Z", columns), (10, b"0", b"9", rows)):
        for _ in range(8):
            digit = bytes_[np.minimum(at, len(bytes_) - 1)].astype(np.int64)
            is_digit = (digit >= low[0]) & (digit <= high[0])
            number[is_digit] = number[is_digit] * base + digit[is_digit] - low[0] + (base == 26)
            at = at + is_digit
    if not (bytes_[np.minimum(at, len(bytes_) - 1)] == ord('"')).all() or not rows.all() or not columns.all():
        extent.is_usual = False
        return
    extent.span((int(rows.min()), int(rows.max())), (int(columns.min()), int(columns.max())))


def _text_lengths(chunk: bytes, part: IO[bytes]) -> list[int]:
    lengths: list[int] = []
    carry = b""
    while chunk:
        *texts, carry = (carry + chunk).split(b"</si>")
        lengths += map(len, texts)
        if len(carry) > FIELD_BYTES:
            raise FileError("field_too_large")
        chunk = part.read(_CHUNK_BYTES)
    return [*lengths, len(carry)]


class _Parsed:
    """A sheet's extent by parsing it: only cells with a value count, as for the library that opens it."""

    def __init__(self, text_lengths: list[int]) -> None:
        self._lengths = text_lengths
        self._extent = _Extent()
        self._row = self._column = 0
        self._type, self._text, self._is_value, self._has_value = "", "", False, False

    def extent(self, part: IO[bytes]) -> _Extent:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        try:
            while chunk := part.read(_CHUNK_BYTES):  # not ParseFile: it would look at a long tag anew every 2 KB
                parser.Parse(chunk)
            parser.Parse(b"", True)
        except (expat.ExpatError, LookupError) as error:  # LookupError: it names an encoding that nobody knows
            raise FileError("truncated_file", str(error)) from error
        return self._extent

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        match name.rpartition(":")[2]:
            case "row":
                self._row = int(attributes.get("r", self._row + 1))
                self._column = 0
                self._extent.hidden_rows += attributes.get("hidden") in ("1", "true")
            case "c":
                self._row, self._column = _place(attributes.get("r", ""), self._row or 1, self._column + 1)
                self._type, self._has_value = attributes.get("t", ""), False
                self._extent.errors += self._type == "e"
            case "v":
                self._is_value, self._text, self._has_value = True, "", True
            case "is" | "f":
                self._has_value = True

    def _end(self, name: str) -> None:
        match name.rpartition(":")[2]:
            case "v":
                self._is_value = False
                if self._type == "s" and self._text.strip().isdecimal():
                    index = int(self._text)
                    self._extent.text_bytes += self._lengths[index] if index < len(self._lengths) else 0
            case "c":
                self._extent.cells += 1
                if self._has_value:
                    self._extent.span((self._row, self._row), (self._column, self._column))

    def _characters(self, text: str) -> None:
        if self._is_value:
            self._text += text


def _place(reference: str, row: int, column: int) -> tuple[int, int]:
    letters = reference.rstrip("0123456789")
    digits = reference[len(letters) :]
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    if number > COLUMNS or len(digits) > 7:
        raise FileError("truncated_file", reference[:20])
    return int(digits or row), number or column


def _refuse_doctype(*_: Any) -> None:
    raise FileError("truncated_file", "DOCTYPE")


def _notes(extents: list[_Extent]) -> Iterator[Text]:
    if errors := sum(extent.errors for extent in extents):
        yield Text(
            f"{errors} 个公式出错的单元格（#REF!、#DIV/0! 等）按缺失处理",
            f"{errors} cells hold an error (#REF!, #DIV/0! …) and are read as missing",
        )
    if uncached := sum(extent.uncached for extent in extents):
        yield Text(
            f"{uncached} 个公式没有保存结果，按缺失处理；请用 Excel 打开并保存后重新发送",
            f"{uncached} formulas have no saved result and are read as missing; open and save the file in Excel",
        )
    if hidden := sum(extent.hidden_rows for extent in extents):
        yield Text(f"{hidden} 个隐藏行也已读取", f"{hidden} hidden rows are read too")
