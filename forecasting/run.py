"""The door of the stage: one forecast run, from the marts to schema `forecast`.

Belongs here: the order of steps and the checks at the door. Does not belong here: any maths, any SQL on marts.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb

from forecasting.backtest import backtest, past_origins, replayed, weeks_since
from forecasting.calendar import Calendar, read_calendar
from forecasting.city_source import city_panel
from forecasting.drift import find_drift
from forecasting.errors import draw, learn_errors
from forecasting.events import BASE, Scenario, check_districts, find_scenario
from forecasting.flags import find_flags
from forecasting.history import History, Silence, history, newest_knowledge, permit_delay, silence
from forecasting.identity import Run, code_version, version_of_data
from forecasting.intervals import sample_quantiles, widen
from forecasting.origin import forecast_origins
from forecasting.paths import monthly_paths, weeks_to_cover
from forecasting.promotion import consider
from forecasting.record import write_run
from forecasting.report import ForecastReport, read_report
from forecasting.scores import score
from forecasting.settings import MAX_HORIZON_WEEKS, Settings, rolling_origins
from forecasting.tables import create_forecast_tables
from store.connections import writer
from store.home import Home
from store.locks import hold
from store.messages import EXIT_USAGE, TongmaiError, progress

_LOCK_WAIT_S = 600.0
_SUBMISSIONS = "submission_calendar_daily"
_MARTS = ("dim_dates", "dim_districts", "dim_grades", "demand_weekly_revisions", "permit_pipeline_weekly")


def forecast(
    home: Home,
    *,
    as_of: date | None = None,
    horizon_weeks: int = MAX_HORIZON_WEEKS,
    scenario: str = BASE.name,
    events: Path | None = None,
) -> ForecastReport:
    """Forecast demand as known on `as_of` (by default the newest day on which anything became known); append the run.

    A run of equal data, code and options adds nothing. Only a full base run on all that is known is promoted; others
    are stored beside it. `scenario` is built in or of the file `events` (default: data/reference/scenario_events.csv).
    Raises TongmaiError: `unknown_scenario`, `no_events_file`, `bad_scenario_event`, `bad_horizon` (all of usage),
    `no_marts`, `no_history`, `locked`, `warehouse_busy`.
    """
    _check_horizon(horizon_weeks)
    supposed = find_scenario(scenario, events)  # what is misspelt is said before anything is waited for
    with hold(home, "warehouse", wait_s=_LOCK_WAIT_S), writer(home) as connection:
        return forecast_in(connection, as_of=as_of, horizon_weeks=horizon_weeks, scenario=supposed)


def full_backtest(home: Home, origins: int = 12) -> ForecastReport:
    """A run on all that is known with `origins` rolling past origins, stored beside the one in use.

    Raises what `forecast` raises.
    """
    with hold(home, "warehouse", wait_s=_LOCK_WAIT_S), writer(home) as connection:
        return forecast_in(connection, origins=origins)


def forecast_in(
    connection: duckdb.DuckDBPyConnection,
    *,
    as_of: date | None = None,
    horizon_weeks: int = MAX_HORIZON_WEEKS,
    scenario: Scenario = BASE,
    origins: int | None = None,
    settings: Settings | None = None,
) -> ForecastReport:
    """`forecast` on a writer's connection that is already open; with `origins` a full backtest, never promoted."""
    started_at = time.monotonic()
    settings = settings or Settings()
    _check_horizon(horizon_weeks)
    _require_marts(connection)
    create_forecast_tables(connection)
    newest = newest_knowledge(connection)
    as_of = min(as_of or newest, newest)  # nothing is known beyond it, so a later day is the same question
    calendar = read_calendar(connection)
    known = _history(connection, calendar, as_of)
    check_districts(scenario, known.hierarchy.districts)
    is_standard = scenario == BASE and horizon_weeks == MAX_HORIZON_WEEKS and as_of == newest and origins is None
    if origins is not None:
        settings = replace(settings, origins_back_weeks=rolling_origins(len(known.weeks), settings, origins))
    run = Run(
        cutoff=known.cutoff,
        data_version=version_of_data(connection, known.digest()),
        code_version=code_version(),
        config_hash=settings.digest(as_of=str(as_of), horizon_weeks=horizon_weeks, scenario=scenario.recorded()),
        input_hash=known.digest(),
        seed=settings.seed,
        scenario=scenario,
        as_of=as_of,
        horizon_weeks=horizon_weeks,
    )
    is_new = connection.execute("SELECT 1 FROM forecast.runs WHERE run_id = ?", [run.run_id]).fetchone() is None
    if is_new:
        weeks, series = len(known.weeks), len(known.hierarchy.nodes)
        progress(
            "forecast",
            f"截至 {as_of}：最后完整周 {known.cutoff}，历史 {weeks} 周，{series} 个序列",
            f"as of {as_of}: last complete week {known.cutoff}, {weeks} weeks of history, {series} series",
        )
        _make(connection, run, known, calendar, settings, is_live=as_of == newest)
        progress("forecast", f"批次 {run.run_id} 已写入", f"run {run.run_id} written")
    else:
        progress(
            "forecast",
            f"数据、代码与参数未变：批次 {run.run_id} 已在，不再重算",
            f"same data, code and options: run {run.run_id} is already there, nothing added",
        )
    if is_standard and (decision := consider(connection, run.run_id, settings)) is not None:
        progress("forecast", *decision.text)
    seconds = time.monotonic() - started_at
    return read_report(connection, run, known, is_new=is_new, seconds=seconds)


def _history(
    connection: duckdb.DuckDBPyConnection, calendar: Calendar, as_of: date, districts_on: date | None = None
) -> History:
    known = history(connection, as_of, districts_on)
    return known.bridged(calendar.is_holiday_week(known.weeks))


def _make(
    connection: duckdb.DuckDBPyConnection,
    run: Run,
    known: History,
    calendar: Calendar,
    settings: Settings,
    *,
    is_live: bool,
) -> None:
    hierarchy = known.hierarchy
    outlook_weeks = weeks_to_cover(known.cutoff, settings.outlook_months)
    past = past_origins(known, lambda day: _history(connection, calendar, day, known.as_of), calendar, settings)
    progress("forecast", f"回看 {len(past)} 个历史起点", f"{len(past)} past origins looked back at")
    horizons = [min(weeks_since(city.history, known), MAX_HORIZON_WEEKS) for city in past]
    present = city_panel(known, calendar, outlook_weeks, settings, run.scenario)
    *then, now = forecast_origins([*past, present], calendar, [*horizons, outlook_weeks], settings, plain=True)
    replays = replayed(then, known)
    tested = backtest(replays, settings)
    errors = learn_errors([replay.forecast for replay in replays], [replay.actual for replay in replays], now)
    bottom = now.mean[-hierarchy.bottom_count :]
    samples = draw(errors, hierarchy, bottom, now.is_holiday_week[-outlook_weeks:], settings.samples, settings.seed)
    quantiles = sample_quantiles(hierarchy, samples[:, :, : run.horizon_weeks])
    quantiles = widen(hierarchy, now.mean[:, : run.horizon_weeks], quantiles, tested.widening)
    paths = monthly_paths(samples[: settings.paths], bottom, known.cutoff, settings.outlook_months)
    # the calendar of submissions knows no past days: what came later must not speak of an earlier one
    silent = silence(connection, known.cutoff) if is_live and _has(connection, _SUBMISSIONS) else Silence(0.0, 0.0)
    flags = find_flags(known, calendar, now.models, silent, settings)
    drift = find_drift(tested, now, permit_delay(connection, run.as_of))
    write_run(connection, run, now, quantiles, tested, score(tested, settings.seed), paths, flags, drift)


def _check_horizon(horizon_weeks: int) -> None:
    if not 1 <= horizon_weeks <= MAX_HORIZON_WEEKS:
        raise TongmaiError(
            "bad_horizon",
            f"预测周数须在 1 到 {MAX_HORIZON_WEEKS} 之间，收到 {horizon_weeks}。",
            f"The horizon must be 1 to {MAX_HORIZON_WEEKS} weeks, not {horizon_weeks}.",
            EXIT_USAGE,
        )


def _has(connection: duckdb.DuckDBPyConnection, mart: str) -> bool:
    row = connection.execute(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = 'marts' AND table_name = ?", [mart]
    ).fetchone()
    return row is not None


def _require_marts(connection: duckdb.DuckDBPyConnection) -> None:
    missing = sorted(mart for mart in _MARTS if not _has(connection, mart))
    if missing:
        raise TongmaiError(
            "no_marts",
            f"仓库缺少数据集市：{'、'.join(missing)}。请先运行 tongmai build。",
            f"The warehouse lacks the marts {', '.join(missing)}. Run tongmai build first.",
        )
