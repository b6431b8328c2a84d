"""How a text becomes a value: one SQL expression per kind of field.

Belongs here: reading numbers, times, codes, grades, districts out of text (DuckDB expressions). Does not
belong here: which field is of which kind (contracts), nor rejecting (`pipelines.check_sql`). An expression
yields NULL for what it cannot read. The usual spelling stands by itself, because hardly any file needs the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

from pipelines import times, units
from pipelines.city import district_names
from pipelines.feeds.contract import Field, Kind
from pipelines.mapping import OTHERWISE, FieldMapping
from pipelines.sql_text import Reading, as_text, quote

_NUMBERS = frozenset({Kind.NUMBER, Kind.INTEGER, Kind.MONEY})
_AMOUNT = r"^([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?) ?(.*)$"
_NO_THOUSANDS = r"[0-9][.]([0-9]{0,2}([^0-9]|$)|[0-9]{4})|^[^0-9]*[.]|[0-9]{4,}[.]|(^|[^0-9.,])0[0-9]*[.]|,.*[0-9][.]"
_USUAL_GRADE = "L?C([1-9][0-9]|100)(P[0-9]{1,2})?"
_GRADE = "^(.*[^A-Z])?(L?C)-?([0-9]{2,3})([^0-9].*)?$"
_SEVERAL_GRADES = "C-?[0-9]+.*C-?[0-9]|以[上下内]|[<>≤≥]"  # C30/C35, C40及以上
_TOLERANCE = r"\s*[(]?\s*(±|[+]/?-)\s*"
_AROUND = r"(?i)\s*(district|county|city)$|\s|^中国|贵州省?|贵阳市?"
# What a spreadsheet shows of a long number: digits are lost.
_SHORTENED = r"[0-9.]+[eE][+][0-9]+"


def reading(column: Field, x: str, type_: str, factor: float, mapping: FieldMapping, path: str = "") -> Reading:
    """SQL that reads the source `x` (of Arrow type `type_`) as `column`.

    `factor` turns the source's unit into the field's; the mapping gives code lists, formats, the decimal sign
    and further district codes, under the field's name or, for a list's member, its `path`. What cannot be read is NULL.
    """
    text = x if type_ == "string" else as_text(x, type_)
    if codes := mapping.codes(path or column.name):
        text, type_ = recode(column, text, codes), "string"
    if mapping.decimal == "," and type_ == "string" and column.kind in _NUMBERS:
        # A point that parts no thousands is no point of this file's: 12.5 is not 125.
        plain = f"replace(replace(replace({text}, ' ', ''), '.', ''), ',', '.')"
        text = f"CASE WHEN NOT regexp_matches({text}, {quote(_NO_THOUSANDS)}) THEN {plain} END"
    if type_ == "string":
        x = text
    readers: dict[Kind, Callable[[], Reading]] = {
        Kind.NUMBER: lambda: _number(x, type_, column.unit, factor),
        Kind.INTEGER: lambda: _integer(x, type_, column.unit, factor),
        Kind.MONEY: lambda: _money(text, column.unit, factor, _signs(mapping)),
        Kind.INSTANT: lambda: times.instant(x, type_),
        Kind.DAY: lambda: times.day(x, type_),
        Kind.MONTH: lambda: Reading(times.month(x, text, type_)),
        Kind.CODE: lambda: Reading(_code(column, text)),
        Kind.BOOLEAN: lambda: Reading(_boolean(text)),
        Kind.GRADE: lambda: _grade(text),
        Kind.DISTRICT: lambda: Reading(_district(text, mapping.districts)),
        Kind.GEOMETRY: lambda: Reading(_geometry(text)),
    }
    if (formats := mapping.formats_of(path or column.name)) and type_ == "string":
        return Reading(times.stated_time(column, x, formats), x, readers[column.kind]().whole)
    if column.kind in (Kind.BOOLEAN, Kind.DISTRICT) and OTHERWISE in codes:
        otherwise = reading(column, quote(codes[OTHERWISE]), "string", factor, replace(mapping, values=()))
        return Reading(readers[column.kind]().whole, x, otherwise.whole)
    if column.kind in readers:
        return readers[column.kind]()
    if column.pattern:
        return Reading(f"CASE WHEN regexp_full_match({text}, {quote(column.pattern)}) THEN {text} END")
    return Reading(_identifier(text) if column.kind is Kind.TEXT else text)


def _identifier(text: str) -> str:
    """A text that may have been a number somewhere: without an added `.0`, and NULL when digits were lost."""
    return (
        f"CASE WHEN ends_with({text}, '.0') AND regexp_full_match({text}, '[0-9]+[.]0') THEN left({text}, -2) "
        f"WHEN contains({text}, '+') AND regexp_full_match({text}, {quote(_SHORTENED)}) THEN NULL ELSE {text} END"
    )


def recode(column: Field, text: str, codes: Mapping[str, str]) -> str:
    """`text` with the mapping's code list applied; its `*` is for texts that neither it nor the contract knows."""
    branches = " ".join(f"WHEN {quote(s)} THEN {quote(value)}" for s, value in codes.items() if s != OTHERWISE)
    rest = text
    if OTHERWISE in codes and column.kind in (Kind.CODE, Kind.TEXT):
        unknown = f"{text} IS NOT NULL AND {is_unknown(column, text)}"
        rest = f"CASE WHEN {unknown} THEN {quote(codes[OTHERWISE])} ELSE {text} END"
    return f"CASE {text} {branches} ELSE {rest} END" if branches else rest


def known_texts(column: Field) -> list[str]:
    """Every text (lower case) that a code column understands by itself."""
    return [text.casefold() for code, aliases in column.codes.items() for text in (code, *aliases)]


def _scaled(value: str, factor: float) -> str:
    return f"({value} + 0.0)" if factor == 1.0 else f"({value} * {factor!r} + 0.0)"  # + 0.0: -0 is 0


def _number(x: str, type_: str, unit: str | None, factor: float) -> Reading:
    usual = _scaled(f"TRY_CAST({x} AS DOUBLE)", factor)
    if type_ != "string":
        return Reading(usual)
    amount, written = _amount(x)
    number = f"TRY_CAST({amount} AS DOUBLE)"
    # A unit beside the number is the unit, whatever the header says.
    named = " ".join(f"WHEN {quote(text)} THEN {_scaled(number, f)}" for text, f in units.spellings(unit).items())
    return Reading(usual, x, f"CASE {written} WHEN '' THEN {_scaled(number, factor)} {named} END")


def _signs(mapping: FieldMapping) -> str:
    """The currency signs that a sum may bear: dollars are no yuan, so `$` only where a mapping states the currency."""
    is_stated = "currency" in dict(mapping.constants) or "currency" in dict(mapping.columns).values()
    return "￥¥$" if is_stated else "￥¥"


def _amount(x: str, signs: str = "￥¥") -> tuple[str, str]:
    """A number with thousands separators, a currency sign or a unit: its digits, and the unit as written."""
    bare = rf"regexp_replace(regexp_replace({x}, '^[{signs}]+|\s', '', 'g'), ',(\d{{3}})\b', '\1', 'g')"
    return f"regexp_extract({bare}, {quote(_AMOUNT)}, 1)", f"lower(regexp_extract({bare}, {quote(_AMOUNT)}, 2))"


def _integer(x: str, type_: str, unit: str | None, factor: float) -> Reading:
    if type_ != "string":
        return Reading(f"TRY_CAST(round({_number(x, type_, unit, factor).whole}) AS INTEGER)")
    # 18±2cm, 180mm±20, 180(±20): the unit may stand on either side of the tolerance.
    first = f"regexp_replace({x}, '^([0-9.]+ *[^0-9.±+( ]+){_TOLERANCE}.*$', '\\1')"
    nominal = f"regexp_replace({first}, '{_TOLERANCE}[0-9.]+ *([^0-9()]*)[)]?', '\\2')"
    if unit == "mm":  # 150×150×150mm: the edge of a cube
        nominal = f"regexp_replace({nominal}, '^([0-9.]+)[ a-z]*[×xX*].*?([a-z]*)$', '\\1\\2')"
    rest = f"TRY_CAST(round({_number(nominal, type_, unit, factor).whole}) AS INTEGER)"
    return Reading(rest) if factor != 1.0 else Reading(f"TRY_CAST({x} AS INTEGER)", x, rest)


def _money(text: str, unit: str | None, factor: float, signs: str) -> Reading:
    # Decimal all the way: a double does not hold the cents of a city's contracts.
    amount, written = _amount(text, signs)
    exact = f"TRY_CAST({amount} AS DECIMAL(24,8))"
    factors = {"": factor} | units.spellings(unit)
    branches = " ".join(f"WHEN {quote(s)} THEN {exact} * {Decimal(str(f)):f}" for s, f in factors.items())
    general = f"TRY_CAST(CASE {written} {branches} END AS DECIMAL(18,2))"
    return Reading(general) if factor != 1.0 else Reading(f"TRY_CAST({text} AS DECIMAL(18,2))", text, general)


def _code(column: Field, text: str) -> str:
    known = {alias.casefold(): code for code, aliases in column.codes.items() for alias in (code, *aliases)}
    branches = " ".join(f"WHEN {quote(alias)} THEN {quote(code)}" for alias, code in known.items())
    rest = f"lower({text})" if column.is_open else "NULL"
    if column.other:
        rest = f"CASE WHEN {text} IS NOT NULL THEN {quote(column.other)} END"
    if column.around:
        names = " ".join(f"WHEN {quote(name)} THEN {quote(code)}" for name, code in bare_texts(column).items())
        rest = f"CASE {_bare(column, text)} {names} ELSE {rest} END"
    return f"CASE lower({text}) {branches} ELSE {rest} END"


def _bare(column: Field, text: str) -> str:
    return f"regexp_replace(lower({text}), {quote(column.around or '')}, '', 'g')"


def is_unknown(column: Field, text: str) -> str:
    """SQL: whether `text` is none that the code column understands, so that its catch-all was needed."""
    unknown = f"lower({text}) NOT IN ({', '.join(map(quote, known_texts(column))) or quote('')})"
    if column.around:
        unknown += f" AND {_bare(column, text)} NOT IN ({', '.join(map(quote, bare_texts(column)))})"
    return unknown


def bare(column: Field, text: str) -> str:
    """`text` in lower case without what may stand around the name of a code."""
    return re.sub(column.around, "", text.casefold()) if column.around else text.casefold()


@lru_cache(maxsize=64)
def bare_texts(column: Field) -> Mapping[str, str]:
    """Every text of a code column, bare -> its code."""
    texts = {bare(column, text): code for code, aliases in column.codes.items() for text in (code, *aliases)}
    return {text: code for text, code in texts.items() if text}


def _boolean(text: str) -> str:
    return (
        f"CASE WHEN lower({text}) IN ('是', '有', '能', '可', 'true', 'yes', 'y', '1', '√') THEN true "
        f"WHEN lower({text}) IN ('否', '无', '不能', '不可', 'false', 'no', 'n', '0', '×') THEN false END"
    )


def _grade(text: str) -> Reading:
    usual = f"CASE WHEN regexp_full_match({text}, {quote(_USUAL_GRADE)}) THEN {text} END"
    upper = f"upper(replace({text}, ' ', ''))"
    strength = f"TRY_CAST(regexp_extract({upper}, {quote(_GRADE)}, 3) AS INTEGER)"
    is_one = f"NOT regexp_matches({upper}, {quote(_SEVERAL_GRADES)})"
    return Reading(usual, text, f"CASE WHEN {strength} BETWEEN 10 AND 100 AND {is_one} THEN {upper} END")


def _district(text: str, allowed: Sequence[str]) -> str:
    names = " ".join(f"WHEN {quote(name)} THEN {quote(code)}" for name, code in district_names().items())
    stated = f"WHEN {text} IN ({', '.join(quote(code) for code in allowed)}) THEN {text} " if allowed else ""
    return (
        f"CASE {stated}WHEN regexp_full_match({text}, '[0-9]{{6}}') THEN {text} "
        f"WHEN regexp_full_match({text}, '[0-9]{{6}}([0-9]{{3}}){{1,2}}|[0-9]{{6}}[.]0') THEN left({text}, 6) "
        f"ELSE CASE lower(regexp_replace({text}, {quote(_AROUND)}, '', 'g')) {names} END END"
    )


def _geometry(text: str) -> str:
    is_polygon = f"json_extract_string({text}, '$.type') IN ('Polygon', 'MultiPolygon')"
    return f"CASE WHEN CASE WHEN json_valid({text}) THEN {is_polygon} END THEN {text} END"
