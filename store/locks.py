"""One writer per store: named `flock`s that die with their owner.

Belongs here: taking, waiting for and probing a lock. Does not belong here: what is written under it.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from store.home import Home
from store.messages import TongmaiError, progress

LockName = Literal["ingest", "warehouse", "live", "run"]
_TELL_EVERY_S = 30.0


@contextmanager
def hold(home: Home, name: LockName, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the lock `name` of this home; wait up to `wait_s` seconds for another process to let go.

    Raises TongmaiError(`locked`) when it is still held then. The lock file's text (the holder's
    process id) is for people only: what counts is the `flock`, which ends with its process.
    """
    home.locks.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home.locks / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _acquire(descriptor, name, wait_s)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def is_held(home: Home, name: LockName) -> bool:
    """Whether some living process holds the lock."""
    try:
        descriptor = os.open(home.locks / f"{name}.lock", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _try(descriptor)
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, name: LockName, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    told_s = float("-inf")
    while not _try(descriptor):
        if time.monotonic() >= deadline:
            holder = os.pread(descriptor, 32, 0).decode().strip() or "?"
            raise TongmaiError(
                "locked",
                f"另一个进程（{holder}）正在使用“{name}”锁；请等它结束后再试。",
                f"Another process ({holder}) holds the '{name}' lock; wait for it to end and try again.",
            )
        if time.monotonic() - told_s >= _TELL_EVERY_S:
            left_s = deadline - time.monotonic()
            progress(
                "lock",
                f"等待“{name}”锁（最多再等 {left_s:.0f} 秒）……",
                f"waiting for the '{name}' lock ({left_s:.0f} s more at most) …",
            )
            told_s = time.monotonic()
        time.sleep(0.2)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
