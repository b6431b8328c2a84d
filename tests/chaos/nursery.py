"""Processes of the intake that start in milliseconds: forked from one that has imported everything.

Belongs here: the process that forks (run as a program) and its handle (`Nursery`). Does not belong here: when to
kill, what must hold then. It imports and forks, and starts no thread of its own: a fork sees nothing half done.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

SMALL = {
    "pipelines.staging": {"SMALL_FILE_BYTES": 12_000, "BATCH_FILES": 12},
    "pipelines.loader": {"TRANSACTION_ROWS": 200},
}  # so that a few hundred small files make many batches and transactions


class Nursery:
    """Runs one job at a time in a forked process."""

    def __enter__(self) -> Self:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TONGMAI_LANG": "en"}
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )
        return self

    def run(self, job: str, home: Path, *, at: str = "", after_s: float = 0.0) -> tuple[int, float, str]:
        """Run a job, killed at a point (`name:n`) or after so many seconds. Returns status, seconds, text."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"job": job, "home": str(home), "at": at, "after_s": after_s}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["status"], answer["seconds"], answer["said"]

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()


def _ingest(root: str) -> None:
    from pipelines.ingest import ingest
    from store.home import Home

    ingest(Home.at(root))


def _live(root: str) -> None:
    from pipelines.live.watch import live
    from store.home import Home

    live(Home.at(root), every_s=0.05, iterations=3)


JOBS = {"ingest": _ingest, "live": _live}


def _child(order: dict[str, Any], said: Path) -> None:
    os.setsid()
    log = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.environ.pop("TONGMAI_KILL_AT", None)
    if order["at"]:
        os.environ["TONGMAI_KILL_AT"] = order["at"]
    for module, constants in SMALL.items():
        for name, value in constants.items():
            setattr(importlib.import_module(module), name, value)
    status = 1
    try:
        JOBS[order["job"]](order["home"])
        status = 0
    finally:
        if status:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _wait(pid: int, after_s: float) -> int:
    """The child's status; a kill of its whole group, or of it alone, once its time has come."""
    ends = time.monotonic() + after_s if after_s else None
    while True:
        done, status = os.waitpid(pid, 0 if ends is None else os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if ends is not None and time.monotonic() >= ends:
            random.choice((os.kill, os.killpg))(pid, signal.SIGKILL)
            ends = None
        else:
            time.sleep(0.002)


def main() -> None:
    """Import, then serve orders until standard input ends."""
    import warnings

    from pipelines.quiet_beam import quiet_import

    warnings.simplefilter("ignore")
    with quiet_import():
        for name in ("pipelines.transforms", "pipelines.ingest", "pipelines.live.watch", "pyarrow.dataset"):
            importlib.import_module(name)
    for line in sys.stdin:
        order = json.loads(line)
        said = Path(order["home"]).with_suffix(".log")
        started = time.monotonic()
        pid = os.fork()
        if not pid:
            _child(order, said)
        status = _wait(pid, order["after_s"])
        text = said.read_text(errors="replace")[-2000:] if status not in (0, -signal.SIGKILL) else ""
        answer = {"status": status, "seconds": time.monotonic() - started, "said": text}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
