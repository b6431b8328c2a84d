"""A small city whose demand is its permits spread by a known kernel: marts for the forecasting tests.

Belongs here: marts.* with known truth. Does not belong here: assertions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from forecasting.calendar import Calendar
from forecasting.city_source import city_panel
from forecasting.events import BASE, Scenario
from forecasting.history import History
from forecasting.origin import OriginForecast, forecast_origins
from forecasting.settings import Settings

DISTRICTS = ("520102", "520103", "520181")
GRADES = ("c10_c25", "c30_c35")
USES = ("municipal", "residential")
NEW_YEARS = {2022: (2, 1), 2023: (1, 22), 2024: (2, 10), 2025: (1, 29), 2026: (2, 17), 2027: (2, 6), 2028: (1, 26)}
LAST_SUNDAY = date(2025, 12, 28)
KERNEL_PEAK_WEEKS = {"municipal": 6, "residential": 20}
GRANT_LEAD_WEEKS = 80


@dataclass(frozen=True)
class City:
    """What the generator may vary; `seed` decides the noise."""

    weeks: int = 130
    seed: int = 7
    noise: float = 0.08
    has_permits: bool = True
    silent_series: bool = False


def kernel(use: str) -> np.ndarray:
    """Share of a permit's concrete poured l weeks after its week of grant; sums to 1."""
    lags = np.arange(60)
    weights = np.exp(-0.5 * (np.log((lags + 1) / KERNEL_PEAK_WEEKS[use]) / 0.5) ** 2)
    return weights / weights.sum()


def build_marts(connection: duckdb.DuckDBPyConnection, city: City | None = None) -> None:
    """Create the marts that forecasting reads."""
    city = city or City()
    random = np.random.default_rng(city.seed)
    connection.execute("CREATE SCHEMA IF NOT EXISTS marts")
    districts = {"district_code": [*DISTRICTS, "unknown"]}
    _create(connection, "dim_districts", districts)
    _create(connection, "dim_grades", {"grade_class": list(GRADES), "sort_order": [1, 2]})
    _create(connection, "dim_dates", _dates())

    last = LAST_SUNDAY - timedelta(days=6)
    span = city.weeks + GRANT_LEAD_WEEKS
    weeks = [last - timedelta(weeks=span - 1 - week) for week in range(span)]
    granted = random.gamma(2.0, 400.0, size=(len(DISTRICTS), len(USES), span))
    granted[:, :, -50:] *= np.linspace(1.0, 0.6, 50)  # a downturn that permits announce
    permits: list[tuple[object, ...]] = []
    poured = np.zeros((len(DISTRICTS), span))
    for place, district in enumerate(DISTRICTS):
        for kind, use in enumerate(USES):
            poured[place] += np.convolve(granted[place, kind], kernel(use))[:span]
            for week, m3 in zip(weeks, granted[place, kind], strict=True):
                late_d = 7 + int(random.integers(0, 14))
                permits.append((district, use, week, week + timedelta(days=late_d), m3 / 0.4, float(m3)))
    if not city.has_permits:
        permits = []
    share = np.array([0.4, 0.6])
    revisions: list[tuple[object, ...]] = []
    for week in range(GRANT_LEAD_WEEKS, span):
        for place, district in enumerate(DISTRICTS):
            for position, grade in enumerate(GRADES):
                if city.silent_series and (place, position) == (2, 0):
                    continue
                level = poured[place, week] * share[position] * season(weeks[week])
                m3 = round(float(level * random.lognormal(-(city.noise**2) / 2, city.noise)), 3)
                revisions.append((district, grade, weeks[week], weeks[week] + timedelta(days=7), round(0.98 * m3, 3)))
                late = weeks[week] + timedelta(days=7 + int(random.integers(5, 30)))
                revisions.append((district, grade, weeks[week], late, round(0.02 * m3, 3)))
    _create(
        connection,
        "demand_weekly_revisions",
        _columns(("district_code", "grade_class", "week_start", "known_date", "delta_delivered_m3"), revisions),
    )
    names = ("district_code", "use", "week_start", "known_date", "delta_floor_area_m2", "delta_concrete_m3")
    _create(
        connection,
        "permit_pipeline_weekly",
        _columns(names, permits or [(DISTRICTS[0], USES[0], weeks[0], weeks[0], 0.0, 0.0)]),
    )


def forecast_once(
    known: History, calendar: Calendar, weeks: int, scenario: Scenario = BASE, settings: Settings | None = None
) -> OriginForecast:
    """The forecast from one origin that no other has taught."""
    settings = settings or Settings()
    return forecast_origins([city_panel(known, calendar, weeks, settings, scenario)], calendar, [weeks], settings)[0]


def build_warehouse(path: Path, city: City | None = None) -> None:
    """The same marts in a warehouse file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as connection:
        build_marts(connection, city)


def season(week: date) -> float:
    """The week's factor: a yearly wave and the New Year's lull."""
    effect = 1 + 0.1 * np.sin(2 * np.pi * (week.timetuple().tm_yday - 80) / 365)
    days = [(week + timedelta(days=day) - date(week.year, *NEW_YEARS[week.year])).days for day in range(7)]
    return float(effect * np.mean([0.15 if -5 <= day <= 10 else 1.0 for day in days]))


def _dates() -> dict[str, list[object]]:
    first, last = date(2022, 1, 3), date(2032, 12, 26)
    days = [first + timedelta(days=day) for day in range((last - first).days + 1)]
    new_years = [date(year, *day) for year, day in NEW_YEARS.items()]
    return {
        "date_on": list(days),
        "week_start": [day - timedelta(days=day.weekday()) for day in days],
        "is_workday": [day.weekday() < 5 for day in days],
        "cny_offset_d": [min(((day - new_year).days for new_year in new_years), key=abs) for day in days],
        "national_day_offset_d": [(day - date(day.year, 10, 1)).days for day in days],
        "is_policy_ban": [False] * len(days),
    }


def _columns(names: tuple[str, ...], rows: list[tuple[object, ...]]) -> dict[str, list[object]]:
    return {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}


def _create(connection: duckdb.DuckDBPyConnection, name: str, columns: dict[str, list[object]]) -> None:
    connection.from_arrow(pa.table(columns)).create(f"marts.{name}")
