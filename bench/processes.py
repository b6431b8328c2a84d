"""Running a command as a whole process and reading what it used.

Belongs here: the measurement. Does not belong here: what is measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from store.home import REPOSITORY


@dataclass(frozen=True)
class Usage:
    """What a process and its children used: CPU and wall seconds, peak resident memory of the largest process."""

    cpu_s: float
    wall_s: float
    peak_mb: float


def measure(arguments: list[str], home: Path, python: Path = Path(sys.executable)) -> Usage:
    """Run `python` with `arguments` on this home. Raises CalledProcessError when the command fails."""
    environment = {**os.environ, "TONGMAI_HOME": str(home), "TONGMAI_LANG": "en"}
    started = time.monotonic()
    process = subprocess.Popen(
        [str(python), *arguments], env=environment, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    wall_s = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments)
    return Usage(used.ru_utime + used.ru_stime, wall_s, used.ru_maxrss / 1024)
