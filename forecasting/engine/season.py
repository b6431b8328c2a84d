"""The season of a series: a repeating profile, believed as far as its cycles agree with each other.

Belongs here: seasonal profiles of any length. Does not belong here: trends and levels (`smoothing`, `theta`).
"""

from __future__ import annotations

import numpy as np

from forecasting.hierarchy import FloatArray, IntArray

FORGETTING = 0.85  # weight of a cycle relative to the one after it
DOUBT = 1.5  # how many times the cycles' disagreement a wave must exceed
_PASSES = 2
_MIN_CYCLES = 2


def seasonal(
    x: FloatArray, lengths: IntArray, seasons: tuple[int, ...], horizon: int, forgetting: float = FORGETTING
) -> FloatArray:
    """(N, T + H) sum of the profiles of all `seasons` of x (N, T), right-aligned, the shortest season first."""
    total = np.zeros((x.shape[0], x.shape[1] + horizon))
    for season in seasons:
        cycles = np.minimum(lengths, x.shape[1]) // season
        for count in np.unique(cycles[cycles >= _MIN_CYCLES]):
            rows = np.flatnonzero(cycles == count)
            profile = _profile(x[rows] - total[rows, : x.shape[1]], season, int(count), forgetting)
            position = (np.arange(total.shape[1]) - x.shape[1]) % season
            total[rows] += profile[:, position]
    return total


def _profile(x: FloatArray, season: int, cycles: int, forgetting: float) -> FloatArray:
    """(N, m) profile of the last `cycles` whole cycles of x, its mean zero."""
    x = x[:, x.shape[1] - cycles * season :]
    weight = np.power(forgetting, np.arange(cycles - 1.0, -1.0, -1.0))
    profile = np.zeros((len(x), season))
    for step in range(_PASSES):
        trend = _first_trend(x, season) if step == 0 else _smooth(x - np.tile(profile, cycles), season // 2)
        profile = _agreed(np.reshape(x - trend, (len(x), cycles, season)), weight)
    return profile


def _agreed(cycles: FloatArray, weight: FloatArray) -> FloatArray:
    """(N, m) mean of cycles (N, K, m), each of its waves shrunk by how far the cycles disagree about it.

    gain(f) = max(0, 1 - doubt · V(f) / (K · |M(f)|²)), M and V the waves' weighted mean and variance over cycles, both
    averaged over neighbouring waves: a James-Stein estimate per wave, so that a smooth season keeps its slow waves
    and a random walk keeps none.
    """
    share = weight / weight.sum()
    waves = np.fft.rfft(cycles, axis=2)
    mean = np.einsum("k,nkf->nf", share, waves)
    square = np.einsum("k,nkf->nf", share, np.abs(waves - mean[:, None, :]) ** 2)
    noise = square * (share**2).sum() / (1 - (share**2).sum())
    power = np.abs(mean) ** 2
    gain = 1 - DOUBT * _neighbours(noise) / np.maximum(_neighbours(power), 1e-300)
    mean = np.where(_neighbours(power) > 0, mean * np.maximum(gain, 0.0), 0.0)
    mean[:, 0] = 0.0
    return np.fft.irfft(mean, n=cycles.shape[2], axis=1)


def _neighbours(power: FloatArray) -> FloatArray:
    """Averages over each wave and the two beside it; the constant is no wave."""
    if power.shape[1] <= 4:
        return power
    padded = np.concatenate([power[:, 1:2], power[:, 1:], power[:, -1:]], axis=1)
    averaged = 0.25 * padded[:, :-2] + 0.5 * padded[:, 1:-1] + 0.25 * padded[:, 2:]
    return np.concatenate([power[:, :1], averaged], axis=1)


def _first_trend(x: FloatArray, season: int) -> FloatArray:
    """Centred mean over one season; beyond its reach, a straight line of the slope it had over its last season."""
    length = x.shape[1]
    weight = np.ones(season + 1 - season % 2)
    if season % 2 == 0:
        weight[[0, -1]] = 0.5
    half = len(weight) // 2
    sums = np.cumsum(np.concatenate([np.zeros((len(x), 1)), x], axis=1), axis=1)
    middle = sums[:, len(weight) :] - sums[:, : -len(weight)]
    if season % 2 == 0:
        middle = middle - 0.5 * (x[:, : length - 2 * half] + x[:, 2 * half :])
    middle = middle / weight.sum()
    reach = min(season, middle.shape[1] - 1)
    steps = np.arange(1, half + 1)
    zero = np.zeros(len(x))
    before = (middle[:, reach] - middle[:, 0]) / reach if reach else zero
    after = (middle[:, -1] - middle[:, -1 - reach]) / reach if reach else zero
    if reach < season // 2:  # too short to show a slope of its own
        before = after = (x[:, -season:].mean(axis=1) - x[:, :season].mean(axis=1)) / max(length - season, 1)
    return np.concatenate(
        [middle[:, :1] - before[:, None] * steps[::-1], middle, middle[:, -1:] + after[:, None] * steps], axis=1
    )


def _smooth(x: FloatArray, window: int) -> FloatArray:
    """Centred mean over about `window` periods, over fewer at the ends, as wide on either side."""
    half = max(window // 2, 1)
    length = x.shape[1]
    sums = np.cumsum(np.concatenate([np.zeros((len(x), 1)), x], axis=1), axis=1)
    position = np.arange(length)
    reach = np.minimum(np.minimum(position, length - 1 - position), half)
    return np.asarray((sums[:, position + reach + 1] - sums[:, position - reach]) / (2 * reach + 1))
