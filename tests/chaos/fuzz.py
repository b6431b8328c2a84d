"""Damaged files through the intake's own steps: no crash, no hang, every row on one side, memory bounded.

    python tests/chaos/fuzz.py --kind csv --seed 1 --count 10000    run
    python tests/chaos/fuzz.py --replay csv:1:4711                  one case again, with its traceback
    python tests/chaos/fuzz.py --replay csv:1:4711 --write DIR      ... and its file

Belongs here: running cases in a process with limits, and what must hold. Does not belong here: the cases.
A process that dies (a crash, the CPU limit, no memory) is followed by one that reads its cases one by one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cases import GROUP, Case, case
from made_up import WRITERS

from pipelines.blocks import Batch, FileTask
from pipelines.checks import Checker
from pipelines.faults import FILE_REASONS
from pipelines.reading import read_blocks
from store.home import REPOSITORY

CPU_LIMIT_S = 10.0  # per file when alone, per group else; a usual file takes a hundredth of a second
ADDRESS_SPACE_BYTES = 3 << 30  # above what the process has at its start
PEAK_LIMIT_BYTES = 900 << 20
ALONE_EVERY = 12  # of so many groups one is read file by file
_PHONE = re.compile(r"(?<![0-9])13800001234(?![0-9])")


@dataclass
class Findings:
    """What a run has seen."""

    files: int = 0
    taken: int = 0
    rows: int = 0
    peak_bytes: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)

    def add(self, other: dict[str, Any]) -> None:
        """Take another process's findings in."""
        self.files += other["files"]
        self.taken += other["taken"]
        self.rows += other["rows"]
        self.peak_bytes = max(self.peak_bytes, other["peak_bytes"])
        self.reasons.update(other["reasons"])
        self.failures.update(other["failures"])


class BrokenError(AssertionError):
    """Something that must hold does not."""


def _tasks(cases: Sequence[Case], folder: Path) -> Batch:
    tasks = []
    for one in cases:
        path = folder / one.name
        path.write_bytes(one.data)
        tasks.append(
            FileTask(one.feed, path, one.name, one.label, len(one.data), 0, datetime(2025, 1, 1, tzinfo=UTC), one.label)
        )
    return Batch(cases[0].label, cases[0].feed, tuple(tasks))


def _run(checker: Checker, cases: Sequence[Case], folder: Path, findings: Findings) -> None:
    """Read and check these files as one batch. Raises BrokenError, and whatever the intake raises."""
    batch = _tasks(cases, folder)
    came, went = Counter[int](), Counter[int]()
    faults: dict[int, str] = {}
    try:
        for block in read_blocks(batch):
            if block.table is not None:
                came.update(block.sources[source].file for source in block.table["_source"].to_pylist())
            came.update(block.sources[source].file for source, _ in block.malformed)
            for file, count in block.skipped:
                came[file] += count
            checked = checker.check(block)
            good = rejected = 0
            for file, tally in checked.tallies.items():
                went[file] += tally.rows_good + tally.rows_rejected + tally.rows_skipped
                good, rejected = good + tally.rows_good, rejected + tally.rows_rejected
                if sum(tally.reasons.values()) != tally.rows_rejected:
                    raise BrokenError(f"{cases[file].label}: reasons {tally.reasons} of {tally.rows_rejected} rejects")
            _holds("good rows", checked.rows.num_rows if checked.rows else 0, good)
            _holds("rejects", checked.rejects.num_rows if checked.rejects else 0, rejected)
            if checked.rejects and any(map(_PHONE.search, filter(None, checked.rejects["raw_text"].to_pylist()))):
                raise BrokenError("a phone number stands in a reject")
            faults |= {index: fault.reason for index, fault in checked.faults}
    finally:
        for task in batch.files:
            task.path.unlink(missing_ok=True)
    for index, one in enumerate(cases):
        findings.files += 1
        if index in faults:
            if faults[index] not in FILE_REASONS:
                raise BrokenError(f"{one.label}: unknown reason {faults[index]}")
            findings.reasons[faults[index]] += 1
            if len(cases) > 1:
                _holds(f"{one.label}: rows of a file that is not taken", went[index], 0)
            continue
        _holds(f"{one.label}: rows read and rows accounted for", went[index], came[index])
        if one.rows is not None:
            _holds(f"{one.label}: rows in the file and rows accounted for", went[index], one.rows)
        findings.taken += 1
        findings.rows += went[index]


def _holds(what: str, found: int, expected: int) -> None:
    if found != expected:
        raise BrokenError(f"{what}: {found}, expected {expected}")


def _one_by_one(checker: Checker, cases: Sequence[Case], folder: Path, findings: Findings) -> None:
    for one in cases:
        signal.setitimer(signal.ITIMER_PROF, CPU_LIMIT_S)
        _announce({"reading": one.number})
        try:
            _run(checker, [one], folder, findings)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            findings.failures[one.label] = _told(error)


def _told(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error)[:300]} ({Path(last.filename).name}:{last.lineno})"


def _announce(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def _worker(kind: str, seed: int, numbers: range, is_alone: bool) -> None:
    """Read the cases of those numbers; findings go to standard output, one line per group."""
    checker = Checker(b"chaos" * 7)
    with TemporaryDirectory(prefix="tongmai-fuzz-") as name:
        folder = Path(name)
        _one_by_one(checker, [case(kind, seed, numbers.start)], folder, Findings())  # all imports are made now
        _limit_memory()
        size = 1 if is_alone else GROUP  # alone, each is told before the next may end the process
        for start in range(numbers.start, numbers.stop, size):
            cases = [case(kind, seed, number) for number in range(start, min(start + size, numbers.stop))]
            findings = Findings()
            _forget_peak()
            _announce({"reading": start})
            signal.setitimer(signal.ITIMER_PROF, CPU_LIMIT_S * 2)
            if is_alone or start // GROUP % ALONE_EVERY == 0:
                _one_by_one(checker, cases, folder, findings)
            else:
                try:
                    _run(checker, cases, folder, findings)
                except BaseException as error:  # noqa: BLE001
                    findings = Findings()
                    checker = Checker(b"chaos" * 7)
                    _one_by_one(checker, cases, folder, findings)
                    if not findings.failures:
                        findings.failures[f"{cases[0].label}+{len(cases)}"] = "only together: " + _told(error)
            findings.peak_bytes = _peak()
            if findings.peak_bytes > PEAK_LIMIT_BYTES:
                findings.failures[f"{cases[0].label}+{len(cases)}"] = f"peak of {findings.peak_bytes >> 20} MB"
            _announce({"done": start + len(cases), **vars(findings)})


def _limit_memory() -> None:
    size = int(re.search(r"VmSize:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024  # type: ignore[index]
    resource.setrlimit(resource.RLIMIT_AS, (size + ADDRESS_SPACE_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024  # type: ignore[index]


def fuzz(kind: str, seed: int, numbers: range) -> Findings:
    """Read the cases of those numbers in processes of their own."""
    findings = Findings()
    start, alone_until = numbers.start, -1
    while start < numbers.stop:
        stop = numbers.stop if start >= alone_until else alone_until
        done, reading, code, errors = start, start, 0, ""
        arguments = ["--kind", kind, "--seed", str(seed), "--worker", str(start), str(stop)]
        if start < alone_until:
            arguments.append("--alone")
        for document in _documents(arguments):
            if "reading" in document:
                reading = document["reading"]
            elif "done" in document:
                done = document["done"]
                findings.add(document)
            else:
                code, errors = document["code"], document["errors"]
        if code == 0:
            start = stop
        elif code > 0:
            raise RuntimeError(f"the harness failed at {kind}:{seed}:{reading}: {errors}")
        elif start < alone_until:  # it was this one
            findings.failures[f"{kind}:{seed}:{reading}"] = f"the process died ({code}) {errors}"
            findings.files += 1
            start = reading + 1
        else:
            start, alone_until = done, min(done + GROUP, numbers.stop)
    return findings


def _documents(arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TONGMAI_LANG": "en"}
    with subprocess.Popen(
        [sys.executable, __file__, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            yield json.loads(line)
        errors = process.stderr.read()
    yield {"code": process.returncode, "errors": errors.strip()[-2000:]}


def keep(findings: Findings, folder: Path) -> list[str]:
    """Write the files of the failing cases to `folder`; returns what to say of them."""
    told = []
    for label, text in sorted(findings.failures.items()):
        kind, seed, number = label.partition("+")[0].split(":")
        one = case(kind, int(seed), int(number))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / one.name).write_bytes(one.data)
        told.append(f"{label} ({one.feed}, {one.name}): {text}")
    return told


def _replay(label: str, folder: Path | None) -> None:
    first, _, together = label.partition("+")
    kind, seed, number = first.split(":")
    cases = [case(kind, int(seed), int(number) + more) for more in range(int(together or 1))]
    with TemporaryDirectory(prefix="tongmai-fuzz-") as name:
        findings = Findings()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for one in cases:
                (folder / one.name).write_bytes(one.data)
        _run(Checker(b"chaos" * 7), cases, Path(name), findings)
    _announce(vars(findings))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kind", choices=list(WRITERS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--worker", type=int, nargs=2)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--replay")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if options.replay:
        _replay(options.replay, options.write)
    elif options.worker:
        _worker(options.kind, options.seed, range(*options.worker), options.alone)
    else:
        for kind in [options.kind] if options.kind else list(WRITERS):
            started = time.monotonic()
            findings = fuzz(kind, options.seed, range(options.count))
            _announce({"kind": kind, "seconds": round(time.monotonic() - started, 1), **vars(findings)})


if __name__ == "__main__":
    main()
