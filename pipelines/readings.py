"""How a text becomes a value: one SQL expression per kind of field.

Belongs here: reading numbers, times, codes, grades, districts out of text (DuckDB expressions). Does not
belong here: which field is of which kind (contracts), nor rejecting (`pipelines.checks`). An expression
yields NULL for what it cannot read. The usual spelling comes first in each coalesce, because DuckDB
evaluates the rest only for the rows that are still NULL.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from pipelines import units
from pipelines.feeds.contract import Field, Kind
from store.home import REFERENCE

_SHANGHAI_US = 8 * 3600 * 1_000_000  # no summer time since 1991
_EXCEL_EPOCH = "TIMESTAMP '1899-12-30 00:00:00'"
_FIRST, _LAST = "1991-09-15", "2100-01-01"
_GRADE = r"^(.*[^A-Z])?(L?C)[ -]?([0-9]{2,3})([^0-9].*)?$"
BOUNDING_MARGIN_KM = 50.0


def quote(text: str) -> str:
    """`text` as an SQL literal (contract and mapping texts in compiled checks)."""
    return "'" + text.replace("'", "''") + "'"


def reading(
    column: Field, x: str, type_: str, factor: float, codes: Mapping[str, str], districts: Sequence[str] = ()
) -> str:
    """SQL that reads expression `x` (of Arrow type `type_`) as `column`; `codes` are the mapping's values,
    `districts` the district codes that it allows.

    Raises nothing: what cannot be read is NULL.
    """
    text = x if type_ == "string" else as_text(x, type_)
    if codes:
        text = recode(text, codes)
        type_ = "string"
    match column.kind:
        case Kind.NUMBER:
            return _number(x if type_ != "string" else text, type_, column.unit, factor)
        case Kind.INTEGER:
            number = _number(
                f"regexp_replace({text}, '[±+].*$', '')" if type_ == "string" else x, type_, column.unit, factor
            )
            value = f"TRY_CAST({text} AS INTEGER)"
            if type_ == "string" and factor == 1.0:
                plain = f"CASE WHEN regexp_full_match({text}, '-?[0-9]+') THEN {value} END"
                return f"coalesce({plain}, CAST(round({number}) AS INTEGER))"
            return f"CAST(round({number}) AS INTEGER)"
        case Kind.MONEY:
            return _money(text, column.unit, factor)
        case Kind.INSTANT:
            return instant(x if type_ != "string" else text, type_)
        case Kind.DAY:
            return _day(x if type_ != "string" else text, type_)
        case Kind.CODE:
            return _code(column, text)
        case Kind.BOOLEAN:
            return (
                f"CASE WHEN lower({text}) IN ('是', '有', '能', '可', 'true', 'yes', 'y', '1', '√') THEN true "
                f"WHEN lower({text}) IN ('否', '无', '不能', '不可', 'false', 'no', 'n', '0', '×') THEN false END"
            )
        case Kind.GRADE:
            return _grade(text)
        case Kind.DISTRICT:
            return _district(text, districts)
        case Kind.GEOMETRY:
            return f"CASE WHEN json_valid({text}) AND json_extract_string({text}, '$.type') IN ('Polygon', 'MultiPolygon') THEN {text} END"
        case Kind.TEXT if column.pattern:
            return f"CASE WHEN regexp_full_match({text}, {quote(column.pattern)}) THEN {text} END"
        case _:
            return text


def as_text(x: str, type_: str) -> str:
    """A typed source's value as text: whole numbers without decimals (spreadsheets hold ids as doubles)."""
    if type_ in ("double", "float"):
        return f"CASE WHEN {x} = round({x}) AND abs({x}) < 1e15 THEN CAST(CAST({x} AS BIGINT) AS VARCHAR) ELSE CAST({x} AS VARCHAR) END"
    return f"CAST({x} AS VARCHAR)"


def recode(text: str, codes: Mapping[str, str]) -> str:
    """`text` with the mapping's code list applied."""
    branches = " ".join(f"WHEN {quote(source)} THEN {quote(value)}" for source, value in codes.items())
    return f"CASE {text} {branches} ELSE {text} END"


def _number(x: str, type_: str, unit: str | None, factor: float) -> str:
    if type_ != "string":
        value = f"TRY_CAST({x} AS DOUBLE)"
        return _finite(value, factor)
    bare = f"regexp_replace(regexp_replace({x}, '^[￥¥$]+', ''), '(\\d),(\\d{{3}})', '\\1\\2', 'g')"
    amount = f"TRY_CAST(regexp_extract({bare}, '^([-+]?[0-9]*\\.?[0-9]+([eE][-+]?[0-9]+)?) ?(.*)$', 1) AS DOUBLE)"
    written = f"lower(regexp_extract({bare}, '^[-+]?[0-9]*\\.?[0-9]+([eE][-+]?[0-9]+)? ?(.*)$', 2))"
    # A unit beside the number states the unit, whatever the header says.
    named = " ".join(
        f"WHEN {quote(spelling)} THEN {amount} * {written_factor!r}"
        for spelling, written_factor in units.spellings(unit).items()
    )
    plain = _finite(f"TRY_CAST({x} AS DOUBLE)", factor)
    return f"coalesce({plain}, CASE {written} WHEN '' THEN {_finite(amount, factor)} {named} END)"


def _finite(value: str, factor: float) -> str:
    scaled = value if factor == 1.0 else f"{value} * {factor!r}"
    return f"CASE WHEN isfinite({value}) THEN {scaled} END"


def _money(text: str, unit: str | None, factor: float) -> str:
    # Decimal all the way: a double does not hold the cents of a city's contracts.
    bare = f"regexp_replace(replace(regexp_replace({text}, '^[￥¥$]+', ''), ',', ''), '\\s', '', 'g')"
    amount = f"TRY_CAST(regexp_extract({bare}, '^([-+]?[0-9]*\\.?[0-9]+)(.*)$', 1) AS DECIMAL(24,8))"
    written = f"lower(regexp_extract({bare}, '^([-+]?[0-9]*\\.?[0-9]+)(.*)$', 2))"
    named = " ".join(
        f"WHEN {quote(spelling)} THEN {amount} * {int(written_factor)}"
        for spelling, written_factor in units.spellings(unit).items()
        if written_factor >= 1
    )
    if factor == 1.0:
        plain = f"TRY_CAST({text} AS DECIMAL(18,2))"
    else:
        plain = f"TRY_CAST(TRY_CAST({text} AS DECIMAL(24,8)) * {factor!r}::DECIMAL(12,4) AS DECIMAL(18,2))"
    general = f"TRY_CAST({amount} * {factor!r}::DECIMAL(12,4) AS DECIMAL(18,2))"
    return f"coalesce({plain}, TRY_CAST(CASE {written} WHEN '' THEN {general} {named} END AS DECIMAL(18,2)))"


def instant(x: str, type_: str) -> str:
    """SQL: a TIMESTAMPTZ; naive times are Shanghai's."""
    if type_.startswith("timestamp") or type_.startswith("date"):
        return (
            _plausible(f"CAST({x} AS TIMESTAMPTZ)")
            if "tz=" in type_
            else _plausible(_shanghai(f"CAST({x} AS TIMESTAMP)"))
        )
    if type_ != "string":
        x = as_text(x, type_)
    canonical = f"CASE WHEN length({x}) = 19 AND {x}[17] = ':' THEN {_shanghai(f'TRY_CAST({x} AS TIMESTAMP)')} END"
    return (
        f"coalesce({_plausible(canonical)}, {_plausible(f'TRY_CAST({x} AS TIMESTAMPTZ)')}, {_plausible(_unusual(x))})"
    )


def _unusual(x: str) -> str:
    tidy = x
    for pattern, replacement in (
        (r"[年月./]", "-"),
        ("[日号]", " "),
        ("[时点]", ":"),
        ("分", ":"),
        ("秒", ""),
        (":\\s*$", ""),
        (r"\s+", " "),
    ):
        tidy = f"regexp_replace({tidy}, {quote(pattern)}, {quote(replacement)}, 'g')"
    tidy = f"regexp_replace(trim({tidy}), ' ([0-9]{{1,2}})$', ' \\1:00')"  # 14时: an hour alone
    digits = f"TRY_CAST({x} AS DOUBLE)"
    excel = f"{_EXCEL_EPOCH} + to_microseconds(CAST(round({digits} * 86400) AS BIGINT) * 1000000)"
    return (
        f"CASE WHEN {digits} BETWEEN 20000 AND 80000 THEN {_shanghai(excel)} "
        f"WHEN regexp_full_match({x}, '[0-9]{{13}}') THEN make_timestamptz(CAST({x} AS BIGINT) * 1000) "
        f"WHEN regexp_full_match({x}, '[0-9]{{10}}') THEN make_timestamptz(CAST({x} AS BIGINT) * 1000000) "
        f"WHEN regexp_full_match({x}, '[0-9]+') THEN "
        f"{_shanghai(f'''try_strptime({x}, ['%Y%m%d', '%Y%m%d%H%M%S', '%Y%m%d%H%M'])''')} "
        f"ELSE TRY_CAST({tidy} AS TIMESTAMPTZ) END"
    )


def _shanghai(naive: str) -> str:
    # Shanghai keeps UTC+8 all year; the arithmetic is three times as fast as a cast through the time zone.
    return f"make_timestamptz(epoch_us({naive}) - {_SHANGHAI_US})"


def _plausible(value: str) -> str:
    return f"CASE WHEN {value} >= TIMESTAMPTZ '{_FIRST} 00:00:00+08' AND {value} < TIMESTAMPTZ '{_LAST} 00:00:00+08' THEN {value} END"


def _day(x: str, type_: str) -> str:
    if type_.startswith("date"):
        return f"CAST({x} AS DATE)"
    if type_ == "string":
        plain = f"CASE WHEN length({x}) = 10 THEN TRY_CAST({x} AS DATE) END"
        sane = f"CASE WHEN {plain} >= DATE '1950-01-01' AND {plain} < DATE '{_LAST}' THEN {plain} END"
        return f"coalesce({sane}, {_local_day(instant(x, type_))})"
    return _local_day(instant(x, type_))


def _local_day(value: str) -> str:
    return f"CAST(make_timestamp(epoch_us({value}) + {_SHANGHAI_US}) AS DATE)"


def _code(column: Field, text: str) -> str:
    known = {alias.casefold(): code for code, aliases in column.codes.items() for alias in (code, *aliases)}
    branches = " ".join(f"WHEN {quote(alias)} THEN {quote(code)}" for alias, code in known.items())
    other = f" ELSE CASE WHEN {text} IS NOT NULL THEN {quote(column.other)} END" if column.other else ""
    return f"CASE lower({text}) {branches}{other} END"


def known_texts(column: Field) -> list[str]:
    """Every text (lower case) that a code column understands by itself."""
    return [alias.casefold() for code, aliases in column.codes.items() for alias in (code, *aliases)]


def _grade(text: str) -> str:
    upper = f"upper(replace({text}, ' ', ''))"
    strength = f"TRY_CAST(regexp_extract({upper}, {quote(_GRADE)}, 3) AS INTEGER)"
    return f"CASE WHEN {strength} BETWEEN 10 AND 100 THEN {upper} END"


def _district(text: str, allowed: Sequence[str]) -> str:
    names = " ".join(f"WHEN {quote(name)} THEN {quote(code)}" for name, code in district_names().items())
    stated = f"WHEN {text} IN ({', '.join(quote(code) for code in allowed)}) THEN {text} " if allowed else ""
    return (
        f"CASE {stated}WHEN regexp_full_match({text}, '[0-9]{{6}}') THEN {text} "
        f"WHEN regexp_full_match({text}, '[0-9]{{6}}0{{3,6}}') THEN left({text}, 6) "
        f"ELSE CASE lower(regexp_replace({text}, '^(贵州省)?(贵阳市)?', '')) {names} END END"
    )


@lru_cache(maxsize=1)
def district_rows() -> tuple[dict[str, str], ...]:
    """The reference list of the city's districts."""
    with (REFERENCE / "districts.csv").open(encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


def district_names() -> dict[str, str]:
    """Name (Chinese with and without its suffix, English; lower case) -> code."""
    names: dict[str, str] = {}
    for row in district_rows():
        for name in _spellings(row["district_name"], row["district_name_en"]):
            names[name] = row["district_code"]
    return names


def _spellings(zh: str, en: str) -> Iterable[str]:
    yield zh
    if len(zh) > 2:
        yield zh[:-1]
    yield en.casefold()


@lru_cache(maxsize=1)
def bounding_box() -> tuple[float, float, float, float]:
    """The city's bounding box and 50 km more, in degrees: west, south, east, north.

    Districts are taken as discs of their area around their centres.
    """
    west, south, east, north = 180.0, 90.0, -180.0, -90.0
    for row in district_rows():
        lon, lat = float(row["center_lon"]), float(row["center_lat"])
        reach_km = math.sqrt(float(row["area_km2"]) / math.pi) + BOUNDING_MARGIN_KM
        lat_degrees = reach_km / 111.2
        lon_degrees = lat_degrees / math.cos(math.radians(lat))
        west, east = min(west, lon - lon_degrees), max(east, lon + lon_degrees)
        south, north = min(south, lat - lat_degrees), max(north, lat + lat_degrees)
    return west, south, east, north
