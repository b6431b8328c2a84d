"""Contents: bytes to be read as one of the formats, wherever they lie.

Belongs here: plain and gzipped files. Does not belong here: what the bytes say.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Content:
    """A file's decompressed bytes; `name` tells its type, `path` is where they lie if they lie there as they are."""

    name: str
    open: Callable[[], IO[bytes]]
    path: Path | None = None
    compression: str = ""


def content_of(path: Path) -> Content:
    """The content of the file at `path`. Raises OSError."""
    with path.open("rb") as file:
        is_gzip = file.read(2) == _GZIP
    if not is_gzip:
        return Content(path.name, lambda: path.open("rb"), path)
    return Content(path.name, lambda: cast(IO[bytes], gzip.open(path, "rb")), compression="gzip")
