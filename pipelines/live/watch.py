"""The watch: every few seconds what has arrived is staged, the live store goes on, the live file is published.

Belongs here: the loop, its rhythm and what it says. Does not belong here: any of the steps.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from itertools import count
from zoneinfo import ZoneInfo

import duckdb

from pipelines.interrupts import remembered_interrupts
from pipelines.live.publication import is_published, publish_live
from pipelines.live.store import Increment, LiveStore, open_store
from pipelines.staging import StagedFile, stage_files
from store.connections import BUSINESS_TIME_ZONE
from store.home import Home
from store.locks import hold, is_held
from store.messages import Text, TongmaiError, progress

STAGE = "live"
HEARTBEAT_S = 60.0


def live(home: Home, *, every_s: float, iterations: int | None = None) -> None:
    """Watch the inbox until Ctrl-C (or SIGTERM), or for so many `iterations`: one round every `every_s` seconds.

    Takes the locks `live` and, while it stages, `ingest`; never `warehouse`, so that a nightly build and the
    live figures do not wait for each other. What fails in one round is told once and tried again in the next.
    Raises TongmaiError: `locked` when another process watches this home, `live_store_unusable`.
    """
    with hold(home, "live"), open_store(home) as store, remembered_interrupts() as interrupts:
        watch = Watch(home, store, interrupts)
        try:
            watch.run(every_s, iterations)
        except KeyboardInterrupt:
            progress(
                STAGE,
                "已停止：没有丢失任何数据，再次启动会接着做。",
                "stopped: nothing is lost, the next start goes on from here",
            )


class Watch:
    """The rounds of one `tongmai live`, and what it has already told."""

    def __init__(self, home: Home, store: LiveStore, interrupts: Sequence[int] = ()) -> None:
        self._home = home
        self._store = store
        self._interrupts = interrupts
        self._told: set[tuple[str, ...]] = set()
        self._spoke_s = time.monotonic()
        self._is_published = False  # not known: an earlier watch may have ended between its commit and its swap

    def run(self, every_s: float, iterations: int | None) -> None:
        """Round after round; a round that takes longer than `every_s` is followed by the next at once."""
        progress(STAGE, "盯住收件箱；Ctrl-C 结束。", "watching the inbox; Ctrl-C ends")
        for number in count(1):
            started_s = time.monotonic()
            self.round()
            if number == iterations:
                return
            time.sleep(max(every_s - (time.monotonic() - started_s), 0.0))

    def round(self) -> None:
        """Stage, consume, publish; errors that a person can act on are told, and the next round tries again."""
        try:
            self._stage()
            increment = self._store.consume()
            self._publish(increment)
        except TongmaiError as error:
            self._heed(error)
            self._tell_once(("error", error.reason, error.text.en), error.text)
        except (duckdb.Error, OSError, RuntimeError) as error:
            self._heed(error)
            detail = str(error).strip().splitlines()[-1][:200] or type(error).__name__
            text = Text(f"本轮未完成，下一轮重试：{detail}", f"this round failed and is tried again: {detail}")
            self._tell_once(("error", detail), text)
        else:
            self._report(increment)

    def _heed(self, error: Exception) -> None:
        if self._interrupts:  # that was no failure but Ctrl-C, as DuckDB or Beam put it
            raise KeyboardInterrupt from error

    def _stage(self) -> None:
        if is_held(self._home, "ingest"):
            return  # a nightly ingest is staging; what it stages is consumed as well
        self._tell_faults(stage_files(self._home))

    def _publish(self, increment: Increment) -> None:
        if self._is_published and not increment.windows:
            return
        self._is_published = False
        if not is_published(self._home, self._store):
            publish_live(self._home, self._store)
        self._is_published = True

    def _tell_faults(self, files: Sequence[StagedFile]) -> None:
        for file in files:
            if file.status == "failed" and file.fault is not None:
                where = f"{file.feed}/{file.file}"
                zh, en = f"未能入库 {where}：{file.fault.zh}", f"not taken {where}: {file.fault.en}"
                self._tell_once((where, file.fault.reason), Text(zh, en))

    def _tell_once(self, key: tuple[str, ...], text: Text) -> None:
        if key not in self._told:
            self._told.add(key)
            self._say(text.zh, text.en)

    def _report(self, increment: Increment) -> None:
        if increment.segments:
            tail = f"{_clock(increment.newest_event_at)}, {increment.seconds:.1f} s"
            self._say(
                f"{increment.segments} 个文件，{increment.versions} 个新版本，{increment.windows} 行窗口有变"
                f"（最新事件 {tail}）",
                f"{increment.segments} files, {increment.versions} new versions, {increment.windows} rows of windows "
                f"changed (newest event {tail})",
            )
        elif time.monotonic() - self._spoke_s >= HEARTBEAT_S:
            newest = _clock(increment.newest_event_at)
            self._say(f"无新文件（最新事件 {newest}）", f"nothing new (newest event {newest})")

    def _say(self, zh: str, en: str) -> None:
        self._spoke_s = time.monotonic()
        progress(STAGE, zh, en)


def _clock(instant: datetime | None) -> str:
    return f"{instant.astimezone(ZoneInfo(BUSINESS_TIME_ZONE)):%Y-%m-%d %H:%M}" if instant else "–"
