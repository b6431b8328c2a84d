"""`tongmai forecast --series`: a long table in, its forecast out, and a summary of what was done.

Belongs here: the options' meaning, the summary. Does not belong here: reading (`long_table`), calendars
(`series_source`), forecasting (`forecasting.engine`), writing (`series_output`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.engine.forecast import ENSEMBLE, forecast_in_parts
from forecasting.engine.members import MEMBERS
from forecasting.engine.plain import PLAIN
from forecasting.frequency import FREQUENCIES
from forecasting.long_table import opened_long_table
from forecasting.series_flags import FLAGS
from forecasting.series_output import SeriesSpool, write_forecasts
from forecasting.series_source import source_of
from forecasting.settings import QUANTILES
from store.messages import EXIT_USAGE, TongmaiError, progress

MODELS = (ENSEMBLE, *MEMBERS, PLAIN)
_TOLD = 20  # series named per flag in the summary


@dataclass(frozen=True)
class SeriesReport:
    """What was forecast, how, and which series have flaws: flag -> unique_ids."""

    series: int
    rows: int
    freq: str
    seasons: tuple[int, ...]
    horizon: int
    model: str
    out: str
    left_out: tuple[str, ...]
    ignored_columns: tuple[str, ...]
    weights: dict[str, list[float]]
    flags: dict[str, list[str]]

    def to_dict(self, *, whole: bool = True) -> dict[str, Any]:
        """For JSON; `whole=False` for people: counts and a few names in place of lists that may be long."""
        result: dict[str, Any] = dict(self.__dict__)
        if whole:
            return result
        result["left_out"] = len(self.left_out)
        result["flags"] = {
            code: f"{FLAGS[code]}: {', '.join(ids[:_TOLD])}" + (f" … ({len(ids)})" if len(ids) > _TOLD else "")
            for code, ids in self.flags.items()
        }
        return {name: value for name, value in result.items() if value or name == "series"}


def forecast_series_file(
    path: Path,
    freq: str | None,
    out: Path | None,
    horizon: int,
    season: int | None = None,
    model: str = ENSEMBLE,
    known_future: Sequence[str] = (),
) -> SeriesReport:
    """Forecast every series of `path` from its own last observation and write `out`.

    Raises TongmaiError for options and files that cannot be used; see `opened_long_table` and `source_of`.
    """
    frequency = FREQUENCIES.get(freq or "")
    if frequency is None:
        raise _usage("bad_freq", "--freq", freq, FREQUENCIES)
    if model not in MODELS:
        raise _usage("bad_model", "--model", model, MODELS)
    if out is None or out.suffix.lower() not in (".parquet", ".csv"):
        raise _usage("bad_out", "--out", out, ("OUT.parquet", "OUT.csv"))
    if not out.parent.is_dir():
        raise TongmaiError("no_folder", f"没有这个文件夹：{out.parent}", f"there is no folder {out.parent}", EXIT_USAGE)
    with opened_long_table(path, is_hourly=frequency.name == "h") as table:
        source = source_of(table, frequency, season, horizon, known_future)
        count = len(source)
        progress("forecast", f"{count} 个序列，各预测 {horizon} 期", f"{count} series, {horizon} periods each")
        weights, parts = forecast_in_parts(source, model)
        with SeriesSpool(table.folder / "forecasts", (1 + len(QUANTILES), horizon)) as spool:
            done = 0
            for part in parts:
                spool.put(part.rows, np.concatenate([part.mean[None], part.quantiles]).swapaxes(0, 1))
                done += len(part.rows)
                _tell(done, len(part.rows), count)
            write_forecasts(out, source, spool)
    return SeriesReport(
        series=count,
        rows=count * horizon,
        freq=frequency.name,
        seasons=source.seasons,
        horizon=horizon,
        model=model,
        out=str(out),
        left_out=source.left_out,
        ignored_columns=table.ignored,
        weights={name: [round(float(value), 4) for value in values] for name, values in weights.items()},
        flags=_by_flag(source.flags),
    )


def _usage(reason: str, option: str, given: object, known: Sequence[str] | dict[str, Any]) -> TongmaiError:
    told = ", ".join(known)
    if given is None:
        return TongmaiError(
            reason, f"--series 还需要 {option}：{told}", f"--series also needs {option}: {told}", EXIT_USAGE
        )
    return TongmaiError(
        reason, f"{option} 不能是 {given}；可用：{told}", f"{option} cannot be {given}; there are: {told}", EXIT_USAGE
    )


def _tell(done: int, newly: int, count: int) -> None:
    tenth = max(count // 10, 1)
    if done == count or done // tenth > (done - newly) // tenth:
        progress("forecast", f"{done} / {count} 个序列", f"{done} of {count} series")


def _by_flag(flags: dict[str, list[str]]) -> dict[str, list[str]]:
    return {code: ids for code in FLAGS if (ids := [one for one, codes in flags.items() if code in codes])}
