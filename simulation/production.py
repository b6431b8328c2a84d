"""Production: sends what stands behind the tickets - mixes, batches, tests, receipts, statements, codes.

Belongs here: their order, period by period and plant by plant, so that memory stays bounded. Does not belong here:
the models, the rows (evidence.py), how files are written (post.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulation import evidence
from simulation.batches import make_batches, mixer_m3, set_points
from simulation.codes import SYSTEMS, crosswalk_records
from simulation.conduct import INDEPENDENT_LABS
from simulation.controllers import TITLES, controller_layout, crosswalk_layout, lab_layout
from simulation.demand import GRADES
from simulation.layouts import Sender
from simulation.mixes import MIX_STATUSES, SLOTS
from simulation.orders import Orders
from simulation.pages import Page
from simulation.post import RECENT_WEEKS, Post, Window, windows
from simulation.silos import Receipts, Silos, joined
from simulation.statements import Ledger
from simulation.streams import DAY_S, Ints, day_of, stream
from simulation.strength import Sampling, make_tests
from simulation.tickets import Tickets

BLOCK_WEEKS = 4  # a controller's export
USUAL_GRADE = GRADES.index("C30")
assert MIX_STATUSES[0] == "active"


class Production:
    """Carries stock, sampling and books from period to period; batches are sent for the last `batch_weeks` only."""

    def __init__(self, post: Post, batch_weeks: int) -> None:
        city = post.city
        self.post, self.city = post, city
        self.first_s = city.first_day * DAY_S
        self.batches_from_week = max(0, city.weeks - batch_weeks)
        self.batches_from_s = self.first_s + 7 * DAY_S * self.batches_from_week if batch_weeks else city.cut_s
        self.batch_m3 = 0.0
        self._labs = [
            Sender(lab_id, {"strength_tests": lab_layout(city.seed, lab_id)}, True, False)
            for lab_id in city.conduct.lab_id[-INDEPENDENT_LABS:]
        ]
        existing = np.flatnonzero(~city.plants.is_candidate)
        usual = np.full(len(existing), USUAL_GRADE)
        daily_m3 = (city.plants.target_utilisation * city.plants.weekly_m3 / 6)[existing]
        daily_t = np.zeros((len(city.plants), len(SLOTS)))
        mix = city.mixes.in_force(existing, usual, np.full(len(existing), city.first_day))
        daily_t[existing] = city.mixes.kg_per_m3[mix] / 1_000 * daily_m3[:, None]
        self._silos = Silos(city.seed, daily_t, city.first_day)
        self._sampling = Sampling(len(city.plants))
        self._ledger = Ledger(len(city.plants), city.first_day)
        self._waiting: dict[str, pa.Table | None] = {"strength_tests": None, "material_receipts": None}

    def open(self) -> None:
        """Send what does not depend on tickets: mixes and the crosswalk, over the whole window."""
        city = self.city
        rounds = [window for _, period in windows(city) for window in period]
        mixes = evidence.mix_records(city.mixes, city.plants, city.sender_of_plant, self.first_s, city.cut_s)
        self.post.send_rounds("mixes", city.senders, mixes, rounds)
        keepers = [
            Sender(f"S-{name}", {"crosswalk": crosswalk_layout(city.seed, name)}, True, False) for name in SYSTEMS
        ]
        self.post.send_rounds("crosswalk", keepers, crosswalk_records(city.codes, self.first_s, city.cut_s), rounds)

    def add(self, weeks: range, rounds: list[Window], orders: Orders, tickets: Tickets) -> None:
        """Send what belongs to one period's tickets."""
        city = self.city
        rows = np.flatnonzero(tickets.batched_s < city.cut_s)
        plant = orders.plant[tickets.order[rows]]
        rows = rows[np.lexsort((tickets.batched_s[rows], plant))]
        plant = orders.plant[tickets.order[rows]]
        day = tickets.batched_s[rows] // DAY_S
        mix = city.mixes.in_force(plant, orders.grade[tickets.order[rows]], day)
        kg = set_points(city.conduct, city.mixes, mix, plant, day) * tickets.load_m3[rows, None]
        self._ledger.enter(orders, tickets, rows, kg)
        self._send_tests(weeks, rounds, orders, tickets, rows)
        receipts: list[Receipts] = []
        starts = np.flatnonzero(np.diff(plant, prepend=-1))
        for start, stop in zip(starts, np.append(starts[1:], len(rows)), strict=True):
            own = slice(int(start), int(stop))
            lot_texts, lots, arrived = self._silos.use(int(plant[start]), tickets.batched_s[rows[own]], kg[own])
            receipts.append(arrived)
            self._send_batches(weeks, int(plant[start]), orders, tickets, rows[own], lot_texts, lots)
        table = evidence.receipt_records(city.seed, joined(receipts), city.plants, city.sender_of_plant, city.cut_s)
        self._send("material_receipts", city.senders, table, rounds)

    def close(self) -> None:
        """Send the statements of all months."""
        city = self.city
        last_day = city.first_day + 7 * city.weeks - 1
        lines = self._ledger.state(city.seed, city.conduct, city.first_day, last_day)
        table = evidence.statement_records(city.seed, lines, city.plants, city.sender_of_plant, city.cut_s)
        rounds = [window for _, period in windows(city) for window in period]
        self.post.send_rounds("statements", city.senders, table, rounds)

    def _send_tests(self, weeks: range, rounds: list[Window], orders: Orders, tickets: Tickets, rows: Ints) -> None:
        city = self.city
        sampled = self._sampling.choose(city.seed, orders, tickets, rows, city.conduct)
        tests = make_tests(city.seed, weeks.start, orders, tickets, sampled, city.conduct)
        table = evidence.test_records(
            city.seed, tests, orders, tickets, city.plants, city.conduct, city.codes, self.batches_from_s,
            len(city.senders), city.sender_of_plant, city.cut_s,
        )  # fmt: skip
        self._send("strength_tests", [*city.senders, *self._labs], table, rounds)

    def _send(self, feed: str, senders: Sequence[Sender], table: pa.Table, rounds: list[Window]) -> None:
        """Send rows in the period's rounds; those reported later wait for the next period's."""
        held = self._waiting[feed]
        rows = table if held is None else pa.concat_tables([held, table], promote_options="default")
        self._waiting[feed], _ = self.post.send_rounds(feed, senders, rows.unify_dictionaries(), rounds)

    def _send_batches(
        self, weeks: range, plant: int, orders: Orders, tickets: Tickets, rows: Ints,
        lot_texts: Sequence[Sequence[str]], lots: Ints,
    ) -> None:  # fmt: skip
        """One file per block of weeks, of the tickets `rows` of one plant."""
        city = self.city
        batched_s = tickets.batched_s[rows]
        is_small = city.senders[city.sender_of_plant[plant]].layout("orders").format == "xlsx"
        for start, stop in _blocks(weeks, self.batches_from_week, city.weeks):
            is_last = stop == min(weeks.stop, city.weeks)
            is_first = start == weeks.start
            from_s = -1 if is_first and start > self.batches_from_week else self.first_s + 7 * DAY_S * start
            until_s = city.cut_s + DAY_S if is_last else self.first_s + 7 * DAY_S * stop
            chosen = np.flatnonzero((batched_s >= from_s) & (batched_s < until_s))
            if len(chosen) == 0:
                continue
            volume_m3 = float(mixer_m3(city.seed, city.plants)[plant])
            made = make_batches(
                city.seed, plant, volume_m3, orders, tickets, rows[chosen], city.plants, city.conduct, city.mixes
            )
            layout = controller_layout(city.seed, city.plants.plant_id[plant], is_small)
            table = evidence.batch_records(
                city.seed, made, plant, orders, tickets, city.mixes, city.plants, lot_texts,
                np.repeat(lots[chosen], np.bincount(made.load), axis=0), city.cut_s,
            )  # fmt: skip
            if layout.list_style == "long":  # lines of one key are one record there: only its newest state is sent
                table = table.filter(pc.invert(table["_is_older"]))
            label = f"{day_of(city.first_day + 7 * stop - 1):%Y%m%d}"
            plant_id = city.plants.plant_id[plant]
            rng = stream(city.seed, "dirt", "batches", plant_id, label)
            received_s = min(self.first_s + 7 * DAY_S * stop + DAY_S, city.cut_s) + int(rng.integers(600, 4_800))
            name = f"{plant_id}_虚拟_{TITLES['batches']}_{label}{layout.suffix}"
            page = Page(layout, table)
            self.batch_m3 += self.post.send_page("batches", plant_id, name, page, rng, received_s, True)


def _blocks(weeks: range, from_week: int, last_week: int) -> list[tuple[int, int]]:
    """The period's weeks from `from_week` on in blocks; the window's last weeks are a block of their own."""
    stop = min(weeks.stop, last_week)
    edges = list(range(max(weeks.start, from_week), stop, BLOCK_WEEKS))
    if stop == last_week and edges:
        edges = [edge for edge in edges if edge < last_week - RECENT_WEEKS] + [last_week - RECENT_WEEKS]
        edges = [max(edge, from_week, weeks.start) for edge in edges]
    edges = sorted(set(edges))
    return list(pairwise([*edges, stop]))
