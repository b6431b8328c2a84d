"""The virtual city's production: batches, stock, tests, statements and codes agree with the tickets."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import pytest

from simulation import orders, tickets
from simulation.batches import MIXER_M3, Batches, is_within_tolerance, make_batches, mixer_m3, set_points
from simulation.codes import PLANT, STATION, SYSTEMS, station_code
from simulation.demand import GRADE_MPA, GRADES
from simulation.mixes import CEMENT, MATERIALS, SLOTS, WATER, WITHDRAWN, water_binder_ratio
from simulation.model import City, make_city
from simulation.plants import FAR_FUTURE
from simulation.production import _blocks
from simulation.silos import Receipts, Silos, joined
from simulation.statements import Ledger, month_of
from simulation.streams import DAY_S, Floats, Ints
from simulation.strength import SAMPLE_M3, Sampling, StrengthTests, make_tests

END = date(2025, 12, 28)
LATER = 10**12


class Year(NamedTuple):
    city: City
    orders: orders.Orders
    tickets: tickets.Tickets
    rows: Ints  # by plant, then by time
    plant: Ints
    kg: Floats  # taken by ticket and slot


@pytest.fixture(scope="module")
def year() -> Year:
    city = make_city(7, 0.02, 1, END)
    made = orders.make_orders(
        city.seed, range(52), city.projects, city.plants, city.market, city.demand, city.day_level, city.first_day, 0
    )
    loads = tickets.make_tickets(city.seed, range(52), made, city.projects, city.plants, city.area, city.market, LATER)
    plant = made.plant[loads.order]
    rows = np.lexsort((loads.batched_s, plant))
    plant, day = plant[rows], loads.batched_s[rows] // DAY_S
    mix = city.mixes.in_force(plant, made.grade[loads.order[rows]], day)
    kg = set_points(city.conduct, city.mixes, mix, plant, day) * loads.load_m3[rows, None]
    return Year(city, made, loads, rows, plant, kg)


def mixed(year: Year, plant: int) -> Batches:
    volume_m3 = float(mixer_m3(year.city.seed, year.city.plants)[plant])
    rows = year.rows[year.plant == plant]
    return make_batches(
        year.city.seed, plant, volume_m3, year.orders, year.tickets, rows, year.city.plants, year.city.conduct,
        year.city.mixes,
    )  # fmt: skip


@pytest.fixture(scope="module")
def batches(year: Year) -> dict[int, Batches]:
    return {plant: mixed(year, plant) for plant in np.unique(year.plant).tolist()}


def test_a_tickets_batches_sum_to_its_load_and_are_mixed_before_it_leaves(
    year: Year, batches: dict[int, Batches]
) -> None:
    for made in batches.values():
        mixed_m3 = np.bincount(made.ticket, made.batch_m3, len(year.tickets))
        own = np.unique(made.ticket)
        assert np.allclose(mixed_m3[own], year.tickets.load_m3[own])
        assert (made.batch_m3 > 0).all()
        assert made.batch_m3.max() <= MIXER_M3.max() + 1e-9
        assert (made.mixed_s < year.tickets.batched_s[made.ticket]).all()
        assert (made.mixed_s > year.tickets.batched_s[made.ticket] - 15 * 60).all()
        assert (np.diff(made.mixed_s)[np.diff(made.ticket) == 0] > 0).all()


def test_set_points_follow_the_mix_in_force(year: Year, batches: dict[int, Batches]) -> None:
    mixes, honest = year.city.mixes, year.city.conduct.cement_shaved == 0
    for plant, made in batches.items():
        assert (mixes.plant[made.mix] == plant).all()
        assert (mixes.grade[made.mix] == year.orders.grade[year.tickets.order[made.ticket]]).all()
        assert (mixes.status[made.mix] != WITHDRAWN).all()
        assert (mixes.from_day[made.mix] <= year.tickets.batched_s[made.ticket] // DAY_S).all()
        filed_kg = mixes.kg_per_m3[made.mix] * made.batch_m3[:, None]
        if honest[plant]:
            assert np.abs(made.target_kg - filed_kg).max() <= 0.051


def test_cement_is_held_back_where_the_truth_says_so(year: Year, batches: dict[int, Batches]) -> None:
    conduct = year.city.conduct
    shavers = np.flatnonzero(conduct.cement_shaved > 0)
    assert len(shavers) == 4
    for plant in shavers.tolist():
        made = batches[plant]
        late = year.tickets.batched_s[made.ticket] // DAY_S >= conduct.shaved_from[plant]
        filed_kg = year.city.mixes.kg_per_m3[made.mix, CEMENT] * made.batch_m3
        share = 1 - made.actual_kg[late, CEMENT].sum() / filed_kg[late].sum()
        assert share == pytest.approx(conduct.cement_shaved[plant], abs=0.005)
        assert made.target_kg[~late, CEMENT].sum() == pytest.approx(filed_kg[~late].sum(), rel=1e-3)


def test_scales_hold_their_tolerance_unless_they_drift(year: Year, batches: dict[int, Batches]) -> None:
    conduct = year.city.conduct
    for plant, made in batches.items():
        within = is_within_tolerance(made).mean(axis=0)
        drifting = int(conduct.drift_slot[plant])
        steady = np.arange(len(SLOTS)) != drifting
        assert within[steady].min() > 0.90, year.city.plants.plant_id[plant]
        if drifting >= 0 and (made.target_kg[:, drifting] > 0).mean() > 0.5:
            day = year.tickets.batched_s[made.ticket] // DAY_S
            far = (day > conduct.drift_from[plant] + 45) & (day < conduct.drift_until[plant])
            if far.sum() > 20:
                assert is_within_tolerance(made)[far, drifting].mean() < 0.75
    assert np.mean([is_within_tolerance(made).mean() for made in batches.values()]) > 0.985


class Stock(NamedTuple):
    receipts: Receipts
    lots: Ints  # by ticket and slot
    texts: dict[int, list[list[str]]]


@pytest.fixture(scope="module")
def stock(year: Year) -> Stock:
    daily_t = np.ones((len(year.city.plants), len(SLOTS)))
    silos = Silos(year.city.seed, daily_t, year.city.first_day)
    lots = np.full(year.kg.shape, -1)
    texts, parts = {}, []
    for plant in np.unique(year.plant).tolist():
        own = np.flatnonzero(year.plant == plant)
        for half in np.array_split(own, 2):  # as if in two periods
            texts[plant], lots[half], arrived = silos.use(plant, year.tickets.batched_s[year.rows[half]], year.kg[half])
            parts.append(arrived)
    return Stock(joined(parts), lots, texts)


def test_receipts_cover_what_is_used_at_every_moment(year: Year, stock: Stock) -> None:
    batched_s = year.tickets.batched_s[year.rows]
    receipts = stock.receipts
    for plant in np.unique(year.plant)[::7].tolist():
        own = year.plant == plant
        for slot in range(len(SLOTS)):
            used_t = np.cumsum(year.kg[own, slot]) / 1_000
            here = (receipts.plant == plant) & (receipts.slot == slot)
            if slot == WATER or used_t[-1] == 0:
                assert not here.any()
                continue
            order = np.argsort(receipts.received_s[here], kind="stable")
            received_t = np.append(0.0, np.cumsum(receipts.net_t[here][order]))
            arrived = np.searchsorted(receipts.received_s[here][order], batched_s[own], side="right")
            before_t = np.append(0.0, used_t[:-1])
            assert (received_t[arrived] > before_t).all(), (plant, SLOTS[slot])


def test_a_lot_in_use_has_arrived_and_is_the_oldest_left(year: Year, stock: Stock) -> None:
    receipts = stock.receipts
    arrived_s = {
        (plant, slot, lot_no): second
        for plant, slot, lot_no, second in zip(
            receipts.plant.tolist(), receipts.slot.tolist(), receipts.lot_no, receipts.received_s.tolist(), strict=True
        )
    }
    assert len(arrived_s) == len(receipts)
    for plant in np.unique(year.plant)[::11].tolist():
        own = np.flatnonzero(year.plant == plant)
        for slot in range(len(SLOTS)):
            lot = stock.lots[own, slot]
            in_use = lot[lot >= 0]
            assert (np.diff(in_use) >= 0).all()
            for place in own[lot >= 0][::25].tolist():
                text = stock.texts[plant][slot][stock.lots[place, slot]]
                assert arrived_s[plant, slot, text] <= year.tickets.batched_s[year.rows[place]]


def test_prices_are_near_their_level(stock: Stock) -> None:
    receipts = stock.receipts
    cement = receipts.unit_price_cny_per_t[receipts.slot == CEMENT]
    assert 280 < cement.min() < cement.max() < 420


@pytest.fixture(scope="module")
def tests(year: Year) -> StrengthTests:
    sampling = Sampling(len(year.city.plants))
    sampled = sampling.choose(year.city.seed, year.orders, year.tickets, year.rows, year.city.conduct)
    assert len(np.unique(sampled)) == len(sampled)
    return make_tests(year.city.seed, 0, year.orders, year.tickets, sampled, year.city.conduct)


def test_a_group_is_taken_per_hundred_cubic_metres_and_month(year: Year, tests: StrengthTests) -> None:
    conduct = year.city.conduct
    plant = year.orders.plant[year.tickets.order]
    poured_m3 = np.bincount(plant, year.tickets.load_m3, len(year.city.plants))
    standard = tests.age_d == 28
    groups = np.bincount(plant[tests.ticket[standard]], minlength=len(year.city.plants))
    honest = (conduct.sampling == 1) & (poured_m3 > 0)
    assert (groups[honest] >= np.floor(poured_m3[honest] / SAMPLE_M3 * 0.8)).all()
    due = groups[honest].sum() / poured_m3[honest].sum()
    lazy = conduct.sampling < 1
    assert groups[lazy].sum() / poured_m3[lazy].sum() < 0.7 * due


def test_cubes_are_as_strong_as_their_plant_and_invented_ones_too_regular(year: Year, tests: StrengthTests) -> None:
    conduct = year.city.conduct
    grade_mpa = GRADE_MPA[year.orders.grade[year.tickets.order[tests.ticket]]]
    standard = (tests.age_d == 28) & (tests.size_mm == 150)
    surplus = tests.cubes_mpa.mean(axis=1) - grade_mpa
    invented = conduct.lab_fabricates[tests.lab]
    weak = (conduct.sigma_mpa > 4.2)[year.orders.plant[year.tickets.order[tests.ticket]]]
    assert surplus[standard & ~invented & ~weak].mean() > surplus[standard & ~invented & weak].mean() + 2
    assert 0.92 < (surplus[standard & ~invented & ~weak] > 0).mean() < 1
    spread = tests.cubes_mpa.std(axis=1)
    assert spread[invented].mean() < 0.4 * spread[~invented].mean()
    early = (tests.age_d == 7) & (tests.size_mm == 150) & ~invented
    assert 0.65 < (tests.cubes_mpa[early].mean() / grade_mpa[early].mean()) < 1.0


def test_statements_are_the_tickets_sums_but_for_those_who_misreport(year: Year) -> None:
    city = year.city
    ledger = Ledger(len(city.plants), city.first_day)
    half = len(year.rows) // 2
    for own in (slice(0, half), slice(half, None)):
        ledger.enter(year.orders, year.tickets, year.rows[own], year.kg[own])
    lines = ledger.state(city.seed, city.conduct, city.first_day, city.first_day + 7 * city.weeks - 1)
    month = month_of(year.tickets.discharged_s // DAY_S)
    plant = year.orders.plant[year.tickets.order]
    within = (month >= lines.month.min()) & (month <= lines.month.max())
    delivered_m3 = np.bincount(plant[within], year.tickets.delivered_m3[within], len(city.plants))
    stated_m3 = np.bincount(lines.plant, lines.delivered_m3, len(city.plants))
    sells = delivered_m3 > 0
    assert stated_m3[sells] / delivered_m3[sells] == pytest.approx(city.conduct.reporting[sells], abs=0.03)
    assert len(np.unique(lines.month)) == 11


def test_codes_mean_one_thing_at_a_time(year: Year) -> None:
    codes = year.city.codes
    seen: dict[tuple[int, int, str], list[tuple[int, int, str]]] = {}
    for row in range(len(codes)):
        key = (int(codes.kind[row]), int(codes.system[row]), codes.code[row])
        seen.setdefault(key, []).append((int(codes.from_day[row]), int(codes.to_day[row]), codes.canonical_id[row]))
        assert codes.from_day[row] <= codes.to_day[row]
    assert all(len(spans) == 1 for spans in seen.values())
    plants = year.city.plants
    assert (codes.station_changed < FAR_FUTURE).sum() > 3
    changed = int(np.flatnonzero(codes.station_changed < FAR_FUTURE)[0])
    rows = np.array([changed, changed, changed])
    on = codes.station_changed[changed]
    named = station_code(codes, plants, rows, np.array([on - 1, on, on]), np.array([True, True, False])).to_pylist()
    assert named == [codes.station_codes[0][changed], codes.station_codes[1][changed], plants.plant_id[changed]]
    for name, day in zip(named[:2], (on - 1, on), strict=True):
        held = seen[PLANT, STATION, name][0]
        assert held[0] <= day <= held[1]
        assert held[2] == plants.plant_id[changed]
    assert SYSTEMS[STATION] == "quality_station"


def test_mixes_are_plausible_and_every_grade_has_one(year: Year) -> None:
    mixes = year.city.mixes
    assert len(np.unique(mixes.plant * len(GRADES) + mixes.grade)) == (~year.city.plants.is_candidate).sum() * len(
        GRADES
    )
    ratio = water_binder_ratio(mixes.kg_per_m3)
    assert ratio.min() > 0.25
    assert ratio.max() < 0.85
    sums = mixes.kg_per_m3.sum(axis=1)
    assert ((sums > 1_800) & (sums < 2_450)).all()
    assert np.corrcoef(GRADE_MPA[mixes.grade], ratio)[0, 1] < -0.9
    assert (mixes.status == WITHDRAWN).any()
    assert set(MATERIALS) >= {"cement", "water", "recycled_aggregate"}


@pytest.mark.parametrize(
    ("weeks", "from_week", "last", "expected"),
    [
        (range(52), 26, 52, [(26, 30), (30, 34), (34, 38), (38, 42), (42, 46), (46, 50), (50, 52)]),
        (range(52), 0, 104, [(start, start + 4) for start in range(0, 52, 4)]),
        (range(52), 60, 104, []),
        (range(52, 65), 53, 104, [(53, 57), (57, 61), (61, 65)]),
        (range(52), 51, 52, [(51, 52)]),
    ],
)
def test_blocks_cover_the_asked_weeks_once(
    weeks: range, from_week: int, last: int, expected: list[tuple[int, int]]
) -> None:
    assert _blocks(weeks, from_week, last) == expected
