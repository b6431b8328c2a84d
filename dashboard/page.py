"""What the templates are given: the overview turned into words, tables and chart data of one language.

Belongs here: choosing and wording. Does not belong here: reading, HTTP, markup.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from dashboard.formats import NONE, age, clock, day, instant, money, percent, whole
from dashboard.headlines import headlines
from dashboard.live import Live
from dashboard.overview import Overview
from dashboard.plans import DECISIONS as DECISION_ORDER
from dashboard.plans import Decision
from dashboard.quarter import CITY, DistrictQuarter
from dashboard.tables import BALANCE, DECISIONS, FEEDS, cells, headings
from dashboard.texts import DECISION_NAMES, LOAD_CLASSES, TEXTS, load_class, say
from store.messages import Lang

UNCHANGED = ("keep", "not_opened")
CHART_TEXTS = (
    "history mean band_80 band_95 reach_line spring_festival forecast_from week_of whole_city all_grades chart_failed"
    " final open"
)


def frame(lang: Lang) -> dict[str, Any]:
    """What every page needs: language, the switch to the other one, texts."""
    return {
        "lang": lang,
        "html_lang": "zh-CN" if lang == "zh" else "en",
        "other_lang": "en" if lang == "zh" else "zh",
        "t": {name: say(text, lang) for name, text in TEXTS.items()},
    }


def content(overview: Overview, live: Live | None, lang: Lang) -> dict[str, Any]:
    """The overview page's own context."""
    return {
        "version": _version(overview, lang),
        "cards": headlines(overview, lang),
        "load_classes": [say(text, lang) for _, text in LOAD_CLASSES],
        "decision_counts": _decision_counts(overview, lang),
        "districts": _district_choices(overview, lang),
        "grade_classes": {code: say(text, lang) for code, text in overview.grade_classes.items()},
        "balance": _balance(overview, lang),
        "brief": [say(each, lang) for each in overview.plan.brief] if overview.plan else [],
        "decisions": _decisions(overview, lang),
        "feeds": _feeds(overview, lang),
        "live": live_panel(live, lang),
        "boot": _boot(overview, lang),
    }


def live_panel(live: Live | None, lang: Lang) -> dict[str, Any] | None:
    """Formatted windows, newest first."""
    if live is None:
        return None
    return {
        "refreshed_at": instant(live.refreshed_at),
        "windows": [
            {
                "from": clock(window.window_start_at),
                "ordered_m3": whole(window.ordered_m3),
                "delivered_m3": whole(window.delivered_m3),
                "tickets": whole(window.tickets),
                "state": say(TEXTS["final" if window.is_final else "open"], lang),
            }
            for window in live.windows
        ],
    }


def _version(overview: Overview, lang: Lang) -> dict[str, Any]:
    version = overview.version
    return {
        **asdict(version),
        "published": instant(version.published_at),
        "age": age(version.published_at, datetime.now(UTC), lang),
        "data_until": day(version.data_until_on, lang) if version.data_until_on else NONE,
    }


def _decision_counts(overview: Overview, lang: Lang) -> list[dict[str, Any]]:
    found = [decision.decision for decision in overview.decisions]
    return [
        {"decision": name, "label": say(DECISION_NAMES[name], lang), "count": found.count(name)}
        for name in DECISION_ORDER
        if name in found
    ]


def _district_choices(overview: Overview, lang: Lang) -> dict[str, str]:
    quarter = overview.quarter
    return {each.district_code: say(each.name, lang) for each in quarter.districts} if quarter else {}


def _balance(overview: Overview, lang: Lang) -> dict[str, Any] | None:
    quarter = overview.quarter
    if quarter is None:
        return None
    return {
        "headings": headings(BALANCE, overview.comments, lang),
        "rows": [
            {
                "code": row.district_code,
                "cells": cells(BALANCE, row, lang),
                "is_total": row.district_code == CITY,
                "is_short": (row.load_share or 0.0) > 1.0,
            }
            for row in (*quarter.districts, quarter.city)
        ],
    }


def _decisions(overview: Overview, lang: Lang) -> dict[str, Any]:
    return {
        "headings": headings(DECISIONS, overview.comments, lang),
        "rows": [
            {"decision": row.decision, "is_change": row.decision not in UNCHANGED, "cells": cells(DECISIONS, row, lang)}
            for row in overview.decisions
        ],
    }


def _feeds(overview: Overview, lang: Lang) -> dict[str, Any]:
    return {
        "headings": headings(FEEDS, overview.comments, lang),
        "rows": [
            {
                "cells": cells(FEEDS, row, lang)[:-1],
                "reasons": [
                    {
                        "reason": each.reason,
                        "rejected": whole(each.rejected),
                        "example": say(each.example, lang) if each.example else "",
                    }
                    for each in row.reasons
                ],
            }
            for row in overview.feeds
        ],
    }


def _boot(overview: Overview, lang: Lang) -> dict[str, Any]:
    """What the charts need at once; curves are fetched when chosen."""
    quarter = overview.quarter
    return {
        "lang": lang,
        "version": overview.version.version,
        "texts": {name: say(TEXTS[name], lang) for name in CHART_TEXTS.split()},
        "districts": [_map_district(each, lang) for each in quarter.districts] if quarter else [],
        "plants": [
            _map_plant(each, lang) for each in overview.decisions if each.lon is not None and each.lat is not None
        ],
    }


def _map_district(row: DistrictQuarter, lang: Lang) -> dict[str, Any]:
    labels = {field.name: say(field.label, lang) for field in BALANCE}
    shown = dict(zip(labels, cells(BALANCE, row, lang), strict=True))
    told = ("demand_m3", "reach_share_m3", "load_share", "surplus_m3")
    return {
        "code": row.district_code,
        "name": say(row.name, lang),
        "load_class": load_class(row.load_share),
        "tip": [[labels[name], shown[name]] for name in told],
    }


def _map_plant(row: Decision, lang: Lang) -> dict[str, Any]:
    tip = dict(zip((field.name for field in DECISIONS), cells(DECISIONS, row, lang), strict=True))
    use = f"{percent(row.utilisation_before)} → {percent(row.utilisation_after)}"
    return {
        "id": row.plant_id,
        "name": row.plant_name,
        "at": [row.lon, row.lat],
        "decision": row.decision,
        "into": row.merge_into_plant_id,
        "tip": [
            [tip["enterprise"], tip["district"]],
            [tip["decision"], tip["merged_into"]],
            [say(_label("utilisation_before"), lang), use],
            [say(_label("regret_cny"), lang), money(row.regret_cny, lang)],
        ],
        "reason": tip["reason"],
    }


def _label(name: str) -> Any:
    return next(field.label for field in DECISIONS if field.name == name)
