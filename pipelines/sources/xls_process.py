"""The process that opens an old workbook (.xls): standard input to JSON Lines on standard output.

Belongs here: what runs in that process. Does not belong here: anything that needs more than the workbook
library, because the file is started by its path, alone (`pipelines.sources.xls`).

One line per sheet, `{"name", "above", "merged", "is_visible", "rows"}`, followed by its rows.
"""

from __future__ import annotations

import json
import resource
import sys
from datetime import datetime
from itertools import islice
from typing import Any

MEMORY_BYTES = 3 << 30
OUTPUT_BYTES = 1 << 30
CPU_S = 120


def main() -> None:
    """Write the workbook's sheets. A damaged one may end this process in any way."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_BYTES, OUTPUT_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from python_calamine import CalamineWorkbook, SheetVisibleEnum

    workbook = CalamineWorkbook.from_filelike(sys.stdin.buffer)
    for described in workbook.sheets_metadata:
        sheet = workbook.get_sheet_by_name(described.name)
        above, left = sheet.start or (0, 0)
        rows = list(islice(sheet.iter_rows(), above, None)) if sheet.start else []
        merged = [
            [[top - above, first - left], [bottom - above, last - left]]
            for (top, first), (bottom, last) in sheet.merged_cell_ranges or ()
            if top >= above and first >= left
        ]
        head = {"name": described.name, "above": above, "merged": sorted(merged), "rows": len(rows)}
        _write(head | {"is_visible": described.visible == SheetVisibleEnum.Visible})
        for row in rows:
            _write([_cell(cell) for cell in row])


def _cell(cell: Any) -> Any:
    """Texts, numbers and truth as they are, a time as a list of one text, all else as text."""
    if isinstance(cell, datetime):
        return [cell.isoformat()]
    return cell if isinstance(cell, str | float | int | bool) else str(cell)


def _write(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")


if __name__ == "__main__":
    main()
