"""The intake beside its limit: DuckDB alone reading, typing, checking, deduplicating and loading the same rows.

Belongs here: one made-up month of deliveries as CSV, JSON Lines and Parquet, and the SQL of the limit. Does not
belong here: dirty files, whose cost the limit does not bear.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from bench.processes import measure

ROWS = 300_000
FORMATS = ("csv", "jsonl", "parquet")
EVENTS = ("batched_at", "departed_at", "arrived_at", "discharge_started_at", "discharged_at", "returned_at")

LIMIT = """
import duckdb, sys
source, target = sys.argv[1:]
read = {{"csv": "read_csv(?, all_varchar = true)", "jsonl": "read_json(?, format = 'newline_delimited')"}}
con = duckdb.connect(target)
con.execute("SET TimeZone = 'Asia/Shanghai'")
con.execute(f'''
    CREATE TABLE loaded AS
    WITH typed AS (
        SELECT ticket_id, order_id, plant_id, truck_id, grade, TRY_CAST(load_m3 AS DOUBLE) AS load_m3, status,
            {events},
            md5(concat_ws('|', ticket_id, order_id, plant_id, truck_id, grade, load_m3, status, {names}))
                AS content_hash
        FROM {{read.get(source.rsplit('.')[-1], 'read_parquet(?)')}}
    )
    SELECT * FROM typed
    WHERE ticket_id IS NOT NULL AND order_id IS NOT NULL AND plant_id IS NOT NULL AND grade IS NOT NULL
        AND load_m3 > 0 AND load_m3 <= 25 AND departed_at >= batched_at AND arrived_at >= departed_at
        AND discharged_at >= discharge_started_at AND returned_at >= discharged_at
        AND regexp_matches(grade, '^L?C[0-9]+')
    QUALIFY row_number() OVER (PARTITION BY content_hash ORDER BY ticket_id) = 1
''', [source])
""".format(events=", ".join(f"TRY_CAST({name} AS TIMESTAMPTZ) AS {name}" for name in EVENTS), names=", ".join(EVENTS))


def compare(folder: Path) -> Iterator[str]:
    """Per format: CPU of the intake (files to `raw`), of the limit, their ratio, and the intake's peak memory."""
    yield f"| {ROWS:,} deliveries as | Tongmai CPU s | DuckDB alone CPU s | ratio | Tongmai peak MB |"
    yield "|---|---:|---:|---:|---:|"
    empty = measure(["-m", "orchestration", "ingest"], folder / "empty")
    measure(["-m", "bench.intake", str(folder)], folder)  # not here: a child's peak starts at its parent's size
    for suffix in FORMATS:
        home, file = folder / suffix, inbox_file(folder, suffix)
        limit = measure(["-c", LIMIT, str(file), str(folder / f"{suffix}.duckdb")], home)
        ours = measure(["-m", "orchestration", "ingest"], home)
        ratio = ours.cpu_s / limit.cpu_s
        yield f"| {suffix} | {ours.cpu_s:.1f} | {limit.cpu_s:.1f} | {ratio:.1f} | {ours.peak_mb:.0f} |"
    yield ""
    yield f"Starting up with nothing to load takes {empty.cpu_s:.1f} s of Tongmai's CPU; importing Beam comes on top."


def inbox_file(folder: Path, suffix: str) -> Path:
    """Where the month lies in the home of its format."""
    return folder / suffix / "inbox" / "deliveries" / f"month.{suffix}"


def deliveries() -> pa.Table:
    """ROWS clean tickets with every event, all columns text as a plant's system would export them."""
    number = np.arange(ROWS)
    random = np.random.default_rng(20260101)
    start = np.datetime64("2025-11-01T06:00:00") + (number * 2_500_000 // ROWS).astype("timedelta64[s]")
    gaps_s = random.integers(240, 1_500, (len(EVENTS), ROWS)).cumsum(axis=0).astype("timedelta64[s]")
    times = {name: pc.strftime(pa.array(start + gaps_s[n]), "%Y-%m-%d %H:%M:%S") for n, name in enumerate(EVENTS)}
    columns = {
        "ticket_id": np.char.add("T", number.astype(str)),
        "order_id": np.char.add("O", (number // 40).astype(str)),
        "plant_id": np.char.add("P", (number % 78).astype(str)),
        "truck_id": np.char.add("K", (number % 900).astype(str)),
        "grade": np.array(["C20", "C30", "C35P6", "C40"])[number % 4],
        "load_m3": (random.integers(60, 121, ROWS) / 10).astype(str),
        "status": np.full(ROWS, "签收"),
    }
    return pa.table({**columns, **times})


def write(rows: pa.Table, file: Path) -> None:
    """Write the rows in the format that the file's suffix names."""
    if file.suffix == ".csv":
        pa_csv.write_csv(rows, file)
    elif file.suffix == ".parquet":
        pq.write_table(rows, file)
    else:
        rows.to_pandas().to_json(file, orient="records", lines=True, force_ascii=False)


if __name__ == "__main__":
    month = deliveries()
    for name in FORMATS:
        target = inbox_file(Path(sys.argv[1]), name)
        target.parent.mkdir(parents=True)
        write(month, target)
