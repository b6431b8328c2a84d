"""Parts of the method, each against a truth that is known."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import numpy as np
import pytest
from forecasting_city import USES, City, build_marts, forecast_once, kernel, season

from forecasting.calendar import read_calendar
from forecasting.city_source import city_panel
from forecasting.grants import expected_grants, newest_level, season_of_grants
from forecasting.history import History, history
from forecasting.model import fit_parts
from forecasting.origin import NAIVE, RATIO, forecast_origins
from forecasting.paths import is_outlook, month_shares, monthly_paths, months_after, weeks_to_cover
from forecasting.pipeline import KNOTS_WEEKS, learn_kernel, pipeline_m3
from forecasting.series import FALLBACK_NAIVE, FALLBACK_RATIO, NO_PERMITS, OFFSET, ZERO, choose_model, stand_in
from forecasting.settings import Settings


@pytest.fixture(scope="module")
def known() -> History:
    with duckdb.connect() as connection:
        build_marts(connection, City(noise=0.03))
        return history(connection, date(2025, 12, 29))


def test_the_kernel_is_found_again(known: History) -> None:
    learned = learn_kernel(known, np.array([season(week) for week in known.weeks.tolist()]))
    for use, weights in zip(USES, learned.weights, strict=True):
        true = kernel(use)
        lag = float(np.arange(len(weights)) @ weights / weights.sum())
        assert lag == pytest.approx(float(np.arange(len(true)) @ true), abs=4), use
        assert weights.sum() == pytest.approx(1.0, abs=0.1), use
    assert (learned.weights >= 0).all()
    assert (learned.background >= 0).all()


def test_the_pipeline_follows_the_downturn_that_permits_announce(known: History) -> None:
    learned = learn_kernel(known, np.ones(len(known.weeks)))
    weeks = len(known.weeks)
    ahead = pipeline_m3(learned, expected_grants(known, 52, KNOTS_WEEKS[-1]), weeks + 52)
    assert ahead[:, weeks : weeks + 26].mean() < 0.95 * ahead[:, weeks - 26 : weeks].mean()


def test_halved_permits_bend_the_far_future_and_not_the_near_one(known: History) -> None:
    learned = learn_kernel(known, np.ones(len(known.weeks)))
    base, halved = (
        pipeline_m3(learned, expected_grants(known, 52, KNOTS_WEEKS[-1], factor), 52) for factor in (1.0, 0.5)
    )
    ratio = halved.sum(axis=0) / base.sum(axis=0)
    assert ratio[0] > 0.95
    assert ratio[-1] < 0.75
    assert (np.diff(ratio) < 1e-9).all()


def permits(level: float, big: float = 1.0) -> np.ndarray:
    """(10, 6, 156) lognormal permits, some five a week; in the last quarter `level` times as many, the largest of them
    `big` times as large."""
    random = np.random.default_rng(5)
    rate = np.full(156, 0.08)
    rate[-13:] *= level
    granted = np.where(random.random((10, 6, 156)) < rate, random.lognormal(8.0, 0.85, (10, 6, 156)), 0.0)
    newest = granted[:, :, -13:]
    newest[newest == newest.max()] *= big
    return granted


def test_the_level_of_new_permits_follows_their_number_and_is_not_moved_by_one_large_one() -> None:
    seen = np.ones(156)
    steady = newest_level(permits(1.0), seen)
    assert newest_level(permits(1.0, big=10.0), seen) == pytest.approx(steady, rel=0.05)
    assert newest_level(permits(0.5), seen) == pytest.approx(0.5 * steady, rel=0.25)
    everywhere = np.random.default_rng(6).gamma(2.0, 400.0, (10, 6, 156))
    everywhere[:, :, -26:] *= 0.6
    assert newest_level(everywhere, seen) == pytest.approx(0.6, rel=0.1), "sizes tell where numbers cannot"


def test_the_level_of_new_permits_falls_step_by_step_where_none_is_granted_and_stays_where_nobody_looked() -> None:
    levels, unseen = [], []
    for weeks in range(40):
        granted, seen = permits(1.0), np.ones(156)
        granted[:, :, 156 - weeks :] = 0.0
        levels.append(newest_level(granted, seen))
        seen[156 - weeks :] = 0.0
        unseen.append(newest_level(granted, seen))
    steps = np.array(levels[1:]) / np.array(levels[:-1])
    assert np.diff(levels).max() < 0.01 and steps.min() > 0.75, "no cliff"
    assert 0.1 < levels[13] < 0.25 and levels[-1] > 0
    assert unseen == pytest.approx(np.full(40, unseen[0]), rel=0.35), "a feed that broke says nothing"


def test_new_permits_have_a_season_as_far_as_the_years_agree() -> None:
    weeks, random = np.arange(208), np.random.default_rng(7)
    lull = 0.09 * np.where(weeks % 52 < 8, 0.3, 1.0)
    drawn, flat = (np.where(random.random((10, 6, 208)) < rate, 500.0, 0.0) for rate in (lull, np.full(208, 0.09)))
    season = season_of_grants(drawn, 52)[208:]
    assert season[:8].mean() < 0.65 and season[12:48].mean() > 0.95
    assert np.abs(season_of_grants(flat, 52)[208:] - 1).mean() < 0.12


def test_the_trend_is_damped_beyond_the_history_and_the_parts_add_up_to_the_series() -> None:
    days = np.datetime64("2023-01-02") + np.timedelta64(7, "D") * np.arange(110)
    random = np.random.default_rng(1)
    feature = (np.arange(130) % 52 == 4).astype(float)[:, None]
    series = 0.3 * np.sin(np.arange(110) / 8) - 0.8 * feature[:110, 0] + random.normal(0, 0.1, 110)
    parts = fit_parts(days, series, feature, 3, 1.0, Settings())
    assert np.abs(series - parts.total[:110]).mean() < 0.12
    assert parts.calendar[4] == pytest.approx(-0.8, abs=0.15)
    growth = np.diff(parts.trend[109:])
    assert (np.abs(growth[1:]) <= np.abs(growth[:-1]) + 1e-12).all()


@pytest.mark.parametrize(
    ("series", "has_permits", "name"),
    [
        (np.zeros(100), True, ZERO),
        (np.ones(100), True, OFFSET),
        (np.ones(100), False, NO_PERMITS),
        (np.ones(40), True, FALLBACK_RATIO),
        (np.concatenate([np.zeros(80), np.ones(40)]), False, FALLBACK_NAIVE),
        (np.tile([1.0, 0.0], 60), True, FALLBACK_RATIO),
    ],
)
def test_each_kind_of_series_has_its_model(series: np.ndarray, has_permits: bool, name: str) -> None:
    assert choose_model(series, has_permits, Settings()) == name


@pytest.mark.parametrize("model", [FALLBACK_RATIO, FALLBACK_NAIVE])
def test_a_sparse_series_is_forecast_at_its_volume(model: str) -> None:
    actual = np.tile([0.0, 0.0, 90.0, 0.0], 30)
    ahead = stand_in(actual, np.full(172, 50.0), model)
    assert ahead.shape == (52,) and ahead.mean() == pytest.approx(22.5)
    new = stand_in(np.concatenate([np.zeros(100), np.full(20, 40.0)]), np.full(172, 50.0), model)
    assert new == pytest.approx(40.0)


def test_yardsticks_are_judged_on_the_series_as_it_was() -> None:
    with duckdb.connect() as connection:
        build_marts(connection, City(noise=0.03))
        connection.execute(
            """DELETE FROM marts.demand_weekly_revisions
            WHERE grade_class = 'c10_c25' AND datediff('week', DATE '2020-01-06', week_start) % 8 = 0"""
        )
        known, calendar = history(connection, date(2025, 12, 29)), read_calendar(connection)
    city = city_panel(known, calendar, 52, Settings())
    forecast = forecast_origins([city], calendar, [52], Settings())[0]
    weeks, row = len(known.weeks), [node.unique_id for node in known.hierarchy.nodes].index("520102/c10_c25")
    year, expected = city.actual[row, -52:], city.expected_m3[row]
    assert (year == 0).sum() >= 6, "the engine takes such weeks as 5 % of the mean"
    assert forecast.yardsticks[NAIVE][row] == pytest.approx(year, abs=0)
    ratio = year.sum() / expected[weeks - 52 : weeks].sum()
    assert forecast.yardsticks[RATIO][row] == pytest.approx(ratio * expected[weeks:])


def test_a_short_history_is_served_by_the_fallback() -> None:
    with duckdb.connect() as connection:
        build_marts(connection, City(weeks=30, silent_series=True))
        known = history(connection, date(2025, 12, 29))
        forecast = forecast_once(known, read_calendar(connection), 52)
    assert set(forecast.models) == {FALLBACK_RATIO, ZERO}
    assert np.isfinite(forecast.mean).all()
    assert forecast.mean[forecast.models.index(ZERO)].sum() == 0
    assert RATIO in forecast.yardsticks


def test_weeks_become_months_by_their_days() -> None:
    cutoff = date(2025, 12, 22)
    assert months_after(cutoff, 36)[0] == date(2026, 1, 1)
    assert months_after(cutoff, 36)[-1] == date(2028, 12, 1)
    weeks = weeks_to_cover(cutoff, 36)
    shares = month_shares(cutoff, weeks, 36)
    assert shares.sum(axis=0) * 7 == pytest.approx([(_next(month) - month).days for month in months_after(cutoff, 36)])
    assert months_after(date(2026, 1, 12), 1) == [date(2026, 2, 1)]
    assert [is_outlook(month, cutoff, 52) for month in (date(2026, 11, 1), date(2027, 1, 1))] == [False, True]


def test_paths_carry_the_mean_exactly() -> None:
    samples = np.random.default_rng(3).gamma(2, 10, size=(30, 2, 30))
    mean = samples.mean(axis=0) * 1.1
    paths = monthly_paths(samples, mean, date(2025, 12, 22), 6)
    assert paths.mean(axis=0) == pytest.approx(mean @ month_shares(date(2025, 12, 22), 30, 6))


def _next(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)
