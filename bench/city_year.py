"""A full city's year as its plants would send it, month by month: tickets and batches.

Belongs here: making these files. Does not belong here: the virtual city (`simulation`), which is richer and slower.

    python -m bench.city_year INBOX [SCALE]
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

from bench import tickets

TICKETS, BATCHES, MONTHS = 2_200_000, 8_000_000, 12
MATERIALS = {"水泥1": 280, "粉煤灰1": 60, "矿粉1": 70, "砂1": 800, "石1": 1_000, "水1": 160, "外加剂1": 8}
_WEIGHINGS = ", ".join(
    f"""format('{{:.1f}}', {kg * 2}.0) AS "{name}设定(kg)",
    format('{{:.1f}}', {kg * 2} * (0.99 + (hash(range, '{name}') % 200) / 10000)) AS "{name}实际(kg)" """
    for name, kg in MATERIALS.items()
)
_BATCHES = f"""
    SELECT format('B{{:08d}}', range) AS 盘号, format('P{{:02d}}', range % 78) AS 搅拌站编号,
        format('T2025{{:07d}}', range * {TICKETS} // {BATCHES}) AS 运单号, (range % 3 + 1)::VARCHAR AS 机组,
        strftime(TIMESTAMP '2025-01-01 06:00:00' + to_seconds(range * 4), '%Y-%m-%d %H:%M:%S') AS 搅拌时间,
        '2.0' AS "盘方量(m³)", {_WEIGHINGS}
    FROM range(?, ?)
"""


def write(inbox: Path, scale: float) -> None:
    """The year's files, `scale` of the rows."""
    for month in range(MONTHS):
        first, last = (int(TICKETS * scale) * end // MONTHS for end in (month, month + 1))
        tickets.write(inbox / "deliveries" / f"{month + 1:02d}.csv", first, last)
        first, last = (int(BATCHES * scale) * end // MONTHS for end in (month, month + 1))
        file = inbox / "batches" / f"{month + 1:02d}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect() as connection:
            connection.register("batches", connection.execute(_BATCHES, [first, last]).to_arrow_table())
            connection.execute(f"COPY batches TO '{file}' (FORMAT csv)")


if __name__ == "__main__":
    write(Path(sys.argv[1]), float(sys.argv[2]))
