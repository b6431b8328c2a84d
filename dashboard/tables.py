"""The page's tables, declared once for HTML and for CSV: columns, labels, values.

Belongs here: which columns a table has and how a cell reads. Does not belong here: reading rows.

A column that the database describes (`source`) takes its comment as label: the comment's first clause, the
whole comment as hint. Where there is no comment, or its first clause is too long for a heading, the label
given here stands in.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.formats import money, percent, whole
from dashboard.ledger import FeedLedger
from dashboard.overview import Overview
from dashboard.plans import Decision
from dashboard.texts import DECISION_NAMES, say
from pipelines.feeds import FEEDS as CONTRACTS
from store.messages import Lang, Text

LABEL_LENGTH: dict[Lang, int] = {"zh": 10, "en": 20}  # a comment's first clause may be this long to serve as heading


@dataclass(frozen=True)
class Field:
    """One column: `value` for files, `show` for people (None: the value itself), `source` the column described."""

    name: str
    label: Text
    value: Callable[[Any, Lang], Any]
    show: Callable[[Any, Lang], str] | None = None
    source: str = ""
    is_number: bool = False


@dataclass(frozen=True)
class Heading:
    label: str
    hint: str
    is_number: bool


def headings(fields: Sequence[Field], comments: Mapping[str, Text], lang: Lang) -> list[Heading]:
    return [Heading(*_label(field, comments, lang), field.is_number) for field in fields]


def cells(fields: Sequence[Field], row: Any, lang: Lang) -> list[str]:
    """The row as a person reads it."""
    return [field.show(row, lang) if field.show else _text(field.value(row, lang)) for field in fields]


def csv_text(fields: Sequence[Field], rows: Sequence[Any], comments: Mapping[str, Text], lang: Lang) -> str:
    """The table for a spreadsheet: a byte-order mark (else Chinese is garbled there), labels, unrounded values."""
    sheet = io.StringIO()
    sheet.write("\ufeff")
    writer = csv.writer(sheet)
    writer.writerow([heading.label for heading in headings(fields, comments, lang)])
    writer.writerows([_harmless(field.value(row, lang)) for field in fields] for row in rows)
    return sheet.getvalue()


def rows_of(table: str, overview: Overview) -> tuple[tuple[Field, ...], Sequence[Any]]:
    """Columns and rows of the table `balance`, `decisions` or `feeds`. Raises KeyError for any other."""
    if table == "balance":
        quarter = overview.quarter
        return BALANCE, (*quarter.districts, quarter.city) if quarter else ()
    return {"decisions": (DECISIONS, overview.decisions), "feeds": (FEEDS, overview.feeds)}[table]


def _label(field: Field, comments: Mapping[str, Text], lang: Lang) -> tuple[str, str]:
    comment = comments.get(field.source)
    if comment is None:
        return say(field.label, lang), ""
    hint = say(comment, lang)
    clause = re.split(r"[：；（:;(]", hint, maxsplit=1)[0].strip()
    fits = 0 < len(clause) <= LABEL_LENGTH[lang]
    return (clause[:1].upper() + clause[1:] if fits else say(field.label, lang)), hint


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _harmless(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula is made a plain text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value


def _number(
    name: str,
    label: Text,
    show: Callable[[float | None], str] = whole,
    source: str = "",
) -> Field:
    return Field(
        name, label, lambda row, _: getattr(row, name), lambda row, _: show(getattr(row, name)), source, is_number=True
    )


BALANCE: tuple[Field, ...] = (
    Field("district", Text("区县", "District"), lambda row, lang: say(row.name, lang)),
    _number("demand_m3", Text("需求均值 m³", "Mean demand m³")),
    _number("q10_m3", Text("需求低值 q10 m³", "Low demand q10 m³")),
    _number("q90_m3", Text("需求高值 q90 m³", "High demand q90 m³")),
    _number("reach_gross_m3", Text("可达产能·毛量 m³", "Reach, gross m³")),
    _number("reach_share_m3", Text("可达产能·分摊 m³", "Reach, share m³")),
    _number("load_share", Text("需求占分摊", "Demand ÷ share"), percent),
    _number("surplus_m3", Text("余（+）缺（−）m³", "Surplus or gap m³")),
    _number("weeks_short", Text("不够的周数", "Weeks short")),
    _number("probability_short", Text("缺口概率（周均）", "Probability short (weekly mean)"), percent),
)


def _decision(row: Decision, lang: Lang) -> str:
    return say(DECISION_NAMES.get(row.decision, Text(row.decision, row.decision)), lang)


def _merged_into(row: Decision, _: Lang) -> str | None:
    return row.merge_into_plant_name or row.merge_into_plant_id


_PLANT, _RESULT = "marts.dim_plants", "plan.plant_decisions"

DECISIONS: tuple[Field, ...] = (
    Field("plant_id", Text("站点编号", "Plant id"), lambda row, _: row.plant_id, source=f"{_PLANT}.plant_id"),
    Field("plant_name", Text("搅拌站", "Plant"), lambda row, _: row.plant_name, source=f"{_PLANT}.plant_name"),
    Field(
        "enterprise",
        Text("所属企业", "Enterprise"),
        lambda row, _: row.enterprise_name,
        source=f"{_PLANT}.enterprise_name",
    ),
    Field("district", Text("区县", "District"), lambda row, lang: say(row.district, lang)),
    Field("decision", Text("决定", "Decision"), _decision, source=f"{_RESULT}.decision"),
    Field("merged_into", Text("并入", "Merged into"), _merged_into, source=f"{_RESULT}.merge_into_plant_id"),
    Field("reason", Text("理由", "Reason"), lambda row, lang: say(row.reason, lang)),
    _number("utilisation_before", Text("现利用率", "Use before"), percent, f"{_RESULT}.utilisation_before"),
    _number("utilisation_after", Text("方案利用率", "Use after"), percent, f"{_RESULT}.utilisation_after"),
    Field(
        "regret_cny",
        Text("反选代价 元/年", "Regret CNY/year"),
        lambda row, _: row.regret_cny,
        lambda row, lang: money(row.regret_cny, lang),
        f"{_RESULT}.regret_cny",
        is_number=True,
    ),
)


def _feed(row: FeedLedger, lang: Lang) -> str:
    return say(CONTRACTS[row.feed].text if row.feed in CONTRACTS else Text(row.feed, row.feed), lang)


def _reasons(row: FeedLedger, _: Lang) -> str:
    return "; ".join(f"{each.reason} × {each.rejected}" for each in row.reasons)


_LEDGER = "ops.ingest_ledger"

FEEDS: tuple[Field, ...] = (
    Field("feed", Text("数据源", "Feed"), _feed, source=f"{_LEDGER}.feed"),
    _number("files", Text("文件数", "Files")),
    _number("read", Text("读入行数", "Rows read"), source=f"{_LEDGER}.rows_read"),
    _number("loaded", Text("装载行数", "Rows loaded"), source=f"{_LEDGER}.rows_loaded"),
    _number("duplicate", Text("重复行数", "Rows duplicate"), source=f"{_LEDGER}.rows_duplicate"),
    _number("rejected", Text("拒收行数", "Rows rejected"), source=f"{_LEDGER}.rows_rejected"),
    _number("skipped", Text("跳过行数", "Lines skipped"), source=f"{_LEDGER}.rows_skipped"),
    Field("reasons", Text("主要拒收原因", "Top reject reasons"), _reasons, source=f"{_LEDGER}.reasons"),
)
