"""The Beam graph of the intake: read, check and write fuse; only parts' names and counts are grouped.

Belongs here: wiring. Does not belong here: any computation (`reading`, `checks`, `landing` hold it).
Only ParDo and GroupByKey are used, so that the same graph runs on other runners.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipelines.blocks import Batch, Block, Checked, Part
from pipelines.checks import Checker
from pipelines.landing import commit_batch, write_part
from pipelines.privacy import load_key
from pipelines.reading import read_blocks
from store.home import Home


class ReadBlocks(beam.DoFn):  # type: ignore[misc]
    """Batch -> its blocks."""

    def process(self, batch: Batch) -> Iterator[Block]:
        """One element per block, in order."""
        yield from read_blocks(batch)


class CheckBlock(beam.DoFn):  # type: ignore[misc]
    """Block -> typed rows, rejects, tallies."""

    def __init__(self, home: Home) -> None:
        super().__init__()
        self._home = home

    def setup(self) -> None:
        """One DuckDB connection per worker; the key is read where it is used and never travels."""
        self._checker = Checker(load_key(self._home))

    def process(self, block: Block) -> Iterator[Checked]:
        """Exactly one element per block."""
        yield self._checker.check(block)

    def teardown(self) -> None:
        """Close the connection."""
        self._checker.close()


class WritePart(beam.DoFn):  # type: ignore[misc]
    """Checked block -> Parquet part; passes on names and counts only, keyed by batch."""

    def __init__(self, home: Home) -> None:
        super().__init__()
        self._home = home

    def process(self, checked: Checked) -> Iterator[tuple[str, Part]]:
        """Exactly one element per block."""
        yield checked.batch.batch_id, write_part(self._home, checked)


class CommitBatch(beam.DoFn):  # type: ignore[misc]
    """All parts of a batch -> its manifest."""

    def __init__(self, home: Home) -> None:
        super().__init__()
        self._home = home

    def process(self, element: tuple[str, Iterable[Part]]) -> None:
        """Nothing is passed on: the manifest is the result."""
        parts = list(element[1])
        for batch in (part.batch for part in parts if part.batch):
            commit_batch(self._home, batch, parts)


class Landing(beam.PTransform):  # type: ignore[misc]
    """Batches of files -> checked segments in the landing zone."""

    def __init__(self, home: Home) -> None:
        super().__init__()
        self._home = home

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """Read, check and write without a shuffle; then group the parts' manifests."""
        return (
            batches
            | "Read" >> beam.ParDo(ReadBlocks())
            | "Check" >> beam.ParDo(CheckBlock(self._home))
            | "Write" >> beam.ParDo(WritePart(self._home))
            | "Parts of a batch" >> beam.GroupByKey()
            | "Commit" >> beam.ParDo(CommitBatch(self._home))
        )


def land(home: Home, batches: Sequence[Batch]) -> None:
    """Run the graph over `batches` in this process. Raises RuntimeError when a step fails."""
    with beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([])) as pipeline:
        _ = pipeline | "Batches" >> beam.Create(list(batches), reshuffle=False) | Landing(home)
