"""A contract as JSON Schema (draft 2020-12): one loaded row as JSON. A JSON Lines file of such rows loads as it is.

Belongs here: from declarations to JSON Schema. Does not belong here: other forms of a contract.
"""

from __future__ import annotations

from typing import Any

from pipelines.feeds import Feed
from pipelines.feeds.contract import Field, Kind
from store.tables import comment

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TYPES: dict[Kind, dict[str, Any]] = {
    Kind.NUMBER: {"type": "number"},
    Kind.MONEY: {"type": "number"},
    Kind.INTEGER: {"type": "integer"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.INSTANT: {"type": "string", "format": "date-time"},
    Kind.DAY: {"type": "string", "format": "date"},
    Kind.MONTH: {"type": "string", "format": "date"},
    Kind.GRADE: {"type": "string", "pattern": r"L?C-?[0-9]{2,3}"},
}


def json_schema(feed: Feed) -> dict[str, Any]:
    """The feed's schema; an event needs its key only, any other row all that is required."""
    required = [field.name for field in feed.fields if field.required]
    schema: dict[str, Any] = {
        "$schema": DRAFT,
        "$id": f"{feed.name}.schema.json",
        "title": feed.name,
        "description": comment(feed.text),
        "type": "object",
        "properties": {field.name: _property(field) for field in feed.all_fields},
        "required": list(feed.key) if feed.partial_without else required,
    }
    if feed.partial_without:
        schema["if"] = {"anyOf": [{"required": [name]} for name in feed.partial_without]}
        schema["then"] = {"required": required}
    return schema


def _property(field: Field) -> dict[str, Any]:
    described = {"description": comment(field.text)}
    if field.unit:
        described["x-unit"] = field.unit
    shape = _shape(field)
    if not field.required and "enum" in shape:
        shape["enum"] = [*shape["enum"], None]
    if not field.required and "type" in shape:
        shape["type"] = [shape["type"], "null"]
    return described | shape


def _shape(field: Field) -> dict[str, Any]:
    if field.kind is Kind.LIST:
        elements = {
            "type": "object",
            "properties": {member.name: _property(member) for member in field.members},
            "required": [member.name for member in field.members if member.required],
        }
        return {"type": "array", "items": elements}
    shape = dict(_TYPES.get(field.kind, {"type": "string"}))
    if field.codes and not field.is_open:
        shape["enum"] = list(field.codes)
    if field.pattern:
        shape["pattern"] = f"^(?:{field.pattern})$"
    bounds = {"minimum": field.low, "exclusiveMinimum": field.above, "maximum": field.high}
    return shape | {name: bound for name, bound in bounds.items() if bound is not None}
