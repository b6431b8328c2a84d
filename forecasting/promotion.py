"""Which run is in use: the pointer, its gate, its moves by hand, and the record of them.

Belongs here: deciding on a run that is in the tables. Does not belong here: making a run, or scoring it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from forecasting.events import BASE
from forecasting.scores import WHOLE
from forecasting.settings import MAX_HORIZON_WEEKS, Settings, band_name
from forecasting.tables import PROMOTIONS, create_forecast_tables
from store.connections import writer
from store.home import Home
from store.locks import hold
from store.messages import EXIT_USAGE, Text, TongmaiError
from store.tables import append

LOCK_WAIT_S = 60.0
PROMOTED, REFUSED = "promoted", "refused"


@dataclass(frozen=True)
class Decision:
    """What became of a run: `error` and `replaced_error` are district errors relative to the seasonal naive's."""

    run_id: str
    replaced_run_id: str | None
    decision: str
    decided_by: str
    error: float | None
    replaced_error: float | None
    tolerance: float | None
    text: Text

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {name: value for name, value in asdict(self).items() if name != "text"} | self.text._asdict()


def consider(connection: duckdb.DuckDBPyConnection, run_id: str, settings: Settings) -> Decision | None:
    """Put a new run in use unless its backtest is worse than that of the run in use, beyond the tolerance.

    Worse: error of districts over all weeks ahead, relative to the seasonal naive's on the same weeks, which grows in
    hard months as ours does. A run refused or withdrawn before stays so; None when nothing was to be decided.
    """
    status, current = _status(connection, run_id), in_use(connection)
    if run_id == current or status in (REFUSED, "withdrawn"):
        return None
    mine, theirs = relative_error(connection, run_id), relative_error(connection, current)
    limit = settings.promotion_tolerance
    is_worse = mine is not None and theirs is not None and mine > theirs * (1 + limit)
    if is_worse:
        text = Text(
            f"批次 {run_id} 未晋升：回测误差为季节朴素法的 {mine:.0%}，现用批次 {current} 为 {theirs:.0%}，"
            f"超出容许的 {limit:.0%}；继续使用 {current}。确认无误后可用 tongmai promote {run_id}",
            f"run {run_id} is not promoted: its backtest error is {mine:.0%} of the seasonal naive's, that of the run "
            f"in use {theirs:.0%}; the tolerance is {limit:.0%}. {current} stays in use; if the new one is right "
            f"nonetheless: tongmai promote {run_id}",
        )
        connection.execute("UPDATE forecast.runs SET status = ? WHERE run_id = ?", [REFUSED, run_id])
    else:
        text = Text(f"批次 {run_id} 晋升为现用", f"run {run_id} is now in use")
        _move(connection, run_id, "superseded")
    decision = Decision(run_id, current, REFUSED if is_worse else PROMOTED, "gate", mine, theirs, limit, text)
    _write(connection, decision)
    return decision


def promote(home: Home, run_id: str) -> Decision:
    """Put a run in use by hand: forward past the gate, or back. The run that it replaces is `withdrawn`: no nightly
    job puts it back.

    Raises TongmaiError: `unknown_run`, `not_promotable`, `already_in_use` (all of usage), `locked`, `warehouse_busy`.
    """
    with hold(home, "warehouse", wait_s=LOCK_WAIT_S), writer(home) as connection:
        create_forecast_tables(connection)
        run_id = find_run(connection, run_id)
        current = in_use(connection)
        if run_id == current:
            raise TongmaiError(
                "already_in_use", f"批次 {run_id} 已在使用。", f"Run {run_id} is in use already.", EXIT_USAGE
            )
        scenario, weeks = connection.execute(
            "SELECT coalesce(scenario, ?), coalesce(horizon_weeks, ?) FROM forecast.runs WHERE run_id = ?",
            [BASE.name, MAX_HORIZON_WEEKS, run_id],
        ).fetchall()[0]
        if scenario != BASE.name or weeks != MAX_HORIZON_WEEKS:
            raise TongmaiError(
                "not_promotable",
                f"批次 {run_id} 是情景 {scenario}、{weeks} 周的试算；只有 {MAX_HORIZON_WEEKS} 周的基准批次可以使用。",
                f"Run {run_id} is a what-if: scenario {scenario}, {weeks} weeks. Only a base run of "
                f"{MAX_HORIZON_WEEKS} weeks can be in use.",
                EXIT_USAGE,
            )
        _move(connection, run_id, "withdrawn")
        decision = Decision(
            run_id,
            current,
            PROMOTED,
            "hand",
            relative_error(connection, run_id),
            relative_error(connection, current),
            None,
            Text(
                f"批次 {run_id} 现已使用，{current or '无'} 撤下。接着运行 tongmai plan 与 tongmai publish",
                f"run {run_id} is now in use, {current or 'none'} is withdrawn. Next: tongmai plan, tongmai publish",
            ),
        )
        _write(connection, decision)
    return decision


def in_use(connection: duckdb.DuckDBPyConnection) -> str | None:
    """The promoted run, if there is one."""
    row = connection.execute(
        "SELECT run_id FROM forecast.runs WHERE status = 'promoted' ORDER BY created_at DESC, run_id LIMIT 1"
    ).fetchone()
    return None if row is None else str(row[0])


def find_run(connection: duckdb.DuckDBPyConnection, wanted: str) -> str:
    """The run whose id this is, or begins so. Raises TongmaiError(`unknown_run`)."""
    found = connection.execute(
        "SELECT run_id FROM forecast.runs WHERE starts_with(run_id, ?) ORDER BY run_id", [wanted]
    ).fetchall()
    if len(found) != 1 or not wanted:
        newest = connection.execute(
            "SELECT run_id FROM forecast.runs ORDER BY created_at DESC, run_id LIMIT 5"
        ).fetchall()
        names = ", ".join(str(row[0]) for row in newest) or "–"
        raise TongmaiError(
            "unknown_run",
            f"没有（或不止一个）批次“{wanted}”；最近的批次：{names}。",
            f"There is no run '{wanted}', or more than one; the newest runs: {names}.",
            EXIT_USAGE,
        )
    return str(found[0][0])


def relative_error(connection: duckdb.DuckDBPyConnection, run_id: str | None) -> float | None:
    """Districts' mean absolute error over all weeks ahead, as a share of the seasonal naive's; None: not judged."""
    row = connection.execute(
        """SELECT 1 - value FROM forecast.scores WHERE run_id = ? AND unique_id = 'all' AND level = 'district'
        AND metric = 'skill_seasonal_naive' AND h_band = ?""",
        [run_id, band_name(WHOLE)],
    ).fetchone()
    return None if row is None else float(row[0])


def _status(connection: duckdb.DuckDBPyConnection, run_id: str) -> str:
    return str(connection.execute("SELECT status FROM forecast.runs WHERE run_id = ?", [run_id]).fetchall()[0][0])


def _move(connection: duckdb.DuckDBPyConnection, run_id: str, replaced_as: str) -> None:
    connection.execute(
        """UPDATE forecast.runs SET status = CASE WHEN run_id = $run_id THEN 'promoted' ELSE $replaced_as END
        WHERE (status = 'promoted') <> (run_id = $run_id)""",
        {"run_id": run_id, "replaced_as": replaced_as},
    )


def _write(connection: duckdb.DuckDBPyConnection, decision: Decision) -> None:
    row = {"decided_at": datetime.now(UTC)} | decision.to_dict()
    row |= {"sentence_zh": decision.text.zh, "sentence_en": decision.text.en}
    append(connection, PROMOTIONS, {name: [row[name]] for name in PROMOTIONS.column_names})
