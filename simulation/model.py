"""The city, drawn: everything that does not grow with the number of tickets.

Belongs here: drawing the parts in their order, and the hidden truth about them. Does not belong here:
any part itself, orders and tickets, files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from simulation import demand, geography, market, permits, plants, seasons
from simulation.codes import Codes, make_codes
from simulation.conduct import Conduct, hidden_conduct, make_conduct
from simulation.controllers import office_layouts
from simulation.layouts import SMALL_SENDERS, Sender, make_sender
from simulation.mixes import Mixes, make_mixes
from simulation.silos import supplier_ids
from simulation.streams import DAY_S, Floats, Ints, day_number, day_of

REPORT_HOUR = 22.5  # a file holds what was reported until then on its last day
AHEAD_WEEKS = 1  # orders are placed for pours beyond the end


@dataclass(frozen=True)
class City:
    """The model, drawn: everything that does not grow with the number of tickets."""

    seed: int
    scale: float
    first_day: int
    weeks: int
    area: geography.Districts
    plan: tuple[geography.Zone, ...]
    projects: permits.Projects
    plants: plants.Plants
    market: market.Market
    demand: demand.Demand
    day_level: Floats
    senders: tuple[Sender, ...]
    sender_of_plant: Ints
    conduct: Conduct
    mixes: Mixes
    codes: Codes

    @property
    def cut_s(self) -> int:
        """City seconds after which nothing has happened yet."""
        return (self.first_day + 7 * self.weeks - 1) * DAY_S + round(REPORT_HOUR * 3600)


def make_city(seed: int, scale: float, years: int, end: date) -> City:
    """Draw the city; its expected concrete over the window is `scale` times 20 million m3 a year."""
    weeks = 52 * years
    first_day = day_number(end) + 1 - 7 * weeks
    area, plan = geography.districts(), geography.zones(seed)
    day_level = seasons.daily_level(seed, first_day, 7 * (weeks + AHEAD_WEEKS))
    week_level = day_level.reshape(-1, 7).mean(axis=1)
    week_level /= week_level.mean()
    projects = permits.make_projects(seed, scale, area, first_day, weeks + AHEAD_WEEKS)
    expected, _ = demand.expected_m3(projects, first_day, weeks, week_level[:weeks])
    projects = permits.resized(projects, demand.CITY_M3_PER_YEAR * scale * years / float(expected.sum()))
    drawn = demand.make_demand(seed, projects, area, first_day, week_level)
    fleet = plants.make_plants(seed, scale, area, plan, first_day, weeks)
    trade = market.make_market(seed, area, projects, fleet, drawn.m3[:, :weeks].mean(axis=1))
    senders, sender_of_plant = _senders(seed, fleet)
    conduct = make_conduct(seed, fleet, first_day, weeks)
    filed = make_mixes(seed, fleet, first_day, weeks)
    codes = make_codes(seed, fleet, projects, conduct.lab_id, supplier_ids(), first_day, weeks)
    return City(
        seed, scale, first_day, weeks, area, plan, projects, fleet, trade, drawn, day_level, senders, sender_of_plant,
        conduct, filed, codes,
    )  # fmt: skip


def _senders(seed: int, fleet: plants.Plants) -> tuple[tuple[Sender, ...], Ints]:
    """Large groups send from one system for all their plants, every other plant from its own."""
    existing = np.flatnonzero(~fleet.is_candidate)
    is_group = fleet.enterprise < len(plants.GROUP_SIZES)
    ids = [fleet.enterprise_ids[fleet.enterprise[row]] if is_group[row] else fleet.plant_id[row] for row in existing]
    sender_ids = sorted(set(ids))
    sender_of_plant = np.full(len(fleet), -1)
    sender_of_plant[existing] = [sender_ids.index(sender_id) for sender_id in ids]
    load = np.bincount(sender_of_plant[existing], (fleet.target_utilisation * fleet.weekly_m3)[existing])
    small = set(np.argsort(load, kind="stable")[:SMALL_SENDERS].tolist())
    senders = []
    for row, name in enumerate(sender_ids):
        sender = make_sender(seed, name, row in small)
        senders.append(replace(sender, layouts={**sender.layouts, **office_layouts(seed, sender, row in small)}))
    return tuple(senders), sender_of_plant


def hidden(city: City) -> dict[str, Any]:
    """The model's own truth, for evaluation in tests only."""
    weekly = city.demand.by_district_and_class(city.projects, city.area)[:, :, : city.weeks]
    kernels = demand.lag_kernels()
    return {
        "lag_kernel_weeks": {use: kernels[row].round(6).tolist() for row, use in enumerate(permits.USES)},
        "intensity_m3_per_m2": dict(zip(permits.USES, permits.INTENSITY_M3_PER_M2.tolist(), strict=True)),
        "speed_kmh": geography.SPEED_KMH,
        "detour": geography.DETOUR,
        "downturn": {
            "start_on": day_of(city.first_day + 7 * permits.DOWNTURN_START_WEEK).isoformat(),
            "weeks": permits.DOWNTURN_WEEKS,
            "depth": permits.DOWNTURN_DEPTH,
        },
        "pollution_days": [
            day_of(n).isoformat() for n in seasons.pollution_days(city.seed, city.first_day, 7 * city.weeks)
        ],
        "target_utilisation": dict(
            zip(city.plants.plant_id, city.plants.target_utilisation.round(3).tolist(), strict=True)
        ),
        "conduct": hidden_conduct(city.conduct, city.plants),
        "codes_missing": [city.codes.code[row] for row in np.flatnonzero(city.codes.is_missing)],
        "first_week_start": day_of(city.first_day).isoformat(),
        "weekly_demand_m3": {
            code: {
                grade_class: weekly[row, column].round(1).tolist()
                for column, grade_class in enumerate(demand.GRADE_CLASSES)
            }
            for row, code in enumerate(city.area.codes)
        },
    }
