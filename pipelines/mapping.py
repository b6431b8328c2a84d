"""Mapping files: how a foreign layout maps onto a feed.

Belongs here: reading, choosing and hashing a mapping. Does not belong here: applying it
(`pipelines.layout` resolves headers, `pipelines.checks` converts values).
"""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast

from pipelines import units
from pipelines.feeds import Feed
from store.messages import TongmaiError

Crs = Literal["WGS-84", "GCJ-02", "BD-09"]
_SECTIONS = {"columns", "constants", "values", "units", "crs", "districts", "header", "feed"}


@dataclass(frozen=True)
class FieldMapping:
    """One mapping file.

    `columns`: source header -> field ("" drops the column); `constants`: field -> value for every row;
    `values`: field -> source text -> value; `units`: field -> unit or factor; `districts`: further codes
    that are valid; `header`: fingerprint of the header it is for (optional).
    """

    columns: tuple[tuple[str, str], ...] = ()
    constants: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    units: tuple[tuple[str, str], ...] = ()
    crs: Crs = "WGS-84"
    districts: tuple[str, ...] = ()
    header: str | None = None
    digest: str = ""

    def matches(self, header: Sequence[str]) -> bool:
        """Whether this mapping is for that header: by fingerprint, else by naming only columns it has."""
        if self.header is not None:
            return self.header == fingerprint(header)
        return bool(self.columns) and {source for source, _ in self.columns} <= set(header)

    def codes(self, name: str) -> dict[str, str]:
        """The code list of field `name`: source text -> value."""
        return next((dict(pairs) for field, pairs in self.values if field == name), {})


NO_MAPPING = FieldMapping()


def fingerprint(header: Iterable[str]) -> str:
    """A header's fingerprint: the same for the same texts, in whatever order the columns stand."""
    return hashlib.sha256("\x1f".join(sorted(text.strip() for text in header)).encode()).hexdigest()[:16]


@lru_cache(maxsize=256)
def _parse(path: Path, content: bytes, feed: Feed) -> FieldMapping:
    try:
        document = tomllib.loads(content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _bad(path, f"不是有效的 TOML：{error}", f"is not valid TOML: {error}") from error
    if unknown := sorted(set(document) - _SECTIONS):
        raise _bad(path, f"有未知的节：{unknown}", f"has unknown sections: {unknown}")
    crs = document.get("crs", "WGS-84")
    if crs not in ("WGS-84", "GCJ-02", "BD-09"):
        raise _bad(
            path, f"crs 应为 WGS-84、GCJ-02 或 BD-09，而不是 {crs}", f"has crs {crs}: use WGS-84, GCJ-02 or BD-09"
        )
    names = {field.name for field in feed.all_fields}
    named = [target for target in document.get("columns", {}).values() if target]
    for section in ("constants", "values", "units"):
        named += list(document.get(section, {}))
    if strangers := sorted(set(named) - names):
        raise _bad(
            path, f"用到了 {feed.name} 没有的字段：{strangers}", f"names fields that {feed.name} lacks: {strangers}"
        )
    for name, unit in document.get("units", {}).items():
        if not _is_factor(feed, name, str(unit)):
            kept = feed.field(name).unit
            raise _bad(
                path,
                f"{name} 的单位“{unit}”换算不成 {kept}；可写换算系数",
                f"has unit '{unit}' for {name}, not {kept}: give a factor",
            )
    values = cast(dict[str, dict[str, Any]], document.get("values", {}))
    return FieldMapping(
        columns=_pairs(document.get("columns", {})),
        constants=_pairs(document.get("constants", {})),
        values=tuple((field, _pairs(codes)) for field, codes in values.items()),
        units=_pairs(document.get("units", {})),
        crs=cast(Crs, crs),
        districts=tuple(str(code) for code in document.get("districts", ())),
        header=document.get("header"),
        digest=hashlib.sha256(content).hexdigest()[:16],
    )


def read_mapping(path: Path, feed: Feed) -> FieldMapping:
    """Read one mapping file. Raises TongmaiError(`bad_mapping`) with what is wrong in it."""
    try:
        return _parse(path, path.read_bytes(), feed)
    except OSError as error:
        raise _bad(path, f"读不了：{error.strerror}", f"cannot be read: {error.strerror}") from error


def known_mappings(folder: Path, feed: Feed) -> list[FieldMapping]:
    """All mappings in `folder`, by file name; empty when there is no such folder."""
    return [read_mapping(path, feed) for path in sorted(folder.glob("*.toml"))] if folder.is_dir() else []


def choose(mappings: Sequence[FieldMapping], header: Sequence[str]) -> FieldMapping:
    """The mapping for that header: a fingerprint wins, then the one that names most columns, then file order."""
    fitting = [mapping for mapping in mappings if mapping.matches(header)]
    return max(fitting, key=lambda mapping: (mapping.header is not None, len(mapping.columns)), default=NO_MAPPING)


def _is_factor(feed: Feed, name: str, unit: str) -> bool:
    if units.factor(feed.field(name).unit, unit) is not None:
        return True
    try:
        return math.isfinite(float(unit)) and float(unit) > 0
    except ValueError:
        return False


def _pairs(section: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((str(key), str(value)) for key, value in section.items())


def _bad(path: Path, zh: str, en: str) -> TongmaiError:
    return TongmaiError("bad_mapping", f"映射文件 {path} {zh}。", f"Mapping file {path} {en}.", 2)
