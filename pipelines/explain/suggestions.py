"""Which field an unknown column may be for: by its header's words and by what stands in it.

Belongs here: scoring and choosing suggestions, always the same for the same file. Does not belong here:
recognising headers (`pipelines.layout`): a suggestion changes nothing until a person has taken it over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from functools import lru_cache

import duckdb

from pipelines.city import district_names
from pipelines.explain.profile import FORMATS, Column
from pipelines.explain.report import Suggestion
from pipelines.feeds import FEEDS, Feed
from pipelines.feeds.contract import Field, Kind
from pipelines.layout import normalise
from pipelines.mapping import FieldMapping
from pipelines.readings import reading
from pipelines.sql_text import quote

THRESHOLD = 0.55
_LEAST_TEXT = 0.3  # below this the header says nothing, whatever stands in the column
_SURELY_MEANT = 0.85  # characters alike: a slip of the pen
_VALUES = 300
_FEW_TEXTS, _SOME_TEXTS = 60, 300
_WEIGHT_OF_TEXT = 0.65
_SHAPED = frozenset({Kind.DAY, Kind.INSTANT, Kind.GRADE, Kind.DISTRICT, Kind.GEOMETRY})
_AMOUNTS = frozenset({Kind.NUMBER, Kind.INTEGER, Kind.MONEY})
_WORDED = frozenset({Kind.TEXT, Kind.PROSE, Kind.CODE, Kind.PERSON, Kind.BOOLEAN})
_NUMBER = re.compile(r"[-+$¥]?[0-9.,]+")
_TIME = re.compile(r"\d{1,4}[-/.年]\d{1,2}[-/.月]\d{1,4}.*|\d{1,2}:\d{2}.*")
_USE = re.compile(r"(building|bldg|property)[ _]?(type|class|category)", re.IGNORECASE)
_WORDS = re.compile(r"m[23](?![a-z0-9])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|#")
# Words of exports of other cities and systems, brought to one.
_SAME: Mapping[str, str] = {
    **dict.fromkeys(("no", "num", "nr", "nbr", "number", "id", "identifier", "#", "code"), "no"),
    **dict.fromkeys(("on", "at", "date", "day", "time", "datetime", "timestamp", "dt"), "when"),
    **dict.fromkeys(("issue", "issued", "issuance"), "issue"),
    **dict.fromkeys(("value", "cost", "costs", "amount", "valuation"), "value"),
    **dict.fromkeys(("lon", "lng", "long", "longitude"), "lon"),
    **dict.fromkeys(("lat", "latitude"), "lat"),
    **dict.fromkeys(
        ("district", "borough", "ward", "neighborhood", "neighbourhood", "community", "county"), "district"
    ),
    **dict.fromkeys(("use", "uses", "usage", "occupancy", "category"), "use"),
    **dict.fromkeys(("start", "started", "begin", "from", "commencement"), "start"),
    **dict.fromkeys(("end", "ended", "completion", "completed", "finish", "to"), "end"),
    **dict.fromkeys(("m3", "volume", "qty", "quantity", "cbm", "load"), "volume"),
    **dict.fromkeys(("truck", "vehicle", "lorry"), "truck"),
    **dict.fromkeys(("ticket", "docket", "delivery"), "ticket"),
    **dict.fromkeys(("plant", "station"), "plant"),
    **dict.fromkeys(("area", "sqft", "sqm", "gfa", "m2"), "area"),
    # what other cities call our codes
    **dict.fromkeys(("dwelling", "residence", "housing", "house", "family", "apartment", "condo"), "residential"),
    **dict.fromkeys(("office", "retail", "service", "hotel", "shop", "store", "business", "mercantile"), "commercial"),
    **dict.fromkeys(("manufacturing", "warehouse", "wholesale", "storage", "factory"), "industrial"),
    **dict.fromkeys(("institutional", "cultural", "recreational", "school", "hospital", "assembly"), "public"),
    **dict.fromkeys(("utility", "utilities", "sewer", "water"), "municipal"),
    **dict.fromkeys(("parking", "road", "bridge", "rail", "transportation"), "transport"),
}
_VAGUE = frozenset({"no", "when", "name", "type"})  # words that alone say little
_LETTERS = 6
_SAID = ("est", "estimated", "reported", "declared", "proposed", "const", "new", "add", "total")
_EMPTY = frozenset({*_SAID, "of", "the", "per", "job", "cny", "company"})


def suggest(
    feed: Feed, columns: Mapping[str, Column], taken: Iterable[str], connection: duckdb.DuckDBPyConnection
) -> dict[str, Suggestion]:
    """Header -> suggestion, for unknown headers and fields that have no source: each field at most once."""
    free = [field for field in feed.fields if field.name not in set(taken) and field.kind != "list"]
    nouns = _words(f"{feed.name.removesuffix('s')} {feed.name.removesuffix('es')}")  # permit, batch
    scored: list[tuple[float, int, str, Suggestion]] = []
    for header, column in columns.items():
        readable = _readable(column, free, connection)
        for place, field in enumerate(free):
            text = max(similarity(header, name, nouns) for name in (field.name, *field.aliases, field.text.zh))
            if field.name == feed.event_time and _words(header) - nouns == {"when"}:
                text = max(text, _SURELY_MEANT)  # `Permit Date`: the day of the record, whatever it is called
            score = _score(text, column, field, readable[field.name], is_key=feed.key == (field.name,))
            if score >= THRESHOLD:
                suggestion = Suggestion(field.name, round(score, 2), round(readable[field.name], 2))
                scored.append((-score, place, header, suggestion))
    chosen: dict[str, Suggestion] = {}
    for _, _, header, suggestion in sorted(scored, key=lambda entry: entry[:3]):
        if header not in chosen and suggestion.field not in {other.field for other in chosen.values()}:
            chosen[header] = suggestion
    return chosen


def nearest_code(field: Field, text: str) -> str | None:
    """The code whose texts come nearest to `text`; None when none comes near."""
    scores = [
        (max(similarity(text, spelling) for spelling in (code, *spellings)), code)
        for code, spellings in field.codes.items()
    ]
    best = max(scores, key=lambda score: score[0], default=(0.0, None))
    return best[1] if best[0] >= THRESHOLD else None


def similarity(left: str, right: str, besides: frozenset[str] = frozenset()) -> float:
    """How alike two texts are, 0 to 1: by their words (with and without those `besides`), or by their characters."""
    a, b = _words(left), _words(right)
    words = max(_overlap(a, b), _overlap(a - besides, b - besides))
    folded = normalise(left), normalise(right)
    is_short = any(text.isascii() and len(text) < _LETTERS for text in folded)  # `house` is not `use`
    alike = 0.0 if is_short else SequenceMatcher(None, *folded, autojunk=False).ratio()
    is_chance = all(text.isascii() for text in folded) and alike < _SURELY_MEANT  # any two words share letters
    return words if is_chance else max(words, alike)


def _overlap(a: frozenset[str], b: frozenset[str]) -> float:
    if not a or not b:
        return 0.0
    share = 2 * len(a & b) / (len(a) + len(b))
    return share if a & b - _VAGUE else share / 2


@lru_cache(maxsize=8192)
def _words(text: str) -> frozenset[str]:
    found = (word.casefold() for word in _WORDS.findall(_USE.sub("use", text)))
    words = [part for word in found for part in _parted(word)]
    return frozenset(_SAME.get(word, word) for word in words if word not in _EMPTY)


@lru_cache(maxsize=8192)
def _parted(word: str) -> tuple[str, ...]:
    """`issueddate` as the known words that it is made of; itself when it is not made of such alone."""
    if word in _vocabulary():
        return (word,)
    best: dict[int, tuple[str, ...]] = {0: ()}
    for end in range(1, len(word) + 1):
        for start in range(end):
            if start in best and word[start:end] in _vocabulary():
                parts = (*best[start], word[start:end])
                if end not in best or len(parts) < len(best[end]):
                    best[end] = parts
    return best.get(len(word), (word,))


@lru_cache(maxsize=1)
def _vocabulary() -> frozenset[str]:
    """The words of all fields' names, and those that other cities and systems use for them."""
    named = (name for feed in FEEDS.values() for field in feed.fields for name in (field.name, *field.aliases))
    words = {word.casefold() for name in named for word in _WORDS.findall(name)}
    return frozenset(word for word in words.union(_SAME, _EMPTY) if len(word) > 1)


def _score(text: float, column: Column, field: Field, readable: float, *, is_key: bool) -> float:
    if text < _LEAST_TEXT or (column.filled and readable < 0.5) or _is_other(column, field):
        return 0.0
    shape = readable
    if field.kind in _AMOUNTS:
        shape = readable * 0.7  # anything may be a number
    elif field.kind is Kind.PROSE:
        shape = 0.4
    elif field.kind not in _SHAPED:
        shape = 0.4
        if is_key:
            shape = 0.8 if column.distinct == column.filled else 0.0 if 2 * column.distinct < column.filled else 0.4
    bonus = 0.1 if field.required and field.kind in _SHAPED and shape == 1 else 0.0
    return min(1.0, _WEIGHT_OF_TEXT * text + (1 - _WEIGHT_OF_TEXT) * shape + bonus)


def _is_other(column: Column, field: Field) -> bool:
    """Whether what stands in the column is surely something else: days under a name, numbers under a code."""
    values = column.values[:_VALUES]
    if not values or field.kind not in _WORDED:
        return False
    if all(_TIME.fullmatch(text) for text in values):
        return True
    is_number = all(_NUMBER.fullmatch(text) for text in values)
    return is_number and field.kind in (Kind.PROSE, Kind.CODE) and not any(code.isdecimal() for code in field.codes)


def _readable(column: Column, fields: Sequence[Field], connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
    """Share of the column's texts that each field could read."""
    values = column.values[:_VALUES]
    if not values or not fields:
        return {field.name: 0.0 for field in fields}
    reads = ", ".join(f"avg(CAST({_is_read(field)} AS INTEGER))" for field in fields)
    shares = connection.execute(f"SELECT {reads} FROM unnest(CAST(? AS VARCHAR[])) AS t(x)", [values]).fetchone() or ()
    listed = 1.0 if column.distinct <= _FEW_TEXTS else 0.6 if column.distinct <= _SOME_TEXTS else 0.0
    found = dict(zip(fields, (float(share or 0) for share in shares), strict=True))
    for field in fields:
        if field.kind is Kind.CODE:
            found[field] = listed
        elif field.kind is Kind.DISTRICT:  # names of another city can be listed too
            found[field] = max(found[field], min(listed, 0.6))
    return {field.name: share for field, share in found.items()}


def _is_read(field: Field) -> str:
    formats = ((field.name, FORMATS),) if field.kind in (Kind.DAY, Kind.INSTANT) else ()
    any_currency = (("currency", "XXX"),)  # which one it is, a person states
    value = reading(field, "x", "string", 1.0, FieldMapping(formats=formats, constants=any_currency)).whole
    if field.kind is Kind.DISTRICT:
        return f"({value}) IN ({', '.join(map(quote, sorted(set(district_names().values()))))})"
    bounds = [
        f"{value} {sign} {bound!r}"
        for sign, bound in ((">=", field.low), (">", field.above), ("<=", field.high))
        if bound is not None
    ]
    return " AND ".join([f"({value}) IS NOT NULL", *bounds])
