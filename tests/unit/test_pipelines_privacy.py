"""People and places: what is masked, what is hashed, what is moved."""

from __future__ import annotations

import json
import stat

import numpy as np
import pyarrow as pa
import pytest

from pipelines.crs import bd09_to_gcj02, geometry_to_wgs84, to_wgs84, wgs84_to_gcj02
from pipelines.feeds import FEEDS
from pipelines.layout import resolve
from pipelines.privacy import hash_people, is_personal_header, load_key, mask_nested, mask_numbers, redact, redact_cells
from pipelines.rejects.rows import malformed_text
from pipelines.sources.tables import MalformedRow
from store.home import Home

TICKET_HEADER = ("运单号", "委托单号", "搅拌站", "强度等级", "方量", "车号")


@pytest.mark.parametrize(
    "text",
    [
        "13812345678",
        "联系 138-1234-5678",
        "0851-85551234",
        "52010219800101123X",
        "贵A12345",
        "贵A·D12345",
        "制表：张三丰",
        "电话85123456",
        "车号贵B6789",
    ],
)
def test_private_texts_are_masked(text: str) -> None:
    masked = redact(text)
    assert "***" in masked
    assert not any(
        part in masked for part in ("1381234", "5678", "6789", "85551234", "85123456", "19800101", "12345", "张三")
    )


@pytest.mark.parametrize("text", ["O20250305001", "2025-03-05 10:20:30", "C30P6", "云岩区", "泵送", "12,345.67"])
def test_ordinary_texts_stay(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("header", ["车牌", "运输车号", "plate_no", "Truck Number", "联系电话"])
def test_columns_of_plates_and_phones_are_personal_wherever_no_role_needs_them(header: str) -> None:
    assert is_personal_header(header)
    assert "truck_id" in {binding.name for binding in resolve(FEEDS["deliveries"], TICKET_HEADER).bindings}


@pytest.mark.parametrize(
    "header", ["Permittee's First Name", "Last Name", "contractor_full_name", "Surname", "Foreman"]
)
def test_columns_of_peoples_names_in_other_cities_exports_are_personal(header: str) -> None:
    assert is_personal_header(header)


@pytest.mark.parametrize(
    "header", ["Street Name", "ContractorCompanyName", "Project Name", "工程名称", "first inspection"]
)
def test_names_of_streets_and_companies_are_no_persons(header: str) -> None:
    assert not is_personal_header(header)


def test_malformed_lines_of_feeds_with_people_hide_whatever_may_be_a_name() -> None:
    assert redact_cells(["T1", "张三", "贵A12345"], has_people=True) == "T1,***,***"
    assert redact_cells(["O1", "泵送"], has_people=False) == "O1,泵送"


def test_people_are_hashed_with_the_homes_key_and_names_dropped() -> None:
    ids = pa.chunked_array([pa.array(["D77", "D77", "张三", None, ""])])
    first, again, name, missing, empty = hash_people(ids, b"key").to_pylist()
    assert first == again
    assert first != "D77"
    assert first != hash_people(ids, b"other key").to_pylist()[0]
    assert (name, missing, empty) == (None, None, None)


def test_the_key_is_made_once_and_is_nobody_elses(home: Home) -> None:
    key = load_key(home)
    assert key == load_key(home)
    assert len(key) == 64
    assert stat.S_IMODE(home.key.stat().st_mode) == 0o600


def test_gcj02_and_bd09_come_back_to_wgs84() -> None:
    lon, lat = np.array([106.71, 106.44]), np.array([26.56, 27.0])
    shifted_lon, shifted_lat = wgs84_to_gcj02(lon, lat)
    assert np.all(np.abs(shifted_lon - lon) > 1e-3)  # hundreds of metres
    back_lon, back_lat = to_wgs84(shifted_lon, shifted_lat, "GCJ-02")
    np.testing.assert_allclose([back_lon, back_lat], [lon, lat], atol=2e-7)


def test_a_published_pair_of_bd09_and_gcj02() -> None:
    # Tiananmen: BD-09 and GCJ-02 coordinates as map services give them.
    lon, lat = bd09_to_gcj02(np.float64(116.403963), np.float64(39.915119))
    np.testing.assert_allclose([lon, lat], [116.397428, 39.908722], atol=5e-4)


def test_geometries_keep_their_shape() -> None:
    geometry = {"type": "MultiPolygon", "coordinates": [[[[106.6, 26.6], [106.7, 26.6], [106.7, 26.7], [106.6, 26.6]]]]}
    moved = geometry_to_wgs84(geometry, "GCJ-02")
    assert json.dumps(moved)
    assert np.shape(moved["coordinates"]) == np.shape(geometry["coordinates"])
    assert geometry_to_wgs84(geometry, "WGS-84") == geometry


def test_numbers_in_free_text_are_masked_each_of_them() -> None:
    texts = pa.chunked_array(
        [pa.array(["13812345678 13912345678/13712345678", None, "贵A12345 泵送", "C30P6，备注：泵送"])]
    )
    assert mask_numbers(texts).to_pylist() == ["*** ***/***", None, "*** 泵送", "C30P6，备注：泵送"]


def test_a_broken_json_line_hides_people() -> None:
    line = '{"order_id":"O9","司机":"张三","truck_id":"K12","备注":"李四","m3":5 "x}'
    layout = resolve(FEEDS["deliveries"], [field.name for field in FEEDS["deliveries"].fields])
    masked = malformed_text(layout, MalformedRow(1, "bad_json", (line,), is_json=True))
    assert "O9" in masked
    assert not any(private in masked for private in ("张三", "K12", "李四"))


@pytest.mark.parametrize("header", ["司机", "业务员", "制单人", "签收人电话", "driver_name", "E-mail"])
def test_headers_of_people(header: str) -> None:
    assert is_personal_header(header)


@pytest.mark.parametrize("header", ["人数", "人工费", "温度", "客户名称"])
def test_headers_of_things(header: str) -> None:
    assert not is_personal_header(header)


def test_names_under_keys_of_nested_json_are_masked() -> None:
    plain = ['{"by": {"联系人": "张三", "m3": 1}}', "张三", None, '[{"driver": "李四"}]', '{"ok": 1}', '{"姓名":"王']
    assert mask_nested(pa.chunked_array([plain])).to_pylist() == [
        '{"by":{"联系人":"***","m3":1}}',
        "张三",
        None,
        '[{"driver":"***"}]',
        '{"ok": 1}',
        '{"姓名":***',
    ]
