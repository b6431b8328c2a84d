"""A contract compiled to one SELECT that reads, checks, flags and hashes the rows of an aligned block.

Belongs here: from declarations to SQL. Does not belong here: running it (`pipelines.checks`), how a kind of
value is read (`pipelines.readings`), any particular rule (the contracts).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipelines import city, crs, readings, times
from pipelines.alignment import DISAGREES, ELSEWHERE, EXTRA, Shape, column_of
from pipelines.faults import UNREADABLE, row_sentence
from pipelines.feeds import Feed
from pipelines.feeds.contract import Field, Kind
from pipelines.rejects.rows import NO_DATA
from pipelines.sql_text import Reading, quote
from store.messages import Text

_ALWAYS = ("known_at",)  # read in every spelling: when it was received stands in for it, and hides what was not read


@dataclass(frozen=True)
class RowFault:
    """One way in which a row can be wrong: an SQL condition, its reason, column and sentence."""

    condition: str
    reason: str
    column: Field
    text: Text


@dataclass(frozen=True)
class Check:
    """A compiled check: its SELECT over the view `block`, and the faults that its `_fault` numbers.

    `is_usual` are the fields of which it reads the usual spelling alone. Where one is null and its source is not, the
    check says nothing: the field has to be compiled as one of the `unusual`.
    """

    sql: str
    faults: tuple[RowFault, ...]
    is_usual: frozenset[str]


@lru_cache(maxsize=256)
def compiled(shape: Shape, empty: frozenset[str] = frozenset(), unusual: frozenset[str] = frozenset()) -> Check:
    """The check of blocks of that shape; `_position` says which row of the block a row is.

    `empty` names columns that hold nothing in any row. They become constants: with those DuckDB computes once.
    `unusual` names the fields that are read in every spelling: compiling those for all would take as long as reading
    a block.
    """
    nulls = ", ".join(f"NULL::VARCHAR AS {name}" for name in sorted(empty))
    feed = shape.feed
    faults = _disagreements(shape) + _faults(feed)
    readings_ = {column.name: _read(column, shape, empty) for column in feed.all_fields}
    is_usual = frozenset(name for name, read in readings_.items() if read.rest and name not in {*unusual, *_ALWAYS})
    typed = ", ".join(
        f'{read.usual if name in is_usual else read.whole} AS "{name}"' for name, read in readings_.items()
    )
    cases = " ".join(f"WHEN {fault.condition} THEN {number}" for number, fault in enumerate(faults))
    hashed = ", chr(31), ".join(_canonical(column) for column in feed.all_fields if column.name != "known_at")
    located = ", ".join([*_relocated(shape), f"{_whole_extra(shape)} AS {EXTRA}"])
    sql = f"""
        WITH cells AS (SELECT *{f" REPLACE ({nulls})" if nulls else ""} FROM block),
        typed AS (SELECT *, {typed} FROM cells),
        located AS (SELECT * REPLACE ({located}) FROM typed),
        judged AS (SELECT *, {_flags(shape)} AS _flags, CASE {cases} END AS _fault FROM located)
        SELECT {", ".join(f'"{column.name}"' for column in feed.fields)},
            updated_at, coalesce(known_at, _received_at) AS known_at,
            coalesce(updated_at, known_at, _received_at) AS _version_at,
            md5(concat({hashed}, chr(31), {EXTRA})) AS _content_hash,
            _segment_id, _source_file, _source_row, _flags, {EXTRA}, _fault, _position
        FROM judged
    """
    return Check(sql, tuple(faults), is_usual)


def _read(column: Field, shape: Shape, empty: frozenset[str]) -> Reading:
    source = column_of(column.name)
    if column.kind is Kind.LIST:
        # lists without a single element have no types of their own
        return Reading(f"CAST({source} AS {column.sql_type})")
    if source in empty and not column.default:
        return Reading(f"CAST(NULL AS {column.sql_type})")
    type_ = dict(shape.types).get(column.name, "string")
    factor = dict(shape.factors).get(column.name, 1.0)
    read = readings.reading(column, source, type_, factor, shape.mapping)
    if not column.default:
        return read
    return Reading(f"CASE WHEN {source} IS NULL THEN {quote(column.default)} ELSE {read.whole} END")


def _fault(condition: str, reason: str, column: Field) -> RowFault:
    return RowFault(condition, reason, column, row_sentence(reason, column))


def _disagreements(shape: Shape) -> list[RowFault]:
    """Records whose lines do not tell the same of what they tell once."""
    if not shape.is_long:
        return []
    columns = [column for column in shape.feed.all_fields if column.kind is not Kind.LIST]
    return [_fault(f"{DISAGREES} = {quote(column_of(c.name))}", "lines_disagree", c) for c in columns]


def _faults(feed: Feed) -> list[RowFault]:
    """Every way a row of the feed can be wrong, in the order in which they are told."""
    missing = [_fault(_is_missing(c, feed), "missing_required", c) for c in feed.fields if c.required]
    rules = [RowFault(f"({rule.violated})", rule.reason, feed.field(rule.column), rule.text) for rule in feed.rules]
    lists = [
        RowFault(f"{fault_column(column)} = {number}", fault.reason, column, fault.text)
        for column in feed.lists
        for number, fault in enumerate(element_faults(column))
    ]
    return lists + missing + _value_faults(feed.all_fields) + rules


@lru_cache(maxsize=64)
def element_faults(column: Field) -> tuple[RowFault, ...]:
    """Every way an element of a list can be wrong, after the one in which a list can be none."""
    missing = [_fault(f"{column_of(m.name)} IS NULL", "missing_required", m) for m in column.members if m.required]
    return (_fault("false", "bad_list", column), *missing, *_value_faults(column.members))


def fault_column(column: Field) -> str:
    """The column that numbers the first fault (of `element_faults`) of a row's list."""
    return f"{column_of(column.name)}_fault"


def element_column(column: Field) -> str:
    """The column that names the element with that fault."""
    return f"{column_of(column.name)}_element"


def _value_faults(columns: Sequence[Field]) -> list[RowFault]:
    """Values that cannot be read, or lie where they must not."""
    unreadable = [
        _fault(f'({column_of(c.name)} IS NOT NULL AND "{c.name}" IS NULL)', _unreadable(c), c)
        for c in columns
        if c.kind in UNREADABLE
    ]
    unreadable += [
        _fault(f'("{c.name}" < {first} OR "{c.name}" >= {last})', UNREADABLE[c.kind], c)
        for kind, first, last in (
            (Kind.INSTANT, times.FIRST_INSTANT, times.LAST_INSTANT),
            (Kind.DAY, times.FIRST_DAY, times.LAST_DAY),
            (Kind.MONTH, times.FIRST_DAY, times.LAST_DAY),
        )
        for c in columns
        if c.kind is kind
    ]
    unreadable += [_fault(f'NOT isfinite("{c.name}")', "bad_number", c) for c in columns if c.kind is Kind.NUMBER]
    return unreadable + [_fault(limits, "out_of_range", c) for c in columns if (limits := _outside(c))]


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
    match column.kind:
        case Kind.INSTANT:
            return f'epoch_us("{column.name}")'
        case Kind.LIST:
            return f'to_json("{column.name}")'  # half the cost of a cast to text
        case _:
            return f'"{column.name}"'


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


def _others(shape: Shape) -> dict[str, tuple[str, str]]:
    """Columns with a catch-all -> the condition that it was needed, and the text that it has replaced."""
    others = {}
    for column in shape.feed.fields:
        source = column_of(column.name)
        if column.other:
            codes = shape.mapping.codes(column.name)
            unknown = readings.is_unknown(column, readings.recode(column, source, codes) if codes else source)
            others[column.name] = (f'("{column.name}" = {quote(column.other)} AND {unknown})', source)
        if column.kind is Kind.LIST:
            others[column.name] = (f"({source}_unlisted IS NOT NULL)", f"{source}_unlisted")
    return others


def _whole_extra(shape: Shape) -> str:
    """`_extra`, with the texts that a catch-all has replaced and lists that hold more than their members, so that
    nothing of the row is lost.
    """
    kept = {name: [other] for name, other in _others(shape).items()}
    for column in shape.feed.lists:
        verbatim = f"{column_of(column.name)}_verbatim"
        kept[column.name].insert(0, (f"({verbatim} IS NOT NULL)", verbatim))
    if not kept:
        return EXTRA
    branches = {
        name: " ".join(f"WHEN {condition} THEN {quote(json_key(name))} || to_json({text})" for condition, text in texts)
        for name, texts in kept.items()
    }
    entries = ", ".join(f"CASE {branch} END" for branch in branches.values())
    conditions = " OR ".join(condition for texts in kept.values() for condition, _ in texts)
    return (
        f"CASE WHEN {conditions} "
        f"THEN '{{' || concat_ws(',', nullif(trim({EXTRA}, '{{}}'), ''), {entries}) || '}}' ELSE {EXTRA} END"
    )


def json_key(name: str) -> str:
    """A field's name as the key of a JSON object."""
    return f'"{name}":'


def _flags(shape: Shape) -> str:
    feed = shape.feed
    flags = {f"other_{name}": condition for name, (condition, _) in _others(shape).items()}
    flags |= {flag.name: flag.holds for flag in feed.flags}
    flags["also_given_otherwise"] = f"{ELSEWHERE} IS NOT NULL"
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
