"""JSON documents: records in an array, a wrapper or a feature collection, as JSON Lines.

Belongs here: finding the records of a document and handing them on one a line, without holding the document.
Does not belong here: records to columns (`pipelines.sources.json_lines`).

Read as documents are arrays (`[{…}, …]`), wrappers as interfaces send them (`{"data": [{…}]}`,
`{"result": {"records": […]}}`; arrays of values with their columns' names before them), feature collections
of GeoJSON and ArcGIS, and objects that go over several lines.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from pipelines.faults import FileError
from pipelines.feeds import Feed
from pipelines.layout import aliases, normalise
from pipelines.sources.contents import Content
from pipelines.sources.limits import LINE_BYTES
from pipelines.sources.text import BLOCK_BYTES, TextBlock, detect, stated_encoding

_HEAD_BYTES = 4 << 20
_WRAPPERS = frozenset(
    {"data", "rows", "records", "record", "results", "result", "items", "list", "features", "value", "values"}
    | {"datas", "body", "content", "数据", "记录", "列表"}
)
_COLUMNS = frozenset({"meta", "columns", "fields"})
_DEPTH = 3
_BLANK = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Records:
    """Where a document's records begin (characters), what its columns are called, and its encoding."""

    start: int
    names: tuple[str, ...]
    encoding: str
    is_array: bool


def find_records(content: Content, feed: Feed) -> Records | None:
    """The document's records; None when the file is JSON Lines. Raises FileError(`wrong_encoding`)."""
    with content.open() as stream:
        data = stream.read(_HEAD_BYTES)
    encoding = stated_encoding(data[:512])[0] or ("utf-8" if data.isascii() else detect(data))
    text = data.decode(encoding, errors="replace")
    offset = len(text) - len(text.lstrip("\ufeff \t\r\n"))
    if text[offset : offset + 1] == "[":
        return Records(offset + 1, (), encoding, is_array=True)
    if found := _wrapped(text, offset, feed, _DEPTH, ()):
        return Records(found[0], found[1], encoding, is_array=True)
    first, _, rest = text[offset:].partition("\n")
    if re.match(r'\{\s*"type"\s*:\s*"Feature"', text[offset:]) or (rest.strip() and not _is_json(first)):
        try:
            _DECODER.raw_decode(text, offset)
        except (ValueError, RecursionError):
            return None
        return Records(offset, (), encoding, is_array=False)
    return None


def _is_json(text: str) -> bool:
    try:
        _DECODER.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def _wrapped(
    text: str, offset: int, feed: Feed, depth: int, names: tuple[str, ...]
) -> tuple[int, tuple[str, ...]] | None:
    """Where the array of records in the object at `offset` begins; None when the object is itself a record.

    A feature collection may have a name and a type, as a record of the feed may.
    """
    position, is_record = offset + 1, False
    try:
        while True:
            position = _blank_end(text, position)
            if not text.startswith('"', position):
                return None
            key, position = _DECODER.raw_decode(text, position)
            is_record |= normalise(key) in aliases(feed)
            position = _blank_end(text, position)
            if not text.startswith(":", position):
                return None
            position = _blank_end(text, position + 1)
            opening = text[position : position + 1]
            is_wrapper = key == "features" or (key in _WRAPPERS and not is_record)
            if opening == "[" and is_wrapper and text[_blank_end(text, position + 1)] in "{[]":
                return position + 1, names
            is_inner = opening == "{" and is_wrapper and depth > 0
            if is_inner and (found := _wrapped(text, position, feed, depth - 1, names)):
                return found
            value, position = _DECODER.raw_decode(text, position)
            if key in _COLUMNS:
                names = _names(value) or names
    except (ValueError, IndexError, RecursionError):
        return None


def _blank_end(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _names(value: Any) -> tuple[str, ...]:
    """Names of columns, as interfaces state them before arrays of values."""
    while isinstance(value, dict):
        value = next((value[key] for key in ("view", "columns", "fields") if key in value), None)
    if not isinstance(value, list):
        return ()
    named = [item.get("name", item.get("id")) if isinstance(item, dict) else item for item in value]
    texts = tuple(name for name in named if isinstance(name, str))
    return texts if len(texts) == len(named) else ()


def record_blocks(content: Content, records: Records) -> Iterator[TextBlock]:
    """The document's records as JSON Lines, the n-th record on the n-th line.

    Raises FileError: `truncated_file`, `field_too_large`, `empty_file` (there is no record).
    """
    lines: list[bytes] = []
    size_bytes, is_empty = 0, True
    with content.open() as stream:
        for item in _items(stream, records):
            line = json.dumps(_record(item, records.names), ensure_ascii=False).encode(errors="replace")
            lines.append(line)
            size_bytes += len(line)
            if size_bytes > BLOCK_BYTES:
                yield _block(lines, records)
                lines, size_bytes, is_empty = [], 0, False
    if lines:
        yield _block(lines, records)
    elif is_empty:
        raise FileError("empty_file")


def _block(lines: list[bytes], records: Records) -> TextBlock:
    data = b"\n".join(lines) + b"\n"
    return TextBlock(data, is_damaged="\ufffd".encode() in data, encoding=records.encoding)


def _items(stream: IO[bytes], records: Records) -> Iterator[Any]:
    decode = codecs.getincrementaldecoder(records.encoding)(errors="replace").decode
    data = stream.read(_HEAD_BYTES)
    text, position, is_end = decode(data, not data), records.start, not data
    while True:
        position = _blank_end(text, position)
        closing = text[position : position + 1]
        if closing == "]" and records.is_array:
            return
        if not closing and is_end and not records.is_array:
            return
        found = _next_item(text, position)
        if found is not None and (found[1] < len(text) or is_end):  # else a number may go on
            yield found[0]
            position = found[1]
        elif is_end:
            raise FileError("truncated_file", "JSON")
        else:
            text, position = text[position:], 0
            if len(text) > LINE_BYTES:
                raise FileError("field_too_large")
            data = stream.read(max(_HEAD_BYTES, len(text)))  # twice as much each time: linear for any record
            text, is_end = text + decode(data, not data), not data


def _next_item(text: str, position: int) -> tuple[Any, int] | None:
    """The value at `position` and where it ends; None when it does not end in `text`."""
    try:
        return _DECODER.raw_decode(text, position)
    except RecursionError as error:
        raise FileError("truncated_file", "JSON") from error
    except ValueError:
        return None


def _record(item: Any, names: tuple[str, ...]) -> Any:
    """An array's item as the object it stands for."""
    if isinstance(item, list) and len(item) == len(names):
        item = dict(zip(names, item, strict=True))
    if not isinstance(item, dict):
        return item
    if item.get("type") == "Feature" and isinstance(item.get("properties") or {}, dict):
        record = dict(item.get("properties") or {})
        if "id" in item and "zone_id" not in record:
            record.setdefault("id", item["id"])
        item = record | {"geometry": item.get("geometry")}
    elif set(item) <= {"attributes", "geometry"} and isinstance(item.get("attributes"), dict):
        item = item["attributes"] | {key: item[key] for key in ("geometry",) if key in item}
    return item
