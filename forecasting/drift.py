"""Drift: signs that the world has moved away from what the method learned. Orchestration shows them as checks.

Belongs here: the signals and their limits. Does not belong here: what anybody does about them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from forecasting.backtest import Backtest
from forecasting.hierarchy import FloatArray
from forecasting.history import PermitDelay
from forecasting.origin import OriginForecast
from forecasting.settings import QUANTILES
from store.messages import Text

SIGNALS = ("bias", "coverage", "pipeline_ratio", "permit_delay")
RECENT_WEEKS = 8
_LOW, _HIGH = (list(QUANTILES).index(name) for name in ("q10", "q90"))
_BAND_SD = 2.563  # an 80 % band is this many standard deviations wide
_SLACK, _CUSUM_LIMIT = 0.5, 4.0  # in standard deviations; Page (1954), a false alarm in about 170 weeks
_RATIO_LIMIT = 0.25
_DELAY_LIMIT_D = 14.0


class Signal(NamedTuple):
    """One signal; `value` beyond `limit` is drift."""

    signal: str
    value: float
    limit: float
    is_drifting: bool
    text: Text


def find_drift(backtest: Backtest, now: OriginForecast, delay: PermitDelay) -> list[Signal]:
    """The signals that can be told from this run."""
    return [*_bias(backtest), *covered(backtest), *_pipeline_ratio(now), *_permit_delay(delay)]


def cusum(errors: FloatArray) -> float:
    """max over both sides of S_t = max(0, S_{t-1} ± z_t - ½): errors (T,) in standard deviations. Page (1954)."""
    above = below = worst = 0.0
    for error in errors:
        above, below = max(0.0, above + error - _SLACK), max(0.0, below - error - _SLACK)
        worst = max(worst, above, below)
    return worst


def binomial_band(count: int, share: float) -> tuple[int, int]:
    """The central 99 % of how many of `count` independent weeks lie inside a band of `share`."""
    from scipy.stats import binom

    return int(binom.ppf(0.005, count, share)), int(binom.ppf(0.995, count, share))


def _bias(backtest: Backtest) -> Iterator[Signal]:
    """The city's last eight weeks against the newest origin that had foretold all of them."""
    served = [position for position, replay in enumerate(backtest.replays) if replay.weeks >= RECENT_WEEKS]
    if not served:
        return
    replay, quantiles = backtest.replays[served[-1]], backtest.quantiles[served[-1]]
    weeks = slice(replay.weeks - RECENT_WEEKS, replay.weeks)
    sd = np.maximum((quantiles[_HIGH, 0, weeks] - quantiles[_LOW, 0, weeks]) / _BAND_SD, 1e-9)
    error = (replay.actual[0, weeks] - replay.forecast.mean[0, weeks]) / sd
    value = cusum(error)
    side = Text("高于", "above") if error.sum() > 0 else Text("低于", "below")
    yield Signal("bias", value, _CUSUM_LIMIT, value > _CUSUM_LIMIT, Text(
        f"近 {RECENT_WEEKS} 周实际{side.zh}预测，累积和 {value:.1f}（限 {_CUSUM_LIMIT:g}）",
        f"the last {RECENT_WEEKS} weeks came {side.en} the forecast: CUSUM {value:.1f} (limit {_CUSUM_LIMIT:g})",
    ))  # fmt: skip


def covered(backtest: Backtest) -> Iterator[Signal]:
    """Districts' newest weeks, each of another origin: the newest's last, the one's before it the last but one, so that
    those counted are not one week's one error."""
    inside, count = 0, 0
    for back, (replay, quantiles) in enumerate(zip(backtest.replays[::-1], backtest.quantiles[::-1], strict=True), 1):
        rows, week = replay.forecast.history.hierarchy.rows("district"), replay.weeks - back
        if week < 0:
            continue
        came = replay.actual[rows, week]
        inside += int(((came >= quantiles[_LOW, rows, week]) & (came <= quantiles[_HIGH, rows, week])).sum())
        count += len(rows)
    if not count:
        return
    low, high = binomial_band(count, 0.8)
    share = inside / count
    yield Signal("coverage", share, low / count, not low <= inside <= high, Text(
        f"八成区间包含 {share:.0%}（{count} 个中 {inside} 个；二项分布 99% 区间 {low}–{high}）",
        f"the 80 % band held {share:.0%} ({inside} of {count}; 99 % of a binomial: {low} to {high})",
    ))  # fmt: skip


def _pipeline_ratio(now: OriginForecast) -> Iterator[Signal]:
    """What the city takes of its pipeline, the last eight weeks against the year before, season taken out."""
    actual, expected = now.actual[0], now.expected_m3
    if not now.history.has_permits or len(actual) < 2 * RECENT_WEEKS:
        return
    recent, before = slice(-RECENT_WEEKS, None), slice(-52 - RECENT_WEEKS, -RECENT_WEEKS)
    ratios = [actual[weeks].sum() / max(expected[: len(actual)][weeks].sum(), 1e-9) for weeks in (recent, before)]
    value = float(ratios[0] / max(ratios[1], 1e-9) - 1)
    yield Signal("pipeline_ratio", value, _RATIO_LIMIT, abs(value) > _RATIO_LIMIT, Text(
        f"近 {RECENT_WEEKS} 周供货与许可管道之比较前一年变化 {value:+.0%}（限 ±{_RATIO_LIMIT:.0%}）",
        f"deliveries per m³ of pipeline over the last {RECENT_WEEKS} weeks: {value:+.0%} against the year before "
        f"(limit ±{_RATIO_LIMIT:.0%})",
    ))  # fmt: skip


def _permit_delay(delay: PermitDelay) -> Iterator[Signal]:
    if delay.recent_d is None or delay.before_d is None:
        return
    value = delay.recent_d - delay.before_d
    yield Signal("permit_delay", value, _DELAY_LIMIT_D, value > _DELAY_LIMIT_D, Text(
        f"许可从签发周到得知的中位天数：近期 {delay.recent_d:.0f}，此前 {delay.before_d:.0f}"
        f"（多于 {_DELAY_LIMIT_D:.0f} 天即报）",
        f"median days from a permit's week until it was known: {delay.recent_d:.0f} lately, {delay.before_d:.0f} "
        f"before (limit: {_DELAY_LIMIT_D:.0f} more)",
    ))  # fmt: skip
