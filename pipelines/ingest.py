"""The intake's door: files in, report out.

Belongs here: staging and loading in one call, and the report. Does not belong here: how either works.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import duckdb

from pipelines.interrupts import remembered_interrupts
from pipelines.loader import LoadedSegment, load
from pipelines.staging import StagedFile, stage_files
from store.home import Home
from store.messages import TongmaiError, progress

Status = Literal["loaded", "already_loaded", "failed", "waiting"]


@dataclass(frozen=True)
class FileReport:
    """One file: read = loaded + duplicate + rejected; skipped (titles, blanks, totals) is outside read.

    `reasons` counts rejected rows per reason; for a failed file it names the file's reason, and
    `message_zh`/`message_en` say what to do.
    """

    feed: str
    file: str
    status: Status
    read: int = 0
    loaded: int = 0
    duplicate: int = 0
    rejected: int = 0
    skipped: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    segment_id: str | None = None
    message_zh: str | None = None
    message_en: str | None = None


@dataclass(frozen=True)
class IngestReport:
    """All files of one ingest, by feed and name."""

    files: tuple[FileReport, ...]

    def totals(self) -> dict[str, dict[str, int]]:
        """Per feed: files, read, loaded, duplicate, rejected, skipped."""
        totals: dict[str, Counter[str]] = {}
        for file in self.files:
            counts = {name: getattr(file, name) for name in ("read", "loaded", "duplicate", "rejected", "skipped")}
            totals.setdefault(file.feed, Counter()).update({"files": 1, **counts})
        return {feed: dict(counts) for feed, counts in totals.items()}

    @property
    def failed(self) -> tuple[FileReport, ...]:
        """Files that could not be taken."""
        return tuple(file for file in self.files if file.status == "failed")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"files": [asdict(file) for file in self.files], "totals": self.totals()}


def ingest(home: Home, files: Sequence[tuple[str, Path]] | None = None, mapping: Path | None = None) -> IngestReport:
    """Take everything in the inbox (or the given (feed, path) pairs, which stay where they are) into `raw`.

    Also loads what an earlier, interrupted run has staged. Raises TongmaiError as `stage_files` and `load` do,
    and `interrupted` on Ctrl-C: nothing is lost then, the next run goes on.
    """
    with remembered_interrupts() as interrupts:
        try:
            staged = stage_files(home, files, mapping)
            loaded = load(home)
        except (KeyboardInterrupt, TongmaiError, RuntimeError, duckdb.Error) as error:
            if not interrupts and not isinstance(error, KeyboardInterrupt):
                raise
            raise TongmaiError(
                "interrupted",
                "已中断：没有丢失任何数据，下次运行会继续。",
                "Interrupted: nothing is lost, the next run goes on.",
            ) from error
    report = IngestReport(tuple(sorted(_reports(staged, loaded), key=lambda file: (file.feed, file.file))))
    _announce(report)
    return report


def _reports(staged: Sequence[StagedFile], loaded: Sequence[LoadedSegment]) -> list[FileReport]:
    reports = [_loaded(segment) for segment in loaded]
    now = {(report.feed, report.file, report.segment_id) for report in reports}
    for file in staged:
        if file.fault is not None:
            status: Status = "waiting" if file.status == "waiting" else "failed"
            reports.append(
                FileReport(
                    file.feed,
                    file.file,
                    status,
                    reasons={file.fault.reason: 1},
                    message_zh=file.fault.zh,
                    message_en=file.fault.en,
                )
            )
        elif (file.feed, file.file, file.segment_id) not in now:
            reports.append(FileReport(file.feed, file.file, "already_loaded", segment_id=file.segment_id))
    return reports


def _loaded(result: LoadedSegment) -> FileReport:
    segment = result.segment
    return FileReport(
        result.feed,
        segment.source_file,
        "loaded",
        segment.rows_read,
        result.rows_loaded,
        result.rows_duplicate,
        segment.rows_rejected,
        segment.rows_skipped,
        segment.reasons,
        segment.segment_id,
    )


def _announce(report: IngestReport) -> None:
    for file in report.failed:
        where = f"{file.feed}/{file.file}".lstrip("/")
        progress("ingest", f"未能入库 {where}：{file.message_zh}", f"not taken {where}: {file.message_en}")
    count = Counter(file.status for file in report.files)
    rows = Counter[str]()
    for totals in report.totals().values():
        rows.update(totals)
    progress(
        "ingest",
        f"完成：{count['loaded']} 个文件入库，{count['already_loaded']} 个此前已入库，{count['failed']} 个失败；"
        f"读入 {rows['read']} 行＝装载 {rows['loaded']}＋重复 {rows['duplicate']}＋拒收 {rows['rejected']}",
        f"done: {count['loaded']} files loaded, {count['already_loaded']} already, {count['failed']} failed; read "
        f"{rows['read']} rows = {rows['loaded']} loaded + {rows['duplicate']} duplicate + {rows['rejected']} rejected",
    )
