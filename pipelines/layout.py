"""Layouts: which source column feeds which field, in which unit.

Belongs here: matching header texts to a contract, finding the header row. Does not belong here: reading
files (`pipelines.sources`) and reading values (`pipelines.readings`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from pipelines import units
from pipelines.faults import FileError
from pipelines.feeds import Feed
from pipelines.feeds.contract import Field, Kind
from pipelines.mapping import NO_MAPPING, FieldMapping
from pipelines.privacy import is_personal_header

HEADER_SEARCH_ROWS = 30
_BRACKETS = re.compile(r"[（(\[【{](.*?)[)）\]】}]")
_NOISE = re.compile(r"[\s_\-*:：·.、/\\\"'#]+")


@dataclass(frozen=True)
class Binding:
    """One field's source: the raw table's column `c<index>` (or a constant) and the factor to the unit kept."""

    name: str
    index: int | None = None
    constant: str | None = None
    factor: float = 1.0


@dataclass(frozen=True)
class Layout:
    """How rows under one header become rows of a feed.

    `extras` are columns that the contract does not know, kept in `_extra`; columns of personal data that
    no field keeps are in neither list.
    """

    feed: Feed = field(repr=False)
    header: tuple[str, ...]
    bindings: tuple[Binding, ...]
    extras: tuple[tuple[int, str], ...]
    mapping: FieldMapping = NO_MAPPING


@lru_cache(maxsize=8192)
def normalise(text: str) -> str:
    """A header text as aliases are compared: NFKC, no brackets or what they hold, no spaces, lower case."""
    folded = unicodedata.normalize("NFKC", text)
    return _NOISE.sub("", _BRACKETS.sub("", folded)).casefold()


@lru_cache(maxsize=64)
def aliases(feed: Feed) -> dict[str, Field]:
    """Normalised header text -> field."""
    known: dict[str, Field] = {}
    for column in feed.all_fields:
        for alias in (column.name, *column.aliases):
            known.setdefault(normalise(alias), column)
    return known


def find_header(rows: Sequence[Sequence[str]], feed: Feed, mapping: FieldMapping = NO_MAPPING) -> int | None:
    """The index of the header row: the first of those with most known texts (at least two), else None."""
    known, mapped = aliases(feed), {source for source, _ in mapping.columns}
    best, best_hits = None, 1
    for index, row in enumerate(rows[:HEADER_SEARCH_ROWS]):
        hits = len({text for text in row if text and (text.strip() in mapped or normalise(text) in known)})
        if hits > best_hits:
            best, best_hits = index, hits
    return best


def resolve(feed: Feed, header: Sequence[str], mapping: FieldMapping = NO_MAPPING) -> Layout:
    """The layout of that header. Raises FileError(`missing_columns`) when a required field has no source."""
    header = tuple(text.strip() for text in header)
    targets, constants, stated = dict(mapping.columns), dict(mapping.constants), dict(mapping.units)
    bindings: dict[str, Binding] = {name: Binding(name, constant=value) for name, value in constants.items()}
    extras: list[tuple[int, str]] = []
    known = aliases(feed)
    claimed = {target for source, target in mapping.columns if source in header} | set(constants)
    for index, text in enumerate(header):
        column = feed.field(targets[text]) if targets.get(text) else None
        if column is None and text not in targets:
            column = known.get(normalise(text))
            if column is not None and column.name in claimed:
                column = None
        if text in targets and not targets[text]:
            continue
        if column is not None and column.kind is Kind.PERSON and is_personal_header(text):
            continue
        if column is not None and column.name not in bindings:
            bindings[column.name] = Binding(column.name, index, factor=_factor(column, text, stated))
        elif not is_personal_header(text):
            extras.append((index, text or f"column_{index + 1}"))
    missing = [column.name for column in feed.fields if column.required and column.name not in bindings]
    if missing:
        raise FileError("missing_columns", ", ".join(missing))
    return Layout(feed, header, tuple(bindings.values()), tuple(extras), mapping)


def _factor(column: Field, text: str, stated: dict[str, str]) -> float:
    """Factor from the source's unit (the mapping's, else the one in the header's brackets) to the field's."""
    if (unit := stated.get(column.name)) is not None:
        factor = units.factor(column.unit, unit)
        return float(unit) if factor is None else factor
    for written in _BRACKETS.findall(unicodedata.normalize("NFKC", text)):
        if (factor := units.factor(column.unit, written)) is not None:
            return factor
    return 1.0
