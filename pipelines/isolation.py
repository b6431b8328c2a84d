"""A net under the Beam graph: a file at which the program stumbles costs itself, not the run.

Belongs here: landing batches in smaller and smaller parts until the file at fault stands alone. Does not belong
here: faults that reading and checking tell by themselves (`FileError`, rejects), nor a full disk or Ctrl-C.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import duckdb
import pyarrow as pa

from pipelines import landing
from pipelines.blocks import Batch, Fault, FileTask
from pipelines.faults import FileError
from pipelines.interrupts import remembered_interrupts
from pipelines.names import digest
from store.home import Home

Land = Callable[[Home, Sequence[Batch]], None]
# Whatever a library may raise over a file nobody has thought of; Beam passes it on under its own type.
STUMBLES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    duckdb.Error,
    pa.ArrowException,
)
MOST_STUMBLES = 10
_DETAIL_CHARACTERS = 200


def batch_of(tasks: Sequence[FileTask]) -> Batch:
    """Files of one feed as a batch: the same files always make the same one."""
    return Batch(digest(*(f"{task.segment_id}.{task.turn}" for task in tasks)), tasks[0].feed, tuple(tasks))


def land_apart(home: Home, land: Land, planned: Sequence[Batch]) -> tuple[list[Batch], list[tuple[FileTask, Fault]]]:
    """Land the batches; returns those that have landed, and the files that could not be processed, with the fault.

    Raises what `land` raises when no file is at fault: the disk is full, the run was interrupted, or file after
    file fails, so that it is the program or the machine that ails.
    """
    landed: list[Batch] = []
    stumbles: list[tuple[FileTask, Fault]] = []
    waiting = [list(planned)]
    while waiting:
        part = waiting.pop()
        try:
            with remembered_interrupts() as interrupts:
                land(home, part)
            landed += part
        except STUMBLES as error:
            if interrupts or is_disk_full(error) or len(stumbles) == MOST_STUMBLES:
                raise
            if [len(batch.files) for batch in part] == [1]:
                text = FileError("cannot_process", detail_of(error)).text
                stumbles.append((part[0].files[0], Fault("cannot_process", text.zh, text.en)))
                continue
            done = [batch for batch in part if landing.manifest_path(home, batch.feed, batch.batch_id).exists()]
            landed += done
            waiting += _halves([batch for batch in part if batch not in done])
    return landed, stumbles


def _halves(planned: list[Batch]) -> list[list[Batch]]:
    """The batches in two halves; a single batch as two batches of half its files."""
    if len(planned) > 1:
        return [planned[: len(planned) // 2], planned[len(planned) // 2 :]]
    return [
        [batch_of(files)]
        for batch in planned
        for files in (batch.files[: len(batch.files) // 2], batch.files[len(batch.files) // 2 :])
        if files
    ]


def is_disk_full(error: Exception) -> bool:
    """Whether the error tells of a full disk, in whosever words."""
    return "No space left on device" in str(error) or "Errno 28" in str(error)


def detail_of(error: Exception) -> str:
    """An error's type and the last line of its text: what happened, without the way there."""
    text = str(error).strip()
    return ": ".join([type(error).__name__, *text.splitlines()[-1:]])[:_DETAIL_CHARACTERS]
