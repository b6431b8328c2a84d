"""Everything the overview says, read in one go from one published version.

Belongs here: `read_overview`, which the page and the terminal's summary share. Does not belong here:
wording (`headlines`, `texts`) and HTTP (`app`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from dashboard.ledger import FeedLedger, read_feeds
from dashboard.plans import Decision, PlanHeadline, read_decisions, read_plan
from dashboard.published import Version, holds, read_comments, read_version, rows, to_json
from dashboard.quarter import Quarter, read_quarter
from store.connections import reader
from store.home import Home
from store.messages import Text


@dataclass(frozen=True)
class Overview:
    """One published version at a glance; `quarter` and `plan` are None until there is a forecast, a plan.

    `grade_classes` maps each class to its label, weakest first; `comments` maps `schema.table.column` to the
    column's description.
    """

    version: Version
    feeds: tuple[FeedLedger, ...]
    quarter: Quarter | None
    plan: PlanHeadline | None
    decisions: tuple[Decision, ...]
    grade_classes: dict[str, Text]
    comments: dict[str, Text]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the comments: texts as {zh, en}, days and instants in ISO 8601."""
        document: dict[str, Any] = to_json(self)
        del document["comments"]
        return document


def read_overview(home: Home) -> Overview:
    """The overview of the version that is current now. Raises TongmaiError(`not_published`) when there is none."""
    return read_version_at(home.published)


def read_version_at(path: Path) -> Overview:
    """The overview of the published file at `path`, a real path."""
    with reader(path) as connection:
        plan = read_plan(connection)
        return Overview(
            version=read_version(connection, path),
            feeds=read_feeds(connection),
            quarter=read_quarter(connection),
            plan=plan,
            decisions=read_decisions(connection, plan.plan_id) if plan else (),
            grade_classes=_read_grade_classes(connection),
            comments=read_comments(connection),
        )


def _read_grade_classes(connection: duckdb.DuckDBPyConnection) -> dict[str, Text]:
    if not holds(connection, "marts.dim_grades"):
        return {}
    found = rows(connection, "SELECT grade_class, label_zh, label_en FROM marts.dim_grades ORDER BY sort_order", {})
    return {row["grade_class"]: Text(row["label_zh"], row["label_en"]) for row in found}
