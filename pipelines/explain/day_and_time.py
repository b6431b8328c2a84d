"""A day in one column and its time in another: which of them make a field together.

Belongs here: recognising the two and pairing them. Does not belong here: joining them (`pipelines.preparation`); a
suggestion changes nothing until a person has taken it over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pipelines.explain.profile import Column
from pipelines.explain.report import Suggestion
from pipelines.feeds import Feed
from pipelines.feeds.contract import Kind
from pipelines.layout import Layout

_TIME = re.compile(r"\d{1,2}[:：]\d{2}([:：]\d{2})?( ?[AaPp][Mm])?")
_DAY = re.compile(r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?|(19|20)\d{6}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})")
_SHARE = 0.9


def suggested_joins(
    feed: Feed, layout: Layout, columns: Sequence[Column], suggestions: Mapping[str, Suggestion]
) -> dict[str, tuple[str, str]]:
    """Field -> headers of its day and of its time of day, for instants that either alone cannot give.

    The field is the one that either column feeds or may be for, else the feed's event time when nothing feeds it.
    """
    instants = {field.name for field in feed.fields if field.kind is Kind.INSTANT}
    fed = {binding.index: binding.name for binding in layout.bindings if binding.index is not None}
    free = {index: text for index, text in layout.extras if text == layout.header[index] and text}
    sources = {binding.name for binding in layout.bindings}
    meant = {index: suggestions[text].field for index, text in free.items() if text in suggestions} | fed
    days = [index for index, column in enumerate(columns) if _are(_DAY, column) and _is_open(index, fed, instants)]
    found: dict[str, tuple[str, str]] = {}
    for time in (index for index, column in enumerate(columns) if _are(_TIME, column)):
        if not days or not _is_open(time, fed, instants):
            continue
        before = [day for day in days if day < time]
        day = before[-1] if before else days[0]
        ours = [meant[index] for index in (time, day) if meant.get(index) in instants]
        if not ours and feed.event_time in instants - sources:
            ours = [feed.event_time or ""]
        if ours and ours[0] not in found:
            found[ours[0]] = (layout.header[day], layout.header[time])
    return found


def _is_open(index: int, fed: Mapping[int, str], instants: set[str]) -> bool:
    """Whether nothing needs the column, or an instant that it cannot give alone."""
    return index not in fed or fed[index] in instants


def _are(pattern: re.Pattern[str], column: Column) -> bool:
    """Whether (nearly) all of the column's texts are of that kind."""
    fitting = sum(1 for text in column.values if pattern.fullmatch(text))
    return bool(fitting) and fitting >= _SHARE * len(column.values)
