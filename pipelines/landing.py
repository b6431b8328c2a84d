"""The landing zone: parts, rejects, manifests, and the archive's sidecars.

Belongs here: names and durable writing of what staging produces, and reading manifests back. Does not
belong here: checking (`pipelines.checks`), loading (`pipelines.loader`).

The order of writes is what makes staging crash-safe: parts, sidecars, and the manifest last. A batch counts
as staged when its manifest is there; what has no manifest is swept away by the next run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import durable, inbox
from pipelines.blocks import Batch, Checked, Fault, FileTask, Part, Tally
from pipelines.crash_points import reach
from pipelines.feeds import FEEDS
from pipelines.names import content_id
from store.home import Home

_REPEATED = ["_segment_id", "_source_file"]
_ARCHIVED_NAME_BYTES = 200  # file systems allow 255, and a segment's id and a draft's suffix stand around the name


@dataclass(frozen=True)
class Segment:
    """One staged file: `rows_read` = `rows_good` + `rows_rejected`; `units` are factors that were applied.

    `turn` counts the readings of one content: the one with the highest turn is in force.
    """

    segment_id: str
    source_file: str
    sha256: str
    mapping_hash: str
    contract_version: int
    rows_read: int
    rows_good: int
    rows_rejected: int
    rows_skipped: int
    reasons: dict[str, int]
    units: dict[str, float]
    received_at: str
    turn: int = 1


@dataclass(frozen=True)
class Manifest:
    """One staged batch: its segments, the files (by segment_id) that could not be taken, and its Parquet parts."""

    batch_id: str
    feed: str
    segments: tuple[Segment, ...]
    faults: tuple[tuple[str, Fault], ...]
    parts: tuple[str, ...]
    reject_parts: tuple[str, ...]
    correction_parts: tuple[str, ...] = ()


def manifest_path(home: Home, feed: str, batch_id: str) -> Path:
    """Where the manifest of a batch lies."""
    return home.landing / feed / f"{batch_id}.json"


def sidecar_path(home: Home, feed: str, segment_id: str, turn: int) -> Path:
    """Where the archive keeps what is known of a segment's source file.

    Each turn has its own: until its batch is staged, the turn before must be found. No archived file has such a name,
    theirs go on with a hyphen.
    """
    return home.archive / feed / (f"{segment_id}.json" if turn == 1 else f"{segment_id}.{turn}.json")


def corrections_folder(home: Home, feed: str) -> Path:
    """Where parts lie that say which good rows correct which rejects."""
    return home.landing / "_corrected" / feed


def archived_path(home: Home, task: FileTask) -> Path:
    """Where the archive keeps the source file itself."""
    name, suffix = Path(task.name).stem, Path(task.name).suffix
    short = name.encode()[:_ARCHIVED_NAME_BYTES].decode(errors="ignore")
    return home.archive / task.feed / f"{task.segment_id}-{short}{suffix}"


class Readings:
    """What the archive knows of how each content has been read so far; each feed's folder is listed once."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._sidecars: dict[str, dict[str, list[Path]]] = {}

    def last(self, feed: str, segment_id: str) -> Segment | None:
        """The newest staged reading of the content that `segment_id` reads; None when it was never staged."""
        if feed not in self._sidecars:
            self._sidecars[feed] = {}
            for path in (self._home.archive / feed).glob("*.json"):
                if "-" not in path.name:
                    self._sidecars[feed].setdefault(content_id(path.name), []).append(path)
        known = [self._staged(feed, path) for path in self._sidecars[feed].get(content_id(segment_id), ())]
        return max((segment for segment in known if segment), key=lambda segment: segment.turn, default=None)

    def is_in_force(self, feed: str, segment_id: str) -> bool:
        """Whether that reading is the last one staged of its content."""
        last = self.last(feed, segment_id)
        return last is not None and last.segment_id == segment_id

    def _staged(self, feed: str, path: Path) -> Segment | None:
        try:
            sidecar = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        if not manifest_path(self._home, feed, sidecar["batch_id"]).exists():
            return None
        return Segment(**{field.name: sidecar[field.name] for field in fields(Segment) if field.name in sidecar})


def in_force(manifests: Iterable[Manifest]) -> dict[str, tuple[Segment, Manifest]]:
    """Of every content (by sha256) in `manifests` the reading with the highest turn, and its batch."""
    newest: dict[str, tuple[Segment, Manifest]] = {}
    for manifest in manifests:
        for segment in manifest.segments:
            known = newest.get(segment.sha256)
            if known is None or _rank(segment, manifest) > _rank(*known):
                newest[segment.sha256] = segment, manifest
    return newest


def _rank(segment: Segment, manifest: Manifest) -> tuple[int, int, str]:
    return segment.turn, segment.contract_version, manifest.batch_id


def segment_table(chosen: Iterable[tuple[Segment, Manifest]]) -> pa.Table:
    """The table `segments` that `rows_of_segments` asks for."""
    pairs = [(segment.segment_id, manifest.batch_id) for segment, manifest in chosen]
    columns = list(zip(*pairs, strict=True)) or [(), ()]
    return pa.table([pa.array(column, pa.string()) for column in columns], names=["_segment_id", "_batch_id"])


def rows_of_segments(files: str) -> str:
    """SQL: the rows in `files` (a parameter) that the table `segments` (_segment_id, _batch_id) names.

    A segment may stand in several batches; its rows are those of the batch that is named.
    """
    return (
        "(SELECT *, split_part(parse_filename(filename), '-', 1) AS _batch_id "
        f"FROM read_parquet({files}, filename = true)) SEMI JOIN segments USING (_segment_id, _batch_id)"
    )


def write_part(home: Home, checked: Checked) -> Part:
    """Write a block's rows and rejects; names follow from the batch and the block's number."""
    name = f"{checked.batch.batch_id}-{checked.number:05d}.parquet"
    feed = checked.batch.feed
    if checked.rows is not None:
        _write_parquet(home.landing / feed / name, checked.rows)
    reach("part_written")
    if checked.rejects is not None:
        _write_parquet(home.rejected / feed / name, checked.rejects)
    if checked.corrections is not None:
        _write_parquet(corrections_folder(home, feed) / name, checked.corrections)
    return Part(
        checked.batch if checked.is_last else None,
        checked.number,
        name if checked.rows is not None else None,
        name if checked.rejects is not None else None,
        checked.tallies,
        checked.faults,
        name if checked.corrections is not None else None,
    )


def commit_batch(home: Home, batch: Batch, parts: Iterable[Part]) -> None:
    """Write the batch's sidecars and then its manifest: from here on its files count as staged."""
    parts = sorted(parts, key=lambda part: part.number)
    faults = {index: fault for part in parts for index, fault in part.faults}
    for index, task in enumerate(batch.files):
        if not inbox.is_unchanged(task):  # written to or taken back while it was read: its rows stand for no content
            faults[index] = inbox.fault("still_writing")
    tallies = {index: Tally() for index in range(len(batch.files))}
    for part in parts:
        for index, tally in part.tallies.items():
            tallies[index].add(tally)
    taken = [(task, tallies[index]) for index, task in enumerate(batch.files) if index not in faults]
    manifest = Manifest(
        batch.batch_id,
        batch.feed,
        tuple(_segment(task, tally) for task, tally in taken),
        tuple((batch.files[index].segment_id, fault) for index, fault in sorted(faults.items())),
        tuple(part.rows_file for part in parts if part.rows_file) if taken else (),
        tuple(part.rejects_file for part in parts if part.rejects_file) if taken else (),
        tuple(part.corrections_file for part in parts if part.corrections_file) if taken else (),
    )
    for segment, (task, _) in zip(manifest.segments, taken, strict=True):
        path = sidecar_path(home, batch.feed, segment.segment_id, segment.turn)
        durable.write_json(path, _sidecar(batch, task, segment))
    reach("sidecars_written")
    durable.write_json(manifest_path(home, batch.feed, batch.batch_id), asdict(manifest))
    reach("manifest_written")


def read_manifest(path: Path) -> Manifest:
    """The manifest at `path`."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return Manifest(
        document["batch_id"],
        document["feed"],
        tuple(Segment(**segment) for segment in document["segments"]),
        tuple((name, Fault(**fault)) for name, fault in document["faults"]),
        tuple(document["parts"]),
        tuple(document["reject_parts"]),
        tuple(document.get("correction_parts", ())),
    )


def batch_ids(home: Home, feed: str) -> list[str]:
    """The feed's staged batches, sorted."""
    return sorted(path.stem for path in (home.landing / feed).glob("*.json"))


def sweep(home: Home) -> None:
    """Remove parts without a manifest and drafts: what a killed run has left. Hold the `ingest` lock."""
    for feed in FEEDS:
        staged = set(batch_ids(home, feed))
        parts = (home.landing / feed, home.rejected / feed, corrections_folder(home, feed))
        for folder in (*parts, home.archive / feed):
            for path in folder.glob(f"*{durable.DRAFT_SUFFIX}"):
                path.unlink()
        for folder in parts:
            for path in folder.glob("*.parquet"):
                if path.name.rsplit("-", 1)[0] not in staged:
                    path.unlink()
                    reach("part_swept")


def _segment(task: FileTask, tally: Tally) -> Segment:
    return Segment(
        task.segment_id,
        task.name,
        task.sha256,
        task.mapping.digest,
        FEEDS[task.feed].version,
        tally.rows_good + tally.rows_rejected,
        tally.rows_good,
        tally.rows_rejected,
        tally.rows_skipped,
        dict(sorted(tally.reasons.items())),
        dict(sorted(tally.units.items())),
        task.received_at.isoformat(),
        task.turn,
    )


def _sidecar(batch: Batch, task: FileTask, segment: Segment) -> dict[str, Any]:
    return {"batch_id": batch.batch_id, "feed": batch.feed, "sent_by": task.sent_by, **asdict(segment)}


def _write_parquet(path: Path, table: pa.Table) -> None:
    """Dictionaries and statistics would be three quarters of the work, and nobody reads them."""
    options = {"compression": "lz4", "use_dictionary": _REPEATED, "write_statistics": False}
    durable.write(path, lambda draft: pq.write_table(table, draft, **options))
