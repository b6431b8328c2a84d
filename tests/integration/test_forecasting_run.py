"""A whole run on small marts: coherent, honest about the past, the same again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest
from forecasting_city import DISTRICTS, GRADES, City, build_marts, build_warehouse

from forecasting.run import forecast, forecast_in
from forecasting.settings import Settings
from forecasting.tables import PROMOTIONS, TABLES, VIEWS
from store.connections import writer
from store.home import Home
from store.messages import TongmaiError

SMALL = Settings(samples=60, paths=30, origins_back_weeks=(40, 26, 13))
SERIES = 1 + len(DISTRICTS) + len(GRADES) + len(DISTRICTS) * len(GRADES)
AS_OF = date(2025, 12, 29)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    home = Home.at(tmp_path_factory.mktemp("forecast"))
    build_warehouse(home.warehouse, City(silent_series=True))
    with writer(home) as connection:
        report = forecast_in(connection, settings=SMALL)
        assert (report.is_new, report.status, report.series, report.origins) == (True, "promoted", SERIES, 3)
        assert report.cutoff == date(2025, 12, 22)
        yield connection


def numbers(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every forecast table, without what names a run or the clock."""
    rows = {}
    for table in TABLES[1:]:
        names = ", ".join(name for name in table.column_names if name != "run_id")
        rows[table.name] = connection.execute(f"SELECT {names} FROM {table.qualified} ORDER BY ALL").fetchall()
    return rows


def values(connection: duckdb.DuckDBPyConnection, query: str) -> np.ndarray:
    return np.array(connection.execute(query).fetchall(), dtype=float)


def test_every_series_has_every_week(city: duckdb.DuckDBPyConnection) -> None:
    rows = city.execute(
        """SELECT count(*), count(DISTINCT unique_id), min(h), max(h), min(week_start), bool_and(reconciled),
        bool_and(week_start = cutoff + 7 * h) FROM forecast.demand_current"""
    ).fetchone()
    assert rows == (SERIES * 52, SERIES, 1, 52, date(2025, 12, 29), True, True)


def test_means_add_up_at_every_level(city: duckdb.DuckDBPyConnection) -> None:
    for level in ("district", "grade_class", "district_grade_class"):
        gap = values(
            city,
            f"""SELECT max(abs(parts.m3 - city.mean)) FROM forecast.demand_current AS city JOIN (
                SELECT h, sum(mean) AS m3 FROM forecast.demand_current WHERE level = '{level}' GROUP BY h
            ) AS parts USING (h) WHERE city.unique_id = 'city'""",
        )
        assert gap[0, 0] < 1e-9 * 1e3


def test_quantiles_are_ordered_and_not_negative(city: duckdb.DuckDBPyConnection) -> None:
    quantiles = values(city, "SELECT q025, q10, q25, q50, q75, q90, q975 FROM forecast.demand_current")
    assert (quantiles >= 0).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    live = values(city, "SELECT q10, q90 FROM forecast.demand_current WHERE mean > 0")
    assert (live[:, 0] < live[:, 1]).all()


def test_parts_multiply_to_the_mean(city: duckdb.DuckDBPyConnection) -> None:
    gap = values(
        city,
        """SELECT max(abs(product - mean) / greatest(mean, 1)) FROM forecast.demand_current JOIN (
            SELECT unique_id, week_start, product(value) AS product FROM forecast.components GROUP BY ALL
        ) USING (unique_id, week_start)""",
    )
    assert gap[0, 0] < 1e-9


def test_paths_are_joint_monthly_and_carry_the_mean(city: duckdb.DuckDBPyConnection) -> None:
    samples, months, first, last = city.execute(
        "SELECT count(DISTINCT sample), count(DISTINCT month), min(month), max(month) FROM forecast.paths"
    ).fetchall()[0]
    assert (samples, months, first, last) == (30, 36, date(2026, 1, 1), date(2028, 12, 1))
    assert city.execute("SELECT min(sample), max(sample), min(m3) >= 0 FROM forecast.paths").fetchone() == (0, 29, True)
    february = values(
        city,
        """SELECT sum(m3) / 30, (SELECT sum(mean * greatest(0, date_diff('day', greatest(week_start, DATE '2026-02-01'),
            least(week_start + 7, DATE '2026-03-01')))) / 7 FROM forecast.demand_current WHERE level = 'city')
        FROM forecast.paths WHERE month = DATE '2026-02-01'""",
    )[0]
    assert february[0] == pytest.approx(february[1], rel=1e-9)
    spread = values(
        city,
        """SELECT stddev(m3) / avg(m3) FROM (SELECT sample, month, sum(m3) AS m3 FROM forecast.paths GROUP BY ALL)
        WHERE month IN (DATE '2026-03-01', DATE '2028-03-01') GROUP BY month ORDER BY month""",
    )
    assert spread[1, 0] > spread[0, 0]  # what is farther is less sure
    assert city.execute("SELECT min(month) FROM forecast.paths WHERE is_outlook").fetchone() == (date(2026, 12, 1),)


def test_scores_compare_with_the_yardsticks(city: duckdb.DuckDBPyConnection) -> None:
    models = {row[0] for row in city.execute("SELECT DISTINCT model FROM forecast.scores").fetchall()}
    assert {"prophet_offset", "prophet_plain", "seasonal_naive", "pipeline_ratio"} <= models
    skill = values(
        city,
        """SELECT value FROM forecast.scores WHERE unique_id = 'all' AND level = 'district' AND model = 'prophet_offset'
        AND metric = 'skill_seasonal_naive' AND h_band IN ('5-13', '14-26')""",
    )
    assert (skill > 0.2).all()
    later = city.execute("SELECT count(*) FROM forecast.backtest WHERE week_start > DATE '2025-12-22'").fetchone()
    assert later == (0,)


def test_a_silent_series_is_named_so(city: duckdb.DuckDBPyConnection) -> None:
    row = city.execute(
        """SELECT model, max(mean), max(q975) FROM forecast.demand_current
        WHERE unique_id = '520181/c10_c25' GROUP BY 1"""
    ).fetchall()
    assert row == [("zero", 0.0, 0.0)]


def test_the_same_again_adds_nothing(city: duckdb.DuckDBPyConnection) -> None:
    before = numbers(city)
    assert not forecast_in(city, settings=SMALL).is_new
    assert numbers(city) == before


def test_other_processes_threads_and_hash_seeds_give_the_same_bits(tmp_path: Path) -> None:
    script = """
import sys, duckdb
from forecasting_city import City, build_marts
from forecasting.run import forecast_in
from forecasting.settings import Settings
with duckdb.connect(sys.argv[1]) as connection:
    connection.execute(f"SET threads = {sys.argv[2]}")
    build_marts(connection, City(weeks=80))
    forecast_in(connection, settings=Settings(samples=60, paths=30, origins_back_weeks=(20, 12)))
"""
    found, root = [], Path(__file__).parents[2]
    for threads in ("1", "2"):
        file = tmp_path / f"{threads}.duckdb"
        paths = os.pathsep.join((str(root), str(root / "tests")))
        changed = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "PYTHONHASHSEED": threads}
        subprocess.run(
            [sys.executable, "-c", script, str(file), threads],
            check=True, env=os.environ | changed | {"PYTHONPATH": paths}, capture_output=True,
        )  # fmt: skip
        with duckdb.connect(str(file), read_only=True) as connection:
            found.append({name: rows for name, rows in numbers(connection).items() if name != PROMOTIONS.name})
    assert found[0] == found[1] and found[0]["demand"]


def test_what_arrives_after_the_last_deliveries_counts_and_a_later_day_is_the_same_question(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "city.duckdb")) as connection:
        build_marts(connection)
        first = forecast_in(connection, settings=SMALL)
        connection.execute(
            """INSERT INTO marts.permit_pipeline_weekly VALUES
            ('520102', 'residential', DATE '2025-12-01', DATE '2026-03-15', 125000, 50000)"""
        )
        second = forecast_in(connection, settings=SMALL)
        assert (second.is_new, second.status, second.as_of) == (True, "promoted", date(2026, 3, 15))
        volumes = dict(
            connection.execute(
                "SELECT run_id, sum(mean) FROM forecast.demand WHERE unique_id = '520102' GROUP BY 1"
            ).fetchall()
        )
        assert volumes[second.run_id] > 1.1 * volumes[first.run_id]
        assert not forecast_in(connection, as_of=date(2030, 1, 1), settings=SMALL).is_new
        past = forecast_in(connection, as_of=AS_OF, settings=SMALL)
        assert (past.status, past.cutoff) == ("stored", first.cutoff)
        assert connection.execute("SELECT DISTINCT run_id FROM forecast.demand_current").fetchall() == [
            (second.run_id,)
        ]


def test_going_back_to_earlier_settings_puts_their_run_in_use_again(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "city.duckdb")) as connection:
        build_marts(connection, City(weeks=30))
        first, other = (forecast_in(connection, settings=Settings(samples=40, seed=seed)) for seed in (1, 2))
        statuses = "SELECT run_id, status FROM forecast.runs ORDER BY status"
        assert connection.execute(statuses).fetchall() == [(other.run_id, "promoted"), (first.run_id, "superseded")]
        again = forecast_in(connection, settings=Settings(samples=40, seed=1))
        assert (again.run_id, again.is_new, again.status) == (first.run_id, False, "promoted")
        assert connection.execute(statuses).fetchall() == [(first.run_id, "promoted"), (other.run_id, "superseded")]


@pytest.mark.parametrize("weeks", [1, 2, 10, 52])
def test_a_young_city_gets_a_forecast_that_holds_together(weeks: int, tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "city.duckdb")) as connection:
        build_marts(connection, City(weeks=weeks))
        connection.execute("DELETE FROM marts.demand_weekly_revisions WHERE district_code = '520181'")
        report = forecast_in(connection, settings=SMALL)
        assert report.status == "promoted" and not {"prophet_offset", "prophet_level"} & set(report.models)
        assert any("fallback" in note.en for note in report.notes)
        rows = values(
            connection,
            """SELECT mean, q025, q10, q25, q50, q75, q90, q975 FROM forecast.demand_current
            WHERE district_code <> '520181'""",
        )
        assert np.isfinite(rows).all() and (rows[:, 0] > 0).all() and (np.diff(rows[:, 1:]) >= 0).all()
        silent = values(connection, "SELECT mean, q975 FROM forecast.demand_current WHERE district_code = '520181'")
        assert (silent == 0).all() and len(silent) == 52 * (1 + len(GRADES))
        paths = values(connection, "SELECT count(*), count(DISTINCT month), min(m3) FROM forecast.paths")[0]
        assert paths[0] == 30 * 6 * 36 and paths[1] == 36 and paths[2] >= 0


def test_declared_columns_are_the_tables_columns(city: duckdb.DuckDBPyConnection) -> None:
    for table in (*TABLES, *VIEWS):
        described = city.execute(f"DESCRIBE {table.qualified}").fetchall()
        assert [row[0] for row in described] == table.column_names


def test_nothing_known_later_changes_the_past_and_no_row_order_changes_anything() -> None:
    as_of = date(2025, 9, 10)
    results = []
    for scramble in (False, True):
        with duckdb.connect() as connection:
            build_marts(connection)
            if scramble:
                connection.execute(
                    """UPDATE marts.demand_weekly_revisions SET delta_delivered_m3 = 7 * delta_delivered_m3 + 3
                    WHERE known_date > ?""",
                    [as_of],
                )
                connection.execute(
                    """UPDATE marts.permit_pipeline_weekly
                    SET delta_concrete_m3 = 1e6 - delta_concrete_m3, use = 'transport'
                    WHERE known_date > ?""",
                    [as_of],
                )
                for name in ("demand_weekly_revisions", "permit_pipeline_weekly", "dim_districts", "dim_dates"):
                    connection.execute(
                        f"CREATE OR REPLACE TABLE marts.{name} AS FROM marts.{name} ORDER BY hash({name})"
                    )
            report = forecast_in(connection, as_of=as_of, settings=SMALL)
            assert report.status == "stored"
            results.append((report.run_id, numbers(connection)))
    assert results[0] == results[1]


def test_without_permits_the_run_says_so(home: Home) -> None:
    build_warehouse(home.warehouse, City(weeks=70, has_permits=False))
    report = forecast(home, scenario="permits_minus_50")
    assert report.status == "stored"
    assert "prophet_level" in report.models
    assert any("no permits" in note.en for note in report.notes)
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM forecast.demand_current").fetchone() == (0,)


def test_bad_requests_end_in_one_sentence(home: Home) -> None:
    for options, reason in (({"scenario": "war"}, "unknown_scenario"), ({"horizon_weeks": 53}, "bad_horizon")):
        with pytest.raises(TongmaiError) as caught:
            forecast(home, **options)  # type: ignore[arg-type]
        assert (caught.value.reason, caught.value.exit_code) == (reason, 2)
    with pytest.raises(TongmaiError, match="tongmai build"):
        forecast(home)


def test_a_backfill_is_judged_on_its_own_weeks(tmp_path: Path) -> None:
    """All arrived on one day, long after: origins are cut from what is known now."""
    with duckdb.connect(str(tmp_path / "backfill.duckdb")) as connection:
        build_marts(connection, City(weeks=90))
        connection.execute("UPDATE marts.demand_weekly_revisions SET known_date = DATE '2026-06-01'")
        connection.execute("UPDATE marts.permit_pipeline_weekly SET known_date = DATE '2026-06-01'")
        report = forecast_in(connection, settings=Settings(samples=40, paths=30, origins_back_weeks=(26, 13)))
        assert report.origins == 2
