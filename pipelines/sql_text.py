"""SQL that every reading is made of: literals, typed sources as text, the usual spelling before the rest.

Belongs here: what has no kind of value in it. Does not belong here: reading any of them (`readings`, `times`).
"""

from __future__ import annotations

from typing import NamedTuple


def quote(text: str) -> str:
    """`text` as an SQL literal (for what contracts and mappings say, in compiled checks)."""
    return "'" + text.replace("'", "''") + "'"


def as_text(x: str, type_: str) -> str:
    """A typed source's value as text: whole numbers without decimals (spreadsheets hold dates as doubles)."""
    if type_ == "double":
        whole = f"CAST(CAST({x} AS BIGINT) AS VARCHAR)"
        return f"CASE WHEN {x} = round({x}) AND abs({x}) < 1e15 THEN {whole} ELSE CAST({x} AS VARCHAR) END"
    return f"CAST({x} AS VARCHAR)"


class Reading(NamedTuple):
    """SQL that reads `x`: the usual spelling, and what else it may be (ten times as costly, and long to compile)."""

    usual: str
    x: str = ""
    rest: str = ""

    @property
    def whole(self) -> str:
        """SQL: the usual reading, and the rest only for the values that it could not read."""
        if not self.rest:
            return self.usual
        # Not coalesce alone: that one evaluates `rest` for missing values too.
        return f"CASE WHEN {self.x} IS NOT NULL THEN coalesce({self.usual}, {self.rest}) END"
