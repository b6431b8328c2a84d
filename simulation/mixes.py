"""Mixes: what each plant puts into a cubic metre of each grade, as filed, over time.

Belongs here: the proportions, their versions, which mix is in force. Does not belong here: what is
weighed (batches.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulation.demand import GRADE_MPA, GRADES
from simulation.plants import Plants
from simulation.streams import Floats, Ints, stream

# what a line weighs, one scale each: the material and which of several of its kind
SLOTS = (
    "cement_1", "fly_ash_1", "slag_1", "sand_1", "manufactured_sand_1", "stone_1", "stone_2", "recycled_aggregate_1",
    "water_1", "admixture_1",
)  # fmt: skip
CEMENT, FLY_ASH, SLAG, SAND, MADE_SAND, STONE_1, STONE_2, RECYCLED, WATER, ADMIXTURE = range(len(SLOTS))
MATERIALS = tuple(slot.rsplit("_", 1)[0] for slot in SLOTS)
FRESH_KG_PER_M3 = 2_390
LIGHT_KG_PER_M3 = 1_850
CHANGES_PER_YEAR = 0.5  # of a plant's mix of a grade
REPLACED_SHARE = 0.4  # of those: a new mix, the old one withdrawn; else a new version of the same
ACTIVE, WITHDRAWN = range(2)
MIX_STATUSES = ("active", "withdrawn")
_SPAN = 1_000_000  # more than any day number
GRADE_INDEX: Mapping[str, int] = {grade: row for row, grade in enumerate(GRADES)}


@dataclass(frozen=True)
class Mixes:
    """Every state of every filed mix, sorted by plant, grade and day; arrays of shape (states,).

    `kg_per_m3` has shape (states, slots). A withdrawn state repeats the proportions that it ends.
    """

    plant: Ints
    grade: Ints
    number: Ints  # the mix's running number at its plant: with the plant its id
    version: Ints  # 0 for a mix's first state
    status: Ints
    from_day: Ints  # day number: filed, changed or withdrawn
    filed: Ints
    slump_mm: Ints
    kg_per_m3: Floats

    def __len__(self) -> int:
        return len(self.plant)

    def in_force(self, plant: Ints, grade: Ints, day: Ints) -> Ints:
        """The state that a plant mixes a grade by on a day."""
        active = np.flatnonzero(self.status == ACTIVE)
        starts = (self.plant[active] * len(GRADES) + self.grade[active]) * _SPAN + self.from_day[active]
        wanted = (plant * len(GRADES) + grade) * _SPAN + day
        return np.asarray(active[np.searchsorted(starts, wanted, side="right") - 1], dtype=np.int64)


def make_mixes(seed: int, plants: Plants, first_day: int, weeks: int) -> Mixes:
    """File a mix for every grade that a plant can make, before the window opens, and change some later."""
    rows: list[tuple[int, int, int, int, int, int, int, int]] = []  # as the fields stand, without the proportions
    proportions: list[Floats] = []
    last_day = first_day + 7 * weeks
    for plant in np.flatnonzero(~plants.is_candidate).tolist():
        rng = stream(seed, "mixes", plant)
        habit = rng.uniform(-1, 1, 5)
        recycles = bool(plants.recycled_capable[plant])
        number = 0
        for grade in range(len(GRADES)):
            number += 1
            filed = first_day - int(rng.integers(30, 300))
            changes = np.sort(rng.integers(first_day + 20, last_day, rng.poisson(CHANGES_PER_YEAR * weeks / 52)))
            changes = changes[np.diff(changes, prepend=filed) > 14]
            tuning = 1 + 0.012 * rng.standard_normal()
            kg = proportion(grade, habit, tuning, recycles)
            slump = int(rng.integers(14, 21)) * 10
            rows.append((plant, grade, number, 0, ACTIVE, filed, filed, slump))
            proportions.append(kg)
            version = 0
            for day in changes.tolist():
                is_replaced = rng.random() < REPLACED_SHARE
                if is_replaced:
                    rows.append((plant, grade, number, version + 1, WITHDRAWN, day, filed, slump))
                    proportions.append(kg)
                    number, version, filed = number + 1, 0, day
                else:
                    version += 1
                tuning *= 1 + 0.02 * rng.standard_normal()
                kg = proportion(grade, habit, tuning, recycles)
                rows.append((plant, grade, number, version, ACTIVE, day, filed, slump))
                proportions.append(kg)
    columns = np.array(rows, dtype=np.int64).T
    plant_, grade_, number_, version_, status, from_day, filed_, slump_ = columns
    return Mixes(
        plant_, grade_, number_, version_, status, from_day, filed_, slump_, np.array(proportions)
    )  # fmt: skip


def proportion(grade: int, habit: Floats, tuning: float, recycles: bool) -> Floats:
    """Kilograms per cubic metre for each slot: richer in binder and poorer in water with strength. Shape (slots,)."""
    mpa = float(GRADE_MPA[grade])
    binder = (212 + 5.0 * mpa) * tuning
    water = 181 - 0.33 * mpa + 2 * habit[0]
    cement = binder * (0.66 + 0.05 * habit[1] + 0.001 * (mpa - 30))
    fly_ash = (binder - cement) * (0.5 + 0.2 * habit[2])
    admixture = binder * (0.017 + 0.0001 * (mpa - 30) + 0.001 * habit[3])
    fresh = LIGHT_KG_PER_M3 if GRADES[grade].startswith("LC") else FRESH_KG_PER_M3
    aggregate = fresh - binder - water - admixture
    sand = aggregate * (0.45 - 0.0012 * (mpa - 30))
    stone = aggregate - sand
    natural = 0.25 * sand * (1 + habit[4])
    recycled = 0.15 * stone if recycles and mpa <= 30 else 0.0
    kg = np.zeros(len(SLOTS))
    kg[[CEMENT, FLY_ASH, SLAG]] = np.round([cement, fly_ash, binder - cement - fly_ash])
    kg[[SAND, MADE_SAND]] = np.round([natural, sand - natural])
    kg[[STONE_1, STONE_2]] = np.round(np.array([0.35, 0.65]) * (stone - recycled))
    kg[[RECYCLED, WATER]] = np.round([recycled, water])
    kg[ADMIXTURE] = round(admixture, 1)
    return kg


def water_binder_ratio(kg_per_m3: Floats) -> Floats:
    """Water over cement, fly ash and slag. Shape (rows,)."""
    return np.asarray((kg_per_m3[:, WATER] / kg_per_m3[:, [CEMENT, FLY_ASH, SLAG]].sum(axis=1)).round(3))


def sand_ratio(kg_per_m3: Floats) -> Floats:
    """Sand over all aggregate. Shape (rows,)."""
    sand = kg_per_m3[:, [SAND, MADE_SAND]].sum(axis=1)
    return np.asarray((sand / (sand + kg_per_m3[:, [STONE_1, STONE_2, RECYCLED]].sum(axis=1))).round(3))
