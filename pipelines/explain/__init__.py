"""Explanations: what `tongmai ingest` would do with a file, before it does anything.

Belongs here: the door, and the order of the questions. Does not belong here: any answer. Nothing is written to
the home: no lock, no key, no note; a damaged file and a wrong feed are explained like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from pipelines import choosing, inbox, landing, staging
from pipelines.blocks import Fault, FileTask
from pipelines.choosing import Choice
from pipelines.explain.columns import table_report
from pipelines.explain.profile import PROFILED_ROWS, Profile, profiles
from pipelines.explain.report import BetterFeed, Explanation, RowsReport, TableReport
from pipelines.explain.scan import scan
from pipelines.faults import FileError
from pipelines.feeds import FEEDS, Feed
from pipelines.inbox import Arrival
from pipelines.layout import resolve
from pipelines.mapping import NO_MAPPING, FieldMapping
from pipelines.names import segment_id
from pipelines.rejects.corrections import without_added
from pipelines.sources.formats import open_tables
from pipelines.sources.points import located
from pipelines.sources.tables import RawTable
from store.home import Home

__all__ = ["Explanation", "explain"]


def explain(
    home: Home, feed_name: str, path: Path, mapping: Path | None = None, *, rows: int | None = None
) -> Explanation:
    """What loading the file into that feed would do; reads all of it, or about the first `rows` rows.

    Raises TongmaiError: `unknown_feed`, `no_such_file`, `bad_mapping`, `bad_feeds_file`.
    """
    (arrival,) = staging.given([(feed_name, path)])
    feed = FEEDS[feed_name]
    known = choosing.candidates(home, feed, mapping)
    choice = Choice(known[0], "explicit") if mapping else Choice(NO_MAPPING, "none")
    fault = inbox.fault("empty_file") if not arrival.size_bytes else None
    found: list[Profile] = []
    if fault is None:
        try:
            choice = choosing.choose_for(path, feed, known, is_explicit=mapping is not None)
            found = profiles(_first_rows(path, feed, choice.mapping))
        except FileError as error:
            fault = Fault(error.reason, *error.text)
    tables: tuple[TableReport, ...] = ()
    outcome = RowsReport(is_complete=False)
    task = _task(arrival, choice.mapping)
    if found:
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute("SET TimeZone = 'Asia/Shanghai'")
            tables = tuple(
                table_report(profile, feed, choice.mapping.of(profile.header), connection) for profile in found
            )
        outcome, fault = scan(home, task, rows)
    return Explanation(
        feed.name,
        arrival.name,
        arrival.size_bytes,
        choice.reason,
        choice.mapping.name,
        choice.mapping.digest,
        landing.Readings(home).is_in_force(feed.name, task.segment_id),
        fault,
        tables,
        outcome,
        _better_feed(feed, [profile.header for profile in found]),
    )


def _task(arrival: Arrival, mapping: FieldMapping) -> FileTask:
    """The task that staging would make of the file."""
    content = inbox.sha256(arrival.path)
    return FileTask(
        arrival.feed,
        arrival.path,
        arrival.name,
        content,
        arrival.size_bytes,
        arrival.mtime_ns,
        arrival.received_at,
        segment_id(arrival.feed, content, mapping.digest, FEEDS[arrival.feed].version),
        mapping,
        is_inbox=False,
    )


def _first_rows(path: Path, feed: Feed, mapping: FieldMapping) -> list[RawTable]:
    """The file's first tables, whatever their headers are. Raises FileError when not one can be read."""
    tables: list[RawTable] = []
    count = 0
    try:
        for table in open_tables(path, feed, replace(mapping, is_probe=True)):
            raw, _ = without_added(table, feed.name)
            origin = located(raw, feed, mapping).origin  # it notes what has been made of points
            tables.append(replace(raw, origin=origin, table=raw.table.slice(0, PROFILED_ROWS - count)))
            count += raw.table.num_rows
            if count >= PROFILED_ROWS:
                break
    except FileError:
        if not tables:
            raise
    return tables


def _better_feed(feed: Feed, headers: Sequence[Sequence[str]]) -> BetterFeed | None:
    """The feed of which the headers name most fields, when that is clearly another one."""
    if not headers:
        return None
    header = max(headers, key=len)
    counts = {name: _recognised(other, header) for name, other in FEEDS.items()}
    best = max(counts, key=lambda name: (counts[name], name == feed.name))
    if counts[best] < 3 or counts[best] < counts[feed.name] + 2:
        return None
    return BetterFeed(best, counts[best], counts[feed.name], sum(1 for text in header if text.strip()))


def _recognised(feed: Feed, header: Sequence[str]) -> int:
    layout = resolve(feed, header, FieldMapping(is_probe=True))
    return sum(1 for binding in layout.bindings if binding.index is not None)
