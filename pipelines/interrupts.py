"""Ctrl-C and SIGTERM, remembered: DuckDB and Beam turn a KeyboardInterrupt into errors of their own.

Belongs here: hearing a signal and knowing afterwards that it came. Does not belong here: what a stage does then.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def remembered_interrupts() -> Iterator[Sequence[int]]:
    """The signals that have asked to stop so far; each still raises, at the latest a KeyboardInterrupt."""
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # only there do signals arrive
        yield came
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def stop(number: int, frame: FrameType | None) -> None:
        came.append(number)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)
        raise KeyboardInterrupt

    for number in SIGNALS:
        signal.signal(number, stop)
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
