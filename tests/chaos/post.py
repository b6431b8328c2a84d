"""What a city sends in a test: a few hundred made-up files of all feeds, clean and dirty, good and broken.

Belongs here: the files of one seed and putting them into an inbox. Does not belong here: rows and formats (`made_up`).
"""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass, replace
from pathlib import Path

import made_up
from books import sha256

from pipelines.feeds import FEEDS
from store.home import Home

KINDS = ("csv", "csv", "csv", "jsonl", "jsonl", "json", "xlsx", "xls", "parquet", "gz", "zip")
FIRST_RECEIVED = 1_735_700_000  # seconds since the epoch; a file keeps its time whenever it is dropped


@dataclass(frozen=True)
class Letter:
    """One file: where it goes, what it holds, when it was received; `sidecar` stands beside it."""

    feed: str
    name: str
    data: bytes
    received: int
    sidecar: str | None

    @property
    def content(self) -> tuple[str, str]:
        return self.feed, sha256(self.data)


def letters(seed: int, per_feed: int) -> list[Letter]:
    """The files of a seed in the order in which they are sent."""
    chance = random.Random(seed)
    made: list[Letter] = []
    for feed in FEEDS:
        own: list[Letter] = []
        for number in range(per_feed):
            received = FIRST_RECEIVED + chance.randrange(5_000_000)
            if own and chance.random() < 0.06:  # byte-identical under another name
                own.append(replace(own[-1], name=f"copy-{number}-{own[-1].name.replace('/', '-')}"))
                continue
            kind = "geojson" if feed in made_up.WITH_GEOMETRY and chance.random() < 0.3 else chance.choice(KINDS)
            data = made_up.file_of(kind, feed, chance, chance.choice((1, 5, 30, 120)))
            if chance.random() < 0.04:
                data = chance.choice((b"", b"\0\1\2" * 90, data[: len(data) // 2]))
            folder = chance.choice(("", "", "2025/", "一分公司/"))
            sidecar = None
            if chance.random() < 0.15:
                sidecar = json.dumps({"received_at": f"2025-02-{chance.randrange(1, 28):02d}T08:00:00+08:00"})
            own.append(Letter(feed, f"{folder}{number:03d}{made_up.WRITERS[kind][0]}", data, received, sidecar))
        made += own
    chance.shuffle(made)
    return made


def open_home(root: Path) -> Home:
    """An empty home with the key that all homes of a test share: people hash alike in them."""
    home = Home.at(root)
    home.root.mkdir(parents=True)
    home.key.write_bytes(b"chaos" * 7)
    home.key.chmod(0o600)
    return home


def drop(home: Home, letter: Letter) -> None:
    """Put a file into the inbox, as a sender does: under another name first."""
    path = home.inbox / letter.feed / letter.name
    path.parent.mkdir(parents=True, exist_ok=True)
    if letter.sidecar is not None:
        path.with_name(path.name + ".sidecar.json").write_text(letter.sidecar)
    draft = path.with_name(path.name + ".tmp")
    draft.write_bytes(letter.data)
    os.utime(draft, (letter.received, letter.received))
    draft.replace(path)
