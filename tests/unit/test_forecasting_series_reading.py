"""`tongmai forecast --series`: what a file says, whatever its dialect, zone or size, is read as it was meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet
import pytest
from series_files import HEAD, Row, walk, weekly, write

from forecasting import long_table, series_output, series_source, table_stream
from forecasting.series_run import forecast_series_file
from store.messages import TongmaiError

BASE = weekly("a", list(walk(60, 1)))


def run(path: Path, **options: object) -> tuple[pa.Table, dict[str, object]]:
    out = path.with_name("out.parquet")
    report = forecast_series_file(path, out=out, **{"freq": "W", "horizon": 3, "season": 1} | options)  # type: ignore[arg-type]
    return pa_parquet.read_table(out), report.to_dict()


def test_how_much_is_read_at_once_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    rows: list[Row] = [
        row for place in range(60) for row in weekly(f"s{place}", list(walk(int(20 + place % 7), place)))
    ]
    path = write(tmp_path / "in.csv", [rows[place] for place in random.permutation(len(rows))])
    whole = {model: run(path, model=model, season=52)[0] for model in ("ensemble", "prophet_plain")}
    monkeypatch.setattr(table_stream, "_BLOCK_BYTES", 999)
    monkeypatch.setattr(table_stream, "_PIECE_BYTES", 5_000)
    monkeypatch.setattr(long_table, "_BATCH_ROWS", 11)
    monkeypatch.setattr(series_source, "_INSPECTED", 7)
    monkeypatch.setattr(series_output, "_AT_ONCE", 7)
    for model, table in whole.items():
        assert run(path, model=model, season=52)[0].equals(table)


def test_a_time_zone_is_kept_and_its_days_are_days_there(tmp_path: Path) -> None:
    plain, _ = run(write(tmp_path / "in.csv", BASE))
    for zone in ("Asia/Shanghai", "America/New_York"):
        days = pa.array([datetime(day.year, day.month, day.day) for _, day, _ in BASE], pa.timestamp("us"))
        table = pa.table({"unique_id": ["a"] * 60, "ds": pc.assume_timezone(days, zone), "y": [y for *_, y in BASE]})
        pa_parquet.write_table(table, tmp_path / "in.parquet")
        found, report = run(tmp_path / "in.parquet")
        assert found["ds"].type == pa.timestamp("us", zone)
        assert pc.local_timestamp(found["ds"]).equals(plain["ds"])
        assert found.drop("ds").equals(plain.drop("ds"))
        assert report["flags"] == {}


def test_hours_with_offsets_are_counted_through_a_change_of_clocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    berlin = ZoneInfo("Europe/Berlin")
    hours = [datetime(2021, 10, 28, tzinfo=UTC) + timedelta(hours=hour) for hour in range(96)]
    y = walk(96, 3)
    local = [hour.astimezone(berlin) for hour in hours]
    found, report = run(
        write(tmp_path / "in.csv", [("a", hour.isoformat(), y[at]) for at, hour in enumerate(local)]), freq="h"
    )
    assert report["flags"] == {}
    assert found["ds"].to_pylist()[0] == hours[-1] + timedelta(hours=1)
    naive = [("a", hour.replace(tzinfo=None), y[at]) for at, hour in enumerate(local)]
    with pytest.raises(TongmaiError, match=r"\+08:00") as caught:
        run(write(tmp_path / "in.csv", naive), freq="h")
    assert caught.value.reason == "duplicate_rows"


@pytest.mark.parametrize(
    ("name", "encoding"), [("NA", "utf-8"), ("None", "utf-8"), ("云岩区, 贵阳", "gb18030"), ("a, b", "utf-8-sig")]
)
def test_an_id_is_read_as_it_stands(name: str, encoding: str, tmp_path: Path) -> None:
    lines = ["unique_id;ds;y", *(f"{name};{day:%d.%m.%Y};" + f"{y:.3f}".replace(".", ",") for _, day, y in BASE)]
    (tmp_path / "in.csv").write_bytes("\r\n".join(lines).encode(encoding))
    found, _ = run(tmp_path / "in.csv")
    rounded, _ = run(write(tmp_path / "in2.csv", [("x", day, f"{y:.3f}") for _, day, y in BASE]))
    assert set(found["unique_id"].to_pylist()) == {name}
    assert found.drop("unique_id").equals(rounded.drop("unique_id"))


def test_days_of_one_week_end_together_and_rows_without_y_are_periods(tmp_path: Path) -> None:
    other = [("b", day + timedelta(days=3), y) for _, day, y in BASE]
    every_second = [("c", day, y if at % 2 else "") for at, (_, day, y) in enumerate(BASE)]
    _, report = run(write(tmp_path / "in.csv", [*BASE, *other, *every_second]))
    assert report["flags"] == {"gaps_filled": ["c"]}
    assert run(write(tmp_path / "in.csv", every_second))[1]["series"] == 1


def test_a_csv_of_hours_tells_its_zone(tmp_path: Path) -> None:
    rows = [("a", f"2021-10-28T{hour:02d}:00:00+08:00", 5 + hour % 3) for hour in range(20)]
    forecast_series_file(write(tmp_path / "in.csv", rows, HEAD), "h", tmp_path / "out.csv", 2)
    assert pa_csv.read_csv(tmp_path / "out.csv")["ds"].to_pylist()[0] == datetime(2021, 10, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "__index_level_0__"])
def test_row_numbers_of_an_export_are_no_regressor(name: str, tmp_path: Path) -> None:
    plain, _ = run(write(tmp_path / "in.csv", BASE))
    found, report = run(write(tmp_path / "in.csv", [(at, *row) for at, row in enumerate(BASE)], f"{name},{HEAD}"))
    assert found.equals(plain)
    assert report["ignored_columns"] == (name,)
