"""Encodings that are easily taken for one another."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.feeds import FEEDS
from pipelines.mapping import FieldMapping
from pipelines.sources import text
from pipelines.sources.formats import open_tables

TRADITIONAL = "訂單編號,廠別,混凝土強度,數量,備註\nA1,新竹廠,C30,12.5,請於上午送達\nA2,臺中廠,C35,8,工地電話已更新\n"


@pytest.mark.parametrize("encoding", ["big5", "cp950", "big5hkscs"])
def test_big5_is_told_from_gb18030(encoding: str) -> None:
    assert text.detect(TRADITIONAL.encode(encoding)) == "big5hkscs"
    assert text.detect("訂單編號,數量\n".encode(encoding)) == "big5hkscs"
    damaged = TRADITIONAL.encode(encoding) * 5 + b"\xff\xff,1\n"
    assert text.detect(damaged) == "big5hkscs"


@pytest.mark.parametrize(
    "words",
    [TRADITIONAL, "盘号,强度等级\nB1,细石C25，李喆、朱镕、王珺\n", "獲", "编号,面积㎡\n1,甲①\n", "4–9 – 6–18 ㎡㎡㎡㎡"],
)
def test_gb18030_is_not_taken_for_big5(words: str) -> None:
    assert text.detect(words.encode("gb18030")) == "gb18030"
    assert text.detect(words.encode()) == "utf-8"


def test_a_file_in_big5_is_read(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(TRADITIONAL.encode("cp950"))
    names = {"訂單編號": "order_id", "廠別": "plant_id", "混凝土強度": "grade", "數量": "ordered_m3"}
    mapping = FieldMapping(columns=tuple(names.items()), is_probe=True)
    (raw,) = open_tables(path, FEEDS["orders"], mapping)
    assert raw.header[1] == "廠別"
    assert raw.table["c4"].to_pylist() == ["請於上午送達", "工地電話已更新"]
    assert raw.origin.encoding == "big5hkscs"
