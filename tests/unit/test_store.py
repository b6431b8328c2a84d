"""The ground floor: locks end with their owner, swaps are atomic, a failed gate publishes nothing."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from store import gate
from store.connections import reader, writer
from store.home import MODELS_PAGE, Home
from store.locks import hold, is_held
from store.messages import EXIT_QUALITY_GATE, Text, TongmaiError
from store.publish import publish, retire, swap
from store.tables import INGEST_LEDGER, OPS_TABLES, comment, data_version, split_comment


def test_a_second_holder_is_told_who_holds_the_lock(home: Home) -> None:
    with (
        hold(home, "warehouse"),
        pytest.raises(TongmaiError, match=str(os.getpid())) as caught,
        hold(home, "warehouse"),
    ):
        pass
    assert caught.value.reason == "locked"
    assert not is_held(home, "warehouse")


def test_a_killed_holder_lets_go(home: Home) -> None:
    code = (
        "import sys, time; from store.home import Home; from store.locks import hold\n"
        "with hold(Home.at(sys.argv[1]), 'ingest'):\n    print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(home.root)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "held"
    assert is_held(home, "ingest")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with hold(home, "ingest"):
        assert is_held(home, "ingest")


def test_errors_survive_pickling() -> None:
    error = pickle.loads(pickle.dumps(TongmaiError("reason", "中文", "English", 3)))
    assert (error.reason, error.text, error.exit_code) == ("reason", Text("中文", "English"), 3)


def test_comments_round_trip() -> None:
    text = Text("区县代码", "district code")
    assert split_comment(comment(text)) == text
    assert split_comment("one language") == Text("one language", "one language")


def test_business_weeks_do_not_follow_the_machine(home: Home) -> None:
    with writer(home) as connection:
        week = connection.execute("SELECT date_trunc('week', TIMESTAMPTZ '2026-03-01 18:00:00+00')::DATE").fetchone()
    assert week is not None
    assert str(week[0]) == "2026-03-02"


def test_declared_tables_are_commented(home: Home) -> None:
    with writer(home) as connection:
        for table in OPS_TABLES:
            table.create(connection)
            table.create(connection)
        missing = connection.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = 'ops' AND comment IS NULL"
        ).fetchall()
    assert missing == []


def test_the_data_version_ignores_the_order_of_loading() -> None:
    versions = []
    for order in (["a", "b"], ["b", "a"]):
        connection = duckdb.connect()
        connection.execute("CREATE SCHEMA ops")
        INGEST_LEDGER.create(connection)
        for segment in order:
            connection.execute("INSERT INTO ops.ingest_ledger (segment_id) VALUES (?)", [segment])
        versions.append(data_version(connection))
    assert versions[0] == versions[1]


def build_publishable(home: Home) -> None:
    """The smallest writer's file that passes the gate."""
    with writer(home) as connection:
        for table in OPS_TABLES:
            table.create(connection)
        connection.execute("CREATE TABLE raw.deliveries_versions (_segment_id VARCHAR)")
        connection.execute("CREATE TABLE marts.fct_deliveries (delivered_m3 DOUBLE)")
        connection.execute(
            "CREATE TABLE marts.demand_weekly "
            "(delivered_m3 DOUBLE, week_start DATE, tickets BIGINT, is_complete BOOLEAN)"
        )
        connection.execute("COMMENT ON COLUMN marts.demand_weekly.delivered_m3 IS '方量 | volume'")
        connection.execute("CREATE VIEW marts.sold AS SELECT delivered_m3 FROM marts.demand_weekly")
        connection.execute("COMMENT ON VIEW marts.sold IS '已售 | sold'")
        connection.execute(
            "CREATE TABLE forecast.runs AS "
            "SELECT 'r' AS run_id, ? AS data_version, 1 AS created_at, 'promoted' AS status",
            [data_version(connection)],
        )
        connection.execute("CREATE TABLE forecast.demand (week_start DATE, level VARCHAR, mean DOUBLE)")
        connection.execute("COMMENT ON COLUMN forecast.demand.mean IS '均值 | mean'")
        connection.execute("CREATE VIEW forecast.demand_current AS FROM forecast.demand")
        connection.execute("CREATE TABLE plan.runs AS SELECT 'p' AS plan_id, 'r' AS run_id, 1.0 AS bound_cny")
        connection.execute("CREATE VIEW plan.plan_current AS FROM plan.runs")
    home.dbt_target.mkdir(parents=True)
    (home.dbt_target / "manifest.json").write_text('{"nodes": {}}')
    write_results(home, "pass")


def write_results(home: Home, status: str) -> None:
    results = {"results": [{"unique_id": "test.tongmai.t", "status": status}]}
    (home.dbt_target / "run_results.json").write_text(json.dumps(results))


def test_publishing_copies_tables_views_comments_and_the_page_of_the_models(home: Home) -> None:
    build_publishable(home)
    home.models_page.write_text("models", encoding="utf-8")
    report = publish(home)
    assert Path(report.path) == home.published
    assert (home.current / MODELS_PAGE).read_text(encoding="utf-8") == "models"
    with reader(home.published) as connection:
        described = connection.execute(
            "SELECT table_name, comment FROM duckdb_columns() WHERE column_name IN ('mean', 'delivered_m3') "
            "AND comment IS NOT NULL ORDER BY ALL"
        ).fetchall()
        versions = connection.execute("SELECT version FROM ops.published_versions").fetchall()
        schemas = connection.execute("SELECT DISTINCT schema_name FROM duckdb_tables() ORDER BY 1").fetchall()
        views = connection.execute("SELECT view_name, comment FROM duckdb_views() WHERE NOT internal").fetchall()
    assert ("demand_weekly", "方量 | volume") in described
    assert {("demand", "均值 | mean"), ("demand_current", "均值 | mean")} <= set(described)
    assert versions == [(report.version,)]
    assert schemas == [("forecast",), ("marts",), ("ops",), ("plan",)]
    assert ("sold", "方量 | volume") in described
    assert views == [("sold", "已售 | sold")], "a mart's view stays one; the current forecast and plan become tables"


@pytest.mark.parametrize(
    ("breakage", "check"),
    [
        ("INSERT INTO ops.ingest_ledger (segment_id, rows_read, rows_loaded, rows_duplicate, rows_rejected) "
         "VALUES ('s', 3, 1, 1, 0)", "ledger_adds_up"),
        ("INSERT INTO marts.demand_weekly (delivered_m3) VALUES (1.0)", "volume_is_conserved"),
        ("UPDATE forecast.runs SET data_version = 'older'", "forecast_is_current"),
        ("INSERT INTO forecast.demand VALUES ('2026-01-05', 'city', 2), ('2026-01-05', 'district_grade_class', 1)",
         "forecast_is_coherent"),
        ("UPDATE plan.runs SET bound_cny = NULL", "plan_is_current"),
        ("DROP VIEW plan.plan_current", "plan_is_current"),
    ],
)  # fmt: skip
def test_a_failed_gate_leaves_the_old_version_current(home: Home, breakage: str, check: str) -> None:
    build_publishable(home)
    before = publish(home).version
    with writer(home) as connection:
        connection.execute(breakage)
        assert check in [failure.name for failure in gate.audit(connection, home)]
    with pytest.raises(TongmaiError, match=check) as caught:
        publish(home)
    assert caught.value.exit_code == EXIT_QUALITY_GATE
    assert home.published.parent.name == before


@pytest.mark.parametrize(("weeks", "is_published"), [(0, True), (3, True), (4, False)])
def test_a_city_without_history_is_published_without_forecast_and_plan(
    home: Home, weeks: int, is_published: bool
) -> None:
    build_publishable(home)
    with writer(home) as connection:
        connection.execute("DELETE FROM forecast.runs")
        connection.execute("DELETE FROM plan.runs")
        connection.execute(
            "INSERT INTO marts.demand_weekly "
            "SELECT 0, DATE '2026-01-05' + n::INTEGER * 7, 1, true FROM range(?) AS t (n)",
            [weeks],
        )
        failures = [failure.name for failure in gate.audit(connection, home)]
    assert failures == ([] if is_published else ["forecast_is_current", "plan_is_current"])
    if is_published:
        assert publish(home).checks_passed == len(gate.CHECKS) - 3 + 1


def test_equal_content_is_not_published_twice(home: Home) -> None:
    build_publishable(home)
    first, second = publish(home), publish(home)
    assert (second.version, second.is_new, second.tables) == (first.version, False, first.tables)
    assert [folder.name for folder in home.versions.iterdir()] == [first.version]


def test_readers_get_the_plan_in_force_only(home: Home) -> None:
    build_publishable(home)
    with writer(home) as connection:
        connection.execute("INSERT INTO plan.runs VALUES ('what if', 'r', 1.0)")
        connection.execute("CREATE OR REPLACE VIEW plan.plan_current AS FROM plan.runs WHERE plan_id = 'p'")
    publish(home)
    with reader(home.published) as connection:
        assert connection.execute("SELECT plan_id FROM plan.runs").fetchall() == [("p",)]


def test_failed_dbt_tests_stop_the_publishing(home: Home) -> None:
    build_publishable(home)
    write_results(home, "fail")
    with pytest.raises(TongmaiError, match="dbt_tests_pass"):
        publish(home)
    assert not home.published.exists()


def test_three_versions_are_kept_and_unfinished_ones_go(home: Home) -> None:
    build_publishable(home)
    (home.versions / "20200101T000000000000Z-killed.tmp").mkdir(parents=True)
    made = []
    for number in range(5):
        with writer(home) as connection:
            connection.execute("UPDATE plan.runs SET plan_id = ?", [f"plan {number}"])
        made.append(publish(home).version)
    assert sorted(folder.name for folder in home.versions.iterdir()) == made[-3:]


def test_retiring_never_removes_the_current_version(tmp_path: Path) -> None:
    for name in ("1", "2", "3", "4"):
        (tmp_path / "versions" / name).mkdir(parents=True)
    swap(tmp_path / "current", tmp_path / "versions" / "1")
    retire(tmp_path / "versions", tmp_path / "current", kept=2)
    assert sorted(folder.name for folder in (tmp_path / "versions").iterdir()) == ["1", "3", "4"]


def test_readers_cannot_write_nor_reach_out(home: Home) -> None:
    build_publishable(home)
    publish(home)
    with reader(home.published) as connection:
        for statement in (
            "CREATE TABLE marts.t (i INTEGER)",
            "SELECT * FROM read_csv('/etc/passwd')",
            "SET threads = 1",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(statement)


def test_one_process_may_hold_two_readers(home: Home) -> None:
    build_publishable(home)
    publish(home)
    with reader(home.published) as one, reader(home.published) as other:
        for connection in (one, other):
            zone = connection.execute("SELECT current_setting('TimeZone')").fetchone()
            assert zone == ("Asia/Shanghai",)


def test_reading_before_the_first_publishing_says_what_to_do(home: Home) -> None:
    with pytest.raises(TongmaiError, match="make demo"), reader(home.published):
        pass
