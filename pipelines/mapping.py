"""Mappings: how a foreign layout maps onto a feed.

Belongs here: the mapping, which header it is for, choosing one. Does not belong here: its file
(`pipelines.mapping_files`) and applying it (`pipelines.layout` resolves headers, `pipelines.preparation` joins
columns and leaves rows out, `pipelines.readings` converts values).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from pipelines.rejects.corrections import source_header, tagged_fingerprint

Crs = Literal["WGS-84", "GCJ-02", "BD-09"]
OTHERWISE = "*"  # in a code list: any text that nothing else knows


@dataclass(frozen=True)
class FieldMapping:
    """One mapping, as its file states it.

    `columns`: source header -> field ("" drops the column); `joined`: field -> headers whose texts make its
    text; `constants`: field -> value for every row; `values`: field -> source text -> value; `units`: field ->
    unit or factor; `formats`: field -> `strptime` formats; `decimal`: the decimal sign of numbers; `skip`:
    header -> texts of rows that are left out; `districts`: further codes that are valid; `header`: fingerprint
    of the header it is for (optional). `aliases` (normalised header text -> field) are the deployment's own;
    `is_probe` makes a layout of whatever comes nearest, for explanations. `others`: fingerprint of a header -> the
    mapping for it, where a file has tables of several layouts. `name` is the file's.
    """

    columns: tuple[tuple[str, str], ...] = ()
    constants: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    units: tuple[tuple[str, str], ...] = ()
    crs: Crs = "WGS-84"
    districts: tuple[str, ...] = ()
    header: str | None = None
    digest: str = ""
    joined: tuple[tuple[str, tuple[str, ...]], ...] = ()
    formats: tuple[tuple[str, tuple[str, ...]], ...] = ()
    decimal: str = "."
    skip: tuple[tuple[str, tuple[str, ...]], ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    is_probe: bool = False
    others: tuple[tuple[str, FieldMapping], ...] = ()
    name: str = field(default="", compare=False)

    @property
    def targets(self) -> dict[str, str]:
        """Source header -> field, joined columns under the header that `joined_header` gives them."""
        return dict(self.columns) | {joined_header(parts): name for name, parts in self.joined}

    @property
    def parts(self) -> frozenset[str]:
        """Headers that are parts of a joined column."""
        return frozenset(part for _, parts in self.joined for part in parts)

    @property
    def named(self) -> frozenset[str]:
        """Every header that this mapping, or one for another table of the file, names."""
        own = self.parts.union(source for source, _ in self.columns)
        return own.union(*(other.named for _, other in self.others))

    def of(self, header: Sequence[str]) -> FieldMapping:
        """The mapping for a table of that header."""
        found = dict(self.others).get(fingerprint(header)) if self.others else None
        return self if found is None else replace(found, aliases=self.aliases, is_probe=self.is_probe)

    def matches(self, header: Sequence[str]) -> bool:
        """Whether this mapping is for that header: by fingerprint, else by naming only columns it has."""
        if self.header is not None:
            return self.header == fingerprint(header)
        named = {source for source, _ in self.columns} | self.parts
        return bool(named) and named <= {text.strip() for text in header}

    def codes(self, name: str) -> dict[str, str]:
        """The code list of field `name`: source text -> value."""
        return next((dict(pairs) for field, pairs in self.values if field == name), {})

    def formats_of(self, name: str) -> tuple[str, ...]:
        """The formats in which days and times of field `name` are written."""
        return next((formats for field, formats in self.formats if field == name), ())


NO_MAPPING = FieldMapping()


def joined_header(parts: Iterable[str]) -> str:
    """The header under which several columns' joined text stands."""
    return " + ".join(parts)


def fingerprint(header: Iterable[str]) -> str:
    """A header's fingerprint: the same for the same texts, in whatever order the columns stand; a correction of
    rejects has that of the file they came from.
    """
    header = tuple(header)
    if (tagged := tagged_fingerprint(header)) is not None:
        return tagged
    texts = sorted(text.strip() for text in source_header(header))
    return hashlib.sha256("\x1f".join(texts).encode()).hexdigest()[:16]


def choose(mappings: Sequence[FieldMapping], header: Sequence[str]) -> FieldMapping:
    """The mapping for that header: a fingerprint wins, then the one that names most columns, then file order."""
    fitting = [mapping for mapping in mappings if mapping.matches(header)]
    return max(fitting, key=lambda mapping: (mapping.header is not None, len(mapping.columns)), default=NO_MAPPING)
