"""What a run tells whoever started it.

Belongs here: the report and what it reads back from the tables. Does not belong here: making the run.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import duckdb

from forecasting.history import History
from forecasting.identity import Run
from forecasting.series import NO_PERMITS, OFFSET
from store.messages import Text


@dataclass(frozen=True)
class ForecastReport:
    """`scores`: level -> band of weeks ahead -> metric -> value of the method as a whole; `models`: model -> number of
    series; `drift`: signal -> whether it is beyond its limit; `flags`: flag -> number of series; `notes`:
    what a reader of the numbers should know."""

    run_id: str
    status: str
    is_new: bool
    as_of: date
    cutoff: date
    scenario: str
    horizon_weeks: int
    series: int
    origins: int
    models: dict[str, int]
    scores: dict[str, dict[str, dict[str, float]]]
    drift: dict[str, bool]
    flags: dict[str, int]
    notes: tuple[Text, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        dates = {"as_of": self.as_of.isoformat(), "cutoff": self.cutoff.isoformat()}
        return asdict(self) | dates | {"notes": [{"zh": note.zh, "en": note.en} for note in self.notes]}


def read_report(
    connection: duckdb.DuckDBPyConnection,
    run: Run,
    history: History,
    *,
    is_new: bool,
    seconds: float,
) -> ForecastReport:
    """The report of a run whose rows are in the tables."""
    models = dict(
        connection.execute(
            "SELECT model, count(DISTINCT unique_id) FROM forecast.demand WHERE run_id = ? GROUP BY 1 ORDER BY 1",
            [run.run_id],
        ).fetchall()
    )
    origins = connection.execute(
        "SELECT count(DISTINCT cutoff) FROM forecast.backtest WHERE run_id = ?", [run.run_id]
    ).fetchall()[0][0]
    status = connection.execute("SELECT status FROM forecast.runs WHERE run_id = ?", [run.run_id]).fetchall()[0][0]
    scores: dict[str, dict[str, dict[str, float]]] = {}
    for level, band, metric, value in connection.execute(
        """SELECT level, h_band, metric, value FROM forecast.scores
        WHERE run_id = ? AND unique_id = 'all' AND model IN (?, ?) ORDER BY ALL""",
        [run.run_id, OFFSET, NO_PERMITS],
    ).fetchall():
        scores.setdefault(level, {}).setdefault(band, {})[metric] = value
    return ForecastReport(
        run_id=run.run_id,
        status=status,
        is_new=is_new,
        as_of=run.as_of,
        cutoff=run.cutoff,
        scenario=run.scenario.name,
        horizon_weeks=run.horizon_weeks,
        series=len(history.hierarchy.nodes),
        origins=origins,
        models=models,
        scores=scores,
        drift=dict(
            connection.execute(
                "SELECT signal, is_drifting FROM forecast.drift WHERE run_id = ? ORDER BY 1", [run.run_id]
            ).fetchall()
        ),
        flags=dict(
            connection.execute(
                "SELECT flag, count(*) FROM forecast.flags WHERE run_id = ? GROUP BY 1 ORDER BY 1", [run.run_id]
            ).fetchall()
        ),
        notes=(*_notes(history, models, origins), *_told(connection, run.run_id)),
        seconds=round(seconds, 1),
    )


def _told(connection: duckdb.DuckDBPyConnection, run_id: str) -> list[Text]:
    """The city's flags, and what drifts, in their own sentences."""
    rows = connection.execute(
        """SELECT sentence_zh, sentence_en FROM forecast.flags WHERE run_id = $run_id AND unique_id = 'city'
        UNION ALL SELECT sentence_zh, sentence_en FROM forecast.drift WHERE run_id = $run_id AND is_drifting""",
        {"run_id": run_id},
    ).fetchall()
    return [Text(zh, en) for zh, en in rows]


def _notes(history: History, models: dict[str, int], origins: int) -> list[Text]:
    notes = []
    stand_ins = sum(count for name, count in models.items() if name not in (OFFSET, NO_PERMITS))
    if stand_ins:
        notes.append(
            Text(
                f"{stand_ins} 个序列历史过短、过稀或为零，用替代模型",
                f"{stand_ins} series are too short, sparse or silent: a fallback serves",
            )
        )
    if not history.has_permits:
        notes.append(Text("没有施工许可，预测不含许可领先信息", "no permits are known: the forecast looks back only"))
    if origins < 5:
        notes.append(
            Text(
                f"只有 {origins} 个可回测的历史起点，区间主要来自先验",
                f"only {origins} past origins could be judged: the bands rest mostly on prior values",
            )
        )
    if history.unknown_district_share > 0.001:
        share = f"{history.unknown_district_share:.1%}"
        notes.append(
            Text(
                f"{share} 的供货量区县不明，未计入预测", f"{share} of the volume has no known district and is left out"
            )
        )
    return notes
