"""Silos and stockpiles: the lots that plants take in and which of them is in use when.

Belongs here: suppliers, lots, stock, prices. Does not belong here: what is weighed (batches.py) and how a
weighbridge writes it (evidence.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simulation.mixes import MATERIALS, SLOTS, WATER
from simulation.streams import DAY_S, Floats, Ints, day_of, stream

LOT_T = np.array([66.0, 45.0, 45.0, 120.0, 180.0, 150.0, 200.0, 80.0, 0.0, 14.0])  # one delivery; water has none
BASE_PRICE_CNY_PER_T = np.array([345.0, 165.0, 235.0, 98.0, 74.0, 60.0, 63.0, 45.0, 0.0, 2_150.0])
SUPPLIERS = {
    "cement": 8, "fly_ash": 5, "slag": 4, "sand": 6, "manufactured_sand": 9, "stone": 10, "recycled_aggregate": 3,
    "admixture": 5,
}  # fmt: skip
SUPPLIERS_PER_PLANT = 2
COVER_DAYS = (1.5, 4.0)  # stock left when the next lot arrives
FAILED_SHARE = 0.006  # lots that fail their test, and are used all the same
PENDING_SHARE = 0.025  # lots reported before their test is done
YEARLY_PRICE_CHANGE = -0.04
_CODES = "CFGSMABRWX"  # a lot number's letter for its silo
_CHUNK = 256


@dataclass
class _Silo:
    """One slot of one plant: its lots in the order of their use; `ends_t` is what will have been used by a lot's end.

    `used_t` runs from the window's start. A lot arrives when the stock before it has fallen to `reserve_t`.
    """

    reserve_t: float
    net_t: Floats
    ends_t: Floats
    supplier: Ints
    used_t: float = 0.0
    arrived: int = 0  # lots so far
    numbers: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Receipts:
    """Lots that arrived, one receipt each; arrays of shape (receipts,)."""

    plant: Ints
    slot: Ints
    number: Ints  # running number in the plant's silo
    lot_no: list[str]
    supplier: list[str]
    net_t: Floats
    received_s: Ints
    unit_price_cny_per_t: Floats
    has_failed: Ints
    is_pending: Ints  # 1 when first reported without a result

    def __len__(self) -> int:
        return len(self.plant)


def supplier_ids() -> list[str]:
    """Every supplier, by material."""
    return [f"G{material[:2].upper()}{n:02d}" for material, count in SUPPLIERS.items() for n in range(1, count + 1)]


class Silos:
    """The stock of all plants, carried from period to period."""

    def __init__(self, seed: int, daily_t: Floats, first_day: int) -> None:
        """`daily_t` is each plant's usual consumption per slot, shape (plants, slots)."""
        self._seed = seed
        self._daily_t = daily_t
        self._first_day = first_day
        self._silos: dict[tuple[int, int], _Silo] = {}

    def use(self, plant: int, batched_s: Ints, kg: Floats) -> tuple[list[list[str]], Ints, Receipts]:
        """Use `kg` (tickets, slots) at ascending times, none of them before those of earlier calls.

        Returns the plant's lot numbers per slot, the lot in use by ticket and slot (-1 for none), and the receipts.
        """
        lots = np.full(kg.shape, -1)
        arrivals = []
        for slot in range(len(SLOTS)):
            use_t = kg[:, slot] / 1_000
            if slot == WATER or not use_t.any():
                continue
            silo = self._silo(plant, slot)
            used_t = silo.used_t + np.cumsum(use_t)
            while silo.ends_t[-1] - silo.reserve_t < used_t[-1]:
                self._extend(silo, plant, slot)
            lots[:, slot] = np.where(use_t > 0, np.searchsorted(silo.ends_t, used_t - use_t, side="right"), -1)
            arrivals.append(self._arrivals(silo, plant, slot, batched_s, used_t))
            silo.used_t = float(used_t[-1])
        numbers = [
            self._silos[plant, slot].numbers if (plant, slot) in self._silos else [] for slot in range(len(SLOTS))
        ]
        return numbers, lots, joined(arrivals)

    def _silo(self, plant: int, slot: int) -> _Silo:
        if (plant, slot) not in self._silos:
            rng = stream(self._seed, "silo", plant, slot)
            reserve_t = float(rng.uniform(*COVER_DAYS) * self._daily_t[plant, slot])
            silo = _Silo(reserve_t, np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int64))
            self._extend(silo, plant, slot)
            self._silos[plant, slot] = silo
        return self._silos[plant, slot]

    def _extend(self, silo: _Silo, plant: int, slot: int) -> None:
        rng = stream(self._seed, "lots", plant, slot, len(silo.net_t))
        net_t = np.round(LOT_T[slot] * rng.uniform(0.8, 1.2, _CHUNK), 2)
        own = stream(self._seed, "suppliers", plant, MATERIALS[slot]).choice(
            SUPPLIERS[MATERIALS[slot]], SUPPLIERS_PER_PLANT, replace=False
        )
        before_t = silo.ends_t[-1] if len(silo.ends_t) else 0.0
        silo.net_t = np.concatenate([silo.net_t, net_t])
        silo.ends_t = np.concatenate([silo.ends_t, before_t + np.cumsum(net_t)])
        silo.supplier = np.concatenate([silo.supplier, own[(rng.random(_CHUNK) < 0.3).astype(int)]])

    def _arrivals(self, silo: _Silo, plant: int, slot: int, batched_s: Ints, used_t: Floats) -> Receipts:
        """The lots that arrive in the time of these tickets: when the stock before them has fallen to the reserve."""
        due_t = np.concatenate([[0.0], silo.ends_t]) - silo.reserve_t
        stop = int(np.searchsorted(due_t, used_t[-1], side="right"))
        number = np.arange(silo.arrived, stop)
        rng = stream(self._seed, "receipts", plant, slot, silo.arrived)
        at = np.searchsorted(used_t, due_t[number], side="left")
        received_s = batched_s[at] - rng.integers(600, 3_600, len(number))
        is_first = due_t[number] <= 0  # what stood there on the first day
        received_s -= np.where(is_first, (is_first.sum() - number) * DAY_S, 0)
        received_s = np.maximum.accumulate(received_s)
        silo.arrived = stop
        material = MATERIALS[slot]
        supplier = [f"G{material[:2].upper()}{n + 1:02d}" for n in silo.supplier[number]]
        lot_no = [
            f"{who}-{day_of(int(second // DAY_S)):%y%m%d}-{_CODES[slot]}{place:04d}"
            for who, second, place in zip(supplier, received_s, number, strict=True)
        ]
        silo.numbers += lot_no
        years = (received_s / DAY_S - self._first_day) / 365.25
        season = 1 + 0.03 * np.sin(2 * np.pi * years + slot)
        level = BASE_PRICE_CNY_PER_T[slot] * (1 + 0.015 * (silo.supplier[number] - 3))
        price = level * (1 + YEARLY_PRICE_CHANGE * years) * season * (1 + 0.01 * rng.standard_normal(len(number)))
        return Receipts(
            plant=np.full(len(number), plant),
            slot=np.full(len(number), slot),
            number=number,
            lot_no=lot_no,
            supplier=supplier,
            net_t=silo.net_t[number],
            received_s=received_s,
            unit_price_cny_per_t=price.round(1),
            has_failed=(rng.random(len(number)) < FAILED_SHARE).astype(np.int64),
            is_pending=(rng.random(len(number)) < PENDING_SHARE).astype(np.int64),
        )


def joined(parts: list[Receipts]) -> Receipts:
    """Receipts of several silos as one."""
    return Receipts(
        plant=np.concatenate([part.plant for part in parts]),
        slot=np.concatenate([part.slot for part in parts]),
        number=np.concatenate([part.number for part in parts]),
        net_t=np.concatenate([part.net_t for part in parts]),
        received_s=np.concatenate([part.received_s for part in parts]),
        unit_price_cny_per_t=np.concatenate([part.unit_price_cny_per_t for part in parts]),
        has_failed=np.concatenate([part.has_failed for part in parts]),
        is_pending=np.concatenate([part.is_pending for part in parts]),
        lot_no=[text for part in parts for text in part.lot_no],
        supplier=[text for part in parts for text in part.supplier],
    )
