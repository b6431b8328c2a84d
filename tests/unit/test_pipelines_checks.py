"""Checks: what becomes of each row, over all feeds, and that every row becomes something."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from intake_files import order, orders

from pipelines.blocks import Batch, Checked, FileTask
from pipelines.checks import Checker
from pipelines.faults import FILE_REASONS, ROW_REASONS
from pipelines.feeds import FEEDS
from pipelines.mapping import NO_MAPPING, FieldMapping
from pipelines.mapping_files import read_mapping
from pipelines.reading import read_blocks

RECEIVED_AT = datetime(2025, 3, 7, tzinfo=UTC)
POLYGON = json.dumps({"type": "Polygon", "coordinates": [[[106.6, 26.6], [106.7, 26.6], [106.7, 26.7], [106.6, 26.6]]]})
# One valid row per feed, under the fields' own names.
GOOD: dict[str, dict[str, str]] = {
    "orders": {
        "order_id": "O1", "district_code": "520103", "grade": "C30", "ordered_m3": "12", "status": "placed",
        "placed_at": "2025-03-05 10:00", "pour_from_at": "2025-03-06 08:00", "pour_to_at": "2025-03-06 12:00",
        "site_lon": "106.7", "site_lat": "26.6", "slump_mm": "180", "unit_price_cny_per_m3": "380",
        "pour_method": "pump",
    },
    "deliveries": {
        "ticket_id": "T1", "order_id": "O1", "plant_id": "P1", "grade": "C30", "load_m3": "8", "returned_m3": "1",
        "batched_at": "2025-03-06 08:00", "departed_at": "2025-03-06 08:10", "arrived_at": "2025-03-06 08:40",
        "discharged_at": "2025-03-06 09:00", "status": "签收", "haul_km": "12", "driver_id": "D1",
    },
    "permits": {
        "permit_no": "X1", "district_code": "520103", "issued_on": "2025-03-05", "contract_value": "100.25",
        "use": "住宅", "planned_start_on": "2025-04-01", "planned_end_on": "2026-04-01", "floor_area_m2": "1000",
        "currency": "CNY", "status": "active",
    },
    "plants": {
        "plant_id": "P1", "plant_name": "甲站", "enterprise_id": "E1", "district_code": "520103", "lon": "106.7",
        "lat": "26.6", "rated_m3_per_h": "180", "effectiveness": "0.8", "status": "在产", "recycled_capable": "是",
        "opened_on": "2015-01-01", "closed_on": "2025-01-01", "lines": "2", "max_grade": "C60",
    },
    "zones": {"zone_id": "Z1", "kind": "industrial", "geometry": POLYGON},
    "batches": {
        "batch_id": "B1", "plant_id": "P1", "ticket_id": "T1", "line_no": "1", "mixed_at": "2025-03-06 08:00",
        "batch_m3": "2", "mix_id": "M1", "mixing_s": "45", "materials": json.dumps([
            {"material": "cement", "lot_no": "L1", "target_kg": 700, "actual_kg": 702},
            {"material": "sand", "target_kg": 4000, "actual_kg": 4010},
        ]),
    },
    "mixes": {
        "mix_id": "M1", "plant_id": "P1", "grade": "C30", "filed_on": "2025-01-05", "water_binder_ratio": "0.45",
        "sand_ratio": "42%", "slump_mm": "180", "status": "启用", "materials": json.dumps([
            {"material": "cement", "kg_per_m3": 350}, {"material": "stone", "kg_per_m3": 2050},
        ]),
    },
    "strength_tests": {
        "specimen_id": "S1", "plant_id": "P1", "ticket_id": "T1", "batch_id": "B1", "lab_id": "L1", "grade": "C30",
        "cast_on": "2025-03-06", "tested_on": "2025-04-03", "age_d": "28", "cube_1_mpa": "34.1", "cube_2_mpa": "35",
        "cube_3_mpa": "36.2", "size_mm": "150×150×150", "curing": "标养", "result": "合格",
    },
    "material_receipts": {
        "receipt_id": "R1", "plant_id": "P1", "material": "水泥", "lot_no": "L1", "supplier_id": "S1",
        "received_at": "2025-03-01 06:00", "net_t": "35.2", "unit_price_cny_per_t": "410", "test_report_no": "X1",
        "test_result": "合格",
    },
    "statements": {
        "plant_id": "P1", "month": "2025年3月", "grade": "C30", "m3_delivered": "12000", "m3_ordered": "12500",
        "cement_t": "4000", "cny_sales": "510万元",
    },
    "crosswalk": {
        "kind": "搅拌站", "system": "ERP", "code": "A07", "canonical_id": "P1", "valid_from": "2024-01-01",
        "valid_to": "2025-12-31",
    },
}  # fmt: skip

FAULTS = [
    ("orders", {"grade": ""}, "missing_required", "grade"),
    ("orders", {"ordered_m3": "many"}, "bad_number", "ordered_m3"),
    ("orders", {"ordered_m3": "inf"}, "bad_number", "ordered_m3"),
    ("orders", {"ordered_m3": "0"}, "out_of_range", "ordered_m3"),
    ("orders", {"ordered_m3": "20001"}, "out_of_range", "ordered_m3"),
    ("orders", {"slump_mm": "271"}, "out_of_range", "slump_mm"),
    ("orders", {"unit_price_cny_per_m3": "49"}, "out_of_range", "unit_price_cny_per_m3"),
    ("orders", {"placed_at": "2025-13-45"}, "bad_timestamp", "placed_at"),
    ("orders", {"placed_at": "26/3/5"}, "bad_timestamp", "placed_at"),
    ("orders", {"grade": "C300"}, "bad_grade", "grade"),
    ("orders", {"district_code": "火星"}, "unknown_district", "district_code"),
    ("orders", {"status": "不明"}, "bad_code", "status"),
    ("orders", {"pour_to_at": "2025-03-06 07:59"}, "pour_window", "pour_to_at"),
    ("orders", {"pour_to_at": "2025-03-21 08:00"}, "pour_window", "pour_to_at"),
    ("deliveries", {"arrived_at": "2025-03-06 08:05"}, "times_decrease", "departed_at"),
    ("deliveries", {"batched_at": "2025-03-05 08:00"}, "departed_late", "departed_at"),
    ("deliveries", {"returned_m3": "9"}, "returned_exceeds_load", "returned_m3"),
    ("deliveries", {"load_m3": "25.5"}, "out_of_range", "load_m3"),
    ("permits", {"issued_on": "yesterday"}, "bad_date", "issued_on"),
    ("permits", {"contract_value": "-1"}, "out_of_range", "contract_value"),
    ("permits", {"currency": "yuan"}, "bad_code", "currency"),
    ("permits", {"planned_end_on": "2025-03-01"}, "period_reversed", "planned_end_on"),
    ("plants", {"recycled_capable": "maybe"}, "bad_code", "recycled_capable"),
    ("plants", {"effectiveness": "1.2"}, "out_of_range", "effectiveness"),
    ("plants", {"closed_on": "2014-01-01"}, "closed_before_opened", "closed_on"),
    ("zones", {"geometry": '{"type": "Point"}'}, "bad_geometry", "geometry"),
    ("zones", {"geometry": "{"}, "bad_geometry", "geometry"),
    ("batches", {"materials": ""}, "missing_required", "materials"),
    ("batches", {"materials": "[]"}, "missing_required", "materials"),
    ("batches", {"materials": "cement 700"}, "bad_list", "materials"),
    ("batches", {"materials": '{"material": "cement"}'}, "bad_list", "materials"),
    ("batches", {"materials": "[7]"}, "bad_list", "materials"),
    ("batches", {"materials": '[{"actual_kg": 7}]'}, "missing_required", "materials"),
    ("batches", {"materials": '[{"material": "sand", "actual_kg": "heavy"}]'}, "bad_number", "materials"),
    ("batches", {"materials": '[{"material": "sand", "actual_kg": -1}]'}, "out_of_range", "materials"),
    (
        "batches",
        {"materials": '[{"material": "sand", "actual_kg": 1, "lot_no": "1.2E+15"}]'},
        "digits_lost",
        "materials",
    ),
    ("batches", {"batch_m3": "9.5"}, "out_of_range", "batch_m3"),
    ("mixes", {"materials": '[{"material": "sand"}]'}, "missing_required", "materials"),
    ("mixes", {"sand_ratio": "42"}, "out_of_range", "sand_ratio"),
    ("mixes", {"status": "maybe"}, "bad_code", "status"),
    ("strength_tests", {"tested_on": "2025-03-05"}, "tested_before_cast", "tested_on"),
    ("strength_tests", {"cube_3_mpa": ""}, "missing_required", "cube_3_mpa"),
    ("strength_tests", {"cube_2_mpa": "0"}, "out_of_range", "cube_2_mpa"),
    ("strength_tests", {"age_d": "soon"}, "bad_number", "age_d"),
    ("material_receipts", {"net_t": "0"}, "out_of_range", "net_t"),
    ("material_receipts", {"lot_no": "无"}, "missing_required", "lot_no"),
    ("statements", {"month": "2025-13"}, "bad_date", "month"),
    ("statements", {"month": "10000-01-01"}, "bad_date", "month"),
    ("crosswalk", {"valid_from": "10000-01-01"}, "bad_date", "valid_from"),
    ("statements", {"month": "三月"}, "bad_date", "month"),
    ("crosswalk", {"valid_to": "2023-12-31"}, "period_reversed", "valid_to"),
    ("crosswalk", {"kind": "truck"}, "bad_code", "kind"),
]


def check(feed: str, path: Path, mapping: FieldMapping = NO_MAPPING) -> list[Checked]:
    task = FileTask(feed, path, path.name, "0" * 64, path.stat().st_size, 0, RECEIVED_AT, "segment", mapping)
    checker = Checker(b"key")
    try:
        return [checker.check(block) for block in read_blocks(Batch("batch", feed, (task,)))]
    finally:
        checker.close()


def check_rows(tmp_path: Path, feed: str, *rows: dict[str, str], mapping: FieldMapping = NO_MAPPING) -> Any:
    """Rows as JSON Lines through the check: (typed rows, rejects)."""
    path = tmp_path / f"{feed}.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    (checked, _) = check(feed, path, mapping)
    tally = checked.tallies[0]
    good = checked.rows.to_pylist() if checked.rows else []
    rejects = checked.rejects.to_pylist() if checked.rejects else []
    assert (tally.rows_good, tally.rows_rejected) == (len(good), len(rejects))
    assert tally.rows_good + tally.rows_rejected + tally.rows_skipped == len(rows)
    return good, rejects


@pytest.mark.parametrize("feed", FEEDS)
def test_a_good_row_passes_with_the_contracts_columns(tmp_path: Path, feed: str) -> None:
    good, rejects = check_rows(tmp_path, feed, GOOD[feed])
    assert rejects == []
    assert list(good[0]) == list(FEEDS[feed].raw_columns)
    assert good[0]["_version_at"] == good[0]["known_at"] == RECEIVED_AT
    assert good[0]["_flags"] == []


@pytest.mark.parametrize(("feed", "change", "reason", "column"), FAULTS, ids=lambda value: str(value)[:40])
def test_each_fault_has_its_reason_and_sentences(
    tmp_path: Path, feed: str, change: dict[str, str], reason: str, column: str
) -> None:
    good, rejects = check_rows(tmp_path, feed, GOOD[feed], GOOD[feed] | change)
    assert len(good) == 1
    assert [(row["reason"], row["column_name"], row["source_row"]) for row in rejects] == [(reason, column, 2)]
    assert rejects[0]["sentence_zh"]
    assert rejects[0]["sentence_en"]
    assert "{column}" not in rejects[0]["sentence_en"]


def test_every_declared_rule_is_tested_and_every_reason_speaks_both_languages() -> None:
    tested = {(feed, reason) for feed, _, reason, _ in FAULTS}
    assert {(feed.name, rule.reason) for feed in FEEDS.values() for rule in feed.rules} <= tested
    for text in (*ROW_REASONS.values(), *FILE_REASONS.values()):
        assert text.zh
        assert text.en
        assert text.zh != text.en


@pytest.mark.parametrize(
    ("feed", "change", "flag"),
    [
        ("orders", {"site_lon": "116.4", "site_lat": "39.9"}, "outside_city"),
        ("orders", {"district_code": "500101"}, "district_outside_city"),
        ("orders", {"pour_method": "直升机"}, "other_pour_method"),
        ("orders", {"known_at": "2025-03-05 11:00"}, "known_at_is_assumed"),
        ("permits", {"use": "游乐场"}, "other_use"),
        ("plants", {"lon": "", "lat": ""}, "missing_coordinates"),
    ],
)
def test_remarkable_rows_are_kept_and_flagged(tmp_path: Path, feed: str, change: dict[str, str], flag: str) -> None:
    good, rejects = check_rows(tmp_path, feed, GOOD[feed] | change)
    assert rejects == []
    assert good[0]["_flags"] == [flag]


def test_what_a_catch_all_replaces_and_what_no_contract_knows_is_kept(tmp_path: Path) -> None:
    row = GOOD["permits"] | {"use": '游"乐"场', "备注": "联系 13812345678\n第二行", "b": "", "a": "1"}
    good, _ = check_rows(tmp_path, "permits", row)
    assert json.loads(good[0]["_extra"]) == {"a": "1", "备注": "联系 ***\n第二行", "use": '游"乐"场'}
    assert good[0]["use"] == "other"


def test_phone_numbers_in_free_text_are_masked(tmp_path: Path) -> None:
    good, _ = check_rows(tmp_path, "orders", GOOD["orders"] | {"structure_part": "三层梁板（13812345678）"})
    assert good[0]["structure_part"] == "三层梁板(***)"


def test_versions_are_ordered_by_the_source_first(tmp_path: Path) -> None:
    row = GOOD["orders"] | {"updated_at": "2025-03-06 10:00", "known_at": "2025-03-06 11:00"}
    good, _ = check_rows(tmp_path, "orders", row)
    assert good[0]["_version_at"] == datetime(2025, 3, 6, 2, tzinfo=UTC)
    assert good[0]["known_at"] == datetime(2025, 3, 6, 3, tzinfo=UTC)


def test_equal_values_have_equal_hashes_however_they_are_spelled(tmp_path: Path) -> None:
    spellings = [
        GOOD["orders"],
        GOOD["orders"] | {"ordered_m3": "１２", "placed_at": "2025年3月5日 10时00分", "slump_mm": "180±20"},
        GOOD["orders"] | {"district_code": "云岩区", "status": "已下单", "pour_method": "泵送", "grade": " c30 "},
        GOOD["orders"] | {"known_at": "2025-03-06 11:00", "plant_id": "-"},
    ]
    good, _ = check_rows(tmp_path, "orders", *spellings)
    assert len(good) == 4
    assert len({row["_content_hash"] for row in good}) == 1
    other, _ = check_rows(tmp_path, "orders", GOOD["orders"] | {"ordered_m3": "13"})
    assert other[0]["_content_hash"] != good[0]["_content_hash"]


def test_totals_footers_blanks_and_repeated_headers_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    header = orders().strip()
    lines = [
        order("O1"),
        ",,,,,,,,,",
        "合计,,,,,12.5,,,,",
        header,
        "小 计：,,,,,3,,,,",
        "制表人：张三,,,,,,,,,",
        order("O2", grade=""),
    ]
    path.write_text(orders(*lines), encoding="utf-8")
    checked = check("orders", path)[0]
    tally = checked.tallies[0]
    assert (tally.rows_good, tally.rows_rejected, tally.rows_skipped) == (1, 1, 5)


def test_no_person_and_no_plate_stands_in_rows_or_rejects(tmp_path: Path) -> None:
    path = tmp_path / "deliveries.csv"
    header = "运单号,委托单号,搅拌站,车牌号,司机编号,司机姓名,联系电话,强度等级,方量,备注"
    good = "T1,O1,P1,贵A12345,D77,李四,13812345678,C30,8,司机电话13812345678"
    bad = "T2,O1,P1,贵A12345,D77,李四,13812345678,C30,80,"
    short = "T3,O1,P1,贵A12345,D77,李四,13812345678"
    path.write_text("\n".join((header, good, bad, short)), encoding="gb18030")
    checked = check("deliveries", path)[0]
    assert checked.rows is not None
    assert checked.rejects is not None
    row = checked.rows.to_pylist()[0]
    assert row["truck_id"] == "贵A12345"
    assert len(row["driver_id"]) == 16
    kept = json.dumps(row["_extra"], ensure_ascii=False) + row["driver_id"]
    kept += json.dumps(checked.rejects.to_pylist(), ensure_ascii=False)
    assert not any(secret in kept for secret in ("李四", "13812345678", "贵A12345", "D77"))
    assert checked.rejects.num_rows == 2


def test_a_mapping_converts_codes_units_and_coordinates(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text(
        'crs = "GCJ-02"\n[columns]\nvol = "ordered_m3"\n[units]\nordered_m3 = "万方"\n'
        '[constants]\nplant_id = "P9"\n[values.status]\nneu = "placed"\n',
        encoding="utf-8",
    )
    row = {name: value for name, value in GOOD["orders"].items() if name != "ordered_m3"} | {
        "vol": "0.5",
        "status": "neu",
    }
    good, rejects = check_rows(tmp_path, "orders", row, mapping=read_mapping(path, FEEDS["orders"]))
    assert rejects == []
    assert (good[0]["ordered_m3"], good[0]["plant_id"], good[0]["status"]) == (5000.0, "P9", "placed")
    assert 0.002 < 106.7 - good[0]["site_lon"] < 0.006
    assert good[0]["_flags"] == []


def test_zones_of_another_system_are_moved(tmp_path: Path) -> None:
    mapping = FieldMapping(crs="BD-09", digest="x")
    good, _ = check_rows(tmp_path, "zones", GOOD["zones"], mapping=mapping)
    moved = json.loads(good[0]["geometry"])["coordinates"][0][0]
    assert moved != [106.6, 26.6]
    assert all(abs(a - b) < 0.02 for a, b in zip(moved, [106.6, 26.6], strict=True))
