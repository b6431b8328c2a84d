"""Statements: what each plant says that it sold in a month, by grade.

Belongs here: monthly sums of the tickets and what plants make of them. Does not belong here: the tickets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.conduct import Conduct
from simulation.demand import GRADES
from simulation.mixes import CEMENT
from simulation.orders import Orders
from simulation.streams import DAY_S, Bools, Floats, Ints, stream
from simulation.tickets import Tickets

REVISED_SHARE = 0.02  # lines corrected in a later statement
SLIP_SHARE = 0.02  # lines that are a little off: rounded, a ticket forgotten
MEASURES = 4  # delivered m3, ordered m3, cement t, sales CNY
_SPAN_MONTHS = 200


@dataclass(frozen=True)
class Statements:
    """Lines of all statements; arrays of shape (lines,). `first_m3` is what a later correction replaces."""

    plant: Ints
    grade: Ints
    month: Ints  # months since January 1970
    delivered_m3: Floats
    ordered_m3: Floats
    cement_t: Floats
    sales_cny: Floats
    first_m3: Floats
    is_revised: Bools

    def __len__(self) -> int:
        return len(self.plant)


class Ledger:
    """Each plant's own books: sums of its tickets by month and grade, over all periods."""

    def __init__(self, plants: int, first_day: int) -> None:
        self.first_month = int(month_of(np.array([first_day]))[0])
        self._sums = np.zeros((plants, _SPAN_MONTHS, len(GRADES), MEASURES))

    def enter(self, orders: Orders, tickets: Tickets, rows: Ints, kg: Floats) -> None:
        """Book the tickets `rows` in the month of their discharge; `kg` is what each took, (tickets, slots)."""
        order = tickets.order[rows]
        delivered_m3 = tickets.delivered_m3[rows]
        at = (
            orders.plant[order],
            month_of(tickets.discharged_s[rows] // DAY_S) - self.first_month,
            orders.grade[order],
        )
        measures = (
            delivered_m3,
            tickets.load_m3[rows],
            kg[:, CEMENT] / 1_000,
            delivered_m3 * orders.unit_price_cny[order],
        )
        for place, values in enumerate(measures):
            np.add.at(self._sums, (*at, np.full(len(rows), place)), values)

    def state(self, seed: int, conduct: Conduct, first_day: int, last_day: int) -> Statements:
        """The statements of all months that lie wholly between the days; the first may begin a few days late."""
        rng = stream(seed, "statements")
        opening = int(month_of(np.array([first_day + 24]))[0]) - self.first_month
        closing = int(month_of(np.array([last_day + 1]))[0]) - self.first_month
        plant, month, grade = (axis.astype(np.int64) for axis in np.nonzero(self._sums[:, opening:closing, :, 0] > 0))
        month += opening
        truth = self._sums[plant, month, grade]
        size = len(plant)
        uneven = np.where(conduct.reporting[plant] != 1, 0.02, 0.0) * rng.standard_normal(size)
        share = conduct.reporting[plant] * (1 + uneven)
        slips = rng.random(size) < SLIP_SHARE
        share = np.where(slips, share * rng.uniform(0.97, 1.02, size), share)
        stated = truth * share[:, None]
        stated[:, 2] = truth[:, 2]  # cement is bought against invoices: it gives a wrong volume away
        delivered_m3 = stated[:, 0].round(1)
        is_revised = rng.random(size) < REVISED_SHARE
        first_m3 = (delivered_m3 * rng.uniform(0.9, 1.08, size)).round(1)
        return Statements(
            plant=plant,
            grade=grade,
            month=month + self.first_month,
            delivered_m3=delivered_m3,
            ordered_m3=stated[:, 1].round(1),
            cement_t=stated[:, 2].round(2),
            sales_cny=stated[:, 3].round(0),
            first_m3=np.where(is_revised, first_m3, delivered_m3),
            is_revised=is_revised & (first_m3 != delivered_m3),
        )


def month_of(days: Ints) -> Ints:
    """Months since January 1970 of day numbers."""
    return np.asarray(days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64))


def first_day_of(month: Ints) -> Ints:
    """Day number of each month's first day."""
    return np.asarray(month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64))
