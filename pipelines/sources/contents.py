"""Contents: bytes to be read as one of the formats, wherever they lie.

Belongs here: plain and gzipped files, bytes that can be sought in. Does not belong here: what the bytes say,
and archives of several files (`pipelines.sources.archives`).
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from pipelines.sources.limits import bounded, expanded_limit

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
    limit_bytes = expanded_limit(path.stat().st_size)
    return Content(path.name, lambda: bounded(cast(IO[bytes], gzip.open(path, "rb")), limit_bytes), compression="gzip")


@contextmanager
def seekable(content: Content) -> Iterator[IO[bytes]]:
    """The content as a file that can be sought in: itself, or a nameless copy that is gone afterwards.

    Copied before any library sees it, so that a library's reading cannot exceed the limits.
    """
    if content.path is not None:
        with content.path.open("rb") as file:
            yield file
        return
    with tempfile.TemporaryFile() as copy, content.open() as stream:
        shutil.copyfileobj(stream, copy, 1 << 20)
        copy.seek(0)
        yield copy
