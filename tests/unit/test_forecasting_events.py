"""Scenarios by name: what an event does to permits and demand, and what a bad row is told."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest
from forecasting_city import DISTRICTS, City, build_marts, forecast_once

from forecasting.calendar import read_calendar
from forecasting.events import BASE, COLUMNS, EVENTS_FILE, check_districts, find_scenario, read_events
from forecasting.history import history
from store.messages import EXIT_USAGE, TongmaiError

ROW = "stop,停工,Sites stop,2026-03-02,2026-03-29,520102,1.0,0.5,invented,synthetic"
WEEKS = np.datetime64("2026-02-23") + np.timedelta64(7, "D") * np.arange(6)


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n", encoding="utf-8")
    return path


def test_an_event_acts_in_its_weeks_and_districts_only(tmp_path: Path) -> None:
    path = write(tmp_path / "events.csv", ROW.replace("03-29", "03-25"))
    factor = find_scenario("stop", path).demand_factor(DISTRICTS, WEEKS)
    assert factor[0].tolist() == pytest.approx([1, 0.5, 0.5, 0.5, 1 - 0.5 * 3 / 7, 1])
    assert (factor[1:] == 1).all()
    assert (find_scenario("permits_minus_50").grants_factor(DISTRICTS, WEEKS) == 0.5).all()


def test_rows_of_one_name_happen_together(tmp_path: Path) -> None:
    path = write(tmp_path / "events.csv", ROW, ROW.replace("520102", "all").replace("0.5", "0.8"))
    factor = find_scenario("stop", path).demand_factor(DISTRICTS, WEEKS)
    assert factor[:, 1].tolist() == pytest.approx([0.4, 0.8, 0.8])


def test_the_shipped_events_can_be_read_and_are_labelled_synthetic() -> None:
    events = [event for scenario in read_events(EVENTS_FILE) for event in scenario.events]
    assert events and {event.status for event in events} == {"synthetic"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (ROW.replace("2026-03-02", "2 March"), "YYYY-MM-DD"),
        (ROW.replace("0.5", "half"), "numbers"),
        (ROW.replace("0.5", "-1"), "not negative"),
        (ROW.replace("0.5", "nan"), "not negative"),
        (ROW.replace("2026-03-29", "2026-03-01"), "before"),
        (ROW.replace("stop", "base", 1), "taken"),
        ("stop,停工", "no value for name_en"),
    ],
)
def test_a_bad_row_is_named_with_its_line(row: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(TongmaiError) as caught:
        read_events(write(tmp_path / "events.csv", ROW.replace("stop", "other", 1), row))
    assert (caught.value.reason, caught.value.exit_code) == ("bad_scenario_event", EXIT_USAGE)
    assert "Line 3 of events.csv" in caught.value.text.en and said in caught.value.text.en


def test_unknown_names_say_what_there_is(tmp_path: Path) -> None:
    path = write(tmp_path / "events.csv", ROW)
    with pytest.raises(TongmaiError, match="base, permits_minus_50, stop"):
        find_scenario("war", path)
    with pytest.raises(TongmaiError, match="520102"):
        check_districts(find_scenario("stop", path), ("999999",))
    with pytest.raises(TongmaiError) as caught:
        find_scenario("stop", tmp_path / "none.csv")
    assert caught.value.reason == "no_events_file"


def test_a_policy_changes_its_district_and_the_city_by_as_much(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        build_marts(connection, City(weeks=40))
        known, calendar = history(connection, date(2025, 12, 29)), read_calendar(connection)
    stop = find_scenario("stop", write(tmp_path / "events.csv", ROW))
    base, changed = (forecast_once(known, calendar, 20, scenario) for scenario in (BASE, stop))
    node = [node.unique_id for node in known.hierarchy.nodes].index(DISTRICTS[0])
    assert changed.mean[node, 9:13] == pytest.approx(0.5 * base.mean[node, 9:13])
    assert changed.mean[node + 1] == pytest.approx(base.mean[node + 1])
    assert base.mean[0] - changed.mean[0] == pytest.approx(base.mean[node] - changed.mean[node])
    assert np.prod(list(changed.factors.values()), axis=0) == pytest.approx(changed.base)
