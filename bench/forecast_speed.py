"""What forecasts cost: whole processes on made-up weekly series of 156 weeks, 52 weeks ahead, with seven quantiles.

Belongs here: the series, ours beside stock Prophet and statsforecast in the same run, growth. Does not belong here:
accuracy (`forecasts`).

    python -m bench.forecast_speed [SERIES...]
    python -m bench.forecast_speed --write FILE SERIES
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.forecast_peers import PROPHET_SAMPLED
from bench.forecasts import goal, run_peers
from bench.processes import Usage, measure
from bench.public_series import panel_of
from forecasting.hierarchy import FloatArray

WEEKS, HORIZON, COMPARED = 156, 52, 150
COUNTS = (150, 1_500, 15_000)
THETA = "DynamicOptimizedTheta"
_END = np.datetime64("2026-01-05")
_SEED = 11
_FLAT = 1.5  # times the peak of the smallest run


def compare(folder: Path, counts: Sequence[int] = COUNTS) -> Iterator[str]:
    """Ours for every count of series; the peers, one series after another, for the smallest."""
    panel = panel_of(tuple(map(str, range(COMPARED))), _END, "W", made_up(COMPARED), HORIZON, (52,))
    peers = run_peers(panel, (PROPHET_SAMPLED, THETA), folder)
    yield "| 156 weeks, 52 ahead, 7 quantiles | series | CPU s | CPU ms per series | peak MB |"
    yield "|---|---:|---:|---:|---:|"
    for name, peer in peers.items():
        yield f"| {name} | {COMPARED} | {peer.cpu_s:.1f} | {1_000 * peer.cpu_s / COMPARED:.1f} | – |"
    started = {model: _run(folder, 2, model).cpu_s for model in ("prophet_plain", "ensemble")}
    cost, peak_mb = {}, {}
    for model, start_s in started.items():
        for count in counts:
            used = _run(folder, count, model)
            cost[model, count], peak_mb[model, count] = used.cpu_s, used.peak_mb
            net_ms = 1_000 * (used.cpu_s - start_s) / count
            yield f"| Tongmai, {model} | {count:,} | {used.cpu_s:.1f} | {net_ms:.1f} | {used.peak_mb:,.0f} |"
    yield ""
    yield (
        "Ours are whole processes, file to file; per series their start "
        f"({started['ensemble']:.1f} s, two series) is taken off, as the peers' is."
    )
    stock, theta = (peers[name].cpu_s for name in (PROPHET_SAMPLED, THETA))
    ours = cost["prophet_plain", COMPARED] - started["prophet_plain"]
    whole = cost["ensemble", COMPARED] - started["ensemble"]
    yield ""
    yield goal(f"our Prophet at least 10 times cheaper than Prophet: {stock / ours:.0f} times", stock >= 10 * ours)
    yield goal(f"our Prophet at most twice theta: {ours / theta:.2f} times", ours <= 2 * theta)
    yield goal(f"the whole ensemble cheaper than the loop of Prophet: {whole / stock:.2f} times", whole <= stock)
    for model in started:
        few, many = peak_mb[model, min(counts)], peak_mb[model, max(counts)]
        growth = f"{max(counts) // min(counts)} times the series, {many / few:.2f} times the memory ({model})"
        yield goal(f"memory flat, at most {_FLAT} times: {growth}", many <= _FLAT * few)


def made_up(count: int) -> FloatArray:
    """(count, 156) random walks of logs with a yearly wave: alike every time."""
    random = np.random.default_rng(_SEED)
    wave = np.sin(2 * np.pi * (np.arange(WEEKS) / 52.18 + random.random((count, 1)))) * random.uniform(
        0, 0.3, (count, 1)
    )
    walk = random.normal(0, 0.03, (count, WEEKS)).cumsum(axis=1)
    return np.asarray(np.exp(6 + wave + walk + random.normal(0, 0.05, (count, WEEKS))))


def write(file: Path, count: int) -> None:
    """The series as the long table that `tongmai forecast --series` reads."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = np.repeat([f"S{row:05d}" for row in range(count)], WEEKS)
    weeks = np.tile(_END - np.timedelta64(7, "D") * np.arange(WEEKS - 1, -1, -1), count)
    pq.write_table(pa.table({"unique_id": names, "ds": weeks, "y": made_up(count).ravel()}), file)


def _run(folder: Path, count: int, model: str) -> Usage:
    file = folder / f"series-{count}.parquet"
    measure(["-m", "bench.forecast_speed", "--write", str(file), str(count)], folder)
    asked = ["--series", str(file), "--freq", "W", "--season", "52", "--horizon", str(HORIZON), "--model", model]
    used = measure(["-m", "orchestration", "forecast", *asked, "--out", str(folder / "out.parquet")], folder)
    file.unlink()
    return used


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        write(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        with tempfile.TemporaryDirectory() as place:
            for line in compare(Path(place), [int(count) for count in sys.argv[1:]] or COUNTS):
                print(line, flush=True)
