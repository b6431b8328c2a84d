"""Lists laid out as plants do: whole in one cell, a column per element and member, or a line per element.

Belongs here: records with lists to records without. Does not belong here: drawing and writing them (`contract_rows`).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from pipelines.feeds import Feed
from pipelines.feeds.contract import Field

Row = dict[str, Any]
LAYOUTS = ("nested", "wide", "long")


def laid_out(
    feed: Feed,
    records: Sequence[Row],
    headers: dict[str, str],
    layout: str,
    dice: random.Random,
    spelled: Callable[[Any], str],
) -> tuple[list[Row], dict[str, str]]:
    """The records, and their headers by name, in that layout where they have a list; `spelled` writes a value out."""
    if layout == "nested" or not any(record.get(column.name) for column in feed.lists for record in records):
        return list(records), headers
    column = feed.lists[0]
    rest = {name: header for name, header in headers.items() if name != column.name}
    if layout == "wide":
        return _wide(column, records, rest)
    members = {f"{column.name}.{member.name}": member.aliases[0] for member in column.members}
    return _long(feed, records, dice, spelled), rest | members


def _wide(column: Field, records: Sequence[Row], rest: dict[str, str]) -> tuple[list[Row], dict[str, str]]:
    """One column per member of 水泥1, 水泥2, 砂1 …; members that no record has have none."""
    naming, *members = column.members
    rows: list[Row] = []
    columns: dict[str, str] = {}
    for record in records:
        row = {name: value for name, value in record.items() if name != column.name}
        count: Counter[str] = Counter()
        for element in record.get(column.name) or ():
            kind = _named(naming, element[naming.name])
            count[kind] += 1
            for member in members:
                if element.get(member.name) is not None:
                    header = f"{kind}{count[kind]}{member.aliases[0]}"
                    columns[header], row[header] = header, element[member.name]
        rows.append(row)
    return rows, rest | columns


def _named(naming: Field, text: str) -> str:
    """The usual name of what `text` names in some way."""
    code = next(code for code, texts in naming.codes.items() if text in (code, *texts))
    return naming.codes[code][0]


def _long(feed: Feed, records: Sequence[Row], dice: random.Random, spelled: Callable[[Any], str]) -> list[Row]:
    """One line per element; what the record says once stands on each of its lines, or on the first beside the key."""
    column = feed.lists[0]
    lines: list[Row] = []
    for record in records:
        told = {name: None if value is None else spelled(value) for name, value in record.items()}
        told.pop(column.name, None)
        again = told if dice.random() < 0.5 else {name: told.get(name) for name in feed.key}
        for place, element in enumerate(record.get(column.name) or ({},)):
            parts = {f"{column.name}.{name}": value for name, value in element.items()}
            lines.append((again if place else told) | parts)
    return lines
