"""Staging: inbox -> landing. Files become checked segments; then they move to the archive.

Belongs here: the order of the steps. Does not belong here: what a step does. Needs the `ingest` lock only,
so files can be staged while a nightly build holds the warehouse.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from pipelines import choosing, durable, inbox, landing
from pipelines.blocks import Batch, Fault, FileTask
from pipelines.crash_points import reach
from pipelines.faults import FileError
from pipelines.feeds import FEEDS
from pipelines.inbox import Arrival, Refusal
from pipelines.isolation import STUMBLES, batch_of, detail_of, is_disk_full, land_apart
from pipelines.mapping import FieldMapping
from pipelines.names import digest, segment_id
from pipelines.quiet_beam import quiet_import
from store.home import Home
from store.locks import hold
from store.messages import TongmaiError, progress

SMALL_FILE_BYTES = 4 << 20
BATCH_BYTES = 64 << 20
BATCH_FILES = 500
LOCK_WAIT_S = 300.0
_COMPRESSED_SUFFIXES = frozenset({".gz", ".zip", ".xlsx", ".xlsm", ".parquet", ".pq"})
_EXPANSION = 10


@dataclass(frozen=True)
class StagedFile:
    """One file's outcome: staged, already_staged, failed, or waiting (still being written)."""

    feed: str
    file: str
    status: str
    segment_id: str | None = None
    fault: Fault | None = None


def stage_files(
    home: Home, files: Sequence[tuple[str, Path]] | None = None, mapping: Path | None = None
) -> list[StagedFile]:
    """Stage everything in the inbox, or the given (feed, path) pairs, which are copied and stay where they are.

    `mapping` is used for every file; without it each file's header chooses among `mappings/<feed>/*.toml`.
    Raises TongmaiError: `locked`, `unknown_feed`, `no_such_file`, `bad_mapping`, `disk_full`, `staging_failed`.
    """
    with hold(home, "ingest", wait_s=LOCK_WAIT_S):
        landing.sweep(home)
        inbox.forget_left_sidecars(home)
        arrivals, refusals = inbox.look(home) if files is None else (given(files), [])
        outcomes = [_refused(refusal) for refusal in refusals]
        readings = landing.Readings(home)
        tasks: list[FileTask] = []
        twins: dict[str, list[FileTask]] = {}
        for arrival in sorted(arrivals, key=lambda arrival: (arrival.received_at, arrival.name)):
            outcome = _prepare(home, arrival, mapping, readings)
            if isinstance(outcome, StagedFile):
                outcomes.append(outcome)
            elif outcome.segment_id in twins:  # the same bytes under another name: received first, read once
                twins[outcome.segment_id].append(outcome)
            else:
                tasks.append(outcome)
                twins[outcome.segment_id] = []
        if tasks:
            megabytes = sum(task.size_bytes for task in tasks) / 1e6
            progress(
                "ingest",
                f"读取并检查 {len(tasks)} 个文件（{megabytes:.1f} MB）……",
                f"reading and checking {len(tasks)} files ({megabytes:.1f} MB) …",
            )
            for outcome in _land(home, tasks):
                outcomes.append(outcome)
                outcomes += [_twin(home, twin, outcome) for twin in twins[outcome.segment_id or ""]]
        return outcomes


def _twin(home: Home, twin: FileTask, outcome: StagedFile) -> StagedFile:
    """The outcome of a file whose bytes another file of this run has brought as well: it is that file's."""
    if outcome.fault is not None:
        return (
            replace(outcome, file=twin.name)
            if outcome.status == "waiting"
            else _failed(home, twin, None, outcome.fault)
        )
    _archive(home, twin)
    return StagedFile(twin.feed, twin.name, "already_staged", twin.segment_id)


def batches(tasks: Sequence[FileTask]) -> Iterator[Batch]:
    """Large files alone, small ones of one feed together; the same files always make the same batches.

    Small files go together in the order in which they were received: the loader takes them in that order too,
    and so reads each batch about once.
    """
    waiting: list[FileTask] = []
    size_bytes = 0
    for task in sorted(tasks, key=lambda task: (task.feed, task.received_at, task.name, task.segment_id)):
        weight_bytes = _weight_bytes(task)
        if weight_bytes > SMALL_FILE_BYTES:
            yield batch_of([task])
            continue
        is_full = size_bytes + weight_bytes > BATCH_BYTES or len(waiting) == BATCH_FILES
        if waiting and (waiting[0].feed != task.feed or is_full):
            yield batch_of(waiting)
            waiting, size_bytes = [], 0
        waiting.append(task)
        size_bytes += weight_bytes
    if waiting:
        yield batch_of(waiting)


def _weight_bytes(task: FileTask) -> int:
    """About how many bytes of rows are in the file: a small file waits in memory until all of it could be read."""
    return task.size_bytes * (_EXPANSION if task.path.suffix.casefold() in _COMPRESSED_SUFFIXES else 1)


def given(files: Sequence[tuple[str, Path]]) -> list[Arrival]:
    """Files named by hand as arrivals. Raises TongmaiError: `unknown_feed`, `no_such_file`, and reasons of files."""
    arrivals = []
    for feed, path in files:
        if feed not in FEEDS:
            known = ", ".join(FEEDS)
            raise TongmaiError(
                "unknown_feed", f"没有数据源“{feed}”。可用：{known}。", f"No feed '{feed}'. Feeds: {known}.", 2
            )
        if not path.is_file():
            raise TongmaiError("no_such_file", f"找不到文件 {path}。", f"No such file: {path}.", 2)
        try:
            arrivals.append(inbox.arrive(feed, path, path.name, is_inbox=False))
        except FileError as error:
            raise TongmaiError(
                error.reason, f"{path.name}：{error.text.zh}", f"{path.name}: {error.text.en}"
            ) from error
    return arrivals


def _refused(refusal: Refusal) -> StagedFile:
    return StagedFile(refusal.feed, refusal.name, "waiting" if refusal.is_waiting else "failed", fault=refusal.fault)


def _prepare(home: Home, arrival: Arrival, mapping: Path | None, readings: landing.Readings) -> FileTask | StagedFile:
    """The file's task; or its outcome, when it is known already or cannot be taken."""
    feed = FEEDS[arrival.feed]
    mappings = choosing.candidates(home, feed, mapping)
    note = _note_path(home, arrival)
    stamp = _stamp(arrival, mappings)
    if (known := _noted(note, stamp)) is not None and arrival.is_inbox:
        return StagedFile(arrival.feed, arrival.name, "failed", fault=known)
    if not arrival.size_bytes:
        return _failed(home, arrival, stamp, inbox.fault("empty_file"))
    try:
        chosen = choosing.choose_for(arrival.path, feed, mappings, is_explicit=mapping is not None).mapping
        content = inbox.sha256(arrival.path)
    except FileError as error:
        return _failed(home, arrival, stamp, Fault(error.reason, *error.text))
    except OSError as error:
        return _failed(home, arrival, stamp, inbox.fault("unreadable_file", error.strerror or str(error)))
    name = segment_id(feed.name, content, chosen.digest, feed.version)
    last = readings.last(feed.name, name)
    first_at = datetime.fromisoformat(last.received_at) if last else arrival.received_at
    task = FileTask(
        feed.name,
        arrival.path,
        arrival.name,
        content,
        arrival.size_bytes,
        arrival.mtime_ns,
        min(arrival.received_at, first_at),
        name,
        chosen,
        arrival.sent_by,
        arrival.is_inbox,
        last.turn + 1 if last else 1,
    )
    if last and last.segment_id == name and first_at <= arrival.received_at:
        _archive(home, task)
        return StagedFile(feed.name, arrival.name, "already_staged", name)
    return task


def _land(home: Home, tasks: Sequence[FileTask]) -> list[StagedFile]:
    try:
        landed, stumbles = land_apart(home, _beam(), list(batches(tasks)))
    except STUMBLES as error:
        raise _explained(error) from error
    outcomes = [_failed(home, task, None, fault) for task, fault in stumbles]
    for batch in landed:
        manifest = landing.read_manifest(landing.manifest_path(home, batch.feed, batch.batch_id))
        faults = dict(manifest.faults)
        for task in batch.files:
            fault = faults.get(task.segment_id)
            if fault is not None and fault.reason == "still_writing" and task.is_inbox:
                outcomes.append(StagedFile(task.feed, task.name, "waiting", task.segment_id, fault))
            elif fault is not None:
                outcomes.append(_failed(home, task, None, fault))
            else:
                _archive(home, task)
                outcomes.append(StagedFile(task.feed, task.name, "staged", task.segment_id))
        if not manifest.segments:
            landing.manifest_path(home, batch.feed, batch.batch_id).unlink()
    return outcomes


def _beam() -> Callable[[Home, Sequence[Batch]], None]:
    """The Beam graph, imported when there is something to land: that takes seconds."""
    with quiet_import():
        from pipelines.transforms import land
    return land


def _archive(home: Home, task: FileTask) -> None:
    """Hand the source file to the archive: moved out of the inbox, copied from elsewhere."""
    target = landing.archived_path(home, task)
    if not task.is_inbox:
        if not target.exists():
            durable.copy(task.path, target)
        return
    reach("before_archive")
    if not inbox.is_unchanged(task):
        return  # written to meanwhile: it stays, and its new content is a segment of the next run
    if target.exists():
        task.path.unlink()
    else:
        durable.move(task.path, target)
    reach("source_moved")
    inbox.forget_sidecar(task.path)
    reach("after_archive")


def _explained(error: Exception) -> TongmaiError:
    if is_disk_full(error):
        return TongmaiError(
            "disk_full",
            "磁盘已满：本次未入库的文件仍在收件目录，腾出空间后重新运行即可。",
            "The disk is full. Files not yet staged are still in the inbox; free some space and run again.",
        )
    detail = detail_of(error)
    return TongmaiError(
        "staging_failed",
        f"暂存失败：{detail}。文件仍在收件目录，可重新运行。",
        f"Staging failed: {detail}. The files are still in the inbox; run again.",
    )


def _failed(home: Home, file: Arrival | FileTask, stamp: str | None, fault: Fault) -> StagedFile:
    """Note why an inbox file failed, so that it is not read again before it or its mappings change."""
    known_as = file.segment_id if isinstance(file, FileTask) else None
    if file.is_inbox and file.path.exists():
        arrival = file if isinstance(file, Arrival) else inbox.arrive(file.feed, file.path, file.name, is_inbox=True)
        feed = FEEDS[file.feed]
        stamp = stamp or _stamp(arrival, choosing.candidates(home, feed))
        durable.write_json(_note_path(home, arrival), {"stamp": stamp, **asdict(fault)})
    return StagedFile(file.feed, file.name, "failed", known_as, fault)


def _note_path(home: Home, arrival: Arrival) -> Path:
    return home.landing / "_failed" / arrival.feed / f"{digest(arrival.name)}.json"


def _stamp(arrival: Arrival, mappings: Sequence[FieldMapping]) -> str:
    known = [*sorted(mapping.digest for mapping in mappings), repr(mappings[0].aliases)]
    return digest(str(arrival.size_bytes), str(arrival.mtime_ns), str(FEEDS[arrival.feed].version), *known)


def _noted(path: Path, stamp: str) -> Fault | None:
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    if note["stamp"] != stamp:
        path.unlink()
        return None
    return Fault(note["reason"], note["zh"], note["en"])
