"""The least workbook of Excel 97 (BIFF8 in a compound file) that readers accept.

Belongs here: one sheet of texts. Does not belong here: anything that a test does not need. After [MS-XLS] and
[MS-CFB]: one FAT sector, one directory sector, one stream.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

SECTOR = 512
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_SMALL_STREAM = 4096  # shorter ones would live elsewhere


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def _wide(text: str) -> bytes:
    return b"\x01" + text.encode("utf-16-le", errors="surrogatepass")


def _label(row: int, column: int, text: str) -> bytes:
    body = _wide(text[:200])
    return _record(0x0204, struct.pack("<HHHH", row, column, 0, (len(body) - 1) // 2) + body)


def _cell(row: int, column: int, text: str) -> bytes:
    try:
        return _record(0x0203, struct.pack("<HHHd", row, column, 0, float(text)))
    except ValueError:
        return _label(row, column, text)


def _stream(cells: Sequence[Sequence[str]]) -> bytes:
    name = "数据"
    width = max((len(row) for row in cells), default=0)
    sheet = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 0x06))
    sheet += _record(0x0200, struct.pack("<IIHHH", 0, len(cells), 0, width, 0))
    for row, texts in enumerate(cells):
        sheet += b"".join(_cell(row, column, text) for column, text in enumerate(texts) if text)
    sheet += _record(0x000A, b"")
    start = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 0x06))
    start += _record(0x0042, struct.pack("<H", 1200))
    bound = 4 + 4 + 2 + 1 + 1 + 2 * len(name)
    offset = len(start) + bound + 4
    start += _record(0x0085, struct.pack("<IBBB", offset, 0, 0, len(name)) + _wide(name))
    return start + _record(0x000A, b"") + sheet


def _entry(name: str, kind: int, start: int, size: int, child: int = _FREE) -> bytes:
    text = (name + "\0").encode("utf-16-le")
    body = text.ljust(64, b"\0") + struct.pack("<HBBIII", len(text) if name else 0, kind, 1, _FREE, _FREE, child)
    return body + b"\0" * 36 + struct.pack("<IQ", start, size)


def workbook(cells: Sequence[Sequence[str]]) -> bytes:
    """The file of one sheet with these cells, cut off after 60 kB."""
    stream = _stream(cells).ljust(_SMALL_STREAM, b"\0")[: SECTOR * (SECTOR // 4 - 3)]
    size = len(stream)
    sectors = -(-size // SECTOR)
    chain = [_FAT, _END, *(number + 3 for number in range(sectors - 1)), _END]
    fat = struct.pack(f"<{SECTOR // 4}I", *chain, *[_FREE] * (SECTOR // 4 - len(chain)))
    directory = _entry("Root Entry", 5, _END, 0, child=1) + _entry("Workbook", 2, 2, size) + 2 * _entry("", 0, 0, 0)
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16
    head += struct.pack("<HHHHH6xIIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, _SMALL_STREAM, _END, 0, _END, 0, 0)
    head += struct.pack("<109I", *[_FREE] * 108, _FREE)
    head = head[:76] + struct.pack("<I", 0) + head[80:SECTOR]
    return head + fat + directory + stream.ljust(sectors * SECTOR, b"\0")
