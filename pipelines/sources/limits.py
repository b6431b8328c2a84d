"""Limits: how much a file may ask of this machine, and the stream that holds it to them.

Belongs here: every limit of the sources. Does not belong here: reading. What a file claims of its own size is
never believed: bytes are counted as they come out. Reasons for the numbers: docs/decisions/0012.
"""

from __future__ import annotations

import errno
import gzip
import io
import lzma
import struct
import zipfile
import zlib
from typing import IO

from pipelines.faults import FileError

MEMBERS = 1_000
EXPANDED_BYTES = 4 << 30
EXPANSION = 200
ALWAYS_ALLOWED_BYTES = 64 << 20  # a small file may be of any ratio
FIELD_BYTES = 16 << 20
LINE_BYTES = 16 << 20
DOCUMENT_BYTES = 512 << 20  # formats that are held as a whole: HTML, SpreadsheetML, a JSON document's element
SHEET_CELLS = 20_000_000  # empty ones between filled ones included: 640 MB
SHEET_TEXT_BYTES = 1 << 30
SPAN_COLUMNS = 1_000  # of a merged HTML or SpreadsheetML cell
COLUMNS = 16_384

DAMAGED = (
    EOFError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    NotImplementedError,
    struct.error,
    UnicodeError,
)


def expanded_limit(compressed_bytes: int) -> int:
    """How many bytes a file of that size may expand to."""
    return min(EXPANDED_BYTES, max(ALWAYS_ALLOWED_BYTES, EXPANSION * compressed_bytes))


def damage(error: OSError, place: str = "") -> FileError:
    """What an OSError says of a file: an offset that is none is the file's fault, all else the device's."""
    reason = "truncated_file" if error.errno in (None, errno.EINVAL) else "unreadable_file"
    return FileError(reason, place or error.strerror or str(error))


def bounded(stream: IO[bytes], limit_bytes: int, place: str = "") -> IO[bytes]:
    """`stream`, which fails as FileError: `archive_too_large` after `limit_bytes`, `truncated_file` when damaged."""
    return io.BufferedReader(_Bounded(stream, limit_bytes, place), 1 << 18)


class _Bounded(io.RawIOBase):
    def __init__(self, stream: IO[bytes], limit_bytes: int, place: str) -> None:
        super().__init__()
        self._stream, self._left, self._place = stream, limit_bytes, place

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            data = self._stream.read(len(buffer))
        except DAMAGED as error:
            raise FileError("truncated_file", self._place or str(error)) from error
        except OSError as error:
            raise damage(error, self._place) from error
        self._left -= len(data)
        if self._left < 0:
            raise FileError("archive_too_large", self._place)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()
