"""Which format a file has, told by its first bytes, and its rows.

Belongs here: recognising formats. Does not belong here: reading any of them.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pipelines.faults import FileError
from pipelines.feeds import Feed
from pipelines.feeds.contract import Kind
from pipelines.mapping import FieldMapping
from pipelines.sources.contents import Content, content_of
from pipelines.sources.delimited import delimited_tables
from pipelines.sources.geojson import geojson_tables
from pipelines.sources.json_lines import json_tables
from pipelines.sources.parquet import parquet_tables
from pipelines.sources.spreadsheet import spreadsheet_tables
from pipelines.sources.tables import RawTable

Format = Literal["delimited", "json", "geojson", "spreadsheet", "parquet"]
_TEXT_SUFFIXES = frozenset({".csv", ".txt", ".tsv", ".dat", ".json", ".jsonl", ".ndjson", ".geojson"})
_BINARY_SUFFIXES = frozenset({".xlsx", ".xlsm", ".xls", ".parquet", ".pq"})
_HEAD_BYTES = 4096


def format_of(content: Content, feed: Feed) -> Format:
    """The file's format. Raises FileError: `unknown_file_type`, `empty_file`, `truncated_file`, `unreadable_file`."""
    suffixes = [suffix.casefold() for suffix in Path(content.name).suffixes if suffix.casefold() != ".gz"]
    if not suffixes or suffixes[-1] not in _TEXT_SUFFIXES | _BINARY_SUFFIXES:
        raise FileError("unknown_file_type", content.name)
    try:
        with content.open() as stream:
            head = stream.read(_HEAD_BYTES)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FileError("truncated_file", str(error)) from error
    except OSError as error:
        raise FileError("unreadable_file", error.strerror or str(error)) from error
    return _format(head, suffixes[-1], feed)


def _format(head: bytes, suffix: str, feed: Feed) -> Format:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        raise FileError("empty_file")
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return "spreadsheet"
    if suffix in _BINARY_SUFFIXES:
        raise FileError("truncated_file", suffix)
    if head.startswith((b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"7z\xbc\xaf", b"Rar!")):
        raise FileError("unknown_file_type", head[:4].decode("latin-1"))
    if b'"FeatureCollection"' in start and any(column.kind is Kind.GEOMETRY for column in feed.fields):
        return "geojson"
    return "json" if start.startswith((b"{", b"[")) else "delimited"


def open_tables(path: Path, feed: Feed, mapping: FieldMapping) -> Iterator[RawTable]:
    """The file's rows as raw tables. Raises FileError when it cannot be taken as a whole."""
    try:
        content = content_of(path)
        for raw in _tables(content, feed, mapping):
            yield replace(raw, origin=replace(raw.origin, compression=content.compression))
    except OSError as error:
        raise FileError("unreadable_file", error.strerror or str(error)) from error


def _tables(content: Content, feed: Feed, mapping: FieldMapping) -> Iterator[RawTable]:
    match format_of(content, feed):
        case "delimited":
            return delimited_tables(content, feed, mapping)
        case "json":
            return json_tables(content)
        case "geojson":
            return geojson_tables(content)
        case "spreadsheet":
            return spreadsheet_tables(content, feed, mapping)
        case "parquet":
            return parquet_tables(content)
