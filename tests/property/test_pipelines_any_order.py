"""Any permutation and any split of files into runs gives the same tables; what is replayed loads nothing."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake_files import equal_tables, order, orders, put, query, view, without_beam

from pipelines.ingest import ingest
from store.home import Home

TICKETS = "运单号,委托单号,搅拌站,强度等级,方量,出厂时间,到场时间,状态,更新时间"
FIRST_SECOND = 1_741_000_000


@dataclass(frozen=True)
class Drop:
    """One file and the second at which it was received."""

    feed: str
    name: str
    content: str
    received_s: int


@st.composite
def drops(draw: st.DrawFn) -> list[Drop]:
    """Files with versions, repeats, events that arrive one at a time, and rejects."""
    files = []
    for number in range(draw(st.integers(2, 5))):
        lines = draw(st.lists(st.tuples(st.integers(1, 3), st.sampled_from("ABC"), st.integers(0, 2)), max_size=5))
        if draw(st.booleans()):
            states = {"A": "已下单", "B": "已完成", "C": "??"}
            rows = [
                order(f"O{key}", status=states[state], updated=f"2025-03-05 1{minute}:00:00" if minute else "")
                for key, state, minute in lines
            ]
            content, feed = orders(*rows), "orders"
        else:
            times = {"A": "2025-03-06 08:00:00,,", "B": ",2025-03-06 08:40:00,", "C": ",,签收"}
            rows = [f"T{key},O1,P1,C30,8,{times[state]},2025-03-06 1{minute}:00:00" for key, state, minute in lines]
            content, feed = "\n".join((TICKETS, *rows)) + "\n", "deliveries"
        files.append(Drop(feed, f"{number}.csv", content, FIRST_SECOND + draw(st.integers(0, 3))))
    return files


def take(root: Path, runs: list[list[Drop]]) -> Home:
    home = Home.at(root)
    for run in runs:
        for drop in run:
            put(home, drop.feed, drop.name, drop.content, mtime=drop.received_s)
        for file in ingest(home).files:
            assert file.read == file.loaded + file.duplicate + file.rejected
    return home


@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), files=drops())
def test_any_split_and_order_gives_equal_tables(
    monkeypatch: pytest.MonkeyPatch, data: st.DataObject, files: list[Drop]
) -> None:
    without_beam(monkeypatch)
    shuffled = data.draw(st.permutations(files))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(files)), max_size=2)))
    bounds = [0, *cuts, len(files)]
    runs = [list(shuffled[start:end]) for start, end in pairwise(bounds) if start < end]
    with tempfile.TemporaryDirectory() as folder:
        once = take(Path(folder) / "once", [files])
        split = take(Path(folder) / "split", [*runs, files])  # and everything once more
        for feed in ("orders", "deliveries"):
            assert equal_tables(split, feed) == equal_tables(once, feed)
            assert view(split, feed) == view(once, feed)
        rejects = "SELECT DISTINCT feed, source_row, reason, raw_text FROM ops.rejects ORDER BY ALL"
        assert query(split, rejects) == query(once, rejects)
