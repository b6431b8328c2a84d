"""Events of a ticket: rows with its number and what happened, before or after the row that introduces it.

Belongs here: which rows and headers are events, what they add up to in `raw` and in the live store. Does not belong
here: any order of arrival (tests/property).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from intake_files import put, query, without_beam

from pipelines.faults import FileError
from pipelines.feeds import FEEDS
from pipelines.ingest import FileReport, ingest
from pipelines.layout import resolve
from store.home import Home

HEADER = "运单号,委托单号,搅拌站,强度等级,方量,出料时间,出厂时间,到场时间,卸完时间,状态,累计方量,更新时间"
DELIVERIES = FEEDS["deliveries"]


@pytest.fixture(autouse=True)
def _no_beam(monkeypatch: pytest.MonkeyPatch) -> None:
    without_beam(monkeypatch)


def take(home: Home, *lines: str, header: str = HEADER, name: str = "a.csv", mtime: int = 1_741_300_000) -> FileReport:
    put(home, "deliveries", name, "\n".join((header, *lines)) + "\n", mtime=mtime)
    [report] = ingest(home).files
    return report


def ticket(home: Home, columns: str) -> Any:
    [row] = query(home, f"SELECT {columns} FROM raw.deliveries")
    return row


def test_a_row_with_a_number_and_something_that_happened_is_an_event(home: Home) -> None:
    report = take(home, "T1,,,,,,,2025-03-06 08:40:00,,,,", "T1,,,,,,,,,签收,,", "T1,,P9,,,,,,,,1.5,")
    assert (report.loaded, report.rejected) == (3, 0)
    assert ticket(home, "ticket_id, order_id, status, plant_id, cumulative_m3") == ("T1", None, "签收", "P9", 1.5)


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("T1,O1,,,,,,2025-03-06 08:40:00,,,,", "plant_id"),  # who names the order tells the whole ticket
        ("T1,,P1,C30,,,,2025-03-06 08:40:00,,,,", "order_id"),
        ("T1,,,,8,,,2025-03-06 08:40:00,,,,", "order_id"),
        (",,,,,,,2025-03-06 08:40:00,,,,", "ticket_id"),
        ("T1,,P1,,,,,,,,,", "order_id"),  # nothing happened
        ("T1,,,,,,,,,,,2025-03-06 08:40:00", "order_id"),
    ],
)
def test_half_a_ticket_and_an_empty_event_are_rejected(home: Home, line: str, column: str) -> None:
    report = take(home, line)
    assert (report.loaded, report.reasons) == (0, {"missing_required": 1})
    assert query(home, "SELECT column_name FROM ops.rejects") == [(column,)]


@pytest.mark.parametrize(
    "line", ["合计,,,,,,,,,,320.5,", "总计：32 车,,,,,,,,,,320.5,", "制表人：X,,,,,,,,,,320.5,", ",,,,,,,,,,,"]
)
def test_totals_and_footers_are_no_events(home: Home, line: str) -> None:
    report = take(home, "T1,,,,,,,2025-03-06 08:40:00,,,,", line)
    assert (report.read, report.loaded, report.skipped) == (1, 1, 1)


def test_a_stray_quote_changes_nothing_for_the_rows_beside_it(home: Home) -> None:
    header, surplus = "运单号,到场时间,状态", "T1,2025-03-06 08:40:00,签收,,"
    assert take(home, surplus, header=header).loaded == 1
    report = take(home, surplus, 'T2,2025-03-06 08:40:00,"签收"x', header=header, name="b.csv")
    assert (report.duplicate, report.rejected) == (1, 1)


def test_an_event_with_a_wrong_time_is_rejected_for_its_time(home: Home) -> None:
    assert take(home, "T1,,,,,,,tomorrow,,,,").reasons == {"bad_timestamp": 1}


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        (("运单号", "到场时间"), None),
        (("运单号", "搅拌站", "状态"), None),
        (("到场时间", "状态"), "ticket_id"),
        (("运单号", "搅拌站"), "order_id, grade, load_m3"),
        (("运单号", "方量", "到场时间"), "order_id, plant_id, grade"),
    ],
)
def test_a_file_of_events_lacks_the_columns_that_events_lack(header: tuple[str, ...], missing: str | None) -> None:
    if missing is None:
        assert {binding.name for binding in resolve(DELIVERIES, header).bindings} >= {"ticket_id"}
        return
    with pytest.raises(FileError) as caught:
        resolve(DELIVERIES, header)
    assert (caught.value.reason, caught.value.detail) == ("missing_columns", missing)


def test_only_a_feed_that_says_so_has_events() -> None:
    with pytest.raises(FileError):
        resolve(FEEDS["orders"], ("委托单号", "坍落度"))


def test_events_before_their_ticket_and_out_of_order_add_up(home: Home) -> None:
    event = "运单号,到场时间,状态,更新时间"
    take(home, "T1,2025-03-06 08:40:00,转运,2025-03-06 08:41:00", header=event, name="1.csv")
    take(home, "T1,,签收,2025-03-06 08:50:00", header=event, name="2.csv")
    take(home, "T1,,退货,2025-03-06 08:30:00", header=event, name="3.csv")  # older than what is known: changes nothing
    base = "T1,O1,P1,C30,8,2025-03-06 08:00:00,2025-03-06 08:05:00,,,在途,,2025-03-06 08:05:00"
    take(home, base, name="4.csv")
    found = ticket(home, "order_id, load_m3, status, strftime(departed_at, '%H:%M'), strftime(arrived_at, '%H:%M')")
    assert found == ("O1", 8.0, "签收", "08:05", "08:40")


def test_without_update_times_the_time_of_receipt_decides_and_nothing_erases(home: Home) -> None:
    late, early = 1_741_300_600, 1_741_300_000
    take(home, "T1,签收", header="运单号,状态", name="late.csv", mtime=late)
    take(home, "T1,O1,P1,C30,8,,,,,在途,,", name="early.csv", mtime=early)
    take(home, "T1,O1,P1,C30,9,,,,,,,", name="corrected.csv", mtime=late + 60)  # no status: it stays
    assert ticket(home, "load_m3, status, _source_file") == (9.0, "签收", "corrected.csv")


def test_times_that_contradict_each_other_only_once_merged_are_kept(home: Home) -> None:
    take(home, "T1,O1,P1,C30,8,2025-03-06 08:00:00,2025-03-06 08:05:00,,,,,", name="1.csv")
    report = take(home, "T1,2025-03-06 07:40:00", header="运单号,到场时间", name="2.csv")
    assert (report.loaded, report.rejected) == (1, 0)
    departed_at, arrived_at = ticket(home, "departed_at, arrived_at")
    assert isinstance(departed_at, datetime)
    assert arrived_at < departed_at
