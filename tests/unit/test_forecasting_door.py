"""The door to data and the calendar: what was known when, which week is complete, which days are special."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import duckdb
import numpy as np
import pytest
from forecasting_city import DISTRICTS, GRADES, City, build_marts

from forecasting.calendar import read_calendar
from forecasting.history import history, newest_arrival
from store.messages import TongmaiError


@pytest.fixture(scope="module")
def marts() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        build_marts(connection, City(weeks=60))
        yield connection


def test_the_cutoff_is_the_last_week_that_is_fully_in(marts: duckdb.DuckDBPyConnection) -> None:
    known = history(marts, date(2025, 12, 29))  # the last week came in on the Monday after it
    assert known.cutoff == date(2025, 12, 22)
    assert known.reporting_lag_d == 1
    assert history(marts, date(2025, 12, 28)).cutoff == date(2025, 12, 15)


def test_late_corrections_do_not_make_an_empty_week_complete(marts: duckdb.DuckDBPyConnection) -> None:
    assert newest_arrival(marts) == date(2025, 12, 29)
    assert history(marts, date(2026, 3, 1)).cutoff == date(2025, 12, 22)


def test_weeks_are_dense_and_end_together(marts: duckdb.DuckDBPyConnection) -> None:
    known = history(marts, date(2025, 12, 29))
    assert known.demand_m3.shape == (len(DISTRICTS), len(GRADES), 60)
    assert known.grant_weeks[-1] == known.weeks[-1] == np.datetime64("2025-12-22")
    assert set(np.diff(known.weeks).astype(int)) == {7}


def test_revisions_known_later_are_left_out(marts: duckdb.DuckDBPyConnection) -> None:
    early, late = history(marts, date(2025, 9, 1)), history(marts, date(2025, 12, 29))
    weeks = len(early.weeks)
    assert early.demand_m3[:, :, -1].sum() < late.demand_m3[:, :, weeks - 1].sum()
    assert np.array_equal(early.demand_m3[:, :, : weeks - 8], late.demand_m3[:, :, : weeks - 8])


def test_permits_reporting_delay_is_learned(marts: duckdb.DuckDBPyConnection) -> None:
    share = history(marts, date(2025, 12, 29)).permit_known_share
    assert share[0] == 0  # none is known within its own week
    assert 0 < share[1] < share[2] <= share[3] == pytest.approx(1.0)


def test_no_deliveries_end_in_a_sentence() -> None:
    with duckdb.connect() as connection:
        build_marts(connection, City(weeks=10))
        with pytest.raises(TongmaiError, match="tongmai ingest") as caught:
            history(connection, date(2020, 1, 1))
        assert caught.value.reason == "no_history"


def test_calendar_features_follow_the_new_year(marts: duckdb.DuckDBPyConnection) -> None:
    calendar = read_calendar(marts)
    new_year = date(2026, 2, 17)
    monday = new_year - timedelta(days=new_year.weekday())
    week = calendar.at(np.array([monday], dtype="datetime64[D]"))[0]
    column = calendar.names.index("new_year_0_6")
    assert week[column] == pytest.approx((7 - new_year.weekday()) / 7)
    assert not calendar.at(np.array(["1999-01-04"], dtype="datetime64[D]")).any()
