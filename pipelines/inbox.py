"""The inbox: which files wait, when they were received, which of them must wait on.

Belongs here: looking at files from outside. Does not belong here: reading their rows. Files are never
modified here.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from pipelines.blocks import Fault, FileTask
from pipelines.faults import FileError
from pipelines.feeds import FEEDS
from store.connections import BUSINESS_TIME_ZONE
from store.home import Home

SIDECAR_SUFFIX = ".sidecar.json"
_STATED = ("received_at", "source_file", "sent_by")
_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart", ".download", ".swp", ".draft")
_RECENT_S = 2.0
_SETTLE_S = 0.3


@dataclass(frozen=True)
class Arrival:
    """A file that waits: `name` is its path below the feed's folder."""

    feed: str
    path: Path
    name: str
    size_bytes: int
    mtime_ns: int
    received_at: datetime
    sent_by: str | None
    is_inbox: bool


@dataclass(frozen=True)
class Refusal:
    """A file that is not taken now, and why; `is_waiting` when the next run will simply take it."""

    feed: str
    name: str
    fault: Fault
    is_waiting: bool = False


def fault(reason: str, detail: str = "") -> Fault:
    """The fault of a whole file."""
    return Fault(reason, *FileError(reason, detail).text)


def look(home: Home) -> tuple[list[Arrival], list[Refusal]]:
    """The inbox's files in order of feed and name, and those that cannot be taken."""
    arrivals: list[Arrival] = []
    refusals: list[Refusal] = []
    if not home.inbox.is_dir():
        return arrivals, refusals
    for entry in sorted(home.inbox.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_file():
            if not entry.name.endswith(SIDECAR_SUFFIX):
                refusals.append(Refusal("", _name(entry, home.inbox), fault("no_feed_folder")))
        elif entry.name not in FEEDS:
            refusals += [Refusal(entry.name, _name(path, entry), fault("unknown_feed")) for path in _files(entry)]
        else:
            for path in _files(entry):
                try:
                    arrivals.append(arrive(entry.name, path, _name(path, entry), is_inbox=True))
                except FileNotFoundError:
                    if path.is_symlink():
                        refusals.append(Refusal(entry.name, _name(path, entry), fault("broken_link")))
                    continue  # else it was taken back since the folder was listed
                except FileError as error:
                    refusals.append(Refusal(entry.name, _name(path, entry), Fault(error.reason, *error.text)))
    unsettled = _unsettled(arrivals)
    refusals += [Refusal(a.feed, a.name, fault("still_writing"), is_waiting=True) for a in unsettled]
    return [arrival for arrival in arrivals if arrival not in unsettled], refusals


def arrive(feed: str, path: Path, name: str, *, is_inbox: bool) -> Arrival:
    """What is known of a file before it is read. Received: as its sidecar says, else when last modified.

    Raises FileError(`bad_sidecar`).
    """
    stat = path.stat()
    received_at = datetime.fromtimestamp(stat.st_mtime_ns // 1000 / 1e6, UTC)
    sidecar = _sidecar(path)
    if stated := sidecar.get("received_at"):
        received_at = _instant(stated)
    return Arrival(
        feed,
        path,
        sidecar.get("source_file", name),
        stat.st_size,
        stat.st_mtime_ns,
        received_at,
        sidecar.get("sent_by"),
        is_inbox,
    )


def _sidecar(path: Path) -> dict[str, str]:
    try:
        text = (path.parent / (path.name + SIDECAR_SUFFIX)).read_text(encoding="utf-8")
    except OSError:
        return {}  # there is none, or none can be: the file's name is too long for a suffix
    except UnicodeDecodeError as error:
        raise FileError("bad_sidecar") from error
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise FileError("bad_sidecar") from error
    if not isinstance(document, dict) or not all(isinstance(document.get(key, ""), str) for key in _STATED):
        raise FileError("bad_sidecar")
    return document


def _instant(text: str) -> datetime:
    """An ISO time; without an offset it is Shanghai's, like every other time here."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise FileError("bad_sidecar", text[:40]) from error
    return (instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo(BUSINESS_TIME_ZONE))).astimezone(UTC)


def forget_sidecar(path: Path) -> None:
    """Remove the sidecar of a file that has left the inbox."""
    with suppress(OSError):
        (path.parent / (path.name + SIDECAR_SUFFIX)).unlink()


def forget_left_sidecars(home: Home) -> None:
    """Remove sidecars whose file is in the archive: what a run killed between the two has left.

    A sidecar that was sent ahead of its file stays. Hold the `ingest` lock.
    """
    for feed in FEEDS:
        left = [path for path in (home.inbox / feed).rglob(f"*{SIDECAR_SUFFIX}") if not _file_of(path).exists()]
        archived = _archived(home.archive / feed) if left else {}
        for path in left:
            try:
                stated = _sidecar(_file_of(path))
                received_at = _instant(stated["received_at"]) if "received_at" in stated else None
            except FileError:
                continue  # whoever sent it is told when its file comes
            known = archived.get(stated.get("source_file", _name(_file_of(path), home.inbox / feed)))
            if known is not None and (received_at is None or known <= received_at):
                path.unlink()


def _file_of(sidecar: Path) -> Path:
    return sidecar.with_name(sidecar.name.removesuffix(SIDECAR_SUFFIX))


def _archived(folder: Path) -> dict[str, datetime]:
    """Source files in the archive and when they were first received."""
    found: dict[str, datetime] = {}
    for path in folder.glob("*.json"):
        if "-" not in path.stem:  # others are archived source files
            segment = json.loads(path.read_text(encoding="utf-8"))
            received_at = datetime.fromisoformat(segment["received_at"])
            found[segment["source_file"]] = min(received_at, found.get(segment["source_file"], received_at))
    return found


def sha256(path: Path) -> str:
    """The content's hash."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_unchanged(arrival: Arrival | FileTask) -> bool:
    """Whether the file still has the size and modification time it was taken with."""
    try:
        stat = arrival.path.stat()
    except FileNotFoundError:
        return False
    return (stat.st_size, stat.st_mtime_ns) == (arrival.size_bytes, arrival.mtime_ns)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        is_hidden = path.name.startswith((".", "~$")) or path.name.endswith(SIDECAR_SUFFIX)
        if (path.is_file() or _is_broken_link(path)) and not is_hidden and path.suffix.casefold() not in _UNFINISHED:
            yield path


def _is_broken_link(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _name(path: Path, folder: Path) -> str:
    """The path as text; names of archives made elsewhere may be in GB18030."""
    raw = os.fsencode(path.relative_to(folder).as_posix())
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("gb18030", errors="replace")


def _unsettled(arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Files that are being written. Only files touched in the last seconds are looked at twice, once for all."""
    recent = [a for a in arrivals if a.is_inbox and time.time_ns() - a.mtime_ns < _RECENT_S * 1e9]
    writing = [arrival for arrival in recent if _is_open_for_writing(arrival.path)]
    if len(writing) < len(recent) and not _HAS_LEASES:
        time.sleep(_SETTLE_S)
    return [arrival for arrival in recent if arrival in writing or not is_unchanged(arrival)]


_HAS_LEASES = hasattr(fcntl, "F_SETLEASE")


def _is_open_for_writing(path: Path) -> bool:
    """Whether some process has the file open for writing: a read lease is refused then (Linux)."""
    if not _HAS_LEASES:
        return False
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False  # another owner's file, or a file system without leases
    finally:
        os.close(descriptor)
    return False
