"""Which mapping a file is read with, and why.

Belongs here: the choice among an explicit mapping, the home's mapping files and the deployment's aliases.
Does not belong here: what a mapping does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pipelines.deployment import deployment_aliases, with_aliases
from pipelines.feeds import Feed
from pipelines.mapping import NO_MAPPING, FieldMapping, choose, fingerprint
from pipelines.mapping_files import known_mappings, read_mapping
from pipelines.rejects.corrections import added_columns
from pipelines.sources.formats import open_tables
from store.home import Home

Reason = Literal["explicit", "fingerprint", "column_names", "none"]


@dataclass(frozen=True)
class Choice:
    """The mapping for a file, and why it was chosen."""

    mapping: FieldMapping
    reason: Reason


def candidates(home: Home, feed: Feed, explicit: Path | None = None) -> list[FieldMapping]:
    """The mappings to choose from, each with all of the deployment's aliases. Raises TongmaiError(`bad_mapping`)."""
    known = deployment_aliases(home, feed)
    found = [read_mapping(explicit, feed)] if explicit else known_mappings(home.mappings / feed.name, feed)
    return [replace(mapping, aliases=known) for mapping in found or [NO_MAPPING]]


def choose_for(path: Path, feed: Feed, mappings: Sequence[FieldMapping], *, is_explicit: bool) -> Choice:
    """The choice for one file. Raises FileError when the file cannot be read at all."""
    if list(mappings) == [NO_MAPPING]:
        return Choice(NO_MAPPING, "none")
    found = headers(path, feed, mappings)
    chosen = mappings[0] if is_explicit else _fitting(mappings, found)
    reason: Reason = "column_names"
    if is_explicit:
        reason = "explicit"
    elif not chosen.digest:
        reason = "none"
    elif chosen.header is not None:
        reason = "fingerprint"
    return Choice(with_aliases(chosen, mappings[0].aliases, found), reason)


def _fitting(mappings: Sequence[FieldMapping], found: Sequence[tuple[str, ...]]) -> FieldMapping:
    """The mapping of the first header that has one, and beside it those of headers that have another.

    Corrected rejects come from many files: of their tables those that no mapping fits have none.
    """
    each = {header: choose(mappings, header) for header in found}
    main = next((mapping for mapping in each.values() if mapping.digest), NO_MAPPING)
    others = {
        fingerprint(header): mapping
        for header, mapping in each.items()
        if mapping.digest != main.digest and (mapping.digest or added_columns(header))
    }
    if not others:
        return main
    told = repr((main.digest, sorted((header, mapping.digest) for header, mapping in others.items())))
    names = dict.fromkeys(mapping.name for mapping in (main, *others.values()) if mapping.name)
    return replace(
        main,
        others=tuple(sorted(others.items(), key=lambda item: item[0])),
        digest=hashlib.sha256(told.encode()).hexdigest()[:16],
        name=", ".join(names),
    )


def headers(path: Path, feed: Feed, mappings: Sequence[FieldMapping]) -> list[tuple[str, ...]]:
    """The headers that the file may have: of its sheets and members, or of whatever row comes nearest to one."""
    named = {text: "" for mapping in mappings for text in (*dict(mapping.columns), *mapping.parts)}
    probe = FieldMapping(columns=tuple(named.items()), aliases=mappings[0].aliases, is_probe=True)
    found: list[tuple[str, ...]] = []
    for table in open_tables(path, feed, probe):
        if table.header in found and not added_columns(table.header):
            break  # another block of one table; sheets with other headers have come before
        found.append(table.header)
    return list(dict.fromkeys(found))
