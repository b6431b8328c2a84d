"""Conduct: how well and how honestly each plant and laboratory works. Hidden: the product has to find it out.

Belongs here: the traits behind batches, weighings, tests and statements, and who has the bad ones. Does
not belong here: what follows from them (batches.py, strength.py, statements.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simulation.mixes import SLOTS
from simulation.plants import Plants
from simulation.streams import Bools, Floats, Ints, day_of, stream

DRIFTING_SCALES = 6
DRIFT_SLOTS = ("cement_1", "fly_ash_1", "sand_1", "stone_1", "water_1", "admixture_1")
CEMENT_SHAVERS = 4
UNDER_SAMPLERS = 6
WEAK_PLANTS = 6
OVER_REPORTERS = 4
UNDER_REPORTERS = 4
FABRICATING_OWN_LABS = 4
INDEPENDENT_LABS = 5
FABRICATING_INDEPENDENT_LABS = 1
CODING_LABS = 2  # independent laboratories that write the quality station's codes for plants
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Conduct:
    """Traits per plant, arrays of shape (plants,); laboratories are the plants' own, then the independent ones."""

    weighing_noise: Floats  # 1 is a well-kept plant
    drift_slot: Ints  # row of SLOTS whose scale drifts; -1 for none
    drift_from: Ints  # day number
    drift_until: Ints  # the day it is calibrated
    drift_share: Floats  # reached after DRIFT_DAYS, kept until calibration
    cement_shaved: Floats  # share of the filed cement that is left out
    shaved_from: Ints  # day number
    sampling: Floats  # groups taken per group due
    sigma_mpa: Floats  # of a plant's 28-day strength
    margin_mpa: Floats  # mean 28-day strength above the grade's
    reporting: Floats  # volume stated per volume delivered
    lab_id: list[str]
    lab_fabricates: Bools
    lab_writes_codes: Bools
    preferred_lab: Ints  # independent laboratory of each plant


def make_conduct(seed: int, plants: Plants, first_day: int, weeks: int) -> Conduct:
    """Draw the traits; the plants with bad ones are chosen among those open to the end, one bad trait each."""
    rng = stream(seed, "conduct")
    size, last_day = len(plants), first_day + 7 * weeks
    honest = rng.permutation(np.flatnonzero(plants.is_open(last_day)))
    taken = 0

    def some(count: int) -> Ints:
        nonlocal taken
        taken += count
        return np.asarray(honest[taken - count : taken], dtype=np.int64)

    drift_slot = np.full(size, -1)
    drift_from, drift_until = np.full(size, NEVER), np.full(size, NEVER)
    drift_share = np.zeros(size)
    drifting = some(DRIFTING_SCALES)
    drift_slot[drifting] = [SLOTS.index(name) for name in DRIFT_SLOTS]
    drift_from[drifting] = last_day - rng.integers(70, 160, DRIFTING_SCALES)
    drift_until[drifting] = np.where(rng.random(DRIFTING_SCALES) < 0.5, last_day - rng.integers(7, 40), NEVER)
    drift_share[drifting] = rng.choice([-1, 1], DRIFTING_SCALES) * rng.uniform(0.025, 0.05, DRIFTING_SCALES)

    cement_shaved, shaved_from = np.zeros(size), np.full(size, NEVER)
    shavers = some(CEMENT_SHAVERS)
    cement_shaved[shavers] = rng.uniform(0.04, 0.09, CEMENT_SHAVERS).round(3)
    shaved_from[shavers] = last_day - rng.integers(90, 7 * min(weeks, 60), CEMENT_SHAVERS)

    sampling = np.ones(size)
    sampling[some(UNDER_SAMPLERS)] = rng.uniform(0.25, 0.5, UNDER_SAMPLERS).round(2)
    sigma, margin = rng.uniform(2.6, 4.0, size).round(2), rng.uniform(-0.5, 3.0, size)
    margin += 1.645 * sigma
    weak = some(WEAK_PLANTS)
    sigma[weak] = rng.uniform(4.5, 5.5, WEAK_PLANTS).round(2)
    margin[weak] = rng.uniform(1.0, 4.0, WEAK_PLANTS)
    reporting = np.ones(size)
    reporting[some(OVER_REPORTERS)] = rng.uniform(1.06, 1.18, OVER_REPORTERS).round(3)
    reporting[some(UNDER_REPORTERS)] = rng.uniform(0.75, 0.92, UNDER_REPORTERS).round(3)

    fabricates = np.zeros(size + INDEPENDENT_LABS, dtype=bool)
    fabricates[some(FABRICATING_OWN_LABS)] = True
    fabricates[size + INDEPENDENT_LABS - FABRICATING_INDEPENDENT_LABS :] = True
    writes_codes = np.zeros(size + INDEPENDENT_LABS, dtype=bool)
    writes_codes[size : size + CODING_LABS] = True
    return Conduct(
        weighing_noise=np.exp(0.25 * rng.standard_normal(size)).clip(0.6, 1.8),
        drift_slot=drift_slot,
        drift_from=drift_from,
        drift_until=drift_until,
        drift_share=drift_share.round(4),
        cement_shaved=cement_shaved,
        shaved_from=shaved_from,
        sampling=sampling,
        sigma_mpa=sigma,
        margin_mpa=margin.round(2),
        reporting=reporting,
        lab_id=[f"L{row + 1}" for row in range(size)] + [f"JC{n:02d}" for n in range(1, INDEPENDENT_LABS + 1)],
        lab_fabricates=fabricates,
        lab_writes_codes=writes_codes,
        preferred_lab=rng.integers(0, INDEPENDENT_LABS, size),
    )


def hidden_conduct(conduct: Conduct, plants: Plants) -> dict[str, Any]:
    """Who does what, for evaluation in tests only."""

    def of(rows: Bools, values: Floats) -> dict[str, float]:
        return {plants.plant_id[row]: float(values[row]) for row in np.flatnonzero(rows)}

    def on(day: int) -> str | None:
        return None if day == NEVER else day_of(day).isoformat()

    return {
        "drifting_scales": {
            plants.plant_id[row]: {
                "weighing": SLOTS[conduct.drift_slot[row]],
                "share": float(conduct.drift_share[row]),
                "from_on": on(int(conduct.drift_from[row])),
                "calibrated_on": on(int(conduct.drift_until[row])),
            }
            for row in np.flatnonzero(conduct.drift_slot >= 0)
        },
        "cement_shaved": {
            plants.plant_id[row]: {"share": float(conduct.cement_shaved[row]), "from_on": on(conduct.shaved_from[row])}
            for row in np.flatnonzero(conduct.cement_shaved > 0)
        },
        "sampling_share": of(conduct.sampling < 1, conduct.sampling),
        "sigma_mpa": of(~plants.is_candidate, conduct.sigma_mpa),
        "margin_mpa": of(~plants.is_candidate, conduct.margin_mpa),
        "statement_share": of(conduct.reporting != 1, conduct.reporting),
        "fabricating_labs": [conduct.lab_id[row] for row in np.flatnonzero(conduct.lab_fabricates)],
        "labs_that_write_station_codes": [conduct.lab_id[row] for row in np.flatnonzero(conduct.lab_writes_codes)],
    }
