"""The engine on public series beside Prophet as shipped and statsforecast, on published splits.

Belongs here: who is compared on what, and the tables. Does not belong here: reading (`public_series`, `permit_lead`),
peers (`forecast_peers`), scores (`forecast_scores`), speed (`forecast_speed`).

    python -m bench.forecasts --data DIR [--peers DIR] [NAME...]

Data whose licence forbids a commit is read from `--data`; `--peers` keeps the peers' forecasts for the next run.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench import forecast_scores as scores
from bench import permit_lead, public_series
from bench.forecast_peers import PROPHET, STATSFORECAST
from bench.processes import measure
from bench.public_series import Split
from forecasting.engine.forecast import Forecast, forecast
from forecasting.engine.plain import PLAIN
from forecasting.hierarchy import FloatArray, IntArray
from forecasting.panel import Panel
from store.home import REPOSITORY

PEERS = REPOSITORY / ".venv-bench" / "bin" / "python"
OURS = "Tongmai, ensemble"
OUR_PROPHET = "Tongmai's Prophet, as shipped"
PERMIT_PEERS = (PROPHET, "AutoETS", "DynamicOptimizedTheta")
STOCK_EVERY = 6  # of the M4 series: stock Prophet takes minutes for all


@dataclass(frozen=True, eq=False)
class Peer:
    """A peer's `mean` (N, H) and the CPU seconds it took."""

    mean: FloatArray
    cpu_s: float


def m4_weekly(folder: Path, kept: Path) -> Iterator[str]:
    """All 359 series, the competition's own test part; Prophet by our solver on all, by Stan on every sixth."""
    split = public_series.m4_weekly(folder)
    ours = _ours(split.panel)
    peers = run_peers(split.panel, STATSFORECAST, kept)
    mase = yield from _table("359 series, 13 weeks", split, ours, peers)
    some = np.arange(0, len(split.panel), STOCK_EVERY)
    part = Split(split.panel.rows(some), split.actual[some], split.scale_season)
    yield ""
    stock = run_peers(part.panel, (PROPHET,), kept)
    mase_of_some = yield from _table(f"{len(some)} of them", part, {who: _rows(ours[who], some) for who in ours}, stock)
    best = min(STATSFORECAST, key=lambda peer: mase[peer])
    yield ""
    yield _below("plain Prophet on all", mase[OURS], mase[OUR_PROPHET], 0.25)
    yield _below(f"plain Prophet by Stan on {len(some)}", mase_of_some[OURS], mase_of_some[PROPHET], 0.25)
    named = f"{best}, {mase[best]:.3f}, ours {mase[OURS]:.3f}"
    yield goal(f"no worse than the best of statsforecast in this run ({named})", mase[OURS] <= mase[best])
    for band, low, high, least, most in (("80 %", "q10", "q90", 0.77, 0.83), ("95 %", "q025", "q975", 0.92, 0.97)):
        held = scores.coverage(split.actual, ours[OURS].quantiles, low, high)
        yield goal(f"the {band} band holds {least:.0%} to {most:.0%}: {held:.1%}", least <= held <= most)


def cement(folder: Path, kept: Path) -> Iterator[str]:
    """One series, ten quarters, one origin: little can be learned from it, but the book tells it."""
    split = public_series.cement(folder)
    peers = run_peers(split.panel, (PROPHET, *STATSFORECAST), kept)
    mase = yield from _table("cement, 10 quarters", split, _ours(split.panel), peers)
    yield ""
    yield "Published for this split: ARIMA 1.27, ETS 1.30, Prophet 1.47."
    yield ""
    yield goal("MASE below 1.13, the seasonal naive's", mase[OURS] < 1.13)


def permits(folder: Path, kept: Path) -> Iterator[str]:
    """Rolling origins twice a year from 2001, twelve months ahead, permits used up to the origin only."""
    found = permit_lead.origins(folder)
    yield "| mean absolute error, thousand a year | origins | Tongmai | without permits | Prophet | AutoETS | theta |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    errors: dict[str, dict[str, float]] = {}
    for name, origins in found.items():
        actual = np.concatenate([origin.actual for origin in origins])
        mine = [forecast(origin.panel).mean for origin in origins]
        without = [forecast(replace(origin.panel, offset=None, past=None)).mean for origin in origins]
        peers = run_peers(_aligned([origin.panel for origin in origins]), PERMIT_PEERS, kept)
        means = {OURS: np.concatenate(mine), "without": np.concatenate(without)}
        means |= {name: peer.mean for name, peer in peers.items()}
        errors[name] = {who: float(np.abs(actual - mean).mean()) for who, mean in means.items()}
        yield f"| {name} | {len(origins)} | " + " | ".join(f"{value:.1f}" for value in errors[name].values()) + " |"
    yield ""
    for name, error in errors.items():
        yield _below(f"plain Prophet on {name}", error[OURS], error[PROPHET], 0.25)
    completions = errors["completions, US"]
    yield _below("ETS on completions", completions[OURS], completions["AutoETS"], 0.15)


def tourism(folder: Path, kept: Path) -> Iterator[str]:
    """A hierarchy of 425 series: coherence, and what it does to the error of every level."""
    split = public_series.tourism(folder)
    summing = split.panel.summing
    assert summing is not None
    coherent, alone = forecast(split.panel).mean, forecast(replace(split.panel, summing=None)).mean
    gap = float(np.abs(summing @ coherent[-summing.shape[1] :] - coherent).max())
    scale = scores.naive_scale(split.panel.y, split.scale_season)
    level_of = np.array([name.split("/")[0] for name in split.panel.ids])
    yield "| level | series | RMSE reconciled | unreconciled | MASE reconciled | unreconciled |"
    yield "|---|---:|---:|---:|---:|---:|"
    worse = []
    for level in dict.fromkeys(level_of.tolist()):
        rows = level_of == level
        rmse = [_rmse(split.actual[rows], mean[rows]) for mean in (coherent, alone)]
        mase = [scores.mase(split.actual[rows], mean[rows], scale[rows]) for mean in (coherent, alone)]
        yield f"| {level} | {rows.sum()} | {rmse[0]:,.2f} | {rmse[1]:,.2f} | {mase[0]:.3f} | {mase[1]:.3f} |"
        worse += [level] * (rmse[0] > rmse[1])
    yield ""
    yield goal(f"coherent to 1e-6: largest gap {gap:.1e} of trips in thousands", gap < 1e-6)
    yield goal(
        "RMSE no worse than unreconciled at any level" + (f"; worse: {', '.join(worse)}" * bool(worse)), not worse
    )


BENCHMARKS: Mapping[str, tuple[str, Callable[[Path, Path], Iterator[str]]]] = {
    "m4": ("Forecasts: M4 weekly, official test part", m4_weekly),
    "cement": ("Forecasts: Australian cement, the split of FPP3", cement),
    "permits": ("Forecasts: US permits ahead of completions and starts", permits),
    "tourism": ("Forecasts: the tourism hierarchy", tourism),
}


def report(name: str, folder: Path | None, kept: Path) -> Iterator[str]:
    """The lines of one benchmark, or the sentence why there are none."""
    if folder is None:
        yield "Not measured: the series' licences keep them out of the repository; `make bench DATA=DIR` reads them."
        return
    try:
        yield from BENCHMARKS[name][1](folder, kept)
    except FileNotFoundError as error:
        yield f"Not measured: {error.filename} is absent."


def run_peers(panel: Panel, peers: tuple[str, ...], kept: Path) -> dict[str, Peer]:
    """Each peer in a process of its own; taken from `kept` where it was asked the same before."""
    lags = np.arange(1 - panel.y.shape[1], panel.horizon + 1)
    days = np.array([panel.frequency.ahead(end, lags) for end in panel.ends]).astype("datetime64[s]")
    season = panel.seasons[0] if panel.seasons else 1
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "series.npz"
        np.savez(source, y=panel.y, days=days, horizon=panel.horizon, season=season)
        for peer in peers:
            asked = f"{peer} {panel.horizon} {season}".encode() + days.tobytes() + panel.y.tobytes()
            target = kept / f"peer-{hashlib.sha256(asked).hexdigest()[:12]}.npz"
            if not target.exists():
                measure(["-m", "bench.forecast_peers", str(source), str(target), peer], Path(scratch), PEERS)
            with np.load(target) as answer:
                found[peer] = Peer(answer["mean"], float(answer["cpu_s"]))
    return found


def _ours(panel: Panel) -> dict[str, Forecast]:
    return {OURS: forecast(panel), OUR_PROPHET: forecast(panel, PLAIN)}


def _rows(made: Forecast, rows: IntArray) -> Forecast:
    return replace(made, mean=made.mean[rows], quantiles=made.quantiles[:, rows], windows=made.windows[rows])


def _table(
    title: str, split: Split, ours: Mapping[str, Forecast], peers: Mapping[str, Peer]
) -> Generator[str, None, dict[str, float]]:
    """Rows of ours and the peers; returns the MASE of each."""
    actual, scale = split.actual, scores.naive_scale(split.panel.y, split.scale_season)
    everyone: dict[str, Forecast | Peer] = {**ours, **peers}
    mase = {who: scores.mase(actual, made.mean, scale) for who, made in everyone.items()}
    yield f"| {title} | MASE | sMAPE | bias | sCRPS | 80 % band holds | 95 % band holds |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for who, made in everyone.items():
        cells = [f"{mase[who]:.3f}", f"{scores.smape(actual, made.mean):.2f}", f"{scores.bias(actual, made.mean):+.3f}"]
        if isinstance(made, Forecast):
            cells.append(f"{scores.scaled_crps(actual, made.quantiles):.4f}")
            bands = (("q10", "q90"), ("q025", "q975"))
            cells += [f"{scores.coverage(actual, made.quantiles, *band):.1%}" for band in bands]
        yield f"| {who} | {' | '.join(cells)} |" + " – |" * (6 - len(cells))
    return mase


def _aligned(panels: list[Panel]) -> Panel:
    """Panels of one series each and their own ends as one panel, without offsets."""
    longest = max(panel.y.shape[1] for panel in panels)
    y = np.full((len(panels), longest), np.nan)
    for row, panel in enumerate(panels):
        y[row, longest - panel.y.shape[1] :] = panel.y[0]
    ends = np.concatenate([panel.ends for panel in panels])
    return replace(panels[0], ids=tuple(str(end) for end in ends), ends=ends, y=y, offset=None, past=None)


def _rmse(actual: FloatArray, mean: FloatArray) -> float:
    """Root of the mean square per series, averaged over series."""
    return float(np.sqrt(((actual - mean) ** 2).mean(axis=1)).mean())


def _below(whom: str, ours: float, theirs: float, wanted: float) -> str:
    return goal(f"at least {wanted:.0%} below {whom}: {1 - ours / theirs:.0%}", ours <= (1 - wanted) * theirs)


def goal(sentence: str, is_met: bool) -> str:
    """A goal as a line of the page, met or missed."""
    return f"- {'met' if is_met else '**missed**'}: {sentence}."


def main() -> None:
    """Print the chosen benchmarks, or all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=list(BENCHMARKS))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--peers", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        kept = options.peers or Path(scratch)
        kept.mkdir(parents=True, exist_ok=True)
        for name in options.names:
            print(f"\n## {BENCHMARKS[name][0]}\n")
            for line in report(name, options.data, kept):
                print(line, flush=True)


if __name__ == "__main__":
    main()
