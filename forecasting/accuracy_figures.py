"""The backtest report's numbers, read from the tables of one run.

Belongs here: what the page asks for, by name. Does not belong here: its words, or any forecast.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import duckdb
import numpy as np

from forecasting.hierarchy import LEVELS, FloatArray
from forecasting.origin import ETS, NAIVE, PLAIN, RATIO, STEP_ENSEMBLE, STEP_LEVEL, STEP_PIPELINE, STEPS, THETA
from forecasting.scores import UNCALIBRATED
from forecasting.settings import HORIZON_BANDS, QUANTILES, band_name
from store.messages import EXIT_USAGE, Text, TongmaiError

_NAMES = {
    PLAIN: Text("Prophet（无许可）", "Prophet, no permits"),
    STEP_PIPELINE: Text("＋许可管道", "+ pipeline"),
    STEP_LEVEL: Text("＋近期水平", "+ level"),
    STEP_ENSEMBLE: Text("＋集成", "+ ensemble"),
}
_MODELS = {
    NAIVE: Text("季节朴素", "seasonal naive"),
    RATIO: Text("管道×比值", "pipeline × ratio"),
    PLAIN: _NAMES[PLAIN],
    ETS: Text("指数平滑", "ETS"),
    THETA: Text("Theta", "Theta"),
}
_OWN = "run_id = $run_id AND reconciled"
_TOLD = "(actual > 0 OR q975 > 0)"  # nothing foretold of a silent series, and nothing came: says nothing of bands


class Case(NamedTuple):
    """One series from one origin: `error` is Σ(forecast - actual)/Σactual; the arrays are (H,)."""

    unique_id: str
    cutoff: date
    error: float
    actual: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True)
class Figures:
    """`run`: its identity; `main`: the method's name in the scores; `origins`: cutoff, weeks judged; `counts`: band ->
    (origins, series-weeks); `spread`: (level, band) -> lowest and highest coverage of one origin; `reliability`: level
    -> share of weeks below each quantile; `cases`: the worst; `scores` by (unique_id, level, model, band, metric)."""

    run: dict[str, Any]
    main: str
    origins: list[tuple[date, int]]
    counts: dict[str, tuple[int, int]]
    spread: dict[tuple[str, str], tuple[float, float]]
    reliability: dict[str, list[float]]
    cases: list[Case]
    scores: dict[tuple[str, str, str, str, str], float]

    @property
    def origin_gap_weeks(self) -> float:
        """Mean distance of neighbouring origins."""
        days = [cutoff.toordinal() for cutoff, _ in self.origins]
        return float(np.diff(days).mean() / 7) if len(days) > 1 else 0.0

    def score(self, level: str, band: str, metric: str, model: str | None = None, unique_id: str = "all") -> float:
        """One score, NaN where there is none; of the method itself unless another model is named."""
        return self.scores.get((unique_id, level, model or self.main, band, metric), np.nan)

    def skill(self, level: str, band: str, yardstick: str) -> tuple[float, float, float]:
        """Skill against a yardstick and its 95 % interval."""
        value, low, high = (self.score(level, band, f"skill_{yardstick}{end}") for end in ("", "_low", "_high"))
        return value, low, high

    def label(self, model: str) -> str:
        """How a model is named on the page: the method as a whole is not its core."""
        name = Text("本方法", "the method") if model == self.main else _MODELS.get(model, Text(model, model))
        return " ".join(dict.fromkeys(name))

    def models(self, level: str) -> list[str]:
        """The method and the yardsticks that serve a level; the method's steps are not among them."""
        found = {key[2] for key in self.scores if key[1] == level}
        return [self.main, *sorted(found - {self.main, UNCALIBRATED, *STEPS[1:]})]

    def series(self, level: str) -> list[str]:
        """The level's series."""
        return sorted({key[0] for key in self.scores if key[1] == level and key[0] != "all"})

    def value_added(self, bands: list[str]) -> list[tuple[Text, list[float]]]:
        """Per step: districts' WAPE by band, then coverage80 and scaled CRPS over all weeks where there are bands."""

        def row(name: Text, errors_of: str, bands_of: str | None) -> tuple[Text, list[float]]:
            wape = [self.score("district", band, "wape", errors_of) for band in bands]
            honest = [
                self.score("district", "1-52", metric, bands_of) if bands_of else np.nan
                for metric in ("coverage80", "scrps")
            ]
            return name, [*wape, *honest]

        served = [step for step in STEPS if np.isfinite(self.score("district", bands[0], "wape", step))]
        rows = [row(_NAMES[step], step, None) for step in served]
        rows.append(row(Text("＋各级一致（未校准）", "+ coherence, bands not calibrated"), self.main, UNCALIBRATED))
        return [*rows, row(Text("＋校准：全部方法", "+ calibration: the whole method"), self.main, self.main)]


def read_figures(connection: duckdb.DuckDBPyConnection, run_id: str) -> Figures:
    """The figures of a run. Raises TongmaiError(`no_backtest`) where no origin was judged."""
    bound = {"run_id": run_id}
    found = connection.execute("SELECT run_id, cutoff FROM forecast.runs WHERE run_id = $run_id", bound).fetchone()
    run = {"run_id": run_id, "cutoff": found[1] if found else None}
    origins = connection.execute(
        f"SELECT cutoff, max(h) FROM forecast.backtest WHERE {_OWN} GROUP BY 1 ORDER BY 1", bound
    ).fetchall()
    if not origins:
        raise TongmaiError(
            "no_backtest",
            "历史太短，没有可回看的起点：至少要 27 个完整周的供货。",
            "The history is too short to look back: it takes at least 27 complete weeks of deliveries.",
            EXIT_USAGE,
        )
    scores = {
        tuple(row[:5]): row[5]
        for row in connection.execute(
            "SELECT unique_id, level, model, h_band, metric, value FROM forecast.scores WHERE run_id = $run_id", bound
        ).fetchall()
    }
    main = next(key[2] for key in scores if key[4] == f"skill_{NAIVE}")
    arms = " ".join(f"WHEN h <= {last} THEN '{band_name((first, last))}'" for first, last in HORIZON_BANDS)
    by_band = f"CASE {arms} END"
    return Figures(
        run=run,
        main=main,
        origins=origins,
        counts={
            band: (count, weeks)
            for band, count, weeks in connection.execute(
                f"SELECT {by_band}, count(DISTINCT cutoff), count(*) FROM forecast.backtest WHERE {_OWN} GROUP BY 1",
                bound,
            ).fetchall()
        },
        spread=_spread(connection, bound, by_band),
        reliability=_reliability(connection, bound),
        cases=_worst(connection, bound, 6),
        scores=scores,
    )


def _spread(
    connection: duckdb.DuckDBPyConnection, bound: dict[str, Any], by_band: str
) -> dict[tuple[str, str], tuple[float, float]]:
    rows = connection.execute(
        f"""SELECT level, band, min(inside), max(inside) FROM (
            SELECT level, {by_band} AS band, cutoff, avg(CAST(actual BETWEEN q10 AND q90 AS INTEGER)) AS inside
            FROM forecast.backtest WHERE {_OWN} AND {_TOLD} GROUP BY ALL
        ) GROUP BY ALL""",
        bound,
    ).fetchall()
    return {(level, band): (low, high) for level, band, low, high in rows}


def _reliability(connection: duckdb.DuckDBPyConnection, bound: dict[str, Any]) -> dict[str, list[float]]:
    shares = ", ".join(f"avg(CAST(actual <= {name} AS INTEGER))" for name in QUANTILES)
    rows = connection.execute(
        f"SELECT level, {shares} FROM forecast.backtest WHERE {_OWN} AND {_TOLD} GROUP BY 1", bound
    ).fetchall()
    found = {row[0]: list(row[1:]) for row in rows}
    return {level: found[level] for level in LEVELS if level in found}


def _worst(connection: duckdb.DuckDBPyConnection, bound: dict[str, Any], count: int) -> list[Case]:
    """The districts and origins of at least 13 judged weeks whose sums were furthest off, one per district."""
    rows = connection.execute(
        f"""SELECT unique_id, cutoff, sum(mean - actual) / sum(actual) AS error, list(actual ORDER BY h),
            list(mean ORDER BY h), list(q10 ORDER BY h), list(q90 ORDER BY h)
        FROM forecast.backtest WHERE {_OWN} AND level = 'district'
        GROUP BY unique_id, cutoff HAVING count(*) >= 13 AND sum(actual) > 0
        QUALIFY row_number() OVER (PARTITION BY unique_id ORDER BY abs(error) DESC, cutoff) = 1
        ORDER BY abs(error) DESC, unique_id LIMIT {count}""",
        bound,
    ).fetchall()
    return [Case(*row[:3], *(np.array(values, dtype=float) for values in row[3:])) for row in rows]
