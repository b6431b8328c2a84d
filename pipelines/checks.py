"""Checks: a contract and a layout compiled to one SELECT, run over Arrow blocks.

Belongs here: turning declarations into SQL, running it, telling rejected rows from skipped ones. Does not
belong here: how a kind of value is read (`pipelines.readings`), nor any particular rule (the contracts).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import crs, readings
from pipelines.blocks import Block, Checked, Tally
from pipelines.faults import UNREADABLE, row_sentence
from pipelines.feeds.contract import Field, Kind
from pipelines.layout import Binding, Layout
from pipelines.readings import quote
from pipelines.rejects import Reject, is_no_data, reject_table, row_text
from pipelines.tidy import tidy
from store.connections import BUSINESS_TIME_ZONE
from store.messages import Text

_PHONE = "(^|[^0-9])1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}([^0-9]|$)"


@dataclass(frozen=True)
class RowFault:
    """One way in which a row can be wrong."""

    condition: str
    reason: str
    column: Field | None
    text: Text


@dataclass(frozen=True)
class Check:
    """A compiled check: its SELECT, and the faults that `_fault` numbers."""

    sql: str
    faults: tuple[RowFault, ...]


class Checker:
    """Runs checks on a DuckDB connection of its own. One per worker; close it when done."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute(f"SET TimeZone = '{BUSINESS_TIME_ZONE}'")
        crs.register(self._connection)

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def check(self, block: Block) -> Checked:
        """The block's typed rows, its rejects, and a tally per file. No row vanishes."""
        tallies: dict[int, Tally] = {}
        for file, count in block.skipped:
            tallies.setdefault(file, Tally()).rows_skipped += count
        rejects = [
            Reject(block.batch.files[file], row.source_row, row.reason, None, row_sentence(row.reason, None), text)
            for file, row in block.malformed
            for text in [row_text(block.layout, row)]
        ]
        rows: pa.Table | None = None
        if block.table is not None and block.layout is not None and block.table.num_rows:
            rows, faulty = self._run(block, block.layout, tallies)
            rejects += faulty
        for reject in rejects:
            tally = tallies.setdefault(block.batch.files.index(reject.file), Tally())
            tally.rows_rejected += 1
            tally.reasons[reject.reason] += 1
        return Checked(
            block.batch,
            block.number,
            rows if rows is not None and rows.num_rows else None,
            reject_table(rejects, block.batch.feed) if rejects else None,
            tallies,
            block.faults,
        )

    def _run(self, block: Block, layout: Layout, tallies: dict[int, Tally]) -> tuple[pa.Table, list[Reject]]:
        table = block.table
        assert table is not None
        check = compiled(layout)
        self._connection.register("block", _with_lineage(tidy(table, layout, self._key), block))
        result = self._connection.execute(check.sql).to_arrow_table()
        self._connection.unregister("block")
        files = table["_file"].to_numpy()
        fault = result["_fault"]
        is_good = np.ones(len(files), np.bool_)
        rejects: list[Reject] = []
        if fault.null_count < len(fault):
            is_good = pc.is_null(fault).to_numpy()
            rejects = _rejects(block, layout, check, table.filter(~is_good), fault.drop_null().to_pylist(), tallies)
        for file, count in Counter(files[is_good].tolist()).items():
            tally = tallies.setdefault(file, Tally())
            tally.rows_good += count
            tally.units |= {b.name: b.factor for b in layout.bindings if b.factor != 1.0}
        good = result if is_good.all() else result.filter(is_good)
        return good.drop_columns(["_fault"]), rejects


def _rejects(
    block: Block, layout: Layout, check: Check, rows: pa.Table, numbers: list[int], tallies: dict[int, Tally]
) -> list[Reject]:
    """Rejects of the faulty rows, less those that are blanks, totals or repeated headers."""
    rejects = []
    for row, number in zip(rows.to_pylist(), numbers, strict=True):
        file, cells = row["_file"], [row[f"c{index}"] for index in range(len(layout.header))]
        fault = check.faults[number]
        if is_no_data(cells, layout.header, lacks_required=fault.reason == "missing_required"):
            tallies.setdefault(file, Tally()).rows_skipped += 1
            continue
        text = row_text(layout, cells)
        rejects.append(
            Reject(block.batch.files[file], row["_source_row"], fault.reason, fault.column, fault.text, text)
        )
    return rejects


def _with_lineage(table: pa.Table, block: Block) -> pa.Table:
    index = pa.chunked_array([chunk.cast(pa.int32()) for chunk in table["_file"].chunks], pa.int32()).combine_chunks()
    files = block.batch.files

    def per_file(values: list[object], type_: pa.DataType) -> pa.Array:
        return pa.DictionaryArray.from_arrays(index, pa.array(values, type_))

    table = table.append_column("_segment_id", per_file([file.segment_id for file in files], pa.string()))
    table = table.append_column("_source_file", per_file([file.name for file in files], pa.string()))
    received_at = pa.array([file.received_at for file in files], pa.timestamp("us", tz="UTC"))
    return table.append_column("_received_at", received_at.take(index))


@lru_cache(maxsize=512)
def compiled(layout: Layout) -> Check:
    """The check of that layout."""
    feed = layout.feed
    values = {
        binding.name: dict(codes)
        for binding in layout.bindings
        for name, codes in layout.mapping.values
        if name == binding.name
    }
    bindings = {binding.name: binding for binding in layout.bindings}
    read = {column.name: _read(column, bindings.get(column.name), layout, values) for column in feed.all_fields}
    sources = {name: _source(binding) for name, binding in bindings.items()}
    faults = _faults(layout, sources)
    hashed = ", chr(31), ".join(_canonical(column) for column in feed.all_fields if column.name != "known_at")
    extra = _extra(layout, sources, values)
    typed = ", ".join(f'{sql} AS "{name}"' for name, sql in read.items())
    cases = " ".join(f"WHEN {fault.condition} THEN {number}" for number, fault in enumerate(faults))
    sql = f"""
        WITH typed AS (SELECT * EXCLUDE (_received_at), _received_at, {typed} FROM block),
        located AS (SELECT * {_relocated(layout)}, CAST({extra} AS VARCHAR) AS _extra FROM typed),
        judged AS (SELECT *, {_flags(layout, sources, values)} AS _flags, CASE {cases} END AS _fault FROM located)
        SELECT {", ".join(f'"{column.name}"' for column in feed.fields)},
            updated_at, coalesce(known_at, _received_at) AS known_at,
            coalesce(updated_at, known_at, _received_at) AS _version_at,
            md5(concat({hashed}, chr(31), _extra)) AS _content_hash,
            _segment_id, _source_file, _source_row, _flags, _extra, _fault
        FROM judged
    """
    return Check(sql, tuple(faults))


def _source(binding: Binding) -> str:
    return quote(binding.constant or "") if binding.index is None else f"c{binding.index}"


def _read(column: Field, binding: Binding | None, layout: Layout, values: dict[str, dict[str, str]]) -> str:
    default = quote(column.default) if column.default else f"CAST(NULL AS {column.sql_type})"
    if binding is None:
        return default
    type_ = "string" if binding.index is None else layout.types[binding.index]
    sql = readings.reading(
        column, _source(binding), "string" if type_ == "null" else type_, binding.factor, values.get(column.name, {}),
        districts=layout.mapping.districts,
    )  # fmt: skip
    return f"CASE WHEN {_source(binding)} IS NULL THEN {default} ELSE {sql} END" if column.default else sql


def _faults(layout: Layout, sources: dict[str, str]) -> list[RowFault]:
    """Every way a row of that layout can be wrong, in the order in which they are told."""
    feed = layout.feed

    def fault(condition: str, reason: str, column: Field) -> RowFault:
        return RowFault(condition, reason, column, row_sentence(reason, column))

    present = [column for column in feed.all_fields if column.name in sources]
    missing = [fault(f"{sources[c.name]} IS NULL", "missing_required", c) for c in present if c.required]
    unreadable = [
        fault(f'({sources[c.name]} IS NOT NULL AND "{c.name}" IS NULL)', UNREADABLE[c.kind], c)
        for c in present
        if c.kind in UNREADABLE and (c.kind is not Kind.TEXT or c.pattern)
    ]
    ranges = [fault(limits, "out_of_range", c) for c in present if (limits := _outside(c))]
    rules = [RowFault(f"({rule.violated})", rule.reason, feed.field(rule.column), rule.text) for rule in feed.rules]
    return missing + unreadable + ranges + rules


def _outside(column: Field) -> str:
    tests = []
    if column.low is not None:
        tests.append(f'"{column.name}" < {column.low:g}')
    if column.above is not None:
        tests.append(f'"{column.name}" <= {column.above:g}')
    if column.high is not None:
        tests.append(f'"{column.name}" > {column.high:.0f}')
    return f"({' OR '.join(tests)})" if tests else ""


def _canonical(column: Field) -> str:
    return f'epoch_us("{column.name}")' if column.kind is Kind.INSTANT else f'"{column.name}"'


def _relocated(layout: Layout) -> str:
    """Coordinates and geometries of another system replaced by WGS-84."""
    system = layout.mapping.crs
    if system == "WGS-84":
        return ""
    pairs = [
        f"{crs.function(system, axis)}({lon}, {lat}) AS {name}"
        for lon, lat in layout.feed.coordinates
        for axis, name in (("lon", lon), ("lat", lat))
    ]
    pairs += [
        f"{crs.function(system, 'geometry')}({column.name}) AS {column.name}"
        for column in layout.feed.fields
        if column.kind is Kind.GEOMETRY
    ]
    return f"REPLACE ({', '.join(pairs)})" if pairs else ""


def _is_other(column: Field, source: str, codes: dict[str, str]) -> str:
    text = readings.recode(source, codes) if codes else source
    known = ", ".join(quote(known) for known in readings.known_texts(column))
    return f'("{column.name}" = {quote(column.other or "")} AND lower({text}) NOT IN ({known}))'


def _others(layout: Layout, sources: dict[str, str], values: dict[str, dict[str, str]]) -> dict[str, str]:
    return {
        column.name: _is_other(column, sources[column.name], values.get(column.name, {}))
        for column in layout.feed.fields
        if column.other and column.name in sources
    }


def _flags(layout: Layout, sources: dict[str, str], values: dict[str, dict[str, str]]) -> str:
    feed = layout.feed
    flags = {f"other_{name}": condition for name, condition in _others(layout, sources, values).items()}
    flags |= {flag.name: flag.holds for flag in feed.flags}
    if "known_at" in sources:
        flags["known_at_is_assumed"] = "known_at IS NOT NULL"
    west, south, east, north = readings.bounding_box()
    for lon, lat in feed.coordinates:
        if lon in sources and lat in sources:
            flags["outside_city"] = (
                f"({lon} NOT BETWEEN {west:.4f} AND {east:.4f} OR {lat} NOT BETWEEN {south:.4f} AND {north:.4f})"
            )
    for column in feed.fields:
        if column.kind is Kind.DISTRICT:
            allowed = [*readings.district_names().values(), *layout.mapping.districts]
            codes = ", ".join(quote(code) for code in sorted(set(allowed)))
            flags["district_outside_city"] = f'"{column.name}" NOT IN ({codes})'
    if not flags:
        return "CAST([] AS VARCHAR[])"
    named = ", ".join(f"CASE WHEN {condition} THEN {quote(name)} END" for name, condition in sorted(flags.items()))
    raised = " OR ".join(f"coalesce({condition}, false)" for condition in flags.values())
    return (
        f"CASE WHEN {raised} THEN list_filter([{named}], lambda flag: flag IS NOT NULL) ELSE CAST([] AS VARCHAR[]) END"
    )


def _extra(layout: Layout, sources: dict[str, str], values: dict[str, dict[str, str]]) -> str:
    """Columns that the contract does not know, as one JSON object, keys sorted, nothing that is null."""
    kept: dict[str, str] = {}
    for index, header in layout.extras:
        type_ = layout.types[index]
        text = f"c{index}" if type_ == "string" else readings.as_text(f"c{index}", type_)
        kept[header] = f"to_json(regexp_replace({text}, {quote(_PHONE)}, '\\1***\\2', 'g'))"
    for name, condition in _others(layout, sources, values).items():
        kept[name] = f"CASE WHEN {condition} THEN to_json({sources[name]}) END"
    if not kept:
        return "NULL"
    entries = ", ".join(f"{quote(_json_key(header))} || {value}" for header, value in sorted(kept.items()))
    return f"CASE WHEN {' OR '.join(f'{v} IS NOT NULL' for v in kept.values())} THEN '{{' || concat_ws(',', {entries}) || '}}' END"


def _json_key(header: str) -> str:
    return '"' + header.replace("\\", "\\\\").replace('"', '\\"') + '":'
