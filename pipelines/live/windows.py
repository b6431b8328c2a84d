"""The Beam graph of the live figures: versions of orders and tickets in, sums per 15-minute window out.

Belongs here: windows, state, timers, wiring. Does not belong here: what a version means (`versions`), where
rows come from and go to (`store`). Only portable primitives, so that the same graph runs on other runners.

Nothing is ever overwritten on the way: a change travels as a signed pair, what was said before with a minus and
what holds now with a plus. Sums of such pairs are the same in any order, so late and amended events need no
special case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.coders import PickleCoder
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner, worker_handlers
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.trigger import AccumulationMode, AfterCount, AfterWatermark
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Duration, Timestamp

from pipelines.live.books import OrderBook, deliver, reorder, settle
from pipelines.live.versions import Delivery, OrderVersion, TicketVersion, Volumes

WINDOW_S = 15 * 60
KEPT_S = 48 * 3600  # how late an event may still change its window
POUR_S = 14 * 24 * 3600  # the longest pour that the contract of orders allows

Change = tuple[tuple[str, str], tuple[int, ...]]  # ((district_code, grade_class), signed volumes)


class WindowSums(NamedTuple):
    """One window of one district and grade class. A later revision (0, 1, …) replaces an earlier one."""

    window_start_us: int
    district_code: str
    grade_class: str
    ordered_l: int
    cancelled_l: int
    delivered_l: int
    tickets: int
    revision: int


class SupplyDemand15Min(beam.PTransform):  # type: ignore[misc]
    """OrderVersion and TicketVersion, in any order -> WindowSums, accumulating.

    Ordered volume counts at the planned start of the pour, delivered volume when it was discharged (arrived,
    departed, batched: the first known), in the district of the ticket's order and the ticket's own grade class.
    Windows are aligned to the clock and take corrections for `kept_s` seconds of event time.
    """

    def __init__(self, kept_s: int = KEPT_S) -> None:
        super().__init__()
        self._kept_s = kept_s

    def expand(self, versions: beam.PCollection) -> beam.PCollection:
        """Tickets settle into deliveries, deliveries meet their order, both are summed."""
        retention_s = self._kept_s + POUR_S
        orders = versions | "Orders" >> beam.ParDo(KeyVersions(OrderVersion)).with_output_types(tuple[str, Any])
        tickets = versions | "Tickets" >> beam.ParDo(KeyVersions(TicketVersion)).with_output_types(tuple[str, Any])
        deliveries = tickets | "Settle" >> beam.ParDo(SettleTicket(retention_s)).with_output_types(tuple[str, Any])
        return (
            (orders, deliveries)
            | "Meet" >> beam.Flatten()
            | "Locate" >> beam.ParDo(LocateVolumes(retention_s)).with_output_types(Change)
            | "Windows"
            >> beam.WindowInto(
                beam.window.FixedWindows(WINDOW_S),
                trigger=AfterWatermark(late=AfterCount(1)),
                accumulation_mode=AccumulationMode.ACCUMULATING,
                allowed_lateness=Duration(seconds=self._kept_s),
            )
            | "Sum" >> beam.CombinePerKey(SumVolumes())
            | "Rows" >> beam.ParDo(AsWindowSums())
        )


class KeyVersions(beam.DoFn):  # type: ignore[misc]
    """Versions of one kind, keyed by their id."""

    def __init__(self, kind: type[OrderVersion] | type[TicketVersion]) -> None:
        super().__init__()
        self._kind = kind

    def process(self, version: OrderVersion | TicketVersion) -> Iterator[tuple[str, Any]]:
        """At most one element."""
        if isinstance(version, self._kind):
            yield version[0], version


class Retaining(beam.DoFn):  # type: ignore[misc]
    """Something is kept of each key until its last instant is too old to change a window that is still kept."""

    EXPIRY = TimerSpec("expiry", TimeDomain.WATERMARK)
    KEPT = beam.DoFn.StateParam(ReadModifyWriteStateSpec("kept", PickleCoder()))
    ALARM = beam.DoFn.TimerParam(EXPIRY)

    def __init__(self, retention_s: int) -> None:
        super().__init__()
        self._retention = Duration(seconds=retention_s)

    def keep(self, state: Any, alarm: Any, kept: Any, last_us: int) -> None:
        """Keep it, until the retention after its last instant is over."""
        state.write(kept)
        alarm.set(Timestamp(micros=last_us) + self._retention)

    @on_timer(EXPIRY)  # type: ignore[untyped-decorator]
    def forget(self, state: Any = KEPT) -> None:
        """What is this old changes no window that is still kept."""
        state.clear()


class SettleTicket(Retaining):
    """Versions of a ticket -> signed deliveries, keyed by order."""

    def process(
        self,
        element: tuple[str, TicketVersion],
        state: Any = Retaining.KEPT,
        alarm: Any = Retaining.ALARM,
    ) -> Iterator[tuple[str, Delivery]]:
        """Take back what the ticket delivered so far, and assert what it delivers now, when these differ."""
        known: dict[str, TicketVersion] = state.read() or {}
        settled = list(settle(known, element[1]))
        last_us = max(version.delivered_us or version.version_at_us for version in known.values())
        self.keep(state, alarm, known, last_us)
        for change in settled:
            yield change.order_id, change


class LocateVolumes(Retaining):
    """Versions of an order and its signed deliveries -> signed volumes per place, at their instants.

    A delivery whose order is not known yet counts in district `unknown`, and moves when the order arrives.
    """

    def process(
        self,
        element: tuple[str, OrderVersion | Delivery],
        state: Any = Retaining.KEPT,
        alarm: Any = Retaining.ALARM,
    ) -> Iterator[Any]:
        """Each element is what changes a place's sums."""
        book: OrderBook = state.read() or OrderBook()
        change = element[1]
        located = list(deliver(book, change) if isinstance(change, Delivery) else reorder(book, change))
        self.keep(state, alarm, book, book.last_us)
        for place, volumes in located:
            key = (place.district_code, place.grade_class)
            yield beam.window.TimestampedValue((key, tuple(volumes)), Timestamp(micros=place.instant_us))


class SumVolumes(beam.CombineFn):  # type: ignore[misc]
    """Volumes term by term."""

    def create_accumulator(self) -> Volumes:
        return Volumes()

    def add_input(self, accumulator: Volumes, volumes: tuple[int, ...]) -> Volumes:
        return accumulator.plus(Volumes._make(volumes))

    def merge_accumulators(self, accumulators: Iterable[Volumes]) -> Volumes:
        return Volumes(*map(sum, zip(*accumulators, strict=True)))

    def extract_output(self, accumulator: Volumes) -> Volumes:
        return accumulator


class AsWindowSums(beam.DoFn):  # type: ignore[misc]
    """A pane's sums with its window and number."""

    def process(
        self,
        element: tuple[tuple[str, str], Volumes],
        window: Any = beam.DoFn.WindowParam,
        pane: Any = beam.DoFn.PaneInfoParam,
    ) -> Iterator[WindowSums]:
        """One row."""
        (district_code, grade_class), volumes = element
        yield WindowSums(window.start.micros, district_code, grade_class, *volumes, pane.index)


class ReadVersions(beam.DoFn):  # type: ignore[misc]
    """An Arrow table of versions -> versions; its columns are the fields, in order."""

    def process(self, element: tuple[type[OrderVersion] | type[TicketVersion], pa.Table]) -> Iterator[Any]:
        """One element per row."""
        kind, table = element
        yield from map(kind._make, zip(*(column.to_pylist() for column in table.columns), strict=True))


class WriteSums(beam.DoFn):  # type: ignore[misc]
    """All sums of an increment -> one Parquet file; whoever started the increment reads it when it is done."""

    def __init__(self, target: Path) -> None:
        super().__init__()
        self._target = target

    def process(self, element: tuple[None, Iterable[WindowSums]]) -> None:
        """Nothing is passed on: the file is the result."""
        columns = zip(*element[1], strict=True)
        pq.write_table(pa.table(list(map(pa.array, columns)), names=list(WindowSums._fields)), self._target)


def sum_windows(orders: pa.Table, tickets: pa.Table, target: Path) -> None:
    """Run one bounded increment in this process: every window that these versions touch, into Parquet at `target`.

    The tables' columns are the fields of OrderVersion and TicketVersion. No row, no file. Raises RuntimeError
    when a step fails.
    """
    target.unlink(missing_ok=True)
    worker_handlers.STATE_CACHE_SIZE_MB = 0  # in this process the cache saves nothing, and weighing values costs 4x
    with beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([])) as pipeline:
        _ = (
            pipeline
            | "Increment" >> beam.Create([(OrderVersion, orders), (TicketVersion, tickets)], reshuffle=False)
            | "Versions" >> beam.ParDo(ReadVersions())
            | SupplyDemand15Min()
            | "Together" >> beam.WithKeys(None)
            | "Global" >> beam.WindowInto(beam.window.GlobalWindows())
            | "Gather" >> beam.GroupByKey()
            | "Write" >> beam.ParDo(WriteSums(target))
        )
