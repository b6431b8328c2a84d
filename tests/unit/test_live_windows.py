"""The windowed transform on a stream: late, amended and disordered events end in what one batch gives."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_pipeline import TestPipeline as StreamPipeline
from apache_beam.testing.test_stream import TestStream as EventStream
from apache_beam.testing.util import assert_that
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from pipelines.live.versions import OrderVersion, TicketVersion
from pipelines.live.windows import SupplyDemand15Min, WindowSums, sum_windows

NINE = 1_764_550_800  # 2025-12-01T09:00 in Shanghai, a full hour
MINUTE_US = 60_000_000
Versions = Sequence[OrderVersion | TicketVersion]
Cells = dict[tuple[int, str, str], tuple[int, ...]]


def at(minute: float) -> int:
    """Microseconds since the epoch, `minute` minutes after nine."""
    return int(NINE * 1_000_000 + minute * MINUTE_US)


def order(name: str, said: float, district: str, pour: float, m3: float = 30.0, *, gone: bool = False) -> OrderVersion:
    """A version of an order, said and for a pour so many minutes after nine."""
    return OrderVersion(name, at(said), f"{name}@{said}", district, "c30_c35", m3, at(pour), gone)


def ticket(name: str, order_id: str, said: float, m3: float = 8.0, **values: object) -> TicketVersion:
    """A version of a ticket, said so many minutes after nine."""
    plain = TicketVersion(name, at(said), f"{name}@{said}", order_id, "c30_c35", m3, None, None, None, None, None, None)
    return plain._replace(**values)  # type: ignore[arg-type]


O1, O1_ELSEWHERE = order("O1", 0, "A", 5), order("O1", 70, "B", 20, 28.0)
O2, O2_CANCELLED = order("O2", 3, "A", 50, 12.0), order("O2", 6, "A", 50, 12.0, gone=True)
T1_LEAVES, T1_ARRIVES = ticket("T1", "O1", 2, batched_us=at(2)), ticket("T1", "O1", 21, arrived_us=at(21))
T1_RETURNS = ticket("T1", "O1", 40, discharged_us=at(31), returned_m3=1.5, is_delivered=True)
T2 = ticket("T2", "O2", 8, 9.0, discharged_us=at(14.99))
T2_REJECTED = ticket("T2", "O2", 55, 9.0, is_delivered=False)
T2_MOVED = ticket("T2", "O1", 90, 9.0, is_delivered=True)
T3_OF_NOBODY = ticket("T3", "O9", 15, 6.0, discharged_us=at(15))
EVERYTHING: Versions = [
    O1, O2, T1_LEAVES, T1_ARRIVES, T1_RETURNS, O1_ELSEWHERE, O2_CANCELLED, T2, T2_REJECTED, T2_MOVED, T3_OF_NOBODY
]  # fmt: skip

EXPECTED: Cells = {  # (window's minute after nine, district, class): ordered, cancelled, delivered litres, tickets
    (at(15), "B", "c30_c35"): (28000, 0, 0, 0),
    (at(30), "B", "c30_c35"): (0, 0, 6500, 1),
    (at(0), "B", "c30_c35"): (0, 0, 9000, 1),
    (at(45), "A", "c30_c35"): (12000, 12000, 0, 0),
    (at(15), "unknown", "c30_c35"): (0, 0, 6000, 1),
}


def newest(sums: Iterable[WindowSums]) -> Cells:
    """The newest revision per window and place; what fell back to nothing is left out."""
    cells: dict[tuple[int, str, str], WindowSums] = {}
    for row in sorted(sums, key=lambda row: row.revision):
        cells[row[:3]] = row
    return {key: row[3:7] for key, row in cells.items() if any(row[3:7])}


def in_one_batch(versions: Versions, target: Path) -> Cells:
    """The increment's sums, as the live store reads them."""
    tables = []
    for kind in (OrderVersion, TicketVersion):
        rows = [version for version in versions if isinstance(version, kind)]
        columns = list(zip(*rows, strict=True))
        tables.append(pa.table(list(map(pa.array, columns)), names=list(kind._fields)))
    sum_windows(tables[0], tables[1], target)
    return newest(WindowSums(*row.values()) for row in pq.read_table(target).to_pylist())


def on_a_stream(stream: EventStream, check: Callable[[list[WindowSums]], None]) -> None:
    """Run the transform on the stream; `check` gets every pane of every window."""
    with StreamPipeline(options=PipelineOptions(["--streaming"])) as pipeline:
        assert_that(pipeline | stream | SupplyDemand15Min(), check)


def equals(expected: Cells, *, least_revision: int = 0) -> Callable[[list[WindowSums]], None]:
    def check(panes: list[WindowSums]) -> None:
        assert panes, "nothing came out"
        assert max(pane.revision for pane in panes) >= least_revision, "no window was revised"
        assert newest(panes) == expected

    return check


def add(stream: EventStream, minute: float, *versions: OrderVersion | TicketVersion) -> EventStream:
    """Versions that arrive with an event time of so many minutes after nine."""
    return stream.add_elements([TimestampedValue(version, Timestamp(micros=at(minute))) for version in versions])


def until(stream: EventStream, minute: float) -> EventStream:
    """The watermark: nothing older than this is expected any more."""
    return stream.advance_watermark_to(Timestamp(micros=at(minute)))


def test_one_batch_gives_the_sums(tmp_path: Path) -> None:
    assert in_one_batch(EVERYTHING, tmp_path / "sums.parquet") == EXPECTED


def test_late_and_amended_events_revise_windows_that_were_told_already() -> None:
    stream = until(EventStream(), 0)
    stream = until(add(stream, 2, T1_LEAVES), 10)  # before its order is known
    stream = until(add(stream, 5, O1), 20)
    stream = until(add(stream, 31, T1_RETURNS), 60)  # out of order: the arrival is still to come
    stream = until(add(stream, 50, O2_CANCELLED, O2), 80)  # late: their window has closed; the newer one first
    stream = until(add(stream, 21, T1_ARRIVES), 81)
    stream = until(add(stream, 14, T2, T3_OF_NOBODY), 90)
    stream = until(add(stream, 20, O1_ELSEWHERE), 120)  # amended: everything of it moves to another district
    stream = until(add(stream, 14, T2_REJECTED), 180)
    stream = add(stream, 14, T2_MOVED)
    on_a_stream(stream.advance_watermark_to_infinity(), equals(EXPECTED, least_revision=1))


def test_any_order_of_arrival_ends_in_the_same_sums() -> None:
    chance = random.Random(20251201)
    stream = EventStream()
    for step, version in enumerate(chance.sample(EVERYTHING, len(EVERYTHING))):
        stream = add(until(stream, 20 * step), chance.uniform(0, 60), version)
    on_a_stream(stream.advance_watermark_to_infinity(), equals(EXPECTED))


def test_an_event_after_its_time_changes_nothing() -> None:
    stream = until(add(EventStream(), 2, O2, T2), 60)
    stream = until(stream, 49 * 60)  # more than 48 hours after those windows
    stream = add(stream, 14, ticket("T4", "O2", 49 * 60, discharged_us=at(12)))
    expected = {(at(45), "A", "c30_c35"): (12000, 0, 0, 0), (at(0), "A", "c30_c35"): (0, 0, 9000, 1)}
    on_a_stream(stream.advance_watermark_to_infinity(), equals(expected))
