"""Mapping files: a mapping as TOML, read and checked.

Belongs here: what a mapping file may say, and the sentence for what is wrong in one. Does not belong here:
choosing a mapping (`pipelines.mapping`), proposing one (`pipelines.explain`).
"""

from __future__ import annotations

import hashlib
import math
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from pipelines import units
from pipelines.feeds import Feed
from pipelines.feeds.contract import Kind
from pipelines.mapping import OTHERWISE, Crs, FieldMapping
from store.messages import TongmaiError

_TABLES = frozenset({"columns", "constants", "values", "units", "joined", "formats", "skip"})
_SECTIONS = _TABLES | {"crs", "decimal", "districts", "header", "feed"}
_BY_FIELD = ("constants", "values", "units", "joined", "formats")
_SYSTEMS = ("WGS-84", "GCJ-02", "BD-09")
_DATED = frozenset({Kind.DAY, Kind.MONTH, Kind.INSTANT})
_WITH_DEFAULT = frozenset({Kind.CODE, Kind.BOOLEAN, Kind.DISTRICT, Kind.TEXT})


def read_mapping(path: Path, feed: Feed) -> FieldMapping:
    """Read one mapping file. Raises TongmaiError(`bad_mapping`) with what is wrong in it."""
    try:
        return _parse(path, path.read_bytes(), feed)
    except OSError as error:
        raise bad_mapping(path, f"读不了：{error.strerror}", f"cannot be read: {error.strerror}") from error


def known_mappings(folder: Path, feed: Feed) -> list[FieldMapping]:
    """All mappings in `folder`, by file name; empty when there is no such folder."""
    return [read_mapping(path, feed) for path in sorted(folder.glob("*.toml"))] if folder.is_dir() else []


def read_toml(path: Path, content: bytes) -> dict[str, Any]:
    """A TOML document. Raises TongmaiError(`bad_mapping`)."""
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # of TOML, of its encoding, of a number of thousands of digits
        raise bad_mapping(path, f"不是有效的 TOML：{error}", f"is not valid TOML: {error}") from error


def bad_mapping(path: Path, zh: str, en: str) -> TongmaiError:
    """The error of a configuration file that cannot be used."""
    return TongmaiError("bad_mapping", f"映射文件 {path} {zh}。", f"Mapping file {path} {en}.", 2)


@lru_cache(maxsize=256)
def _parse(path: Path, content: bytes, feed: Feed) -> FieldMapping:
    document = read_toml(path, content)
    _check_sections(path, document, feed)
    document |= {name: _flat(document[name], feed) for name in _BY_FIELD if name in document}
    _check_fields(path, document, feed)
    _check_values(path, document, feed)
    sections = {name: cast(dict[str, Any], document.get(name, {})) for name in _TABLES}
    return FieldMapping(
        columns=_pairs(sections["columns"]),
        constants=_pairs(sections["constants"]),
        values=tuple((name, _folded(codes)) for name, codes in sections["values"].items()),
        units=_pairs(sections["units"]),
        crs=cast(Crs, document.get("crs", "WGS-84")),
        districts=tuple(str(code) for code in document.get("districts", ())),
        header=document.get("header"),
        digest=hashlib.sha256(content).hexdigest()[:16],
        joined=_lists(sections["joined"]),
        formats=_lists(sections["formats"]),
        decimal=document.get("decimal", "."),
        skip=_lists(sections["skip"]),
        name=path.name,
    )


def _check_sections(path: Path, document: Mapping[str, Any], feed: Feed) -> None:
    if unknown := sorted(set(document) - _SECTIONS):
        raise bad_mapping(path, f"有未知的节：{unknown}", f"has unknown sections: {unknown}")
    for name in sorted(_TABLES & set(document)):
        if not isinstance(document[name], dict):
            raise bad_mapping(path, f"的 {name} 应是一节：[{name}]", f"has no table for {name}: write [{name}]")
    if document.get("feed", feed.name) != feed.name:
        raise bad_mapping(
            path, f"属于 {document['feed']}，不是 {feed.name}", f"is for {document['feed']}, not for {feed.name}"
        )
    if (crs := document.get("crs", "WGS-84")) not in _SYSTEMS:
        raise bad_mapping(
            path, f"crs 应为 WGS-84、GCJ-02 或 BD-09，而不是 {crs}", f"has crs {crs}: use WGS-84, GCJ-02 or BD-09"
        )
    if document.get("decimal", ".") not in (".", ","):
        raise bad_mapping(path, '的 decimal 应为 "." 或 ","', 'has another decimal than "." or ","')
    if not isinstance(document.get("header", ""), str) or not isinstance(document.get("districts", []), list):
        raise bad_mapping(path, "的 header 应为文本，districts 应为列表", "needs a text as header, a list as districts")


def _check_fields(path: Path, document: Mapping[str, Any], feed: Feed) -> None:
    names = {field.name for field in feed.all_fields}
    names |= {f"{field.name}.{member.name}" for field in feed.lists for member in field.members}
    named = [str(target) for target in document.get("columns", {}).values() if target != ""]
    for section in _BY_FIELD:
        named += list(document.get(section, {}))
    if strangers := sorted(name for name in set(named) if not _is_field(feed, name)):
        known = ", ".join(sorted(names))
        raise bad_mapping(
            path,
            f"用到了 {feed.name} 没有的字段：{strangers}；可用：{known}",
            f"names fields that {feed.name} lacks: {strangers}; it has {known}",
        )
    for name, unit in document.get("units", {}).items():
        if not _is_factor(feed, name, str(unit)):
            kept = feed.field(name).unit
            raise bad_mapping(
                path,
                f"{name} 的单位“{unit}”换算不成 {kept}；可写换算系数",
                f"has unit '{unit}' for {name}, not {kept}: give a factor",
            )


def _check_values(path: Path, document: Mapping[str, Any], feed: Feed) -> None:
    for name, codes in document.get("values", {}).items():
        if not isinstance(codes, dict):
            raise bad_mapping(path, f"的 [values.{name}] 应是一节", f"needs a table [values.{name}]")
        if OTHERWISE in codes and feed.field(name).kind not in _WITH_DEFAULT:
            raise bad_mapping(
                path, f'的 {name} 不是代码，不能用 "*"', f'uses "*" for {name}, which is no code: list its texts'
            )
    for name, formats in _lists(document.get("formats", {})):
        if feed.field(name).kind not in _DATED:
            raise bad_mapping(path, f"的 {name} 不是日期或时间，没有格式", f"gives {name} a format, but it is no time")
        if bad := [text for text in formats if "%" not in text or "%z" in text.lower()]:
            raise bad_mapping(
                path,
                f"的格式 {bad} 不可用；例如 %m/%d/%Y、%d.%m.%Y %H:%M",
                f"has formats {bad} that cannot be used; write %m/%d/%Y or %d.%m.%Y %H:%M",
            )
    if short := [name for name, parts in _lists(document.get("joined", {})) if len(parts) < 2]:
        raise bad_mapping(path, f"的 [joined] {short} 应列出两列以上", f"joins fewer than two columns for {short}")


def _flat(section: Mapping[str, Any], feed: Feed) -> dict[str, Any]:
    """A section whose `materials.target_kg` TOML has read as a table within a table, with members named by path."""
    lists = {column.name for column in feed.lists}
    flat: dict[str, Any] = {}
    for name, entry in section.items():
        inner = entry if name in lists and isinstance(entry, dict) else {}
        members = {f"{name}.{member}": value for member, value in inner.items() if _is_field(feed, f"{name}.{member}")}
        flat |= members if members and len(members) == len(inner) else {name: entry}
    return flat


def _is_field(feed: Feed, name: str) -> bool:
    try:
        feed.field(name)
    except KeyError:
        return False
    return True


def _is_factor(feed: Feed, name: str, unit: str) -> bool:
    if units.factor(feed.field(name).unit, unit) is not None:
        return True
    try:
        return math.isfinite(float(unit)) and float(unit) > 0
    except ValueError:
        return False


def _pairs(section: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((str(key), str(value)) for key, value in section.items())


def _folded(section: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """A code list; its texts are folded as cells are before they are compared."""
    return tuple((unicodedata.normalize("NFKC", key).strip(), value) for key, value in _pairs(section))


def _lists(section: Mapping[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (key, tuple(map(str, value)) if isinstance(value, list) else (str(value),)) for key, value in section.items()
    )
