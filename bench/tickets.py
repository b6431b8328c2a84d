"""Made-up delivery tickets, the same rows in every format.

Belongs here: the rows and writing them. Does not belong here: who loads them (`bench.intake`).

    python -m bench.tickets ROWS FILE [FILE …]
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

from bench.ticket_rows import EVENTS

COLUMNS = (
    *("ticket_id", "order_id", "plant_id", "truck_id", "grade", "load_m3", "cumulative_m3"),
    *EVENTS,
    *("slump_plant_mm", "haul_km", "status"),
)
FORMATS = {"csv": "FORMAT csv", "jsonl": "FORMAT json", "parquet": "FORMAT parquet, COMPRESSION snappy"}

# One row in 100 repeats an earlier one to the letter; one in 1,000 is wrong (back before it had left). All columns
# are text, as a plant's system exports them.
_TICKETS = """
    WITH numbered AS (
        SELECT range AS line, range - CASE WHEN range % 100 = 99 THEN 50 ELSE 0 END AS n FROM range(?, ?)
    ),
    drawn AS (
        SELECT *, TIMESTAMP '2025-01-01 06:00:00' + to_seconds(n * 14) AS started_at,
            list_transform(range(6), lambda k: 240 + (hash(n, k) % 1260)::INTEGER) AS gaps_s,
            6 + (hash(n, 'load') % 61) / 10 AS m3
        FROM numbered
    )
    SELECT format('T2025{:07d}', n) AS ticket_id, format('O{:06d}', n // 40) AS order_id,
        format('P{:02d}', n % 78) AS plant_id, format('K{:03d}', n % 900) AS truck_id,
        ['C20', 'C30', 'C35P6', 'C40'][n % 4 + 1] AS grade,
        format('{:.1f}', m3) AS load_m3, format('{:.1f}', m3 + 9 * (n % 40)) AS cumulative_m3,
        strftime(started_at + to_seconds(gaps_s[1]), '%Y-%m-%d %H:%M:%S') AS batched_at,
        strftime(started_at + to_seconds(list_sum(gaps_s[:2])), '%Y-%m-%d %H:%M:%S') AS departed_at,
        strftime(started_at + to_seconds(list_sum(gaps_s[:3])), '%Y-%m-%d %H:%M:%S') AS arrived_at,
        strftime(started_at + to_seconds(list_sum(gaps_s[:4])), '%Y-%m-%d %H:%M:%S') AS discharge_started_at,
        strftime(started_at + to_seconds(list_sum(gaps_s[:5])), '%Y-%m-%d %H:%M:%S') AS discharged_at,
        strftime(started_at + to_seconds(CASE WHEN n % 1000 = 7 THEN 0 ELSE list_sum(gaps_s) END),
            '%Y-%m-%d %H:%M:%S') AS returned_at,
        (160 + 5 * (n % 9))::VARCHAR AS slump_plant_mm, format('{:.1f}', 2 + (hash(n, 'haul') % 281) / 10) AS haul_km,
        ['签收', '签收', '签收', '已签收'][n % 4 + 1] AS status
    FROM drawn ORDER BY line
"""


def write(file: Path, first: int, last: int) -> None:
    """Write the tickets on lines `first` to `last` (exclusive) in the format that the file's suffix names."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        rows = connection.execute(_TICKETS, [first, last])
        if file.suffix == ".xlsx":
            _write_xlsx(rows.fetchall(), file)
            return
        connection.register("tickets", rows.to_arrow_table())
        connection.execute(f"COPY tickets TO '{file}' ({FORMATS[file.suffix[1:]]})")


def _write_xlsx(rows: list[tuple[str, ...]], file: Path) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(str(file), {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, cells in enumerate([COLUMNS, *rows]):
            sheet.write_row(number, 0, cells)


if __name__ == "__main__":
    rows, files = int(sys.argv[1]), [Path(name) for name in sys.argv[2:]]
    for number, file in enumerate(files):
        write(file, number * rows // len(files), (number + 1) * rows // len(files))
