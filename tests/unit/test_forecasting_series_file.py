"""`tongmai forecast --series`: what any file gets, a forecast with its flags or a sentence with its reason."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet
import pytest
from series_files import HEAD, Row, walk, weekly, write

from forecasting.series_run import forecast_series_file
from orchestration.cli import run_command
from store.messages import TongmaiError

COLUMNS = ["unique_id", "ds", "mean", "q025", "q10", "q25", "q50", "q75", "q90", "q975"]
BASE = weekly("a", list(walk(80, 1)))


def run(folder: Path, rows: list[Row], head: str = HEAD, **options: object) -> tuple[pa.Table, dict[str, object]]:
    out = folder / "out.parquet"
    known_future = options.pop("known_future", ())
    given = {"freq": "W", "horizon": 6, "season": 1} | options
    report = forecast_series_file(write(folder / "in.csv", rows, head), out=out, known_future=known_future, **given)
    return pa_parquet.read_table(out), report.to_dict()


def numbers(table: pa.Table) -> np.ndarray:
    return np.array([table[name].to_numpy() for name in COLUMNS[2:]])


@pytest.mark.parametrize(
    ("rows", "flags"),
    [
        (weekly("z", [0] * 30), {"all_zero"}),
        (weekly("c", [5] * 30), {"constant"}),
        (weekly("one", [5]), {"short"}),
        (weekly("two", [5, 7]), {"short"}),
        (weekly("three", [5, 7, 4]), {"short"}),
        (weekly("negative", list(np.sin(np.arange(40.0)))), {"not_positive"}),
        (weekly("huge", list(1e300 * walk(40, 2))), set()),
        (weekly("tiny", list(1e-300 * walk(40, 2))), set()),
        (BASE[:30] + BASE[35:], {"gaps_filled"}),
        (BASE[:10] + BASE[70:], {"mostly_gaps"}),
        ([*BASE[:-3], ("a", BASE[-3][1], "inf"), *BASE[-2:]], {"not_finite", "gaps_filled"}),
        ([*BASE, *weekly("empty", [""] * 5)], {"no_observations"}),
        ([*BASE, *weekly("other weekday", list(walk(60, 3)), date(2019, 1, 10))], {"ends_early"}),
        ([*BASE[:-1], ("a", BASE[-1][1] + timedelta(days=1), 90)], {"dates_snapped"}),
        ([*BASE[:50], ("a", BASE[50][1], 1e9), *BASE[51:]], {"spikes_left_out", "gaps_filled"}),
        ([*BASE[:50], ("a", BASE[50][1], -1e9), *BASE[51:]], {"spikes_left_out", "gaps_filled"}),
        ([*BASE[:-1], ("a", BASE[-1][1], 1e9)], {"ends_on_spike"}),
        (weekly("broke", [*walk(60, 1), *(40 * walk(20, 2))]), set()),
        (weekly("rare and large", [0, 0, 90, 0] * 10 + [4000, 0]), {"not_positive"}),
        (weekly("rare", list(np.random.default_rng(0).poisson(0.2, 80))), {"not_positive"}),
    ],
)
def test_a_flawed_series_is_forecast_and_its_flaw_is_named(rows: list[Row], flags: set[str], tmp_path: Path) -> None:
    table, report = run(tmp_path, rows)
    assert table.column_names == COLUMNS
    assert set(report["flags"]) == flags
    values = numbers(table)
    assert np.isfinite(values).all()
    assert (np.diff(values[1:], axis=0) >= 0).all()
    if "all_zero" in flags:
        assert not values.any()
    if "constant" in flags:
        assert (values == 5).all()
    if "spikes_left_out" in flags:
        assert values.max() < 1000
        assert values.min() > 10
    if "short" in flags:
        assert (values[1] < values[7]).all(), "one value says nothing of the next"


@pytest.mark.parametrize(
    ("rows", "head", "reason"),
    [
        ([], HEAD, "empty_file"),
        (BASE, "id,ds,y", "missing_columns"),
        (BASE, "unique_id,ds,ds", "missing_columns"),
        ([*BASE, ("a", "2021-13-45", 5)], HEAD, "bad_dates"),
        ([("a", year, year % 7) for year in range(1990, 2020)], HEAD, "bare_years"),
        ([*BASE, ("a", "2031-01-06", "many")], HEAD, "bad_numbers"),
        ([*BASE, ("", "2031-01-06", 5)], HEAD, "missing_keys"),
        ([*BASE, ("a", "", 5)], HEAD, "missing_keys"),
        ([*BASE, BASE[4]], HEAD, "duplicate_rows"),
        ([*BASE, ("a", "2031-01-06")], HEAD, "unreadable_file"),
        (weekly("a", [""] * 5), HEAD, "no_observations"),
        ([("a", date(2020, 1, 1) + timedelta(days=day), day) for day in range(30)], HEAD, "freq_mismatch"),
        ([("a", date(2020, 1, 6) + timedelta(weeks=4 * month), month) for month in range(30)], HEAD, "freq_mismatch"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_a_reason(
    rows: list[Row], head: str, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(TongmaiError) as caught:
        run(tmp_path, rows, head)
    assert caught.value.reason == reason
    assert caught.value.text.zh != caught.value.text.en
    assert not (tmp_path / "out.parquet").exists()


def test_bytes_that_are_no_table_are_refused(tmp_path: Path) -> None:
    for name, content in (("a.csv", b"\xff\x00\x80" * 99), ("a.parquet", b"PAR1" * 9), ("b.csv", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TongmaiError, match=name):
            forecast_series_file(tmp_path / name, "W", tmp_path / "out.csv", 4)


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        (lambda day: day.strftime("%Y/%m/%d"), None),
        (lambda day: day.strftime("%Y%m%d"), None),
        (lambda day: f"{day} 00:00:00", None),
        (lambda day: f"{day}T00:00:00Z", None),
        (lambda day: day.strftime("%Y年%m月%d日"), None),
        (lambda day: (day - date(2019, 1, 7)).days // 7 + 1, [81, 82]),
    ],
)
def test_dates_may_be_spelt_in_many_ways(spelling: object, expected: list[int] | None, tmp_path: Path) -> None:
    usual, _ = run(tmp_path, BASE)
    table, _ = run(tmp_path, [(name, spelling(day), y) for name, day, y in BASE])  # type: ignore[operator]
    assert np.array_equal(numbers(table), numbers(usual))
    assert table["ds"].to_pylist()[:2] == (expected or usual["ds"].to_pylist()[:2])


@pytest.mark.parametrize(
    ("freq", "start", "second"),
    [
        ("MS", ["2020-01-31", "2020-02-29", "2020-03-31"], ["2020-04-30", "2020-05-31"]),
        ("MS", ["2020-01", "2020-02", "2020-03"], ["2020-04-01", "2020-05-01"]),
        ("QS", ["2019Q3", "2019Q4", "2020Q1"], ["2020-04-01", "2020-07-01"]),
        ("D", ["2020-02-27", "2020-02-28"], ["2020-02-29", "2020-03-01"]),
        ("h", ["2020-02-28 22:30", "2020-02-28 23:30"], ["2020-02-29 00:30", "2020-02-29 01:30"]),
    ],
)
def test_each_calendar_goes_on_as_it_was(freq: str, start: list[str], second: list[str], tmp_path: Path) -> None:
    table, _ = run(tmp_path, [("a", day, 5 + place) for place, day in enumerate(start)], freq=freq, horizon=2)
    assert [
        str(np.datetime64(day, "m")).replace("T00:00", "").replace("T", " ") for day in table["ds"].to_pylist()
    ] == second


def test_a_regressor_known_in_advance_needs_its_future_and_helps(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    shown = random.integers(0, 2, 126).astype(float)
    y = 100 * np.exp(0.5 * shown + random.normal(0, 0.02, 126))
    rows = [
        (*row[:2], "" if week >= 120 else row[2], shown[week], "text") for week, row in enumerate(weekly("a", list(y)))
    ]
    head = f"{HEAD},works,note"
    with_it, report = run(tmp_path, rows, head, known_future=("works",), model="prophet")
    without, _ = run(tmp_path, rows, head, model="prophet")
    missed = [float(np.abs(table["mean"].to_numpy() - y[120:]).mean()) for table in (with_it, without)]
    assert missed[0] < 0.3 * missed[1]
    assert report["ignored_columns"] == ("note",)
    with pytest.raises(TongmaiError, match="known_future_missing"):
        run(tmp_path, rows[:122], head, known_future=("works",))
    with pytest.raises(TongmaiError, match="unknown_column"):
        run(tmp_path, rows, head, known_future=("note",))


def test_the_command_tells_what_it_did_and_leaves_with_its_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = write(tmp_path / "in.csv", BASE), tmp_path / "out.csv"
    usual = ["forecast", "--series", str(source), "--freq", "W", "--horizon", "3", "--out", str(out)]
    assert run_command([*usual, "--model", "theta", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["series"], told["rows"], told["model"], told["flags"]) == (1, 3, "theta", {})
    assert pa_csv.read_csv(out).column_names == COLUMNS
    assert out.read_text(encoding="utf-8").splitlines()[1].startswith('"a","2020-07-20",')
    for change in (["--freq", "M"], ["--model", "none"], ["--out", "out.xls"], ["--out", "/no/such/out.csv"]):
        assert run_command([*usual, *change]) == 2
    assert run_command(["forecast", "--freq", "W"]) == 2
    assert run_command(["forecast", "--series", str(source), "--freq", "W"]) == 2
    assert run_command(["forecast", "--series", str(tmp_path / "none.csv"), *usual[3:]]) == 2


def test_a_parquet_file_keeps_the_type_of_its_ids(tmp_path: Path) -> None:
    days = [day for _, day, _ in BASE]
    pa_parquet.write_table(
        pa.table({"y": [y for *_, y in BASE], "unique_id": [7] * 80, "ds": days}), tmp_path / "in.parquet"
    )
    forecast_series_file(tmp_path / "in.parquet", "W", tmp_path / "out.parquet", 2, model="seasonal_naive")
    table = pa_parquet.read_table(tmp_path / "out.parquet")
    assert (table["unique_id"].type, table.num_rows) == (pa.int64(), 2)


def test_row_order_and_what_stands_after_the_end_change_no_bit(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    rows = [(*row, random.uniform(1, 2)) for name in "ab" for row in weekly(name, list(walk(90, ord(name))))]
    ahead = [(name, BASE[0][1] + timedelta(weeks=week), "", 5) for name in "ab" for week in range(90, 96)]
    outputs = []
    for shown in (
        [*rows, *ahead],
        [([*rows, *ahead])[place] for place in random.permutation(len(rows) + len(ahead))],
        [*rows, *((*row[:3], random.uniform(-9, 9)) for row in ahead)],
        rows,
    ):
        run(tmp_path, shown, f"{HEAD},permits", season=52)
        outputs.append((tmp_path / "out.parquet").read_bytes())
    assert all(one == outputs[0] for one in outputs)
