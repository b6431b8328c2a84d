"""`tongmai forecast --series`: a long table in, its forecast out, and a summary of what was done.

Belongs here: the options' meaning, the output file, the summary. Does not belong here: reading (`long_table`),
calendars (`series_source`), forecasting (`forecasting.engine`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from forecasting.engine.forecast import ENSEMBLE, Forecast, forecast
from forecasting.engine.members import MEMBERS
from forecasting.engine.plain import PLAIN
from forecasting.frequency import FREQUENCIES
from forecasting.hierarchy import DateArray
from forecasting.long_table import LongTable, read_long_table
from forecasting.series_source import FLAGS, SeriesSource, source_of, times_ahead
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

    Raises TongmaiError for options and files that cannot be used; see `read_long_table` and `source_of`.
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
    table = read_long_table(path)
    source = source_of(table, frequency, season, horizon, known_future)
    count = len(source.panel)
    progress("forecast", f"{count} 个序列，各预测 {horizon} 期", f"{count} series, {horizon} periods each")
    result = forecast(source.panel, model, _tell)
    _write(_output(table, source, result), out)
    return SeriesReport(
        series=count,
        rows=count * horizon,
        freq=frequency.name,
        seasons=source.panel.seasons,
        horizon=horizon,
        model=model,
        out=str(out),
        left_out=source.left_out,
        ignored_columns=table.ignored,
        weights={name: [round(float(value), 4) for value in values] for name, values in result.weights.items()},
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


def _tell(done: int, count: int) -> None:
    tenth = max(count // 10, 1)
    if done == count or done // tenth > (done - 1) // tenth:
        progress("forecast", f"{done} / {count} 个序列", f"{done} of {count} series")


def _by_flag(flags: dict[str, list[str]]) -> dict[str, list[str]]:
    return {code: ids for code in FLAGS if (ids := [one for one, codes in flags.items() if code in codes])}


def _output(table: LongTable, source: SeriesSource, result: Forecast) -> pa.Table:
    """unique_id, ds, mean and the quantiles, in order of the first two; a unique_id keeps its type."""
    panel = source.panel
    ids = pa.array(np.repeat(np.array(panel.ids, dtype=object), panel.horizon), pa.string())
    times: DateArray = times_ahead(panel, table.is_counter).ravel()
    numbers = {"mean": result.mean} | dict(zip(QUANTILES, result.quantiles, strict=True))
    largest = np.finfo(np.float64).max
    return pa.table(
        {
            "unique_id": ids.cast(table.id_type),
            "ds": pa.array(times.astype(np.int64)) if table.is_counter else pa.array(times.astype("datetime64[us]")),
        }
        | {name: pa.array(np.clip(values, -largest, largest).ravel()) for name, values in numbers.items()}
    )


def _write(table: pa.Table, out: Path) -> None:
    """Whole or not at all: beside it first, then in its place."""
    beside = out.with_name(f".{out.name}.part")
    try:
        if out.suffix.lower() == ".parquet":
            pa_parquet.write_table(table, beside)
        else:
            times = table["ds"]
            if pa.types.is_timestamp(times.type):
                days = times.cast(pa.date32(), safe=False)
                is_midnight = days.cast(times.type).equals(times)
                text = days.cast(pa.string()) if is_midnight else times.cast(pa.timestamp("s")).cast(pa.string())
                table = table.set_column(1, "ds", text)
            pa_csv.write_csv(table, beside, pa_csv.WriteOptions(quoting_style="needed"))
        beside.replace(out)
    except OSError as error:
        raise TongmaiError(
            "cannot_write", f"写不了 {out}：{error.strerror}", f"cannot write {out}: {error.strerror}"
        ) from error
    finally:
        beside.unlink(missing_ok=True)
