"""Archives (ZIP): their members as contents.

Belongs here: which members hold data, what they are called, what is refused. Does not belong here: what the
members say. Nothing is ever extracted: members are read as streams, and their names are labels only.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import IO

from pipelines.faults import FileError
from pipelines.sources.contents import Content, seekable
from pipelines.sources.limits import DAMAGED, MEMBERS, bounded, damage, expanded_limit
from store.messages import Text

ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_UTF8_NAME, _ENCRYPTED = 0x800, 0x1
_LABEL_CHARACTERS = 200
_DOCUMENTS = frozenset(
    {".pdf", ".doc", ".docx", ".ppt", ".pptx", ".wps", ".rtf", ".md", ".jpg", ".jpeg", ".png", ".gif", ".url", ".ini"}
)
_ARCHIVES = frozenset({".zip", ".rar", ".7z", ".gz", ".tgz", ".tar", ".bz2", ".xz"})
_README = re.compile(r"(read.?me|licen[cs]e|metadata|使用说明|说明|下载说明)[^/]*\.(txt|html?|xml|json)", re.IGNORECASE)
_LITTER = re.compile(r"(^|/)(__MACOSX(/|$)|\.|~\$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Archive:
    """An archive's members with data, in the archive's order, and notes on those left out."""

    members: tuple[Content, ...]
    notes: tuple[Text, ...]


def is_archive(head: bytes) -> bool:
    """Whether a file that begins so is a ZIP archive (or a spreadsheet, which is one inside)."""
    return head.startswith((ZIP, _EMPTY_ZIP))


def package_names(content: Content) -> frozenset[str]:
    """The names of a ZIP's members. Raises FileError(`truncated_file`)."""
    with _zip(content) as archive:
        return frozenset(archive.namelist())


@contextmanager
def open_archive(content: Content) -> Iterator[Archive]:
    """The archive's members, readable while it is open.

    Raises FileError: `truncated_file`, `empty_file`, `archive_too_large` (members, size or ratio),
    `encrypted_file`, `nested_archive`; each names the member.
    """
    with _zip(content) as archive:
        infos = archive.infolist()
        if len(infos) > MEMBERS:
            raise FileError("archive_too_large", f"> {MEMBERS}")
        limit_bytes = expanded_limit(sum(info.compress_size for info in infos))
        if sum(info.file_size for info in infos) > limit_bytes:
            raise FileError("archive_too_large")
        members: list[Content] = []
        left_out: list[str] = []
        for info in infos:
            label = _label(info, {member.name for member in members})
            kind = _kind(info, label)
            if kind == "document":
                left_out.append(label)
            elif kind == "data":
                members.append(Content(label, partial(_open, archive, info, label, limit_bytes), compression="zip"))
        if not members:
            raise FileError("empty_file")
        yield Archive(tuple(members), (_left_out(left_out),) if left_out else ())


@contextmanager
def _zip(content: Content) -> Iterator[zipfile.ZipFile]:
    with seekable(content) as file:
        try:
            archive = zipfile.ZipFile(file)
        except (*DAMAGED, ValueError, OverflowError) as error:
            raise FileError("truncated_file", str(error)) from error
        except OSError as error:
            raise damage(error) from error
        with archive:
            yield archive


def _kind(info: zipfile.ZipInfo, label: str) -> str:
    """`data`, `document` (left out and told) or `litter` (what systems leave behind). Raises FileError."""
    suffix = PurePosixPath(label).suffix.casefold()
    if info.filename.endswith("/") or _LITTER.search(label):
        return "litter"
    if suffix in _DOCUMENTS or _README.fullmatch(PurePosixPath(label).name):
        return "document"
    if info.flag_bits & _ENCRYPTED:
        raise FileError("encrypted_file", label)
    if suffix in _ARCHIVES:
        raise FileError("nested_archive", label)
    return "data"


def _open(archive: zipfile.ZipFile, info: zipfile.ZipInfo, label: str, limit_bytes: int) -> IO[bytes]:
    try:
        return bounded(archive.open(info), limit_bytes, label)
    except (*DAMAGED, RuntimeError, ValueError) as error:
        raise FileError("truncated_file", f"{label}: {error}") from error
    except OSError as error:
        raise damage(error, label) from error


def _label(info: zipfile.ZipInfo, taken: set[str]) -> str:
    """A member's name as text: no way out of the archive, no control characters, told apart when given twice."""
    parts = [part for part in _decoded(info).replace("\\", "/").split("/") if part not in ("", ".", "..")]
    label = _CONTROL.sub("", "/".join(part for part in parts if not re.fullmatch("[A-Za-z]:", part)))
    label = label[-_LABEL_CHARACTERS:] or "?"
    path, number, wanted = PurePosixPath(label), 2, label
    while label in taken:
        label, number = f"{wanted.removesuffix(path.suffix)}#{number}{path.suffix}", number + 1
    return label


def _decoded(info: zipfile.ZipInfo) -> str:
    """The name, which without its flag for UTF-8 is in whatever code page its maker used: here UTF-8 or GB18030."""
    if info.flag_bits & _UTF8_NAME:
        return info.orig_filename
    raw = info.orig_filename.encode("cp437", errors="replace")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return info.orig_filename


def _left_out(names: list[str]) -> Text:
    shown = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
    return Text(f"压缩包中的文档未读取：{shown}", f"documents in the archive are not read: {shown}")
