"""A contract compiled to one SELECT that reads, checks, flags and hashes the rows of an aligned block.

Belongs here: from declarations to SQL. Does not belong here: running it (`pipelines.checks`), how a kind of
value is read (`pipelines.readings`), any particular rule (the contracts).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from pipelines import city, crs, readings
from pipelines.alignment import EXTRA, Shape, column_of
from pipelines.faults import UNREADABLE, row_sentence
from pipelines.feeds import Feed
from pipelines.feeds.contract import Field, Kind
from pipelines.readings import quote
from pipelines.rejects import NO_DATA
from store.messages import Text


@dataclass(frozen=True)
class RowFault:
    """One way in which a row can be wrong: an SQL condition, its reason, column and sentence."""

    condition: str
    reason: str
    column: Field
    text: Text


@dataclass(frozen=True)
class Check:
    """A compiled check: its SELECT over the view `block`, and the faults that its `_fault` numbers."""

    sql: str
    faults: tuple[RowFault, ...]


@lru_cache(maxsize=256)
def compiled(shape: Shape) -> Check:
    """The check of blocks of that shape; `_position` says which row of the block a row is."""
    feed = shape.feed
    faults = _faults(feed)
    typed = ", ".join(f'{_read(column, shape)} AS "{column.name}"' for column in feed.all_fields)
    cases = " ".join(f"WHEN {fault.condition} THEN {number}" for number, fault in enumerate(faults))
    hashed = ", chr(31), ".join(_canonical(column) for column in feed.all_fields if column.name != "known_at")
    located = ", ".join([*_relocated(shape), f"{_whole_extra(shape)} AS {EXTRA}"])
    sql = f"""
        WITH typed AS (SELECT *, {typed} FROM block),
        located AS (SELECT * REPLACE ({located}) FROM typed),
        judged AS (SELECT *, {_flags(shape)} AS _flags, CASE {cases} END AS _fault FROM located)
        SELECT {", ".join(f'"{column.name}"' for column in feed.fields)},
            updated_at, coalesce(known_at, _received_at) AS known_at,
            coalesce(updated_at, known_at, _received_at) AS _version_at,
            md5(concat({hashed}, chr(31), {EXTRA})) AS _content_hash,
            _segment_id, _source_file, _source_row, _flags, {EXTRA}, _fault, _position
        FROM judged
    """
    return Check(sql, tuple(faults))


def _read(column: Field, shape: Shape) -> str:
    source = column_of(column.name)
    type_ = dict(shape.types).get(column.name, "string")
    factor = dict(shape.factors).get(column.name, 1.0)
    sql = readings.reading(column, source, type_, factor, shape.mapping)
    return f"CASE WHEN {source} IS NULL THEN {quote(column.default)} ELSE {sql} END" if column.default else sql


def _faults(feed: Feed) -> list[RowFault]:
    """Every way a row of the feed can be wrong, in the order in which they are told."""

    def fault(condition: str, reason: str, column: Field) -> RowFault:
        return RowFault(condition, reason, column, row_sentence(reason, column))

    missing = [fault(_is_missing(c, feed), "missing_required", c) for c in feed.fields if c.required]
    unreadable = [
        fault(f'({column_of(c.name)} IS NOT NULL AND "{c.name}" IS NULL)', _unreadable(c), c)
        for c in feed.all_fields
        if c.kind in UNREADABLE
    ]
    unreadable += [
        fault(f'("{c.name}" < {first} OR "{c.name}" >= {last})', UNREADABLE[c.kind], c)
        for kind, first, last in (
            (Kind.INSTANT, readings.FIRST_INSTANT, readings.LAST_INSTANT),
            (Kind.DAY, readings.FIRST_DAY, readings.LAST_DAY),
        )
        for c in feed.all_fields
        if c.kind is kind
    ]
    unreadable += [fault(f'NOT isfinite("{c.name}")', "bad_number", c) for c in feed.fields if c.kind is Kind.NUMBER]
    ranges = [fault(limits, "out_of_range", c) for c in feed.fields if (limits := _outside(c))]
    rules = [RowFault(f"({rule.violated})", rule.reason, feed.field(rule.column), rule.text) for rule in feed.rules]
    return missing + unreadable + ranges + rules


def _is_missing(column: Field, feed: Feed) -> str:
    is_absent = f"{column_of(column.name)} IS NULL"
    return is_absent if column.name in feed.key or not feed.partial_without else f"({is_absent} AND NOT {_event(feed)})"


def _event(feed: Feed) -> str:
    """Whether a row is an event: it holds nothing of what introduces its key, but something that happened.

    A total or a footer under the key's header is none: it stays a row that lacks what is required.
    """
    lacks = [f"{column_of(name)} IS NULL" for name in feed.partial_without]
    tells = " OR ".join(f"{column_of(column.name)} IS NOT NULL" for column in feed.event_values)
    no_key = [f"regexp_matches({column_of(name)}, {quote(NO_DATA)})" for name in feed.key]
    return f"({' AND '.join(lacks)} AND ({tells}) AND NOT ({' OR '.join(no_key)}))"


def _unreadable(column: Field) -> str:
    return "bad_code" if column.pattern else UNREADABLE[column.kind]


def _outside(column: Field) -> str:
    bounds = (("<", column.low), ("<=", column.above), (">", column.high))
    tests = [f'"{column.name}" {operator} {bound!r}' for operator, bound in bounds if bound is not None]
    return f"({' OR '.join(tests)})" if tests else ""


def _canonical(column: Field) -> str:
    return f'epoch_us("{column.name}")' if column.kind is Kind.INSTANT else f'"{column.name}"'


def _relocated(shape: Shape) -> list[str]:
    """Coordinates and geometries of another system, replaced by WGS-84."""
    system = shape.mapping.crs
    if system == "WGS-84":
        return []
    points = [
        f"{crs.function(system, axis)}({lon}, {lat}) AS {name}"
        for lon, lat in shape.feed.coordinates
        for axis, name in (("lon", lon), ("lat", lat))
    ]
    geometries = [column.name for column in shape.feed.fields if column.kind is Kind.GEOMETRY]
    return points + [f"{crs.function(system, 'geometry')}({name}) AS {name}" for name in geometries]


def _others(shape: Shape) -> dict[str, str]:
    """Code columns with a catch-all -> the condition that it was needed."""
    conditions = {}
    for column in shape.feed.fields:
        if column.other:
            codes = shape.mapping.codes(column.name)
            source = column_of(column.name)
            text = readings.recode(column, source, codes) if codes else source
            known = ", ".join(quote(text) for text in readings.known_texts(column))
            conditions[column.name] = f'("{column.name}" = {quote(column.other)} AND lower({text}) NOT IN ({known}))'
    return conditions


def _whole_extra(shape: Shape) -> str:
    """`_extra`, with the texts that a catch-all has replaced, so that nothing of the row is lost."""
    others = _others(shape)
    if not others:
        return EXTRA
    entries = ", ".join(
        f"CASE WHEN {condition} THEN {quote(json_key(name))} || to_json({column_of(name)}) END"
        for name, condition in others.items()
    )
    return (
        f"CASE WHEN {' OR '.join(others.values())} "
        f"THEN '{{' || concat_ws(',', nullif(trim({EXTRA}, '{{}}'), ''), {entries}) || '}}' ELSE {EXTRA} END"
    )


def json_key(name: str) -> str:
    """A field's name as the key of a JSON object."""
    return f'"{name}":'


def _flags(shape: Shape) -> str:
    feed = shape.feed
    flags = {f"other_{name}": condition for name, condition in _others(shape).items()}
    flags |= {flag.name: flag.holds for flag in feed.flags}
    flags["known_at_is_assumed"] = "known_at IS NOT NULL"
    west, south, east, north = city.bounding_box()
    for lon, lat in feed.coordinates:
        is_inside = f"{lon} BETWEEN {west:.4f} AND {east:.4f} AND {lat} BETWEEN {south:.4f} AND {north:.4f}"
        flags["outside_city"] = f"NOT ({is_inside})"
    for column in feed.fields:
        if column.kind is Kind.DISTRICT:
            codes = sorted({*city.district_names().values(), *shape.mapping.districts})
            flags["district_outside_city"] = f'"{column.name}" NOT IN ({", ".join(map(quote, codes))})'
    named = ", ".join(f"CASE WHEN {condition} THEN {quote(name)} END" for name, condition in sorted(flags.items()))
    raised = " OR ".join(f"coalesce({condition}, false)" for condition in flags.values())
    none = "CAST([] AS VARCHAR[])"
    return f"CASE WHEN {raised} THEN list_filter([{named}], lambda flag: flag IS NOT NULL) ELSE {none} END"
