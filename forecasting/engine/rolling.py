"""Forecasts of the same series from several origins in turn, each taught by those before it.

Belongs here: origins whose panels a source replays as known then. Does not belong here: past origins cut from a panel
(`replay`), the weights themselves (`ensemble`), coherence, bands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.engine.coherence import one_step_errors
from forecasting.engine.ensemble import learn_weights
from forecasting.engine.guard import Guard
from forecasting.engine.members import prophet_parts
from forecasting.engine.replay import members_ahead
from forecasting.engine.work import Work
from forecasting.hierarchy import FloatArray
from forecasting.panel import Panel, stack

_SMEAR = (0.8, 1.25)


@dataclass(frozen=True, eq=False)
class Rolled:
    """One origin's `mean` (N, H) and its `members`: name -> (N, H), in the series' own units; `weights`: name -> (H,);
    `trend` (N, T + H) and `level` (N, H): Prophet's beyond offset and season, as factors, in sample NaN where it was
    not fitted; `errors` (N, T) what smoothing missed one step ahead."""

    mean: FloatArray
    members: dict[str, FloatArray]
    weights: dict[str, FloatArray]
    trend: FloatArray
    level: FloatArray
    errors: FloatArray


def roll(panels: Sequence[Panel], first: Mapping[str, float], prior_windows: float) -> list[Rolled]:
    """Forecast every panel, the oldest origin first; all hold the same series, season and horizon.

    `first`: the pool's members with their weights before anything is learned, worth `prior_windows` windows. What came
    since an older origin stands in the newer panel itself, as known then: an origin learns from nothing else, and not
    from a series that it takes as silent.
    """
    names, count, periods = tuple(first), len(panels[0]), max(panel.y.shape[1] for panel in panels)
    work = Work.of(stack(panels))
    ahead = members_ahead(work, names)
    trend, level = prophet_parts(work, work.offset + work.known_season)
    prior = np.array(list(first.values())) / sum(first.values())
    rows = [slice(count * place, count * (place + 1)) for place in range(len(panels))]
    guards = [work.guard.of(row) for row in rows]
    found = []
    for place, panel in enumerate(panels):
        errors = [_errors(panel, panels[older], guards[older], ahead[rows[older]]) for older in range(place)]
        guard, row, missed = guards[place], rows[place], one_step_errors(panel)
        noise = [work.noise[older] * (work.noise[row] > 0) for older in rows[:place]]
        weights = _weights(errors, noise, panel, prior, prior_windows)
        to_mean = _smearing(panel, missed)
        found.append(
            Rolled(
                mean=to_mean * guard.back((ahead[row] * weights).sum(axis=1)),
                members={name: to_mean * guard.back(ahead[row, member]) for member, name in enumerate(names)},
                weights=dict(zip(names, weights, strict=True)),
                trend=to_mean * guard.back(trend[row, periods - panel.y.shape[1] :]),
                level=np.exp(level[row]),
                errors=missed,
            )
        )
    return found


def _errors(panel: Panel, older: Panel, guard: Guard, ahead: FloatArray) -> FloatArray:
    """(N, M, H) how far off the members were at an older origin, as far as `panel` knows; NaN beyond."""
    since = int(panel.frequency.positions(panel.ends[:1], older.ends[0])[0][0])
    came = np.full((len(panel), panel.horizon), np.nan)
    came[:, :since] = panel.y[:, panel.y.shape[1] - since :][:, : panel.horizon]
    return np.asarray(guard.work_floored(came)[:, None, :] - ahead)


def _weights(
    errors: Sequence[FloatArray], noise: Sequence[FloatArray], panel: Panel, prior: FloatArray, prior_windows: float
) -> FloatArray:
    """(M, H) per horizon band, of all series and past origins together."""
    if not errors:
        return np.repeat(prior[:, None], panel.horizon, axis=1)
    band = np.searchsorted(panel.frequency.bands, np.arange(1, panel.horizon + 1))
    return learn_weights(np.concatenate(errors), np.concatenate(noise), band, prior, prior_windows)


def _smearing(panel: Panel, missed: FloatArray) -> FloatArray:
    """(N, 1) Σy / Σŷ one step ahead: from a median, which exp gives, to a mean, which adds up (after Duan 1983)."""
    y = np.nan_to_num(panel.y)
    ratio = y.sum(axis=1) / np.maximum((y - missed).sum(axis=1), 1e-9)
    return np.asarray(np.clip(ratio, *_SMEAR)[:, None])
