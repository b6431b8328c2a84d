"""Kill -9 the intake at every named point and at any moment: nothing lost, nothing double, books that agree.

TONGMAI_KILLS (200; CI: 20) kills over three seeds. Most are of forked processes, some of the real command.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from books import audit, tables
from nursery import Nursery
from post import Letter, drop, letters, open_home

from store.home import REPOSITORY, Home

IS_CI = os.environ.get("CI") == "true"
KILLS = int(os.environ.get("TONGMAI_KILLS", "20" if IS_CI else "200"))
SEEDS = (1, 2, 3)
PER_FEED = 6 if IS_CI else 25
KILLS_PER_HOME = 12
POINTS = sorted(
    {
        point
        for path in (REPOSITORY / "pipelines").rglob("*.py")
        for point in re.findall(r'\breach\("(\w+)"\)', path.read_text(encoding="utf-8"))
    }
)
REAL_SHARE = 0.04  # of the kills are of the real command, whose imports take seconds
LIVE_SHARE = 0.1


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as started:
        yield started


def real_ingest(home: Home, at: str, after_s: float) -> int:
    """`tongmai ingest`; killed with its group after so many seconds, if not at a point before."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)} | ({"TONGMAI_KILL_AT": at} if at else {})
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestration", "ingest", "--home", str(home.root)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, start_new_session=True,
    )  # fmt: skip
    try:
        process.wait(timeout=after_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


class Siege:
    """One home, its files dropped bit by bit, its intake killed again and again."""

    def __init__(self, nursery: Nursery, home: Home, sent: list[Letter], chance: random.Random, seconds: float) -> None:
        self.nursery, self.home, self.chance, self.seconds = nursery, home, chance, seconds
        self.waiting = list(sent)
        self.kills = Counter[str]()

    def drop_some(self, share: float) -> None:
        for _ in range(min(len(self.waiting), max(1, round(len(self.waiting) * share)))):
            drop(self.home, self.waiting.pop())

    def attack(self, point: str | None) -> None:
        """One run with a kill in it, perhaps twice in a row at the same place."""
        at = f"{point}:{self.chance.choice((1, 1, 1, 2, 3, 5, 9))}" if point else ""
        after_s = 0.0 if point else self.seconds * self.chance.uniform(0.02, 1.0)
        kind = self.chance.random()
        for _ in range(self.chance.choice((1, 1, 1, 2))):
            if kind < REAL_SHARE:
                status = real_ingest(self.home, at, 60.0 if at else self.chance.uniform(3.0, 9.0))
                name = "command"
            else:
                job = "live" if kind < REAL_SHARE + LIVE_SHARE else "ingest"
                status, _, said = self.nursery.run(job, self.home.root, at=at, after_s=after_s)
                assert status in (0, -signal.SIGKILL), said
                name = job
            if status == -signal.SIGKILL:
                self.kills[f"{name} at {point or 'random'}"] += 1
            if self.chance.random() < 0.5:
                self.drop_some(0.1)

    def finish(self) -> None:
        self.drop_some(1.0)
        for _ in range(2):  # the second run finds nothing to do
            status, _, said = self.nursery.run("ingest", self.home.root)
            assert status == 0, said


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_kills_anywhere_lose_nothing_and_double_nothing(tmp_path: Path, seed: int, nursery: Nursery) -> None:
    sent = letters(seed, PER_FEED)
    contents = {letter.content for letter in sent}
    whole = open_home(tmp_path / "whole")
    for letter in sent:
        drop(whole, letter)
    started = time.monotonic()
    status, seconds, said = nursery.run("ingest", whole.root)
    assert status == 0, said
    assert nursery.run("ingest", whole.root)[0] == 0  # takes the second of two equal files out of the inbox
    audit(whole, contents)
    expected = tables(whole.warehouse)

    chance, kills, wanted = random.Random(f"siege {seed}"), Counter[str](), -(-KILLS // len(SEEDS))
    points = iter(())
    homes = 0
    while kills.total() < wanted:
        homes += 1
        siege = Siege(nursery, open_home(tmp_path / f"killed-{homes}"), sent, chance, seconds)
        siege.drop_some(0.3)
        for _ in range(KILLS_PER_HOME):
            point = next(points, None)
            if point is None:
                points = iter(chance.sample(POINTS + [""] * (len(POINTS) // 3), len(POINTS) + len(POINTS) // 3))
                point = next(points)
            siege.attack(point or None)
            if kills.total() + siege.kills.total() >= wanted:
                break
        siege.finish()
        kills += siege.kills
        audit(siege.home, contents)
        assert tables(siege.home.warehouse) == expected
    took = time.monotonic() - started
    print(f"\nseed {seed}: {kills.total()} kills, {homes} homes, {took:.0f} s: {dict(sorted(kills.items()))}")
