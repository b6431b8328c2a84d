"""Batches: how a truck's load is mixed, in which portions, and what the scales showed.

Belongs here: portions, mixing times, set points and weighings. Does not belong here: where the material
comes from (silos.py), how a controller writes it (controllers.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.conduct import Conduct
from simulation.mixes import ADMIXTURE, CEMENT, FLY_ASH, RECYCLED, SAND, SLAG, SLOTS, WATER, Mixes
from simulation.orders import Orders
from simulation.plants import Plants
from simulation.streams import DAY_S, Bools, Floats, Ints, stream
from simulation.tickets import Tickets

MIXER_M3 = np.array([2.0, 2.5, 3.0])  # what a plant's mixers take
MIXER_SHARE = np.array([0.05, 0.10, 0.85])
DRIFT_DAYS = 42.0
SLIP_SHARE = 0.003  # weighings that miss by far: a gate that sticks, a bridge in the silo
_NOISE = np.full(len(SLOTS), 0.0080)  # standard deviation of a well-kept scale, share of the set point
_NOISE[[CEMENT, FLY_ASH, SLAG]] = 0.0055
_NOISE[[WATER, ADMIXTURE]] = 0.0028
# GB/T 14902: tolerance of one batch
TOLERANCE = np.full(len(SLOTS), 0.03)
TOLERANCE[[CEMENT, FLY_ASH, SLAG]] = 0.02
TOLERANCE[[WATER, ADMIXTURE]] = 0.01
assert SAND < RECYCLED < WATER  # the aggregates stand together


@dataclass(frozen=True)
class Batches:
    """Batches of one plant, by ticket and then by time; arrays of shape (batches,), kilograms (batches, slots)."""

    load: Ints  # place of its ticket among those mixed
    ticket: Ints  # row of `Tickets`
    place: Ints  # 1 for a ticket's first batch
    line: Ints
    mixed_s: Ints
    batch_m3: Floats
    mix: Ints  # row of `Mixes`
    mixing_s: Ints
    target_kg: Floats
    actual_kg: Floats

    def __len__(self) -> int:
        return len(self.ticket)


def mixer_m3(seed: int, plants: Plants) -> Floats:
    """The mixers' volume of each plant. Shape (plants,)."""
    return np.asarray(stream(seed, "mixers").choice(MIXER_M3, len(plants), p=MIXER_SHARE), dtype=np.float64)


def set_points(conduct: Conduct, mixes: Mixes, mix: Ints, plant: Ints, day: Ints) -> Floats:
    """Kilograms per cubic metre that the plants dose, which is the filed mix unless cement is held back.

    Half of the cement held back is made up in fly ash. Shape (rows, slots).
    """
    kg = mixes.kg_per_m3[mix].copy()
    held_back = kg[:, CEMENT] * np.where(day >= conduct.shaved_from[plant], conduct.cement_shaved[plant], 0.0)
    kg[:, CEMENT] -= held_back
    kg[:, FLY_ASH] += held_back / 2
    return kg


def make_batches(
    seed: int, plant: int, volume_m3: float, orders: Orders, tickets: Tickets, rows: Ints, plants: Plants,
    conduct: Conduct, mixes: Mixes,
) -> Batches:  # fmt: skip
    """Mix the tickets `rows`, all of one plant, in its mixers of `volume_m3`; a ticket's batches sum to its load.

    The last batch is ready before the truck is (`batched_s`).
    """
    rng = stream(seed, "batches", plant, int(tickets.batched_s[rows[0]]))
    load_m3 = tickets.load_m3[rows]
    count = np.ceil(load_m3 / volume_m3 - 1e-9).astype(np.int64)
    of = np.repeat(np.arange(len(rows)), count)
    ticket = rows[of]
    size = len(of)
    place = np.arange(size) - np.repeat(np.cumsum(count) - count, count)
    even_m3 = np.round(load_m3 / count, 2)
    is_last = place == count[of] - 1
    batch_m3 = np.where(is_last, np.round(load_m3 - even_m3 * (count - 1), 2)[of], even_m3[of])
    line = rng.integers(0, plants.lines[plant], len(rows))[of] + 1
    cycle_s = rng.integers(75, 110, len(rows))[of]
    mixed_s = tickets.batched_s[ticket] - 15 - (count[of] - 1 - place) * cycle_s

    day = tickets.batched_s[ticket] // DAY_S
    grade = orders.grade[tickets.order[ticket]]
    plant_of = np.full(size, plant)
    mix = mixes.in_force(plant_of, grade, day)
    target_kg = set_points(conduct, mixes, mix, plant_of, day) * batch_m3[:, None]
    target_kg = np.round(target_kg, 1)
    target_kg[:, ADMIXTURE] = np.round(target_kg[:, ADMIXTURE], 2)
    noise = conduct.weighing_noise[plant] * _NOISE * rng.standard_normal((size, len(SLOTS)))
    slips = rng.random((size, len(SLOTS))) < SLIP_SHARE
    noise = np.where(slips, noise * 5, noise)
    if (slot := int(conduct.drift_slot[plant])) >= 0:
        since = day - conduct.drift_from[plant]
        is_drifting = (since >= 0) & (day < conduct.drift_until[plant])
        noise[:, slot] += np.where(is_drifting, conduct.drift_share[plant] * np.clip(since / DRIFT_DAYS, 0, 1), 0.0)
    actual_kg = np.round(target_kg * (1 + noise), 1)
    actual_kg[:, ADMIXTURE] = np.round((target_kg * (1 + noise))[:, ADMIXTURE], 2)
    return Batches(
        load=of,
        ticket=ticket,
        place=place + 1,
        line=line,
        mixed_s=mixed_s,
        batch_m3=batch_m3,
        mix=mix,
        mixing_s=rng.integers(35, 61, size),
        target_kg=target_kg,
        actual_kg=actual_kg,
    )


def is_within_tolerance(batches: Batches) -> Bools:
    """Which weighings meet GB/T 14902's tolerance of one batch; what is not dosed does. Shape (batches, slots)."""
    return np.asarray(np.abs(batches.actual_kg - batches.target_kg) <= TOLERANCE * batches.target_kg + 1e-9)
