"""Layouts: which source column feeds which field, in which unit.

Belongs here: matching header texts to a contract, finding the header row. Does not belong here: reading
files (`pipelines.sources`) and reading values (`pipelines.readings`).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import lru_cache

from pipelines import units
from pipelines.faults import FileError
from pipelines.feeds import Feed
from pipelines.feeds.contract import Field
from pipelines.list_headers import elements_column, is_water, surplus_parts
from pipelines.mapping import NO_MAPPING, FieldMapping, joined_header
from pipelines.privacy import is_personal_header

HEADER_SEARCH_ROWS = 30
UNIT_COLUMNS = frozenset({"单位", "计量单位", "数量单位", "重量单位", "unit", "units", "uom"})
_NOISE = re.compile(r"[\s_\-*:：·.、/\\\"'#]+")
_VALUE = re.compile(r"[-+¥￥$]?[0-9][0-9.,:/\- T]*%?")


@dataclass(frozen=True)
class Binding:
    """One field's source: the raw table's column `c<index>` (or a constant) and the factor to the unit kept.

    `unit_index` is the column that states each row's own unit.
    `name` is a field's name or, for a column that holds a part of a list, its path (see `pipelines.list_headers`).
    """

    name: str
    index: int | None = None
    constant: str | None = None
    factor: float = 1.0
    unit_index: int | None = None


@dataclass(frozen=True)
class Layout:
    """How rows under one header become rows of a feed.

    `extras` are columns that the contract does not know, kept in `_extra`; columns of personal data that
    no field keeps are in neither list. `others` are columns that could feed a field which another one feeds.
    """

    feed: Feed = field(repr=False)
    header: tuple[str, ...]
    bindings: tuple[Binding, ...]
    extras: tuple[tuple[int, str], ...]
    mapping: FieldMapping = NO_MAPPING
    others: tuple[tuple[str, int], ...] = ()

    @property
    def is_long(self) -> bool:
        """Whether a row holds one element of a list, so that the rows of a key make one record."""
        return any(binding.name.count(".") == 1 for binding in self.bindings)


@lru_cache(maxsize=8192)
def normalise(text: str) -> str:
    """A header text as aliases are compared: NFKC, lower case, no spaces, nothing in brackets but a number."""
    folded = unicodedata.normalize("NFKC", text)
    return _NOISE.sub("", units.BRACKETS.sub(lambda held: held[1] if held[1].isdecimal() else "", folded)).casefold()


@lru_cache(maxsize=64)
def aliases(feed: Feed) -> dict[str, Field]:
    """Normalised header text -> field."""
    known: dict[str, Field] = {}
    for column in feed.all_fields:
        for alias in (column.name, *column.aliases):
            known.setdefault(normalise(alias), column)
    return known


@lru_cache(maxsize=64)
def _shared_aliases(feed: Feed) -> dict[str, tuple[str, ...]]:
    """Texts that several fields go by (three columns 单块强度, one beside the other) -> those fields."""
    fields: dict[str, list[str]] = {}
    for column in feed.all_fields:
        for text in {normalise(alias) for alias in column.aliases}:
            fields.setdefault(text, []).append(column.name)
    return {text: tuple(names) for text, names in fields.items() if len(names) > 1}


def is_private_header(feed: Feed, text: str) -> bool:
    """Whether a column of that header is personal, or a field that the feed masks in rejects."""
    column = aliases(feed).get(normalise(text))
    return is_personal_header(text) if column is None else column.is_private


def find_header(rows: Sequence[Sequence[str]], feed: Feed, mapping: FieldMapping = NO_MAPPING) -> int | None:
    """The index of the header row: the first of those with most known texts (at least two), else None."""
    best, best_hits = None, 1
    for index, row in enumerate(rows[:HEADER_SEARCH_ROWS]):
        texts = {text for text in row if text}
        if len(texts) <= best_hits:
            continue  # below a full header no row can have more: its values need no look
        if (hits := known_headers(texts, feed, mapping)) > best_hits:
            best, best_hits = index, hits
    return likely_header(rows) if best is None and mapping.is_probe else best


def known_headers(texts: Iterable[str], feed: Feed, mapping: FieldMapping) -> int:
    """How many of the texts are headers that the contract, the deployment or the mapping knows."""
    known, mapped = known_texts(feed, mapping), mapping.named
    return sum(text.strip() in mapped or _is_known(feed, text, known) for text in texts)


def likely_header(rows: Sequence[Sequence[str]]) -> int | None:
    """The first of the rows with most different texts and no number or time among them."""
    best, best_cells = None, 1
    for index, row in enumerate(rows[:HEADER_SEARCH_ROWS]):
        texts = {text.strip() for text in row if text.strip()}
        if len(texts) > best_cells and not any(_VALUE.fullmatch(text) for text in texts):
            best, best_cells = index, len(texts)
    return best


def known_texts(feed: Feed, mapping: FieldMapping) -> dict[str, Field]:
    """Normalised header text -> field: the contract's, then the deployment's."""
    if not mapping.aliases:
        return aliases(feed)
    return {text: feed.field(name) for text, name in mapping.aliases} | aliases(feed)


def joins(header: Sequence[str], mapping: FieldMapping) -> list[tuple[str, tuple[int, ...]]]:
    """The joined columns that a header makes possible: their header text and the columns that they join."""
    if not mapping.joined:
        return []
    places = {text.strip(): index for index, text in reversed(list(enumerate(header)))}
    possible = [(joined_header(parts), parts) for _, parts in mapping.joined if set(parts) <= places.keys()]
    return [(text, tuple(places[part] for part in parts)) for text, parts in possible if text not in places]


def resolve(feed: Feed, header: Sequence[str], mapping: FieldMapping = NO_MAPPING) -> Layout:
    """The layout of that header; of several columns for one field the one whose text stands first in the contract.

    Raises FileError: `missing_columns` when a required field has no source, `unknown_unit` (a probe never does).
    """
    mapping = mapping.of(header)
    header = (*(text.strip() for text in header), *(text for text, _ in joins(header, mapping)))
    constants, stated = dict(mapping.constants), dict(mapping.units)
    bindings: dict[str, Binding] = {name: Binding(name, constant=value) for name, value in constants.items()}
    claims, extras = _claims(feed, header, mapping)
    rivals: list[tuple[str, int]] = []
    unit_index = next((index for index, text in extras if normalise(text) in UNIT_COLUMNS), None)
    for name, candidates in claims.items():
        first, *others = sorted(candidates)
        if name in constants:
            others = [first, *others]
        else:
            factor = 1.0
            with suppress(FileError) if mapping.is_probe else nullcontext():
                factor = _factor(feed, name, header[first[1]], stated)
            has_unit = feed.field(name).has_unit_column and name.count(".") <= 1  # in wide columns it is none's
            bindings[name] = Binding(name, first[1], factor=factor, unit_index=unit_index if has_unit else None)
            rivals += [(name, index) for _, index in others]
        if not feed.field(name).is_private:
            extras += [(index, header[index]) for _, index in others]
    bound = [header[binding.index] for binding in bindings.values() if binding.index is not None]
    extras = _named_apart([(index, text) for index, text in extras if not is_personal_header(text)], bound)
    missing = missing_fields(feed, {name.partition(".")[0] for name in bindings})
    if missing and not mapping.is_probe:
        raise FileError("missing_columns", ", ".join(missing))
    return Layout(feed, header, tuple(bindings.values()), tuple(extras), mapping, tuple(rivals))


def claim(feed: Feed, text: str, mapping: FieldMapping) -> str | None:
    """The field or path that a column of that header may feed, standing alone."""
    if text in mapping.targets or text in mapping.parts:
        return mapping.targets.get(text) or None
    known = known_texts(feed, mapping)
    if (alias := _known_text(text, known)) is not None:
        return known[alias].name
    part = elements_column(feed, text)
    return part[0] if part else None


def missing_fields(feed: Feed, bound: Set[str]) -> list[str]:
    """Required fields without a source. A header of events needs its key and something that they tell."""
    is_event = bool(feed.partial_without) and bound.isdisjoint(feed.partial_without)
    if is_event and any(column.name in bound for column in feed.event_values):
        return [name for name in feed.key if name not in bound]
    return [column.name for column in feed.fields if column.required and column.name not in bound]


def _claims(
    feed: Feed, header: Sequence[str], mapping: FieldMapping
) -> tuple[dict[str, list[tuple[int, int]]], list[tuple[int, str]]]:
    """Field or path -> (rank of the header among its texts, column) of each column that may feed it; and the others."""
    known, targets, parts = known_texts(feed, mapping), mapping.targets, mapping.parts
    claims: dict[str, list[tuple[int, int]]] = {}
    extras: list[tuple[int, str]] = []
    shared: list[tuple[int, str]] = []
    for index, text in enumerate(header):
        if text in targets:
            if targets[text]:
                claims.setdefault(targets[text], []).append((-1, index))
        elif text in parts:
            continue
        elif (alias := _known_text(text, known)) in _shared_aliases(feed):
            shared.append((index, text))
        elif alias is not None:
            claims.setdefault(known[alias].name, []).append((list(known).index(alias), index))
        elif (part := elements_column(feed, text)) is not None:
            claims.setdefault(_told_apart(part[0], header[:index].count(text)), []).append((0, index))
        else:
            extras.append((index, text))
    for index, text in shared:
        names = _shared_aliases(feed)[_known_text(text, known) or ""]
        free = next((name for name in names if name not in claims), None)
        if free is None:
            extras.append((index, text))
        else:
            claims[free] = [(0, index)]
    for name in surplus_parts(feed, claims):
        extras += [(index, header[index]) for _, index in claims.pop(name)]
    return claims, extras


def _told_apart(path: str, before: int) -> str:
    """The path of a column under whose header `before` others stand: two columns 水泥 are two silos of cement."""
    parts = path.split(".")
    if before and len(parts) == 3:
        parts[1] += f"#{before + 1}"
    return ".".join(parts)


def _is_known(feed: Feed, text: str, known: Mapping[str, Field]) -> bool:
    return _known_text(text, known) is not None or elements_column(feed, text) is not None


def _known_text(text: str, known: Mapping[str, Field]) -> str | None:
    """The known text that a header is, or is but for a unit after it (`运距km`)."""
    folded = normalise(text)
    if folded in known:
        return folded
    for alias, column in known.items():
        if column.unit and folded.startswith(alias) and _unit_after(folded, alias, column) is not None:
            return alias
    return None


def _unit_after(folded: str, alias: str, column: Field) -> float | None:
    return units.factor(column.unit, folded.removeprefix(alias))


def _named_apart(extras: Sequence[tuple[int, str]], bound: Sequence[str]) -> list[tuple[int, str]]:
    """Columns in order, those without a header numbered, those of one header told apart."""
    seen = Counter(bound)
    named = []
    for index, text in sorted(extras):
        seen[text] += 1
        named.append((index, f"{text}_{seen[text]}" if text and seen[text] > 1 else text or f"column_{index + 1}"))
    return named


def _factor(feed: Feed, name: str, text: str, stated: Mapping[str, str]) -> float:
    """Factor from the source's unit (the mapping's, else the one in the header) to the field's.

    Raises FileError(`unknown_unit`) when the header names a unit that cannot be converted.
    """
    column, part = feed.field(name), elements_column(feed, text) if "." in name else None
    if (unit := stated.get(name, stated.get(_member_path(name)))) is not None:
        return units.stated(column.unit, unit)
    if column.unit is None:
        return 1.0
    if part is not None and part[1] is not None:
        return part[1]
    for written in units.in_brackets(text):
        if (factor := units.factor(column.unit, written)) is not None:
            return factor
        if units.is_unit(written):
            raise FileError("unknown_unit", text)
    if part is not None:
        raise FileError("unknown_unit", text)
    for alias in map(normalise, (column.name, *column.aliases)):
        if (factor := _unit_after(normalise(text), alias, column)) is not None:
            return factor
    return _last_word_factor(feed, name, text)


def _last_word_factor(feed: Feed, name: str, text: str) -> float:
    """Factor of a unit that a header ends with (`new_area_sqft`, `Wasser Soll l`); 1 when it ends with none."""
    unit = feed.field(name).unit
    *before, last = unicodedata.normalize("NFKC", text).replace("_", " ").split() or [""]
    if not before or normalise(text) in aliases(feed):
        return 1.0
    factor = units.factor(unit, last)
    if factor is None and unit == "kg" and units.is_volume(last):
        factor = units.of_water(unit, last) if is_water(feed, name) else None
        if factor is None:
            raise FileError("unknown_unit", text)
    if factor is None and units.is_other_measure(unit, last):
        raise FileError("unknown_unit", text)
    return 1.0 if factor is None else factor


def _member_path(name: str) -> str:
    """`materials.cement.1.target_kg` -> `materials.target_kg`."""
    parts = name.split(".")
    return f"{parts[0]}.{parts[-1]}"
