"""Layouts, mappings and units: which column feeds which field."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from intake_files import ORDERS_HEADER

from pipelines import units
from pipelines.faults import FileError
from pipelines.feeds import FEEDS
from pipelines.layout import find_header, normalise, resolve
from pipelines.mapping import choose, fingerprint
from pipelines.mapping_files import known_mappings, read_mapping
from store.messages import TongmaiError

ORDERS = FEEDS["orders"]
HEADER = ORDERS_HEADER.split(",")


@pytest.mark.parametrize("feed", FEEDS.values(), ids=lambda feed: feed.name)
def test_every_alias_and_name_finds_its_field(feed: object) -> None:
    contract = FEEDS[feed.name]  # type: ignore[attr-defined]
    for column in contract.all_fields:
        for alias in (column.name, *column.aliases):
            header = [other.name for other in contract.fields if other is not column] + [alias]
            bound = {binding.index: binding.name for binding in resolve(contract, header).bindings}
            assert bound[len(header) - 1] == column.name, alias


@pytest.mark.parametrize(
    "text", ["计划方量", " 计划方量（m³） ", "计划 方量(立方米)", "＊计划方量", "计划方量【必填】"]
)
def test_header_texts_are_folded(text: str) -> None:
    assert normalise(text) == "计划方量"


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("计划方量", 1.0),
        ("计划方量(m³)", 1.0),
        ("计划方量（万方）", 10_000.0),
        ("计划方量(必填)", 1.0),
        ("计划方量万方", 10_000.0),
        ("计划方量(yd³)", 0.764554857984),
    ],
)
def test_units_in_headers(text: str, factor: float) -> None:
    layout = resolve(ORDERS, [text if name.startswith("计划方量") else name for name in HEADER])
    assert {binding.name: binding.factor for binding in layout.bindings}["ordered_m3"] == factor


@pytest.mark.parametrize("text", ["设计产能（万m³/年）", "设计产能(方/天)", "设计产能(tons)"])
def test_a_unit_that_cannot_be_converted_is_refused(text: str) -> None:
    header = ["站点编号", "搅拌站名称", "企业编号", "区县", text]
    with pytest.raises(FileError) as caught:
        resolve(FEEDS["plants"], header)
    assert caught.value.reason == "unknown_unit"
    resolve(FEEDS["plants"], [*header[:-1], "设计产能（备案值）"])


def test_of_two_columns_for_a_field_the_contracts_order_decides() -> None:
    for header in ([*HEADER, "方量", "方量"], ["方量", "方量", *HEADER]):
        layout = resolve(ORDERS, header)
        (bound,) = [binding.index for binding in layout.bindings if binding.name == "ordered_m3"]
        assert header[bound or 0] == "计划方量(m³)"
        assert [name for _, name in layout.extras] == ["方量", "方量_2"]


def test_a_second_private_column_is_kept_nowhere() -> None:
    header = ["运单号", "委托单号", "搅拌站", "强度等级", "方量", "车牌号", "车号", "司机编号", "司机"]
    assert resolve(FEEDS["deliveries"], header).extras == ()


def test_money_in_ten_thousands() -> None:
    assert units.factor("CNY", "万元") == 10_000
    assert units.factor("CNY", "km") is None


def test_a_cell_of_open_brackets_costs_its_length_not_its_square() -> None:
    started = time.process_time()
    assert find_header([["a", "b", "c", "[（" * 200_000]], FEEDS["deliveries"]) is None
    assert time.process_time() - started < 5


def test_header_is_found_below_titles() -> None:
    assert find_header([["某站"], [], ["日期：", "2025-01"], HEADER, ["O1"]], ORDERS) == 3
    assert find_header([["a", "b"], ["1", "2"]], ORDERS) is None


def test_missing_required_columns_are_named() -> None:
    with pytest.raises(FileError) as caught:
        resolve(ORDERS, [name for name in HEADER if name != "区县"])
    assert caught.value.reason == "missing_columns"
    assert "district_code" in caught.value.text.en


def test_personal_columns_are_kept_nowhere() -> None:
    layout = resolve(
        FEEDS["deliveries"], ["运单号", "委托单号", "搅拌站", "强度等级", "方量", "司机姓名", "联系电话", "气温"]
    )
    assert [header for _, header in layout.extras] == ["气温"]
    assert "driver_id" not in {binding.name for binding in layout.bindings}


def mapping_file(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_mapping_renames_drops_and_sets(tmp_path: Path) -> None:
    path = mapping_file(
        tmp_path,
        "m.toml",
        'districts = ["x1"]\n[columns]\nNo = "order_id"\nvol = "ordered_m3"\nsecret = ""\n'
        '[constants]\ndistrict_code = "x1"\n[units]\nordered_m3 = "万方"\n',
    )
    mapping = read_mapping(path, ORDERS)
    header = ["No", "vol", "secret", "grade", "placed_at", "pour_from_at", "status"]
    layout = resolve(ORDERS, header, mapping)
    bindings = {binding.name: binding for binding in layout.bindings}
    assert bindings["order_id"].index == 0
    assert bindings["ordered_m3"].factor == 10_000
    assert bindings["district_code"].constant == "x1"
    assert layout.extras == ()


def test_mappings_are_chosen_by_header(tmp_path: Path) -> None:
    mapping_file(tmp_path, "a.toml", '[columns]\nNo = "order_id"\n')
    mapping_file(tmp_path, "b.toml", '[columns]\nNo = "order_id"\nvol = "ordered_m3"\n')
    mapping_file(tmp_path, "c.toml", f'header = "{fingerprint(["z", "y"])}"\n[columns]\ny = "order_id"\n')
    a, b, c = known_mappings(tmp_path, ORDERS)
    assert choose([a, b, c], ["No", "vol"]) is b
    assert choose([a, b, c], ["No"]) is a
    assert choose([a, b, c], ["y", "z"]) is c
    assert choose([a, b, c], ["other"]).digest == ""


@pytest.mark.parametrize(
    "text",
    [
        "[columns",
        'crs = "mars"',
        '[columns]\na = "nothing"',
        "[surprise]\na = 1",
        '[units]\nnothing = "km"',
        '[units]\nordered_m3 = "车"',
    ],
)
def test_a_bad_mapping_says_what_is_wrong(tmp_path: Path, text: str) -> None:
    with pytest.raises(TongmaiError) as caught:
        read_mapping(mapping_file(tmp_path, "m.toml", text), ORDERS)
    assert caught.value.reason == "bad_mapping"
