"""What damaged files have found, each once: they stay found (`tests/chaos` looks for more)."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

import pytest
from intake_files import order, orders

from pipelines.faults import FileError
from pipelines.feeds import FEEDS
from pipelines.mapping import NO_MAPPING
from pipelines.mapping_files import read_mapping
from pipelines.privacy import redact
from pipelines.sources.formats import open_tables
from store.messages import TongmaiError


def test_masking_takes_time_in_proportion_to_the_text() -> None:
    started = time.process_time()
    assert redact("x" * 100_000 + " zhang.san@example.cn") == "x" * 100_000 + " ***"
    assert time.process_time() - started < 2.0  # a minute before the local part of an address was bounded


def test_a_mapping_nested_without_end_is_told(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text("districts = " + "[" * 5_000)
    with pytest.raises(TongmaiError) as caught:
        read_mapping(path, FEEDS["orders"])
    assert caught.value.reason == "bad_mapping"


def test_a_member_without_a_name_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo(""), "x")
        archive.writestr("a.csv", orders(order("O1")))
    with pytest.raises(FileError) as caught:
        list(open_tables(path, FEEDS["orders"], NO_MAPPING))
    assert caught.value.reason == "unknown_file_type"
