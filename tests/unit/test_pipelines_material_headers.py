"""Materials as controllers write them: silos, classes, litres, columns of one header; nothing weighed is lost."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from pipelines.faults import FileError
from pipelines.feeds import FEEDS
from pipelines.feeds.materials import material
from pipelines.layout import Layout, resolve
from pipelines.mapping import NO_MAPPING
from pipelines.readings import reading

BATCHES, MIXES = FEEDS["batches"], FEEDS["mixes"]
HEAD = ("盘号", "站点编号", "小票号", "搅拌时间", "盘方量")


def parts(*headers: str) -> dict[str, float]:
    layout: Layout = resolve(BATCHES, (*HEAD, *headers))
    return {binding.name: binding.factor for binding in layout.bindings if "." in binding.name}


def code(text: str) -> Any:
    sql = f"SELECT {reading(material(), 'x', 'string', 1.0, NO_MAPPING).whole} FROM (SELECT CAST(? AS VARCHAR) AS x)"
    with duckdb.connect() as connection:
        return connection.execute(sql, [text]).fetchone()[0]  # type: ignore[index]


def test_two_columns_of_one_header_are_two_silos() -> None:
    assert set(parts("水泥设定", "水泥实际", "水泥设定", "水泥实际")) == {
        "materials.水泥.target_kg",
        "materials.水泥.actual_kg",
        "materials.水泥#2.target_kg",
        "materials.水泥#2.actual_kg",
    }
    assert code("水泥#2") == "cement"


@pytest.mark.parametrize("header", ["水实际(L)", "水实际（升）", "水实际L", "水1实际值(l)"])
def test_a_litre_of_water_is_a_kilogram(header: str) -> None:
    assert list(parts(header).values()) == [1.0]
    assert parts("水实际(m3)") == {"materials.水.actual_kg": 1000.0}


@pytest.mark.parametrize("header", ["外加剂1实际(L)", "减水剂实际（升）", "外加剂实际L"])
def test_litres_of_an_admixture_are_asked_about(header: str) -> None:
    with pytest.raises(FileError, match="unknown_unit"):
        parts("水泥实际", header)


def test_litres_per_cubic_metre_of_a_mix() -> None:
    layout = resolve(MIXES, ("配合比编号", "站点编号", "强度等级", "水泥(kg/m³)", "水(L/m³)"))
    assert {b.name: b.factor for b in layout.bindings if "." in b.name}["materials.水.kg_per_m3"] == 1.0
    with pytest.raises(FileError, match="unknown_unit"):
        resolve(MIXES, ("配合比编号", "站点编号", "强度等级", "水泥(kg/m³)", "外加剂(L/m³)"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P.O 42.5水泥", "cement"),
        ("P·O 42.5", "cement"),
        ("P·O42·5水泥", "cement"),
        ("水泥A", "cement"),
        ("一号水泥", "cement"),
        ("水泥一", "cement"),
        ("F类II级粉煤灰", "fly_ash"),
        ("II区中砂", "sand"),
        ("sand", "sand"),
        ("砂(机制)", "manufactured_sand"),
        ("中砂(机制)", "manufactured_sand"),
        ("石子(再生)", "recycled_aggregate"),
        ("石子(5-31.5)", "stone"),
        ("外加剂B", "admixture"),
        ("膨胀剂", "admixture"),
        ("骨料", "other"),
    ],
)
def test_spellings_of_materials(text: str, expected: str) -> None:
    assert code(text) == expected


@pytest.mark.parametrize("header", ["P.O42.5水泥实际", "P.O42.5实际", "5-31.5碎石实际", "砂(机制)实际"])
def test_a_dot_in_a_header_is_kept_apart_from_its_path(header: str) -> None:
    assert list(parts(header).values()) == [1.0]
