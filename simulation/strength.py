"""Strength: which trucks are sampled, and what the cubes of the samples bear.

Belongs here: sampling, laboratories, cube strengths, invented results. Does not belong here: the traits
behind them (conduct.py), the rows (evidence.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.conduct import INDEPENDENT_LABS, Conduct
from simulation.demand import GRADE_MPA, GRADES
from simulation.orders import Orders
from simulation.streams import DAY_S, Bools, Floats, Ints, stream
from simulation.tickets import Tickets

SAMPLE_M3 = 100.0  # one group per 100 m3 of a plant's grade, and at least one in a month
OWN_LAB_SHARE = 0.55
PREFERRED_LAB_SHARE = 0.75  # of the tests that an independent laboratory makes
# age in days, share of the samples, cured with the structure
SERIES = ((28, 1.0, False), (7, 0.35, False), (3, 0.04, False), (60, 0.05, True))
GAIN = {3: 0.46, 7: 0.73, 28: 1.0, 60: 1.06}
CUBE_CV = 0.032
ODD_CUBE_SHARE = 0.03  # groups with one cube far off; a tenth of them with two
SMALL_CUBE_SHARE = 0.35  # 100 mm instead of 150 mm; they bear 1/0.95
SMALL_CUBE_FACTOR = 0.95
MPA_PER_SHAVED_CEMENT = 70.0  # strength lost per share of cement held back
INVENTED_MARGIN = 1.16
INVENTED_SIGMA_MPA = 0.6
INVENTED_CUBE_SIGMA_MPA = 0.25


@dataclass(frozen=True)
class StrengthTests:
    """Specimen groups; arrays of shape (groups,), cubes (groups, 3), as measured: not converted to 150 mm."""

    ticket: Ints
    age_d: Ints
    lab: Ints  # row of `Conduct.lab_id`
    cast_day: Ints
    cubes_mpa: Floats
    size_mm: Ints
    is_field_cured: Bools
    is_fit: Bools

    def __len__(self) -> int:
        return len(self.ticket)


class Sampling:
    """What has been poured since each plant's last sample of each grade, carried from period to period."""

    def __init__(self, plants: int) -> None:
        self._since_m3 = np.zeros((plants, len(GRADES)))
        self._month = np.full((plants, len(GRADES)), -1)

    def choose(self, seed: int, orders: Orders, tickets: Tickets, rows: Ints, conduct: Conduct) -> Ints:
        """Those of the tickets `rows` that are sampled: each plant's due share, by grade."""
        plant, grade = orders.plant[tickets.order[rows]], orders.grade[tickets.order[rows]]
        cell = plant * len(GRADES) + grade
        order = np.lexsort((tickets.batched_s[rows], cell))
        rows, cell = rows[order], cell[order]
        starts = np.flatnonzero(np.diff(cell, prepend=-1))
        counts = np.diff(np.append(starts, len(cell)))
        load_m3 = tickets.load_m3[rows]
        running = np.cumsum(load_m3)
        running -= np.repeat(running[starts] - load_m3[starts], counts)
        running += self._since_m3.ravel()[cell]
        group = np.floor(running / SAMPLE_M3)
        before = np.floor((running - load_m3) / SAMPLE_M3)
        month = (tickets.batched_s[rows] // DAY_S).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        last_month = np.concatenate([[-1], month[:-1]])
        last_month[starts] = self._month.ravel()[cell[starts]]
        ends = starts + counts - 1
        self._since_m3.ravel()[cell[ends]] = running[ends] % SAMPLE_M3
        self._month.ravel()[cell[ends]] = month[ends]
        is_due = (group > before) | (month > last_month)
        rng = stream(seed, "sampling", int(rows[0]), int(tickets.batched_s[rows[0]]))
        is_taken = is_due & (rng.random(len(rows)) < conduct.sampling[plant[order]])
        return np.sort(rows[is_taken])


def make_tests(seed: int, period: int, orders: Orders, tickets: Tickets, rows: Ints, conduct: Conduct) -> StrengthTests:
    """Test the sampled tickets `rows`: always at 28 days, some at other ages."""
    rng = stream(seed, "strength", period)
    plants = len(conduct.sampling)
    mpa = GRADE_MPA[orders.grade[tickets.order[rows]]].astype(np.float64)
    plant = orders.plant[tickets.order[rows]]
    day = tickets.batched_s[rows] // DAY_S
    shaved = np.where(day >= conduct.shaved_from[plant], conduct.cement_shaved[plant], 0.0)
    true_mpa = mpa + conduct.margin_mpa[plant] + conduct.sigma_mpa[plant] * rng.standard_normal(len(rows))
    true_mpa = np.maximum(true_mpa - MPA_PER_SHAVED_CEMENT * shaved, 0.5 * mpa)

    sample, age, field = (
        np.concatenate(column)
        for column in zip(
            *(
                (chosen, np.full(len(chosen), days), np.full(len(chosen), is_field))
                for days, share, is_field in SERIES
                for chosen in (np.flatnonzero(rng.random(len(rows)) < share),)
            ),
            strict=True,
        )
    )
    size = len(sample)
    others = rng.integers(0, INDEPENDENT_LABS, size)
    independent = np.where(rng.random(size) < PREFERRED_LAB_SHARE, conduct.preferred_lab[plant[sample]], others)
    lab = np.where(rng.random(size) < OWN_LAB_SHARE, plant[sample], plants + independent)
    gain = np.array([GAIN[int(days)] for days in age]) * (1 + 0.02 * rng.standard_normal(size))
    group_mpa = true_mpa[sample] * gain
    cubes = group_mpa[:, None] * (1 + CUBE_CV * rng.standard_normal((size, 3)))
    odd = rng.random(size) < ODD_CUBE_SHARE
    cubes[odd, 0] *= rng.uniform(0.68, 0.82, odd.sum())
    worse = odd & (rng.random(size) < 0.1)
    cubes[worse, 1] *= rng.uniform(1.2, 1.3, worse.sum())
    invented = conduct.lab_fabricates[lab]
    smooth = mpa[sample] * INVENTED_MARGIN * np.array([GAIN[int(days)] for days in age])
    smooth = smooth + INVENTED_SIGMA_MPA * rng.standard_normal(size)
    smooth_cubes = smooth[:, None] + INVENTED_CUBE_SIGMA_MPA * rng.standard_normal((size, 3))
    cubes = np.where(invented[:, None], smooth_cubes, cubes)
    is_small = (rng.random(size) < SMALL_CUBE_SHARE) & (mpa[sample] < 60)
    is_fit = cubes.mean(axis=1) >= mpa[sample] * np.minimum(gain, 1.0) * 0.95
    return StrengthTests(
        ticket=rows[sample],
        age_d=age.astype(np.int64),
        lab=lab,
        cast_day=day[sample],
        cubes_mpa=np.round(np.where(is_small[:, None], cubes / SMALL_CUBE_FACTOR, cubes), 1),
        size_mm=np.where(is_small, 100, 150),
        is_field_cured=field.astype(bool),
        is_fit=is_fit,
    )
