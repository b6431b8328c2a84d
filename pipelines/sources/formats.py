"""Which format a file has, told by its first bytes, and its rows.

Belongs here: recognising formats, archives' members one after the other. Does not belong here: reading any
of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pipelines.faults import FileError
from pipelines.feeds import Feed
from pipelines.mapping import FieldMapping
from pipelines.sources.archives import is_archive, open_archive, package_names
from pipelines.sources.contents import Content, content_of
from pipelines.sources.delimited import delimited_tables
from pipelines.sources.json_lines import json_tables
from pipelines.sources.markup import html_tables, is_html, is_spreadsheetml, spreadsheetml_tables
from pipelines.sources.parquet import parquet_tables
from pipelines.sources.spreadsheet import spreadsheet_tables
from pipelines.sources.tables import RawTable
from pipelines.sources.text import stated_encoding

Format = Literal["delimited", "json", "spreadsheet", "html", "spreadsheetml", "parquet", "archive"]
_TEXT_SUFFIXES = frozenset(
    {".csv", ".txt", ".tsv", ".dat", ".json", ".jsonl", ".ndjson", ".geojson", ".html", ".htm", ".xml"}
)
_SHEET_SUFFIXES = frozenset({".xlsx", ".xlsm", ".xls"})  # under which many systems export plain text
_BINARY_SUFFIXES = frozenset({".parquet", ".pq", ".zip"})
_HEAD_BYTES = 4096
_OLE = b"\xd0\xcf\x11\xe0"
_OTHERS = (
    b"%PDF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"7z\xbc\xaf",
    b"Rar!",
    b"BZh",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
)


def format_of(content: Content, feed: Feed) -> Format:
    """The file's format. Raises FileError: `unknown_file_type`, `empty_file`, `truncated_file`, `unreadable_file`."""
    suffixes = [suffix.casefold() for suffix in Path(content.name).suffixes if suffix.casefold() != ".gz"]
    if not suffixes or suffixes[-1] not in _TEXT_SUFFIXES | _SHEET_SUFFIXES | _BINARY_SUFFIXES:
        raise FileError("unknown_file_type", content.name)
    with content.open() as stream:
        head = stream.read(_HEAD_BYTES)
    return _format(content, head, suffixes[-1], feed)


def _format(content: Content, head: bytes, suffix: str, feed: Feed) -> Format:
    text = _utf8(head)
    start = text.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        raise FileError("empty_file")
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(_OLE):
        return "spreadsheet"
    if is_archive(head):
        return _package(content)
    if suffix in _BINARY_SUFFIXES or (suffix in _SHEET_SUFFIXES and b"\0" in text):
        raise FileError("truncated_file", suffix)
    if head.startswith(_OTHERS):
        raise FileError("unknown_file_type", head[:4].decode("latin-1"))
    return _text_format(text, start, feed)


def _text_format(text: bytes, start: bytes, feed: Feed) -> Format:
    if is_spreadsheetml(text):
        return "spreadsheetml"
    if is_html(text):
        return "html"
    return "json" if start.startswith((b"{", b"[")) else "delimited"


def _utf8(head: bytes) -> bytes:
    """A text's beginning as UTF-8, as far as its form is concerned."""
    encoding, mark = stated_encoding(head[:512])
    if encoding is None or encoding == "utf-8":
        return head
    return head[len(mark) :].decode(encoding, errors="replace").encode()


def _package(content: Content) -> Format:
    """What a ZIP is: a workbook whatever its suffix, or an archive of files."""
    names = package_names(content)
    if "xl/workbook.xml" in names:
        return "spreadsheet"
    if {"[Content_Types].xml", "mimetype"} & names:
        raise FileError("unknown_file_type", content.name)
    return "archive"


def open_tables(path: Path, feed: Feed, mapping: FieldMapping) -> Iterator[RawTable]:
    """The file's rows as raw tables. Raises FileError when it cannot be taken as a whole."""
    try:
        yield from _tables(content_of(path), feed, mapping)
    except OSError as error:
        raise FileError("unreadable_file", error.strerror or str(error)) from error


def _tables(content: Content, feed: Feed, mapping: FieldMapping) -> Iterator[RawTable]:
    match format_of(content, feed):
        case "archive":
            yield from _archive_tables(content, feed, mapping)
            return
        case "delimited":
            tables = delimited_tables(content, feed, mapping)
        case "json":
            tables = json_tables(content, feed)
        case "spreadsheet":
            tables = spreadsheet_tables(content, feed, mapping)
        case "html":
            tables = html_tables(content, feed, mapping)
        case "spreadsheetml":
            tables = spreadsheetml_tables(content, feed, mapping)
        case "parquet":
            tables = parquet_tables(content)
    for raw in tables:
        yield replace(raw, origin=replace(raw.origin, compression=content.compression))


def _archive_tables(content: Content, feed: Feed, mapping: FieldMapping) -> Iterator[RawTable]:
    """All members' rows. One that cannot be taken fails the archive and is named: a file is taken whole or not."""
    if content.compression:
        raise FileError("nested_archive", content.name)
    with open_archive(content) as archive:
        for member in archive.members:
            try:
                for raw in _tables(member, feed, mapping):
                    place = "!".join(name for name in (member.name, raw.member) if name)
                    origin = replace(raw.origin, member=member.name, notes=archive.notes + raw.origin.notes)
                    yield replace(raw, member=place if len(archive.members) > 1 else raw.member, origin=origin)
            except FileError as error:
                if error.detail.startswith(member.name):
                    raise
                detail = f"{member.name}: {error.detail}" if error.detail else member.name
                raise FileError(error.reason, detail) from error
