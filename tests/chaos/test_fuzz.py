"""Damaged files of every format: no crash, no hang, every row accounted for, memory bounded; and whole homes of them.

TONGMAI_FUZZ (10000; CI: 300) files per format. A failing case is written to a folder and told with its number:
`python tests/chaos/fuzz.py --replay csv:1:4711` reads it again.
"""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from books import audit
from cases import case
from damage import damage_bytes, damage_text
from fuzz import Findings, fuzz, keep
from made_up import WRITERS
from nursery import Nursery
from post import Letter, drop, open_home

from pipelines import inbox
from pipelines.deployment import deployment_aliases
from pipelines.faults import FileError
from pipelines.feeds import FEEDS
from pipelines.mapping_files import read_mapping
from store.home import Home
from store.messages import TongmaiError

IS_CI = os.environ.get("CI") == "true"
FILES = int(os.environ.get("TONGMAI_FUZZ", "300" if IS_CI else "10000"))
SEED = 1
PROCESSES = 2
HOME_FILES = 15 if IS_CI else 60  # per format, through the whole intake
FAILING = Path(os.environ.get("TONGMAI_FAILING", "failing-cases"))
WORDS = """
[orders.aliases]
order_id = ["单号", "派工单号"]
ordered_m3 = ["数量(方)"]
[deliveries.aliases]
ticket_id = ["磅单"]
truck_id = ["车辆"]
"""
MAPPING = """
header = "0123456789abcdef"
crs = "GCJ-02"
districts = ["520199"]
[columns]
"单号" = "order_id"
"日期" = "placed_at"
"备注" = ""
[constants]
status = "已下单"
[values.status]
"好" = "done"
[units]
ordered_m3 = "方"
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(WRITERS))
def test_damaged_files_harm_nothing(kind: str) -> None:
    share = -(-FILES // PROCESSES)
    with ThreadPoolExecutor(PROCESSES) as pool:
        parts = list(
            pool.map(lambda start: fuzz(kind, SEED, range(start, min(start + share, FILES))), range(0, FILES, share))
        )
    findings = Findings()
    for part in parts:
        findings.add(vars(part))
    told = keep(findings, FAILING)
    print(
        f"\n{kind}: {findings.files} files, {findings.taken} taken, {findings.rows} rows, "
        f"peak {findings.peak_bytes >> 20} MB, {dict(findings.reasons.most_common())}"
    )
    assert not told, "\n".join(told)
    assert findings.files == FILES
    assert findings.taken


@pytest.mark.slow
def test_a_home_of_damaged_files_keeps_its_books(tmp_path: Path) -> None:
    """The whole intake over damaged files of all formats at once; what cannot be taken stays in the inbox."""
    home = open_home(tmp_path / "home")
    cases = [case(kind, 2, 40 * number + number) for kind in WRITERS for number in range(HOME_FILES)]
    letters = [Letter(one.feed, one.name, one.data, 1_735_700_000 + one.number, None) for one in cases]
    for letter in letters:
        drop(home, letter)
    with Nursery() as nursery:
        for _ in range(2):
            status, _, said = nursery.run("ingest", home.root)
            assert status == 0, said
    audit(home, {letter.content for letter in letters})


def test_a_damaged_mapping_is_told_and_nothing_else(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    path = tmp_path / "m.toml"
    for _ in range(FILES // 5):
        text = damage_text(MAPPING, chance)
        path.write_bytes(
            damage_bytes(text.encode(errors="replace"), chance)
            if chance.random() < 0.5
            else text.encode(errors="replace")
        )
        try:
            read_mapping(path, FEEDS["orders"])
        except TongmaiError as error:
            assert error.reason == "bad_mapping"


def test_damaged_words_of_a_deployment_are_told_and_nothing_else(home: Home) -> None:
    chance = random.Random(SEED)
    home.root.mkdir(parents=True, exist_ok=True)
    for _ in range(FILES // 5):
        text = damage_text(WORDS, chance).encode(errors="replace")
        (home.root / "feeds.toml").write_bytes(damage_bytes(text, chance) if chance.random() < 0.5 else text)
        try:
            deployment_aliases(home, FEEDS["orders"])
        except TongmaiError as error:
            assert error.reason == "bad_feeds_file"


def test_a_damaged_sidecar_is_told_and_nothing_else(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    path = tmp_path / "a.csv"
    path.write_text("x")
    stated = '{"received_at": "2025-03-01T08:00:00+08:00", "source_file": "a.csv", "sent_by": "plant 7"}'
    for _ in range(FILES // 5):
        text = damage_text(stated, chance).encode(errors="replace")
        (tmp_path / "a.csv.sidecar.json").write_bytes(damage_bytes(text, chance) if chance.random() < 0.5 else text)
        try:
            inbox.arrive("orders", path, "a.csv", is_inbox=True)
        except FileError as error:
            assert error.reason == "bad_sidecar"
