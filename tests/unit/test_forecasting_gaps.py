"""Missing is not zero: unreported weeks, permits that stop, districts redrawn, and the flags that say so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest
from forecasting_city import DISTRICTS, NEW_YEARS, City, build_marts, forecast_once

from forecasting import gaps
from forecasting.calendar import read_calendar
from forecasting.drift import SIGNALS, binomial_band, cusum
from forecasting.flags import find_flags
from forecasting.gaps import bridge, read_changes, stale_weeks
from forecasting.grants import expected_grants
from forecasting.history import Silence, history, silence
from forecasting.origin import OriginForecast
from forecasting.run import forecast_in
from forecasting.series import ZERO
from forecasting.settings import Settings
from store.messages import TongmaiError

AS_OF = date(2025, 12, 29)
ALWAYS_HEARD = Silence(0.0, 0.0)


@pytest.fixture
def marts() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        build_marts(connection, City(weeks=75))
        yield connection


def made(
    connection: duckdb.DuckDBPyConnection, weeks: int = 26, silent: Silence = ALWAYS_HEARD
) -> tuple[OriginForecast, dict[str, set[str]]]:
    """The forecast and its flags: flag -> series."""
    calendar = read_calendar(connection)
    known = history(connection, AS_OF)
    known = known.bridged(calendar.is_holiday_week(known.weeks))
    forecast = forecast_once(known, calendar, weeks)
    found: dict[str, set[str]] = {}
    for flag in find_flags(known, calendar, forecast.models, silent, Settings()):
        assert flag.text.zh != flag.text.en
        found.setdefault(flag.flag, set()).add(flag.unique_id)
    return forecast, found


def test_a_whole_city_without_flags_is_the_rule(marts: duckdb.DuckDBPyConnection) -> None:
    assert made(marts)[1] == {}


def test_weeks_that_nobody_reported_are_bridged_and_flagged(marts: duckdb.DuckDBPyConnection) -> None:
    whole, _ = made(marts)
    marts.execute("DELETE FROM marts.demand_weekly_revisions WHERE week_start IN ('2025-10-20', '2025-10-27')")
    forecast, flags = made(marts)
    assert flags == {"gap": {"city"}}
    assert forecast.actual[0] == pytest.approx(whole.actual[0], rel=0.35)
    assert forecast.mean[0].sum() == pytest.approx(whole.mean[0].sum(), rel=0.03)
    assert bridge(np.array([1.0, 0.0, 3.0]), np.array([False, True, False])).tolist() == [1.0, 2.0, 3.0]


def test_permits_that_stop_arriving_are_not_read_as_none(marts: duckdb.DuckDBPyConnection) -> None:
    whole, _ = made(marts, 52)
    marts.execute("DELETE FROM marts.permit_pipeline_weekly WHERE known_date > DATE '2025-10-01'")
    forecast, flags = made(marts, 52)
    assert flags == {"permits_stopped": {"city"}}
    known = history(marts, AS_OF)
    assert known.permits_stale_weeks == 12
    filled = expected_grants(known, 4, 104)[:, :, -10:].sum(axis=(0, 1))
    assert (filled > 0.5 * known.granted_m3.sum(axis=(0, 1))[-40:-14].mean()).all()
    assert forecast.mean[0, 26:].sum() == pytest.approx(whole.mean[0, 26:].sum(), rel=0.25)


def test_a_quarter_without_grants_is_believed_while_permit_data_keep_arriving_and_flagged(
    marts: duckdb.DuckDBPyConnection,
) -> None:
    whole, _ = made(marts, 52)
    marts.execute("DELETE FROM marts.permit_pipeline_weekly WHERE week_start > DATE '2025-10-01'")
    marts.execute(
        """INSERT INTO marts.permit_pipeline_weekly
        SELECT '520102', 'residential', DATE '2025-06-02', CAST(day AS DATE), 0.1, 0.1
        FROM range(DATE '2025-10-01', DATE '2025-12-29', INTERVAL 7 DAY) AS days (day)"""
    )  # the feed lives: older permits are corrected
    forecast, flags = made(marts, 52)
    assert flags == {"no_grants": {"city"}}
    ratio = forecast.mean[0] / whole.mean[0]
    assert ratio[:4].mean() > 0.7 and 0.1 < ratio[26:].mean() < 0.75
    assert (np.abs(np.diff(ratio)) < 0.2).all(), "no cliff"


def test_a_usual_pause_of_permits_is_no_stop() -> None:
    fortnightly = [AS_OF - timedelta(days=14 * back) for back in range(20, 0, -1)]
    assert stale_weeks(fortnightly, AS_OF) == 0
    assert stale_weeks(fortnightly, AS_OF + timedelta(days=46)) == 8
    assert stale_weeks(fortnightly[:5], AS_OF) == 0, "too few to show a rhythm"


def test_a_series_that_stops_is_forecast_to_be_nothing_and_a_new_one_is_flagged(
    marts: duckdb.DuckDBPyConnection,
) -> None:
    marts.execute(
        """DELETE FROM marts.demand_weekly_revisions WHERE grade_class = 'c10_c25'
        AND (district_code = '520102' AND week_start > DATE '2025-09-01'
            OR district_code = '520103' AND week_start < DATE '2025-09-01')"""
    )
    forecast, flags = made(marts)
    assert flags == {"stopped": {"520102/c10_c25"}, "new": {"520103/c10_c25"}}
    nodes = [node.unique_id for node in forecast.history.hierarchy.nodes]
    assert forecast.models[nodes.index("520102/c10_c25")] == ZERO
    assert forecast.mean[nodes.index("520102/c10_c25")].sum() == 0
    assert forecast.mean[nodes.index("520103/c10_c25")].min() > 0


def test_a_split_district_hands_its_history_on(
    marts: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = history(marts, AS_OF)
    path = tmp_path / "district_changes.csv"
    path.write_text(
        "new_code,old_code,share,changed_on,source\n"
        "520198,520103,0.7,2025-12-01,test\n520199,520103,0.3,2025-12-01,test\n520181,520102,1,2025-12-01,test\n"
    )
    monkeypatch.setattr(gaps.read_changes, "__defaults__", (path,))
    marts.execute("INSERT INTO marts.dim_districts VALUES ('520198'), ('520199')")
    new = history(marts, AS_OF)
    assert new.hierarchy.districts == ("520181", "520198", "520199")
    assert new.demand_m3[1] == pytest.approx(0.7 * old.demand_m3[1])
    assert new.granted_m3[2] == pytest.approx(0.3 * old.granted_m3[1])
    assert new.demand_m3.sum() == pytest.approx(old.demand_m3.sum())
    assert made(marts)[1] == {"inherited": {"520181", "520198", "520199"}}
    assert history(marts, date(2025, 11, 24)).hierarchy.districts == DISTRICTS
    report = forecast_in(marts, settings=Settings(samples=40, paths=30, origins_back_weeks=(12,)))
    assert (report.origins, report.flags) == (1, {"inherited": 3}), "past origins are held against today's districts"
    path.write_text("new_code,old_code,share,changed_on,source\n520198,520103,0.7,2025-12-01,test\n")
    with pytest.raises(TongmaiError, match="bad_district_change"):
        read_changes(path)


@pytest.mark.parametrize(("last_sunday", "year"), [("2024-12-29", 2025), ("2025-12-28", 2026)])
def test_the_lull_follows_the_new_year_from_january_to_february(last_sunday: str, year: int) -> None:
    with duckdb.connect() as connection:
        build_marts(connection, City(weeks=150, noise=0.02))
        calendar, known = read_calendar(connection), history(connection, date.fromisoformat(last_sunday))
    forecast = forecast_once(known, calendar, 12)
    new_year = date(year, *NEW_YEARS[year])
    expected = (new_year - known.cutoff).days // 7 - 1
    lowest = int(np.argmin(forecast.mean[0]))
    assert abs(lowest - expected) <= 1, "last year it lay in the other month"
    assert forecast.mean[0, lowest] < 0.6 * np.median(forecast.mean[0])


def test_a_history_without_a_new_year_says_so() -> None:
    with duckdb.connect() as connection:
        build_marts(connection, City(weeks=30))
        assert made(connection)[1]["new_year_unseen"] == {"city"}


def test_plants_that_fall_silent_are_flagged_and_plants_that_always_were_are_not(
    marts: duckdb.DuckDBPyConnection,
) -> None:
    marts.execute(
        """CREATE TABLE marts.submission_calendar_daily AS
        SELECT 'deliveries' AS feed, true AS is_expected, CAST(day AS DATE) AS date_on,
            CASE WHEN day >= DATE '2025-12-01' AND day(day) % 2 = 0 THEN 'silent' ELSE 'received' END AS status
        FROM range(DATE '2024-11-01', DATE '2025-12-29', INTERVAL 1 DAY) AS days (day)"""
    )
    heard = silence(marts, date(2025, 12, 22))
    assert heard.recent == pytest.approx(0.5, abs=0.02) and heard.before == 0
    assert made(marts, silent=heard)[1] == {"silent_plants": {"city"}}
    assert made(marts, silent=Silence(0.5, 0.5))[1] == {}


def test_drift_is_told_by_cusum_and_binomial() -> None:
    assert cusum(np.array([0.3, -0.4, 0.2, 0.1, -0.2, 0.0, 0.3, -0.1])) < 1
    assert cusum(np.full(8, 1.5)) == pytest.approx(8.0) == cusum(np.full(8, -1.5))
    assert binomial_band(100, 0.8) == (69, 90)


def test_every_run_tells_its_drift() -> None:
    settings = Settings(samples=40, paths=30, origins_back_weeks=(12,))
    with duckdb.connect() as marts:
        build_marts(marts, City(weeks=75, seed=10))
        calm = forecast_in(marts, settings=settings)
        assert set(calm.drift) == set(SIGNALS) and not any(calm.drift.values())
        marts.execute(
            """UPDATE marts.demand_weekly_revisions SET delta_delivered_m3 = 0.4 * delta_delivered_m3
            WHERE week_start >= DATE '2025-11-03'"""
        )
        broken = forecast_in(marts, settings=settings)
    assert broken.drift["bias"] and broken.drift["pipeline_ratio"]
    assert any("CUSUM" in note.en for note in broken.notes)
