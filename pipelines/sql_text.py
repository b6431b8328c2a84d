"""SQL that every reading is made of: literals, typed sources as text, the usual spelling before the rest.

Belongs here: what has no kind of value in it. Does not belong here: reading any of them (`readings`, `times`).
"""

from __future__ import annotations


def quote(text: str) -> str:
    """`text` as an SQL literal (for what contracts and mappings say, in compiled checks)."""
    return "'" + text.replace("'", "''") + "'"


def as_text(x: str, type_: str) -> str:
    """A typed source's value as text: whole numbers without decimals (spreadsheets hold dates as doubles)."""
    if type_ == "double":
        whole = f"CAST(CAST({x} AS BIGINT) AS VARCHAR)"
        return f"CASE WHEN {x} = round({x}) AND abs({x}) < 1e15 THEN {whole} ELSE CAST({x} AS VARCHAR) END"
    return f"CAST({x} AS VARCHAR)"


def or_else(usual: str, x: str, rest: str) -> str:
    """`usual`, and `rest` only for the values of `x` that it could not read."""
    # Not coalesce: that one evaluates `rest` for missing values too, and costs twice as much.
    return f"CASE WHEN {usual} IS NOT NULL THEN {usual} WHEN {x} IS NOT NULL THEN {rest} END"
