"""Truth: what was injected where, with its due outcome, and the totals that must come out.

Belongs here: the shape of `truth.json`. Does not belong here: what causes it.

`rows`: {file, feed, row, key, kind, outcome, reason, column, expect}; `row` is the 1-based line or
sheet row. `files`: per file the rows to be read and how they end. `totals`: what the warehouse must
hold. `hidden`: the model behind the data, for evaluation in tests only.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulation.rendering import Rendered
from simulation.spoiling import Spoilt

OLDER_VERSIONS_LISTED_PER_FILE = 25


@dataclass
class Truth:
    """Collected file by file."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)

    def add_file(self, name: str, feed: str, rendered: Rendered, spoilt: list[Spoilt], keys: list[str]) -> None:
        """Record a file: `keys` is the key of each of its rows, `spoilt` what became of some of them.

        Rows of the file that nothing was done to load as new versions.
        """
        is_json = name.endswith(".jsonl")
        listed = Counter[str]()
        for fault in spoilt:
            listed[fault.outcome] += 1
            if fault.outcome == "older_version" and listed["older_version"] > OLDER_VERSIONS_LISTED_PER_FILE:
                continue
            self.rows.append(
                {
                    "file": name,
                    "feed": feed,
                    "row": int(rendered.lines[fault.row]),
                    "key": keys[fault.row],
                    "kind": fault.kind,
                    "outcome": fault.outcome,
                    "reason": fault.reason,
                    "column": fault.column,
                    "expect": fault.expect,
                }
            )
        for line in rendered.cut_lines:
            listed["rejected"] += 1
            reason = "bad_json" if is_json else "wrong_field_count"
            self.rows.append(
                {"file": name, "feed": feed, "row": line, "key": "", "kind": "cut_line", "outcome": "rejected"}
                | {"reason": reason, "column": "", "expect": None}
            )
        read = len(rendered.lines) + len(rendered.cut_lines)
        self.files.append(
            {
                "file": name,
                "feed": feed,
                "rows": read,
                "skipped": rendered.skipped,
                "rejected": listed["rejected"],
                "duplicate": listed["duplicate"],
                "loaded": read - listed["rejected"] - listed["duplicate"],
            }
        )

    def write(self, path: Path, about: dict[str, Any], totals: dict[str, Any], hidden: dict[str, Any]) -> None:
        feeds: dict[str, Counter[str]] = {}
        for file in self.files:
            sums = feeds.setdefault(file["feed"], Counter[str]())
            sums.update({name: count for name, count in file.items() if isinstance(count, int)})
            sums["files"] += 1
        content = {
            "about": about,
            "totals": {**totals, "feeds": {name: dict(sums) for name, sums in feeds.items()}},
            "hidden": hidden,
            "files": self.files,
            "rows": self.rows,
        }
        path.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
