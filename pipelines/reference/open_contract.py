"""A contract in the Open Data Contract Standard (ODCS) 3.1: what tools for data contracts read.

Belongs here: from declarations to ODCS. Does not belong here: other forms of a contract.
"""

from __future__ import annotations

from typing import Any

from pipelines.feeds import Feed
from pipelines.feeds.contract import Field, Kind
from store.messages import Text
from store.tables import comment

VERSION = "v3.1.0"
_LOGICAL = {
    Kind.NUMBER: "number",
    Kind.MONEY: "number",
    Kind.INTEGER: "integer",
    Kind.BOOLEAN: "boolean",
    Kind.INSTANT: "timestamp",
    Kind.DAY: "date",
    Kind.MONTH: "date",
    Kind.LIST: "array",
}


def open_contract(feed: Feed) -> dict[str, Any]:
    """The feed's contract; its rules stand as quality checks, in words."""
    rules = [_rule(rule.reason, "error", rule.text) for rule in feed.rules]
    flags = [_rule(flag.name, "warning", flag.text) for flag in feed.flags]
    table: dict[str, Any] = {
        "name": feed.name,
        "physicalName": f"raw.{feed.name}",
        "physicalType": "view",
        "logicalType": "object",
        "businessName": feed.text.zh,
        "description": comment(feed.text),
        "dataGranularityDescription": f"one row per {', '.join(feed.key)}",
        "properties": [_property(feed, field) for field in feed.all_fields],
    }
    if rules or flags:
        table["quality"] = rules + flags
    return {
        "apiVersion": VERSION,
        "kind": "DataContract",
        "id": f"tongmai-{feed.name}",
        "name": feed.name,
        "version": f"{feed.version}.0.0",
        "status": "active",
        "description": {"purpose": comment(feed.text)},
        "schema": [table],
    }


def _rule(name: str, severity: str, text: Text) -> dict[str, Any]:
    return {"name": name, "type": "text", "severity": severity, "description": comment(text)}


def _property(feed: Feed, field: Field) -> dict[str, Any]:
    described = _described(field)
    described["required"] = field.required and field.name not in feed.partial_without
    if field.name in feed.key:
        described |= {"primaryKey": True, "primaryKeyPosition": feed.key.index(field.name) + 1}
    if field.is_private:
        described["classification"] = "restricted"
    return described


def _described(field: Field) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": field.name,
        "businessName": field.text.zh,
        "logicalType": _LOGICAL.get(field.kind, "string"),
        "physicalType": field.sql_type,
        "description": comment(field.text),
    }
    bounds = {"minimum": field.low, "exclusiveMinimum": field.above, "maximum": field.high}
    options: dict[str, Any] = {name: bound for name, bound in bounds.items() if bound is not None}
    if field.pattern:
        options["pattern"] = field.pattern
    if options:
        described["logicalTypeOptions"] = options
    if field.kind is Kind.LIST:
        members = [_described(member) for member in field.members]
        described["items"] = {"logicalType": "object", "properties": members}
    custom = [
        {"property": name, "value": value}
        for name, value in (("unit", field.unit), ("codes", list(field.codes)), ("aliases", list(field.aliases)))
        if value
    ]
    if custom:
        described["customProperties"] = custom
    return described
