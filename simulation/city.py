"""The virtual city's door: simulate it and write what its plants and bureaus send into a home's inbox.

Belongs here: the order of the steps, the windows of the files, the report. Does not belong here: any
part of the model. Everything written is synthetic and says so.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from simulation import bureau, demand, dirt, geography, market, orders, permits, plants, records, seasons, tickets
from simulation.layouts import SMALL_SENDERS, Layout, Sender, make_sender
from simulation.pages import Page, render
from simulation.streams import (
    DAY_S,
    Bools,
    Floats,
    Ints,
    day_number,
    day_of,
    local_seconds,
    posix_seconds,
    stream,
)
from simulation.truth import Truth
from store.home import Home
from store.messages import TongmaiError, progress

RECENT_WEEKS = 2  # sent week by week; all before is a backfill with its own times of knowledge
REPORT_HOUR = 22.5  # a file holds what was reported until then on its last day
AHEAD_WEEKS = 1  # orders are placed for pours beyond the end


@dataclass(frozen=True)
class SimulationReport:
    """What was written. Volumes in m3; `delivered_m3` is what a warehouse must find after all dirt."""

    seed: int
    scale: float
    first_on: str
    last_on: str
    plants: int
    projects: int
    files: int
    rows: dict[str, int]
    injected: dict[str, int]
    delivered_m3: float
    is_synthetic: bool = True

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Window:
    """The time covered by one round of files: rows reported before `cut_s` that no earlier file holds."""

    label: str
    cut_s: int
    is_backfill: bool


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

    @property
    def cut_s(self) -> int:
        """City seconds after which nothing has happened yet."""
        return (self.first_day + 7 * self.weeks - 1) * DAY_S + round(REPORT_HOUR * 3600)


def simulate(
    home: Home,
    *,
    years: int = 3,
    scale: float = 0.1,
    seed: int = 20260101,
    end: date = date(2025, 12, 28),
) -> SimulationReport:
    """Write `years` of a synthetic city that ends on Sunday `end` into `home.inbox`, and `home.truth`.

    `scale` 1.0 is about 20 million m3 a year. Equal arguments give byte-identical files, with equal
    modification times. Raises TongmaiError(`bad_simulation`) for arguments outside their range.
    """
    if not (1 <= years <= 10 and 0 < scale <= 2 and end.weekday() == 6):
        raise TongmaiError(
            "bad_simulation",
            "模拟参数不合要求：years 为 1–10，scale 为 0–2，end 须为星期日。",
            "Cannot simulate this: years must be 1 to 10, scale above 0 and at most 2, end a Sunday.",
            exit_code=2,
        )
    city = make_city(seed, scale, years, end)
    progress(
        "simulate",
        f"虚拟城市（合成数据）：{len(city.projects)} 个项目，{int((~city.plants.is_candidate).sum())} 座搅拌站",
        f"virtual city (synthetic): {len(city.projects)} projects, {int((~city.plants.is_candidate).sum())} plants",
    )
    post = Post(home, city)
    post.send_bureau_files()
    delivered = post.send_plant_files()
    return post.report(delivered)


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
    return City(
        seed, scale, first_day, weeks, area, plan, projects, fleet, trade, drawn, day_level, senders, sender_of_plant
    )


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
    return tuple(make_sender(seed, name, row in small) for row, name in enumerate(sender_ids)), sender_of_plant


class Post:
    """Writes the city's files, in order, and keeps the truth about them."""

    def __init__(self, home: Home, city: City) -> None:
        self.home = home
        self.city = city
        self.truth = Truth()
        self._resent: dict[tuple[str, str], pa.Table] = {}

    def _write(self, feed: str, name: str, content: bytes, received_s: int) -> str:
        path = self.home.inbox / feed / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (posix_seconds(received_s), posix_seconds(received_s)))
        return str(Path("inbox") / feed / name)

    # -- bureaus ---------------------------------------------------------------------------------

    def send_bureau_files(self) -> None:
        """Zones once, the plant register every year, permits every quarter."""
        city = self.city
        first_s = city.first_day * DAY_S + 9 * 3600
        plan = json.dumps(geography.zones_geojson(city.plan), ensure_ascii=False, indent=1)
        self._write("zones", "虚拟_空间规划分区.geojson", plan.encode(), first_s)
        self.truth.files.append(
            {"file": "inbox/zones/虚拟_空间规划分区.geojson", "feed": "zones", "rows": len(city.plan), "skipped": 0}
            | {"rejected": 0, "duplicate": 0, "loaded": len(city.plan)}
        )
        self._send_registers()
        self._send_permits()

    def _send_registers(self) -> None:
        city = self.city
        last = city.first_day + 7 * city.weeks - 10
        years = range(day_of(city.first_day).year + 1, day_of(last).year + 1)
        days = [city.first_day, *(day_number(date(year, 1, 10)) for year in years), last]
        previous: pa.Table | None = None
        for day in (day for day in days if city.first_day <= day <= last):
            register = bureau.register_records(city.plants, city.area, day, city.first_day)
            layout = bureau.register_layout(day_of(day).year)
            rendered = render(Page(layout, register))
            name = f"虚拟_搅拌站名录_{day_of(day):%Y%m%d}{layout.suffix}"
            repeats = bureau.unchanged_rows(register, previous)
            spoilt = [dirt.Spoilt(row, "unchanged_in_register", "duplicate", "", "") for row in repeats]
            file = self._write("plants", name, rendered.content, day * DAY_S + 10 * 3600)
            self.truth.add_file(file, "plants", rendered, spoilt, register["plant_id"].to_pylist())
            previous = register

    def _send_permits(self) -> None:
        city = self.city
        versions = permits.make_versions(city.seed, city.projects, city.cut_s)
        table = bureau.permit_records(city.projects, versions, city.area)
        quarter = _quarter(versions.known_s)
        for number in np.unique(quarter).tolist():
            layout = bureau.permit_layout(number)
            page = Page(layout, table.filter(pa.array(quarter == number)))
            rng = stream(city.seed, "dirt", "permits", number)
            year, place = divmod(number, 4)
            next_on = date(year + (place == 3), place * 3 % 12 + 4 if place < 3 else 1, 1)
            received_s = min(local_seconds(next_on, 33), city.cut_s)
            name = f"虚拟_施工许可_{year}Q{place + 1}{layout.suffix}"
            self._send_page("permits", "bureau", name, page, rng, received_s, number != quarter.max())

    # -- plants ----------------------------------------------------------------------------------

    def send_plant_files(self) -> float:
        """Simulate period by period; returns the delivered m3 that survive all dirt."""
        city = self.city
        windows = _windows(city)
        delivered_m3 = 0.0
        number = 0
        waiting: dict[str, pa.Table | None] = {"orders": None, "deliveries": None}
        for weeks, rounds in windows:
            final = weeks.stop >= city.weeks
            drawn = range(weeks.start, weeks.stop + (AHEAD_WEEKS if final else 0))
            made = orders.make_orders(
                city.seed, drawn, city.projects, city.plants, city.market, city.demand, city.day_level,
                city.first_day, number,
            )  # fmt: skip
            number += len(made)
            tables = self._records(drawn, made)
            for feed, table in tables.items():
                held = waiting[feed]
                table = table if held is None else pa.concat_tables([held, table])
                waiting[feed], sent_m3 = self._send_rounds(feed, table, rounds)
                delivered_m3 += sent_m3
            progress("simulate", f"已写出至 {rounds[-1].label}", f"written up to {rounds[-1].label}")
        return delivered_m3

    def _records(self, weeks: range, made: orders.Orders) -> dict[str, pa.Table]:
        city = self.city
        recent_s = city.cut_s - RECENT_WEEKS * 7 * DAY_S
        loads = tickets.make_tickets(
            city.seed, weeks, made, city.projects, city.plants, city.area, city.market, recent_s
        )
        finished_s = tickets.finished_s(made, loads)
        versions = orders.make_order_versions(city.seed, weeks, made, finished_s, recent_s)
        reports_events = np.array([sender.reports_events for sender in city.senders])
        return {
            "orders": records.order_records(
                made, versions, city.projects, city.plants, city.area, city.sender_of_plant, city.cut_s
            ),
            "deliveries": records.ticket_records(
                city.seed, made, loads, city.plants, city.sender_of_plant, reports_events, recent_s, city.cut_s
            ),
        }

    def _send_rounds(self, feed: str, table: pa.Table, rounds: list[Window]) -> tuple[pa.Table | None, float]:
        """Write one file per sender and round; returns the rows reported too late for them, and the m3 sent."""
        city = self.city
        reported_s, sender = table["_reported_s"].to_numpy(), table["_sender"].to_numpy()
        place = np.searchsorted([window.cut_s for window in rounds], reported_s, side="right")
        keeps = _newest_per_file(table, place, np.array([s.has_updated_at for s in city.senders]))
        order = np.lexsort((table["_key"].to_numpy(), reported_s, sender, place))
        order = order[keeps[order]]
        table = table.take(pa.array(order))
        group = (place * len(city.senders) + sender)[order]
        sent_m3 = 0.0
        for file in range(len(rounds) * len(city.senders)):
            start, stop = np.searchsorted(group, [file, file + 1])
            if start == stop:
                continue
            window, who = rounds[file // len(city.senders)], city.senders[file % len(city.senders)]
            sent_m3 += self._send_sender_file(feed, who, window, table.slice(start, stop - start))
        late = int(np.searchsorted(group, len(rounds) * len(city.senders)))
        return (table.slice(late) if late < table.num_rows else None), sent_m3

    def _send_sender_file(self, feed: str, sender: Sender, window: Window, rows: pa.Table) -> float:
        layout = sender.layout(feed)
        if not window.is_backfill:
            layout = _without(layout, "known_at")
        rng = stream(self.city.seed, "dirt", feed, sender.sender_id, window.label)
        received_s = window.cut_s + int(rng.integers(600, 4_800))
        label = "委托单" if feed == "orders" else "运单"
        name = f"{sender.sender_id}_虚拟_{label}_{window.label}{layout.suffix}"
        return self._send_page(feed, sender.sender_id, name, Page(layout, rows), rng, received_s, True)

    def _send_page(
        self, feed: str, sender_id: str, name: str, page: Page, rng: np.random.Generator, received_s: int, resends: bool
    ) -> float:
        """Spoil, render and write one file; returns the truth's m3 in the rows that are not rejected."""
        held = self._resent.pop((feed, sender_id), None)
        own = page.table.num_rows
        if held is not None:
            page.table = pa.concat_tables([page.table, held])
        may_spoil: Bools = page.table["_is_single"].to_numpy().copy()
        may_spoil[own:] = False
        spoilt, resend = dirt.spoil(rng, page, feed, may_spoil)
        if resends and len(resend):
            self._resent[feed, sender_id] = page.table.take(pa.array(resend))
        spoilt += [
            dirt.Spoilt(own + row, "sent_again", "duplicate", "", "") for row in range(0 if held is None else len(held))
        ]
        older = np.flatnonzero(page.table["_is_older"].to_numpy())
        spoilt += [dirt.Spoilt(int(row), "superseded", "older_version", "", "") for row in older]
        rendered = render(page)
        file = self._write(feed, name, rendered.content, received_s)
        self.truth.add_file(file, feed, rendered, spoilt, page.table.column(0).to_pylist())
        if "_truth_m3" not in page.table.column_names:
            return 0.0
        volume = page.table["_truth_m3"].to_numpy()[:own].copy()
        volume[[fault.row for fault in spoilt if fault.outcome == "rejected"]] = 0.0
        return float(volume.sum())

    # -- report ----------------------------------------------------------------------------------

    def report(self, delivered_m3: float) -> SimulationReport:
        """Write truth.json and say what was done."""
        city = self.city
        rows, injected = Counter[str](), Counter[str]()
        for file in self.truth.files:
            rows[file["feed"]] += file["rows"]
            injected["rejected"] += file["rejected"]
            injected["duplicate"] += file["duplicate"]
        for row in self.truth.rows:
            if row["outcome"] in ("converted", "flagged"):
                injected[row["outcome"]] += 1
        last_day = city.first_day + 7 * city.weeks - 1
        report = SimulationReport(
            seed=city.seed,
            scale=city.scale,
            first_on=day_of(city.first_day).isoformat(),
            last_on=day_of(last_day).isoformat(),
            plants=int((~city.plants.is_candidate).sum()),
            projects=len(city.projects),
            files=len(self.truth.files),
            rows=dict(rows),
            injected=dict(injected),
            delivered_m3=round(delivered_m3, 1),
        )
        totals = {"delivered_m3": report.delivered_m3}
        self.truth.write(self.home.truth, {**report.to_dict(), "note": "合成数据 | synthetic"}, totals, hidden(city))
        return report


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
        "first_week_start": day_of(city.first_day).isoformat(),
        "weekly_demand_m3": {
            code: {
                grade_class: weekly[row, column].round(1).tolist()
                for column, grade_class in enumerate(demand.GRADE_CLASSES)
            }
            for row, code in enumerate(city.area.codes)
        },
    }


def _windows(city: City) -> list[tuple[range, list[Window]]]:
    """Periods to simulate at once (a year; half a year for large cities), each with its rounds of files."""
    length = 52 if city.scale <= 0.3 else 26
    recent = city.weeks - RECENT_WEEKS
    periods = []
    for start in range(0, city.weeks, length):
        stop = start + length
        if stop < city.weeks:
            rounds = [_window(city, stop, f"{_label(city, stop)}", True)]
        else:
            rounds = [_window(city, recent, f"{_label(city, recent)}", True)]
            rounds += [_window(city, week, _label(city, week), False) for week in range(recent + 1, city.weeks + 1)]
        periods.append((range(start, stop), rounds))
    return periods


def _window(city: City, stop_week: int, label: str, is_backfill: bool) -> Window:
    cut_s = (city.first_day + 7 * stop_week - 1) * DAY_S + round(REPORT_HOUR * 3600)
    return Window(label, cut_s, is_backfill)


def _label(city: City, stop_week: int) -> str:
    return f"{day_of(city.first_day + 7 * stop_week - 1):%Y%m%d}"


def _quarter(local_s: Ints) -> Ints:
    """Calendar quarter of city seconds: year * 4 + quarter - 1."""
    month = (local_s // DAY_S).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return np.asarray(month // 3 + 1970 * 4)


def _without(layout: Layout, name: str) -> Layout:
    return replace(layout, headers={column: text for column, text in layout.headers.items() if column != name})


def _newest_per_file(table: pa.Table, place: Ints, has_updated_at: Bools) -> Bools:
    """Which rows are written: all, but a system without update times exports only the newest state of a key."""
    keeps = np.ones(table.num_rows, dtype=bool)
    sender = table["_sender"].to_numpy()
    rows = np.flatnonzero(~has_updated_at[sender] & ~table["_is_single"].to_numpy())
    order = rows[np.lexsort((table["_reported_s"].to_numpy()[rows], table["_key"].to_numpy()[rows], place[rows]))]
    key, where = table["_key"].to_numpy()[order], place[order]
    is_followed = (key[:-1] == key[1:]) & (where[:-1] == where[1:])
    keeps[order[:-1][is_followed]] = False
    return keeps
