"""Headers of two rows where nothing says which cells are merged: a group's name above, its parts below.

Belongs here: CSV files and sheets that were saved from a merged header (`水泥1,,粉煤灰,` over `设定,实际,设定,实际`).
Does not belong here: merged cells, which say it themselves (`pipelines.sources.grids`).

Read as one row, 水泥1 would be the actual weight where its column holds the target. Two rows are taken for one header
on evidence only: what they make together is known, more of it than the upper row alone, and nothing but parts of a
group stands in the lower one, which no row of data can say of itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipelines.feeds import Feed
from pipelines.layout import known_headers
from pipelines.mapping import FieldMapping

_KNOWN_PARTS = 2
_NUMBER = re.compile(r"[-+]?[0-9][0-9.,]*")


def two_row_header(
    above: Sequence[str], below: Sequence[str], feed: Feed, mapping: FieldMapping
) -> tuple[str, ...] | None:
    """The header that two rows make together; None when they are no header of two rows."""
    width = max(len(above), len(below))
    upper, lower = ([text.strip() for text in row] + [""] * (width - len(row)) for row in (above, below))
    groups = _groups(upper)
    parts = {column: lower[column] for column in groups if lower[column]}
    own = [text for column, text in enumerate(upper) if text and column not in groups]
    if not parts or any(lower[column] not in ("", upper[column]) for column in range(width) if column not in groups):
        return None
    if any(_NUMBER.fullmatch(text) and text != str(column - groups[column] + 1) for column, text in parts.items()):
        return None  # a measured value, not the number of a part
    header = list(upper)
    for column, text in parts.items():
        header[column] = f"{upper[groups[column]]} {text}"
    known = known_headers({header[column] for column in parts}, feed, mapping)
    if known < _KNOWN_PARTS or not known_headers(own, feed, mapping):
        return None
    before, after = (known_headers(set(filter(None, texts)), feed, mapping) for texts in (upper, header))
    return tuple(header) if after > before else None


def _groups(upper: Sequence[str]) -> dict[int, int]:
    """Column -> the first column of its group: cells that are followed by empty ones, or repeated."""
    groups: dict[int, int] = {}
    for column in range(1, len(upper)):
        first = groups.get(column - 1, column - 1)
        if upper[first] and upper[column] in ("", upper[first]):
            groups[first] = groups[column] = first
    return groups
