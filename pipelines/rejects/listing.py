"""Rejects as a clerk sees them: which are open, why, and how they are sent back.

Belongs here: reading `ops.rejects` from the writer's file, read-only. Does not belong here: the sheet
(`pipelines.rejects.workbook`), what resolves a reject (`pipelines.rejects.resolutions`).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal

import duckdb

from store.connections import BUSINESS_TIME_ZONE
from store.home import Home
from store.messages import TongmaiError

Which = Literal["open", "resolved", "all"]


@dataclass(frozen=True)
class RejectedRow:
    """One rejected row: where it stood, what is wrong (in both languages), its cells (redacted) under its headers.

    `cells` is empty for a line that could not be split; `raw_text` then is all there is of it. `resolved_at` is ISO
    text, None while the reject is open.
    """

    reject_id: str
    feed: str
    source_file: str
    source_row: int
    reason: str
    column: str | None
    sentence_zh: str
    sentence_en: str
    header: tuple[str, ...]
    cells: dict[str, str]
    raw_text: str
    corrects: str | None
    resolved_at: str | None


@dataclass(frozen=True)
class RejectList:
    """Rejected rows by feed, file and line."""

    rows: tuple[RejectedRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: the rows, and their number per feed and reason."""
        counts: dict[str, Counter[str]] = {}
        for row in self.rows:
            counts.setdefault(row.feed, Counter())[row.reason] += 1
        return {
            "rejects": [asdict(row) for row in self.rows],
            "total": len(self.rows),
            "by_feed": {feed: dict(reasons.most_common()) for feed, reasons in counts.items()},
        }


def read_rejects(home: Home, *, feed: str | None = None, which: Which = "open") -> RejectList:
    """The rejects of a feed, or of all; open ones unless asked for others.

    Of a row that was corrected wrongly the last attempt stands for all. Raises TongmaiError: `no_warehouse`,
    `warehouse_busy`, `older_warehouse`.
    """
    if not home.warehouse.exists():
        raise TongmaiError(
            "no_warehouse",
            f"还没有入库任何数据（{home.warehouse}）。请先运行 tongmai ingest。",
            f"Nothing has been loaded yet ({home.warehouse}). Run tongmai ingest first.",
        )
    conditions = ["($feed IS NULL OR feed = $feed)"]
    if which == "open":
        conditions += [
            "resolved_at IS NULL",
            "reject_id NOT IN (SELECT corrects FROM ops.rejects WHERE corrects NOT NULL)",
        ]
    if which == "resolved":
        conditions.append("resolved_at IS NOT NULL")
    query = (
        "SELECT reject_id, feed, source_file, source_row, reason, column_name, sentence_zh, sentence_en, header, "
        f"raw_text, corrects, CAST(resolved_at AS VARCHAR) FROM ops.rejects WHERE {' AND '.join(conditions)} "
        "ORDER BY feed, source_file, source_row, reject_id"
    )
    return RejectList(tuple(_row(*row) for row in _fetch(home, query, {"feed": feed})))


def _fetch(home: Home, query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    try:
        connection = duckdb.connect(str(home.warehouse), read_only=True)
    except duckdb.IOException as error:
        raise TongmaiError(
            "warehouse_busy",
            "数据仓库正被另一个任务写入（夜间任务或 tongmai ingest）；请等它结束后再试。",
            "Another job is writing the warehouse (the nightly run or tongmai ingest); wait for it to end, try again.",
        ) from error
    try:
        connection.execute(f"SET TimeZone = '{BUSINESS_TIME_ZONE}'")
        return connection.execute(query, parameters).fetchall()
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise TongmaiError(
            "older_warehouse",
            "数据仓库是旧版本写的；请先运行一次 tongmai ingest。",
            "The warehouse was written by an older version; run tongmai ingest once first.",
        ) from error
    finally:
        connection.close()


def _row(*values: Any) -> RejectedRow:
    reject_id, feed, file, line, reason, column, zh, en, header, raw_text, corrects, resolved_at = values
    try:
        found = json.loads(raw_text)
    except ValueError:
        found = None
    keys = tuple(json.loads(header)) if header else tuple(found or ())
    cells = found if isinstance(found, dict) and set(found) & set(keys) else {}
    texts = {key: str(cell) for key, cell in cells.items()}
    place = (reject_id, feed, file, line)
    return RejectedRow(*place, reason, column, zh, en, keys, texts, raw_text, corrects, resolved_at)
