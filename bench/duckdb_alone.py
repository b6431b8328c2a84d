"""The intake's limit: DuckDB alone, one script for one feed, doing what Tongmai does to the rows of `bench.tickets`.

Belongs here: reading, typing, the contract's checks, rejects with their reasons, flags, content hash, deduplication,
ledger and `raw` in one transaction: by hand, the fastest way found. One thread: two took more CPU. Does not belong
here: what the limit does without, such as other spellings, headers, units and encodings, landing segments, crash
safety between reading and loading. DuckDB's own reader of spreadsheets is a download, so XLSX is read by calamine.

    python -m bench.duckdb_alone FILE WAREHOUSE
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from bench.ticket_rows import EVENTS, GRADE, NUMBERS, REQUIRED, STATUS
from bench.tickets import COLUMNS

SHANGHAI_US = 8 * 3600 * 1_000_000
RAW = {
    **dict.fromkeys(("ticket_id", "order_id", "plant_id", "truck_id", "driver_id", "grade"), "VARCHAR"),
    **dict.fromkeys(("load_m3", "cumulative_m3"), "DOUBLE"),
    **dict.fromkeys(EVENTS, "TIMESTAMPTZ"),
    **dict.fromkeys(("slump_plant_mm", "slump_site_mm"), "INTEGER"),
    **dict.fromkeys(("water_added_l", "haul_km"), "DOUBLE"),
    **{"status": "VARCHAR", "rejected_reason": "VARCHAR", "returned_m3": "DOUBLE"},
    **dict.fromkeys(("updated_at", "known_at", "_version_at"), "TIMESTAMPTZ"),
    **dict.fromkeys(("_content_hash", "_segment_id", "_source_file"), "VARCHAR"),
    **{"_source_row": "BIGINT", "_flags": "VARCHAR[]", "_extra": "JSON"},
}
TABLES = f"""
    SET TimeZone = 'Asia/Shanghai';
    CREATE SCHEMA raw;
    CREATE TABLE raw.versions ({", ".join(f"{name} {type_}" for name, type_ in RAW.items())});
    CREATE TABLE raw.rejects (segment_id VARCHAR, source_row BIGINT, reason VARCHAR, raw_text VARCHAR);
    CREATE TABLE raw.ledger (
        segment_id VARCHAR PRIMARY KEY, source_file VARCHAR, sha256 VARCHAR, rows_read BIGINT, rows_loaded BIGINT,
        rows_duplicate BIGINT, rows_rejected BIGINT, committed_at TIMESTAMPTZ
    )
"""


def load(source: Path, warehouse: Path) -> None:
    """Load the tickets of one file, read as its suffix says."""
    with source.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    received_at = datetime.fromtimestamp(source.stat().st_mtime, UTC)
    with duckdb.connect(str(warehouse), config={"threads": 1}) as connection:
        connection.execute(TABLES)
        if source.suffix == ".xlsx":
            connection.register("sheet", _sheet(source))
        connection.execute("BEGIN")
        connection.execute(f"CREATE TEMP TABLE judged AS {judged(source)}", [received_at])
        lineage = {"_segment_id": f"'{sha256[:16]}'", "_source_file": f"'{source.name}'"}
        connection.execute("""
            CREATE TEMP TABLE repeated AS SELECT _content_hash, min(_source_row) AS first_row
            FROM judged WHERE _fault IS NULL GROUP BY _content_hash HAVING count(*) > 1
        """)
        inserted = connection.execute(f"""
            INSERT INTO raw.versions SELECT {", ".join(lineage.get(name, name) for name in RAW)} FROM judged
            WHERE _fault IS NULL AND _content_hash NOT IN (SELECT _content_hash FROM raw.versions) AND NOT EXISTS (
                FROM repeated WHERE repeated._content_hash = judged._content_hash AND first_row < judged._source_row
            )
        """).fetchall()
        loaded = inserted[0][0]
        connection.execute(
            "INSERT INTO raw.rejects SELECT ?, _source_row, _fault, _text FROM judged WHERE _fault IS NOT NULL",
            [sha256[:16]],
        )
        connection.execute(
            "INSERT INTO raw.ledger SELECT ?, ?, ?, count(*), ?, count(*) - count(_fault) - ?, count(_fault), now() "
            "FROM judged",
            [sha256[:16], source.name, sha256, loaded, loaded],
        )
        connection.execute("COMMIT")


def judged(source: Path) -> str:
    """SQL: the file's rows typed, checked (`_fault`), flagged and hashed. Parameter: received_at."""
    given = [f"in_{name}" for name in COLUMNS]
    absent = [name for name in RAW if name not in (*COLUMNS, "known_at") and not name.startswith("_")]
    texts = ", ".join(f"nullif(trim({name}), '') AS in_{name}" for name in COLUMNS)
    typed = [f"{_typed(name)} AS {name}" for name in COLUMNS]
    typed += [f"CAST(NULL AS {RAW[name]}) AS {name}" for name in absent]
    faults = " ".join(f"WHEN {condition} THEN '{reason}'" for condition, reason in _faults())
    hashed = ", chr(31), ".join(f"epoch_us({name})" if name in EVENTS else name for name in COLUMNS)
    whole = ", ".join(f"{name}: in_{name}" for name in COLUMNS)
    return f"""
        WITH cells AS (SELECT {texts}, row_number() OVER () AS _source_row FROM {_reader(source)}),
        typed AS (SELECT *, {", ".join(typed)} FROM cells),
        judged AS (SELECT *, CASE {faults} END AS _fault FROM typed)
        SELECT * EXCLUDE ({", ".join(given)}), ?::TIMESTAMPTZ AS known_at, known_at AS _version_at,
            md5(concat({hashed})) AS _content_hash, CAST([] AS VARCHAR[]) AS _flags, NULL::JSON AS _extra,
            CASE WHEN _fault IS NOT NULL THEN to_json({{{whole}}}) END AS _text
        FROM judged
    """


def _reader(source: Path) -> str:
    types = ", ".join(f"{name}: 'VARCHAR'" for name in COLUMNS)
    readers = {
        ".csv": f"read_csv('{source}', header = true, all_varchar = true)",
        ".jsonl": f"read_json('{source}', format = 'newline_delimited', columns = {{{types}}})",
        ".parquet": f"read_parquet('{source}')",
    }
    return readers.get(source.suffix, "sheet")


def _sheet(source: Path) -> pa.Table:
    from python_calamine import CalamineWorkbook

    header, *rows = CalamineWorkbook.from_path(source).get_sheet_by_index(0).to_python()
    columns = [pa.array(map(str, cells), pa.string()) for cells in zip(*rows, strict=True)]
    return pa.table(columns, names=list(map(str, header)))


def _typed(name: str) -> str:
    text = f"in_{name}"
    if RAW[name] == "DOUBLE":
        return f"TRY_CAST({text} AS DOUBLE) + 0.0"
    if RAW[name] == "INTEGER":
        return f"TRY_CAST({text} AS INTEGER)"
    if name in EVENTS:  # the arithmetic is three times as fast as a cast through the time zone
        return f"make_timestamptz(epoch_us(TRY_CAST({text} AS TIMESTAMP)) - {SHANGHAI_US})"
    if name == "status":
        cases = " ".join(f"WHEN '{known}' THEN '{code}'" for code, texts in STATUS.items() for known in texts)
        return f"CASE lower({text}) {cases} END"
    return f"CASE WHEN regexp_full_match({text}, '{GRADE}') THEN {text} END" if name == "grade" else text


def _faults() -> Iterator[tuple[str, str]]:
    """Every way in which a ticket can be wrong: SQL condition, reason."""
    for name in REQUIRED:
        yield f"in_{name} IS NULL", f"missing_required:{name}"
    for name in (*NUMBERS, *EVENTS, "status", "grade"):
        yield f"(in_{name} IS NOT NULL AND {name} IS NULL)", f"unreadable:{name}"
    first, last = "TIMESTAMPTZ '1991-09-15 00:00:00+08'", "TIMESTAMPTZ '2100-01-01 00:00:00+08'"
    for name in EVENTS:
        yield f"({name} < {first} OR {name} >= {last})", f"bad_timestamp:{name}"
    for name, (low, high) in NUMBERS.items():
        yield f"({name} < {low} OR {name} > {high} OR NOT isfinite({name}))", f"out_of_range:{name}"
    yield "load_m3 <= 0", "out_of_range:load_m3"
    for index, name in enumerate(EVENTS[1:], 1):
        yield f"{name} < greatest({', '.join(EVENTS[:index])})", "times_decrease"
    yield "departed_at > batched_at + INTERVAL 24 HOUR", "departed_late"


if __name__ == "__main__":
    load(Path(sys.argv[1]), Path(sys.argv[2]))
