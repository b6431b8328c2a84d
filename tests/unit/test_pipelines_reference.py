"""The generated reference: committed as generated, valid as what it claims to be."""

from __future__ import annotations

import jsonschema
import pytest
import yaml

from pipelines.faults import FILE_REASONS, ROW_REASONS
from pipelines.feeds import FEEDS, Feed
from pipelines.reference import FOLDER, documents
from pipelines.reference.json_schema import json_schema

GENERATED = documents()


def test_what_is_committed_is_what_is_generated() -> None:
    hint = "run: python -m pipelines.reference"
    for path, text in GENERATED.items():
        assert path.exists(), f"{path.name} is missing; {hint}"
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is out of date; {hint}"
    assert {*(FOLDER / "contracts").glob("*")} <= set(GENERATED), hint


def test_the_page_names_every_column_and_reason() -> None:
    page = GENERATED[FOLDER / "feeds.md"]
    for feed in FEEDS.values():
        assert f"## {feed.name}\n" in page
        assert all(f"`{field.name}`" in page for field in feed.all_fields)
        assert all(f"`{rule.reason}`" in page for rule in feed.rules)
    assert all(f"`{reason}`" in page for reason in (*ROW_REASONS, *FILE_REASONS))


@pytest.mark.parametrize("feed", FEEDS.values(), ids=lambda feed: feed.name)
def test_the_schema_is_one(feed: Feed) -> None:
    schema = json_schema(feed)
    jsonschema.Draft202012Validator.check_schema(schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({}, schema)


def test_the_schema_knows_good_from_bad() -> None:
    row = {
        "order_id": "O1", "district_code": "520103", "grade": "C30P6", "ordered_m3": 12.5, "status": "placed",
        "placed_at": "2025-03-05T10:00:00+08:00", "pour_from_at": "2025-03-06T08:00:00+08:00", "slump_mm": None,
    }  # fmt: skip
    jsonschema.validate(row, json_schema(FEEDS["orders"]))
    for name, value in (("ordered_m3", 0), ("status", "lost"), ("slump_mm", "180"), ("grade", "strong")):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(row | {name: value}, json_schema(FEEDS["orders"]))
    event = {"ticket_id": "T1", "arrived_at": "2025-03-05T10:00:00+08:00"}
    jsonschema.validate(event, json_schema(FEEDS["deliveries"]))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(event | {"grade": "C30"}, json_schema(FEEDS["deliveries"]))


@pytest.mark.parametrize("feed", FEEDS.values(), ids=lambda feed: feed.name)
def test_the_open_contract_holds_the_same_columns(feed: Feed) -> None:
    contract = yaml.safe_load(GENERATED[FOLDER / "contracts" / f"{feed.name}.odcs.yaml"])
    assert {"apiVersion", "kind", "id", "version", "status"} <= set(contract)
    (table,) = contract["schema"]
    assert [column["name"] for column in table["properties"]] == [field.name for field in feed.all_fields]
    assert [c["name"] for c in table["properties"] if c.get("primaryKey")] != []
