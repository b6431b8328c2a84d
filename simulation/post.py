"""The post: turns the city into the files its bureaus and plants send, in order, and keeps the truth of each.

Belongs here: which rows go into which file, its name and when it was received. Does not belong here:
the model, how a row looks, what goes wrong in it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from simulation import bureau, geography, orders, permits, records, tickets
from simulation.controllers import TITLES
from simulation.layouts import Layout, Sender
from simulation.model import AHEAD_WEEKS, REPORT_HOUR, City
from simulation.pages import Page
from simulation.rendering import render
from simulation.spoiling import Spoilt, spoil
from simulation.streams import DAY_S, Bools, Ints, day_number, day_of, local_seconds, posix_seconds, stream
from simulation.truth import Truth
from store.home import Home
from store.messages import progress

RECENT_WEEKS = 2  # sent week by week; all before is a backfill with its own times of knowledge


@dataclass(frozen=True)
class Window:
    """The time covered by one round of files: rows reported before `cut_s` that no earlier file holds."""

    label: str
    cut_s: int
    is_backfill: bool


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
            spoilt = [Spoilt(row, "unchanged_in_register", "duplicate", "", "") for row in repeats]
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
            self.send_page("permits", "bureau", name, page, rng, received_s, number != quarter.max())

    # -- plants ----------------------------------------------------------------------------------

    def send_plant_files(self, add: Callable[[range, list[Window], orders.Orders, tickets.Tickets], None]) -> float:
        """Simulate period by period, and `add` what stands behind each; returns the delivered m3 that survive dirt."""
        city = self.city
        delivered_m3 = 0.0
        number = 0
        waiting: dict[str, pa.Table | None] = {"orders": None, "deliveries": None}
        for weeks, rounds in windows(city):
            final = weeks.stop >= city.weeks
            drawn = range(weeks.start, weeks.stop + (AHEAD_WEEKS if final else 0))
            made = orders.make_orders(
                city.seed, drawn, city.projects, city.plants, city.market, city.demand, city.day_level,
                city.first_day, number,
            )  # fmt: skip
            number += len(made)
            loads = tickets.make_tickets(
                city.seed, drawn, made, city.projects, city.plants, city.area, city.market, self.recent_s
            )
            for feed, table in self._records(drawn, made, loads).items():
                held = waiting[feed]
                rows = table if held is None else pa.concat_tables([held, table])
                waiting[feed], sent_m3 = self.send_rounds(feed, city.senders, rows, rounds)
                delivered_m3 += sent_m3
            add(weeks, rounds, made, loads)
            progress("simulate", f"已写出至 {rounds[-1].label}", f"written up to {rounds[-1].label}")
        return delivered_m3

    @property
    def recent_s(self) -> int:
        """City seconds from which systems report promptly."""
        return self.city.cut_s - RECENT_WEEKS * 7 * DAY_S

    def _records(self, weeks: range, made: orders.Orders, loads: tickets.Tickets) -> dict[str, pa.Table]:
        city, recent_s = self.city, self.recent_s
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

    def send_rounds(
        self, feed: str, senders: Sequence[Sender], table: pa.Table, rounds: list[Window]
    ) -> tuple[pa.Table | None, float]:
        """Write one file per sender and round; returns the rows reported too late for them, and the m3 sent."""
        reported_s, sender = table["_reported_s"].to_numpy(), table["_sender"].to_numpy()
        place = np.searchsorted([window.cut_s for window in rounds], reported_s, side="right")
        keeps = _newest_per_file(table, place, np.array([s.has_updated_at for s in senders]))
        order = np.lexsort((table["_key"].to_numpy(), reported_s, sender, place))
        order = order[keeps[order]]
        table = table.take(pa.array(order))
        group = (place * len(senders) + sender)[order]
        sent_m3 = 0.0
        for file in range(len(rounds) * len(senders)):
            start, stop = np.searchsorted(group, [file, file + 1])
            if start == stop:
                continue
            window, who = rounds[file // len(senders)], senders[file % len(senders)]
            sent_m3 += self._send_sender_file(feed, who, window, table.slice(start, stop - start))
        late = int(np.searchsorted(group, len(rounds) * len(senders)))
        return (table.slice(late) if late < table.num_rows else None), sent_m3

    def _send_sender_file(self, feed: str, sender: Sender, window: Window, rows: pa.Table) -> float:
        layout = sender.layout(feed)
        if not window.is_backfill:
            layout = _without(layout, "known_at")
        rng = stream(self.city.seed, "dirt", feed, sender.sender_id, window.label)
        received_s = window.cut_s + int(rng.integers(600, 4_800))
        name = f"{sender.sender_id}_虚拟_{TITLES[feed]}_{window.label}{layout.suffix}"
        return self.send_page(feed, sender.sender_id, name, Page(layout, rows), rng, received_s, True)

    def send_page(
        self, feed: str, sender_id: str, name: str, page: Page, rng: np.random.Generator, received_s: int, resends: bool
    ) -> float:
        """Spoil, render and write one file; returns the truth's m3 in the rows that are not rejected."""
        held = self._resent.pop((feed, sender_id), None)
        own = page.table.num_rows
        if held is not None:
            page.table = pa.concat_tables([page.table, held])
        may_spoil: Bools = page.table["_is_single"].to_numpy().copy()
        may_spoil[own:] = False
        spoilt, resend = spoil(rng, page, feed, may_spoil)
        if resends and len(resend):
            self._resent[feed, sender_id] = page.table.take(pa.array(resend))
        spoilt += [
            Spoilt(own + row, "sent_again", "duplicate", "", "") for row in range(0 if held is None else len(held))
        ]
        older = np.flatnonzero(page.table["_is_older"].to_numpy())
        spoilt += [Spoilt(int(row), "superseded", "older_version", "", "") for row in older]
        rendered = render(page)
        file = self._write(feed, name, rendered.content, received_s)
        self.truth.add_file(file, feed, rendered, spoilt, page.table.column(0).to_pylist())
        if "_truth_m3" not in page.table.column_names:
            return 0.0
        volume = page.table["_truth_m3"].to_numpy()[:own].copy()
        volume[[fault.row for fault in spoilt if fault.outcome == "rejected"]] = 0.0
        return float(volume.sum())


def windows(city: City) -> list[tuple[range, list[Window]]]:
    """Periods to simulate at once (a year; less in a large city, to bound memory), each with its rounds of files."""
    length = 52 if city.scale <= 0.2 else 26 if city.scale <= 0.5 else 13
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
