"""Headers of list fields: which column holds which member of which element.

Belongs here: `水泥1设定(kg)`, `设定值 水泥1`, `cement_1_target_kg` and their like. Does not belong here: headers of
plain fields (`pipelines.layout`), values (`pipelines.elements`).

A list's column is named by a path: `materials` holds the whole list as JSON, `materials.<member>` one member of one
element per line (long), `materials.<element>.<member>` one member of that element in every row (wide).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from pipelines import units
from pipelines.feeds import Feed
from pipelines.feeds.contract import Field
from pipelines.readings import bare, bare_texts, known_texts

_BRACKET = re.compile(r"[(\[【{]([^()\[\]【】{}]*)[)\]】}]")
_LITRES = ("l", "升")
_NOISE = re.compile(r"[\s_*:、,/\\\"']+|(?<!\d)-|-(?!\d)")


def surplus_parts(feed: Feed, claims: Mapping[str, object]) -> list[str]:
    """Parts of a list whose whole, or whose elements' names, say the same: one reading of a file is enough."""
    surplus = []
    for column in feed.lists:
        parts = [name for name in claims if name.startswith(f"{column.name}.")]
        long = [name for name in parts if name.count(".") == 1]
        if column.name in claims:
            surplus += parts
        elif f"{column.name}.{column.members[0].name}" in long:
            surplus += [name for name in parts if name not in long]
        else:
            surplus += long
    return surplus


def elements_column(feed: Feed, text: str) -> tuple[str, float | None] | None:
    """The path of the column with that header and the factor to the member's unit, or None when it is none.

    The factor is None for a volume of anything but water: its density is not known here.
    """
    return _elements_column(feed, text)


@lru_cache(maxsize=16_384)
def _elements_column(feed: Feed, text: str) -> tuple[str, float | None] | None:
    for column in feed.lists:
        if (found := _parse(column, text)) is not None:
            return found
    return None


def _parse(column: Field, text: str) -> tuple[str, float | None] | None:
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = _member_words(column)
    written: list[str] = []

    def inside(match: re.Match[str]) -> str:
        is_weight = any(units.factor(member.unit, match[1]) is not None for member in column.members)
        if is_weight or units.is_volume(match[1]):
            written.append(match[1])
            return ""
        return f" {_compact(match[1])} "

    compact = _compact(_BRACKET.sub(inside, folded))
    for rest, suffix in _without_unit(column, compact):
        found = _element_and_member(column, rest, words)
        if found is None:
            continue
        element, member = found
        unit = suffix or (written[0] if written else "")
        factor = units.factor(member.unit, unit) if unit else 1.0
        if factor is None and _is_water(column.members[0], element):
            factor = units.of_water(member.unit, unit)
        if factor is None and not units.is_volume(unit):
            continue
        path = f"{column.name}.{element}.{member.name}" if element else f"{column.name}.{member.name}"
        return path, factor
    return None


def _compact(text: str) -> str:
    return _NOISE.sub("", text)


def _without_unit(column: Field, compact: str) -> list[tuple[str, str]]:
    """The text as it stands, then without each unit that it may end with (`水泥1设定kg`)."""
    spellings = {_compact(unit): unit for member in column.members for unit in units.spellings(member.unit)}
    spellings |= dict.fromkeys(_LITRES, "l")
    endings = sorted((end for end in spellings if compact.endswith(end)), key=len, reverse=True)
    return [(compact, ""), *((compact.removesuffix(end), spellings[end]) for end in endings)]


def _element_and_member(column: Field, text: str, words: dict[str, Field]) -> tuple[str, Field] | None:
    if text in words:
        return "", words[text]
    for word, member in words.items():
        for rest in (text.removesuffix(word), text.removeprefix(word)):
            if rest != text and (element := _element(column.members[0], rest)):
                return element, member
    if column.member_of_bare and (element := _element(column.members[0], text)):
        return element, column.member(column.member_of_bare)
    return None


def is_water(feed: Feed, path: str) -> bool:
    """Whether that path is a column of water."""
    name, *element = path.split(".")[:-1]
    return bool(element) and _is_water(feed.field(name).members[0], element[0])


def _is_water(naming: Field, element: str) -> bool:
    return bare_texts(naming).get(bare(naming, element)) == "water"


@lru_cache(maxsize=64)
def _member_words(column_: Field) -> dict[str, Field]:
    """Every text of a member, longest first, so that 设定值 is tried before 设定."""
    texts = {
        _compact(unicodedata.normalize("NFKC", alias).casefold()): member
        for member in reversed(column_.members)
        for alias in (member.name, *member.aliases)
    }
    return dict(sorted(texts.items(), key=lambda item: -len(item[0])))


@lru_cache(maxsize=16_384)
def _element(naming: Field, text: str) -> str:
    """How a path calls the element that a header names (dots would part the path); empty when it names none."""
    known, name = bare_texts(naming), bare(naming, text)
    if text in known_texts(naming) or name in known or name in _uncoded(naming):
        return text.strip(".").replace(".", "·")
    return ""


@lru_cache(maxsize=64)
def _uncoded(naming: Field) -> frozenset[str]:
    return frozenset(bare(naming, each) for each in naming.uncoded)
