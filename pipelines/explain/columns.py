"""How each header of a table is read, and what stands below it.

Belongs here: one report per column, one per table. Does not belong here: rows (`pipelines.explain.scan`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace

import duckdb

from pipelines import readings
from pipelines.blocks import Fault
from pipelines.explain.day_and_time import suggested_joins
from pipelines.explain.profile import NO_COLUMN, Column, Profile, time_format
from pipelines.explain.report import ColumnReport, Recognition, Suggestion, TableReport, Use
from pipelines.explain.suggestions import suggest
from pipelines.faults import FILE_REASONS, FileError
from pipelines.feeds import Feed
from pipelines.feeds.contract import Field, Kind
from pipelines.layout import Binding, Layout, aliases, find_header, missing_fields, normalise, resolve
from pipelines.mapping import FieldMapping, fingerprint
from pipelines.privacy import MASK, redact, redact_field

EXAMPLES = 3
_EXAMPLE_CHARACTERS = 40
_UNKNOWN_TEXTS = 40
_IN_BRACKETS = re.compile(r"[（(\[【{]([^（(\[【{)）\]】}]*)[)）\]】}]")
_TIMES = frozenset({Kind.DAY, Kind.INSTANT})
_CODED = frozenset({Kind.CODE, Kind.DISTRICT, Kind.BOOLEAN})


def table_report(
    profile: Profile, feed: Feed, mapping: FieldMapping, connection: duckdb.DuckDBPyConnection
) -> TableReport:
    """How one table of the file is read, with suggestions for what is not."""
    probe = replace(mapping, is_probe=True)
    layout = resolve(feed, profile.header, probe)
    if profile.origin.format == "json":
        layout = _each_alone(layout, probe)
    sources = {binding.name.partition(".")[0] for binding in layout.bindings}
    columns = [*profile.columns, *[NO_COLUMN] * (len(layout.header) - len(profile.columns))]
    unknown = {layout.header[index]: columns[index] for index, text in layout.extras if layout.header[index] and text}
    fault = _fault(profile, feed, mapping)
    is_header = fault is None or fault.reason != "unknown_layout"
    suggestions = suggest(feed, unknown, sources, connection)
    joins = suggested_joins(feed, layout, columns, suggestions)
    parts = {part for pair in joins.values() for part in pair}
    suggestions = {header: found for header, found in suggestions.items() if header not in parts}
    reader = _Reader(feed, mapping, layout, is_header, suggestions, connection)
    origin = profile.origin
    return TableReport(
        profile.member,
        origin.format,
        origin.compression,
        origin.encoding,
        origin.delimiter,
        origin.header_row,
        origin.sheet,
        tuple(Fault("note", note.zh, note.en) for note in origin.notes),
        fingerprint(profile.header),
        tuple(reader.column(index, header, columns[index]) for index, header in enumerate(layout.header)),
        dict(mapping.constants),
        {column.name: column.default for column in feed.fields if column.default and column.name not in sources},
        dict(mapping.joined),
        dict(mapping.skip),
        tuple(missing_fields(feed, sources)),
        fault,
        dict[str, tuple[str, ...]](joins),
    )


def _each_alone(layout: Layout, probe: FieldMapping) -> Layout:
    """The layout with the columns that feed a field in rows that lack the one which it prefers."""
    others = [
        replace(binding, index=index)
        for name, index in layout.others
        for binding in resolve(layout.feed, (layout.header[index],), probe).bindings
        if binding.name == name
    ]
    extras = tuple(extra for extra in layout.extras if extra[0] not in {binding.index for binding in others})
    return replace(layout, bindings=(*layout.bindings, *others), extras=extras)


@dataclass(frozen=True)
class _Reader:
    """What the columns of one table are explained with."""

    feed: Feed
    mapping: FieldMapping
    layout: Layout
    is_header: bool  # whether the row that stands for the header is known to be one
    suggestions: Mapping[str, Suggestion]
    connection: duckdb.DuckDBPyConnection

    def column(self, index: int, header: str, column: Column) -> ColumnReport:
        """One column as it is read now, and what it may be for."""
        binding = next((binding for binding in self.layout.bindings if binding.index == index), None)
        use = self._use(index, header, binding)
        field = None if binding is None else self.feed.field(binding.name)
        suggestion = self.suggestions.get(header) if use == "extra" else None
        meant = field if suggestion is None else self.feed.field(suggestion.field)
        is_private = use == "personal" or (meant is not None and meant.is_private)
        is_time = meant is not None and meant.kind in _TIMES and not self.mapping.formats_of(meant.name)
        texts = [MASK] if is_private and column.filled else [redact(text) for text in column.values[:EXAMPLES]]
        return ColumnReport(
            header if binding is not None else self._shown(header),
            use,
            None if binding is None else binding.name,
            "" if binding is None else self._recognition(header, binding),
            None if field is None else field.unit,
            None if field is None or field.unit is None else _written_unit(header, self.mapping, field),
            1.0 if binding is None else binding.factor,
            round(column.filled / column.rows, 3) if column.rows else 0.0,
            tuple(text[:_EXAMPLE_CHARACTERS] for text in texts),
            suggestion,
            time_format(column, self.connection) if is_time else None,
            () if meant is None else unknown_texts(column, meant, self.mapping, self.connection),
        )

    def _shown(self, header: str) -> str:
        """A header that nobody knows; it may be a cell of a cover sheet, with a name and a number in it.

        A mapping file names headers to the letter: beside known ones `毛重` is no person (as it would be alone).
        """
        return redact_field(header) if self.is_header else redact(header)

    def _use(self, index: int, header: str, binding: Binding | None) -> Use:
        if binding is not None:
            return "field"
        if header in self.mapping.parts:
            return "joined"
        if index in {place for place, _ in self.layout.extras}:
            return "extra"
        return "dropped" if header in self.mapping.targets else "personal"

    def _recognition(self, header: str, binding: Binding) -> Recognition:
        folded, known = normalise(header), aliases(self.feed)
        if header in self.mapping.targets:
            return "mapping" if header in dict(self.mapping.columns) else "joined"
        if "." in binding.name:
            return "list_part"
        if folded not in known and folded in dict(self.mapping.aliases):
            return "deployment_alias"
        return "name" if folded == normalise(binding.name) else "alias"


def unknown_texts(
    column: Column, field: Field, mapping: FieldMapping, connection: duckdb.DuckDBPyConnection
) -> tuple[tuple[str, int], ...]:
    """The column's texts that neither the contract's codes nor the mapping's know, most frequent first."""
    if field.kind not in _CODED:
        return ()
    value = readings.reading(replace(field, other=None), "x", "string", 1.0, mapping).whole
    texts = {text: unicodedata.normalize("NFKC", text) for text in column.values}
    sql = f"SELECT x FROM unnest(CAST(? AS VARCHAR[])) AS t(x) WHERE ({value}) IS NULL"
    unread = {text for (text,) in connection.execute(sql, [list(texts.values())]).fetchall()}
    return tuple([(text, count) for text, count in column.texts if texts[text] in unread][:_UNKNOWN_TEXTS])


def _fault(profile: Profile, feed: Feed, mapping: FieldMapping) -> Fault | None:
    """Why rows under this header would not be taken."""
    if profile.origin.header_row is not None and find_header([profile.header], feed, mapping) is None:
        return Fault("unknown_layout", *FILE_REASONS["unknown_layout"])
    try:
        resolve(feed, profile.header, mapping)
    except FileError as error:
        return Fault(error.reason, *error.text)
    return None


def _written_unit(header: str, mapping: FieldMapping, field: Field) -> str | None:
    """The unit that the mapping or the header states."""
    if (stated := dict(mapping.units).get(field.name)) is not None:
        return stated
    written = _IN_BRACKETS.search(unicodedata.normalize("NFKC", header))
    return written[1] if written else None
