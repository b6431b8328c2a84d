"""Old workbooks (.xls) as grids, opened by a process of their own.

Belongs here: starting that process and reading what it writes. Does not belong here: opening the workbook
(`pipelines.sources.xls_process`).

A damaged .xls can make the workbook library panic or ask for hundreds of gigabytes, which ends its process.
That process is not ours: it has limits of memory and time, and whatever ends it is a reason of the file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from itertools import islice
from typing import IO, Any

from pipelines.faults import FileError
from pipelines.sources import xls_process
from pipelines.sources.grids import Grid

_WAIT_S = 300.0
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


@contextmanager
def xls_grids(file: IO[bytes]) -> Iterator[list[Grid]]:
    """The workbook's sheets, readable inside. Raises FileError: `truncated_file`, `encrypted_file`."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as messages:
        os.lseek(file.fileno(), 0, os.SEEK_SET)  # what a buffered seek has left undone, that process would see
        command = [sys.executable, "-I", xls_process.__file__]
        try:
            done = subprocess.run(
                command, stdin=file, stdout=output, stderr=messages, timeout=_WAIT_S, check=False, cwd="/"
            )
        except subprocess.TimeoutExpired as error:
            raise FileError("truncated_file", "timeout") from error
        if done.returncode:
            raise FileError(_reason(file, messages))
        yield list(_grids(output))


def _reason(file: IO[bytes], messages: IO[bytes]) -> str:
    file.seek(0)
    messages.seek(0)
    is_encrypted = _ENCRYPTED in file.read() or b"PasswordError" in messages.read()
    return "encrypted_file" if is_encrypted else "truncated_file"


def _grids(output: IO[bytes]) -> Iterator[Grid]:
    output.seek(0)
    while line := output.readline():
        head = json.loads(line)
        start = output.tell()
        for _ in range(head["rows"]):
            output.readline()
        merged = tuple(((low[0], low[1]), (high[0], high[1])) for low, high in head["merged"])
        rows = partial(_rows, output, start, head["rows"])
        yield Grid(head["name"], rows, head["above"], merged, head["is_visible"])


def _rows(output: IO[bytes], start: int, count: int) -> Iterator[list[Any]]:
    """`count` rows from offset `start`; the place is kept here, because other sheets share the file."""
    place = start
    while count:
        output.seek(place)
        lines = list(islice(output, min(count, 1_000)))
        place, count = output.tell(), count - len(lines)
        for line in lines:
            yield [datetime.fromisoformat(cell[0]) if isinstance(cell, list) else cell for cell in json.loads(line)]
