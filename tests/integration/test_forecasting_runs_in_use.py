"""Which run is in use, how it is asked about, and the backtest's page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest
from forecasting_city import DISTRICTS, City, build_warehouse

from forecasting.accuracy import write_accuracy_page
from forecasting.accuracy_figures import read_figures
from forecasting.compare import compare
from forecasting.explain import explain
from forecasting.promotion import consider, promote
from forecasting.run import forecast_in
from forecasting.settings import Settings, rolling_origins
from orchestration.cli import run_command
from store.connections import writer
from store.home import Home
from store.messages import TongmaiError

SMALL = Settings(samples=40, paths=30, origins_back_weeks=(20, 10))
OTHER = Settings(samples=40, paths=30, origins_back_weeks=(20, 10), seed=2)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, str, str]]:
    """A home with a run in use, and one that replaced it on later data."""
    home = Home.at(tmp_path_factory.mktemp("runs"))
    build_warehouse(home.warehouse, City(weeks=90))
    with writer(home) as connection:
        first = forecast_in(connection, settings=SMALL).run_id
        second = forecast_in(connection, settings=OTHER).run_id
    yield home, first, second


def test_a_worse_run_is_refused_and_the_old_one_goes_on(city: tuple[Home, str, str]) -> None:
    home, _, second = city
    with writer(home) as connection:
        what_if = forecast_in(connection, as_of=date(2025, 12, 15), settings=SMALL).run_id
        connection.execute(
            """UPDATE forecast.scores SET value = value - 0.5
            WHERE run_id = ? AND metric = 'skill_seasonal_naive'""",
            [what_if],
        )
        decision = consider(connection, what_if, SMALL)
        assert decision is not None and (decision.decision, decision.replaced_run_id) == ("refused", second)
        assert "stays in use" in decision.text.en and "继续使用" in decision.text.zh
        assert consider(connection, what_if, SMALL) is None, "it is decided once"
        rows = dict(connection.execute("SELECT run_id, status FROM forecast.runs").fetchall())
        assert (rows[what_if], rows[second]) == ("refused", "promoted")
        audit = connection.execute(
            "SELECT decision, decided_by FROM forecast.promotions ORDER BY decided_at"
        ).fetchall()
        assert audit == [("promoted", "gate"), ("promoted", "gate"), ("refused", "gate")]


def test_going_back_by_hand_holds_through_the_next_night(city: tuple[Home, str, str]) -> None:
    home, first, second = city
    decision = promote(home, first[:6])
    assert (decision.run_id, decision.replaced_run_id, decision.decided_by) == (first, second, "hand")
    with writer(home) as connection:
        assert forecast_in(connection, settings=OTHER).status == "withdrawn"
        in_use = connection.execute("SELECT DISTINCT run_id FROM forecast.demand_current").fetchall()
    assert in_use == [(first,)]
    with pytest.raises(TongmaiError, match="already_in_use"):
        promote(home, first)
    promote(home, second)


def test_a_what_if_is_never_put_in_use(city: tuple[Home, str, str]) -> None:
    home, _, _ = city
    with writer(home) as connection:
        short = forecast_in(connection, horizon_weeks=4, settings=SMALL).run_id
    with pytest.raises(TongmaiError) as caught:
        promote(home, short)
    assert (caught.value.reason, caught.value.exit_code) == ("not_promotable", 2)
    with pytest.raises(TongmaiError, match="unknown_run"):
        promote(home, "zzz")


def test_two_runs_side_by_side(city: tuple[Home, str, str]) -> None:
    home, first, second = city
    found = compare(home, first, second)
    assert found["differs"] == ["config_hash", "seed"]
    assert [row["unique_id"] for row in found["means"]] == ["city", *DISTRICTS]
    assert {row["weeks"] for row in found["means"]} == {52}
    assert len(found["scores"]["district"]["5-13"]["mase"]) == 2


def test_a_district_is_explained_in_both_languages(city: tuple[Home, str, str]) -> None:
    home, first, second = city
    found = explain(home, DISTRICTS[0])
    assert found.run_id == second and found.figures["replaced_run_id"] == first
    assert set(found.figures["parts_next_13_weeks"]) >= {"pipeline", "trend", "yearly", "calendar", "level"}
    assert found.figures["past"]["origins"] == 2
    for sentence in found.sentences:
        assert sentence.zh != sentence.en and sentence.zh and sentence.en
    assert explain(home, "city").unique_id == "city"
    with pytest.raises(TongmaiError, match=DISTRICTS[1]):
        explain(home, "Atlantis")


def test_the_page_needs_nothing_else_and_speaks_both_languages(city: tuple[Home, str, str], tmp_path: Path) -> None:
    home, _, second = city
    page = write_accuracy_page(home, second, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "http" not in page and "<script" not in page and page.count("<svg") >= 6
    for zh, en in (
        ("可靠性图", "Reliability diagram"),
        ("预测增值", "Forecast value added"),
        ("最差的情形", "Worst cases"),
        ("季节朴素", "seasonal naive"),
    ):
        assert zh in page and en in page
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        figures = read_figures(connection, second)
    for level, below in figures.reliability.items():
        for low, high, metric in ((1, 5, "coverage80"), (0, 6, "coverage95")):
            inside = figures.score(level, "1-52", metric)
            assert below[high] - below[low] == pytest.approx(inside, abs=1e-9), "the diagram says what the table says"
    with pytest.raises(TongmaiError) as caught:
        write_accuracy_page(home, "none")
    assert caught.value.reason == "no_backtest"


def test_a_full_backtest_is_stored_beside_the_run_in_use(city: tuple[Home, str, str]) -> None:
    home, _, second = city
    with writer(home) as connection:
        report = forecast_in(connection, origins=4, settings=SMALL)
        assert (report.status, report.origins) == ("stored", 4)
        assert connection.execute("SELECT DISTINCT run_id FROM forecast.demand_current").fetchall() == [(second,)]
        metrics = {row[0] for row in connection.execute("SELECT DISTINCT metric FROM forecast.scores").fetchall()}
    assert {"mase", "rmsse", "scrps", "coverage95", "skill_prophet_plain_low"} <= metrics


def test_origins_lie_eight_weeks_apart_or_closer_in_a_short_history() -> None:
    assert rolling_origins(156, Settings()) == tuple(range(92, 0, -8))
    assert len(rolling_origins(75, Settings())) == 12
    assert rolling_origins(50, Settings()) == ()


def test_the_commands_leave_with_their_codes(city: tuple[Home, str, str], capsys: pytest.CaptureFixture[str]) -> None:
    home, first, second = city
    place = ["--home", str(home.root)]
    assert run_command(["compare", first, second, "--json", *place]) == 0
    assert json.loads(capsys.readouterr().out)["differs"] == ["config_hash", "seed"]
    assert run_command(["explain", "city", "--json", *place]) == 0
    assert json.loads(capsys.readouterr().out)["unique_id"] == "city"
    assert run_command(["explain", "nowhere", *place]) == 2
    assert run_command(["promote", "zzz", *place]) == 2
    assert run_command(["compare", first, "zzz", *place]) == 2
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM forecast.runs WHERE status = 'promoted'").fetchone() == (1,)
