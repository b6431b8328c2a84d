"""Records: orders and tickets as rows that a plant's system exports, typed, under the contracts' names.

Belongs here: ids, versions, partial events, what each row adds to the truth. Does not belong here:
the model behind the rows, and how rows look in a file.

Columns that start with `_` are bookkeeping and never written: `_sender`, `_reported_s`, `_key`,
`_is_single` (no other row of this key), `_is_older` (a later version is reported), `_truth_m3`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulation import orders as order_model
from simulation import tickets as ticket_model
from simulation.demand import GRADES, PART_NAMES
from simulation.geography import Districts
from simulation.layouts import DRIVER_NAME_HEADER, DRIVER_NAMES
from simulation.orders import Orders, OrderVersions
from simulation.permits import Projects
from simulation.plants import Plants
from simulation.streams import Bools, Floats, Ints, stream
from simulation.tickets import REJECT_REASONS, Tickets

TICKET_STATUS_CODES = (*ticket_model.STATUSES, "在途")
IN_TRANSIT = 3
EVENT_TICKET_SHARE = 0.4  # of the tickets of systems that report events, in the last weeks
PLATES = pa.array([f"黔A虚{n:04d}" for n in range(10_000)])
DRIVERS = pa.array([f"D{n:05d}" for n in range(9_000)])
EVENT_DELAY_S = 90
AMENDMENT_DELAY_S = 3_600


def entries(indices: Ints, texts: Sequence[str] | pa.Array) -> pa.DictionaryArray:
    """A column of texts given by index."""
    return pa.DictionaryArray.from_arrays(pa.array(indices.astype(np.int32)), pa.array(texts, pa.string()))


def instants(seconds: Ints, is_known: Bools | None = None) -> pa.Array:
    """City seconds as timestamp[s]; null where not known."""
    mask = None if is_known is None else ~is_known
    return pa.array(seconds.astype("datetime64[s]"), mask=mask)


def numbered(prefix: pa.Array, numbers: Ints, width: int) -> pa.Array:
    """`prefix-0000123`."""
    return pc.binary_join_element_wise(prefix, pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0"), "-")


def district_entries(area: Districts) -> list[str]:
    """`code|name`, of which a layout writes one."""
    return [f"{code}|{name}" for code, name in zip(area.codes, area.names, strict=True)]


def _order_ids(orders: Orders, rows: Ints, plants: Plants) -> pa.Array:
    plant_ids = pa.array(plants.plant_id).take(pa.array(orders.plant[rows]))
    return numbered(plant_ids, orders.number[rows], 7)


def ticket_ids(orders: Orders, tickets: Tickets, rows: Ints, plants: Plants) -> pa.Array:
    """The order's id and the truck's place in it."""
    return numbered(_order_ids(orders, tickets.order[rows], plants), tickets.sequence[rows], 3)


def order_records(
    orders: Orders,
    versions: OrderVersions,
    projects: Projects,
    plants: Plants,
    area: Districts,
    sender_of_plant: Ints,
    cut_s: int,
) -> pa.Table:
    """One row per order version reported before `cut_s`."""
    kept = versions.reported_s < cut_s
    rows, status = versions.order[kept], versions.status[kept]
    updated_s = versions.updated_s[kept]
    newest = np.zeros(len(orders), dtype=np.int64)
    np.maximum.at(newest, rows, status)  # states are numbered in their order of time, cancelled and done last
    project = orders.project[rows]
    return pa.table(
        {
            "order_id": _order_ids(orders, rows, plants),
            "plant_id": entries(orders.plant[rows], plants.plant_id),
            "project_id": entries(project, projects.project_id),
            "project_name": entries(project, projects.name),
            "permit_no": entries(project, projects.permit_no),
            "district_code": entries(projects.district[project], district_entries(area)),
            "site_lon": orders.lon[rows],
            "site_lat": orders.lat[rows],
            "structure_part": entries(orders.part[rows], PART_NAMES),
            "grade": entries(orders.grade[rows], GRADES),
            "slump_mm": orders.slump_mm[rows],
            "ordered_m3": versions.ordered_m3[kept],
            "placed_at": instants(orders.placed_s[rows]),
            "pour_from_at": instants(orders.pour_from_s[rows]),
            "pour_to_at": instants(orders.pour_to_s[rows]),
            "pour_method": entries(orders.method[rows], order_model.METHODS),
            "unit_price_cny_per_m3": orders.unit_price_cny[rows],
            "status": entries(status, order_model.STATUSES),
            "updated_at": instants(updated_s),
            "known_at": instants(versions.reported_s[kept]),
            "_sender": sender_of_plant[orders.plant[rows]],
            "_reported_s": versions.reported_s[kept],
            "_key": orders.number[rows],
            "_is_single": versions.is_single[kept],
            "_is_older": status < newest[rows],
            "_truth_m3": np.zeros(len(rows)),
        }
    )


def ticket_records(
    seed: int,
    orders: Orders,
    tickets: Tickets,
    plants: Plants,
    sender_of_plant: Ints,
    sender_reports_events: Bools,
    recent_s: int,
    cut_s: int,
) -> pa.Table:
    """One row per ticket, a second one for an amendment, or one per event; only what is reported before `cut_s`."""
    rng = stream(seed, "ticket records", int(orders.number[0]))
    sender = sender_of_plant[orders.plant[tickets.order]]
    is_recent = tickets.batched_s >= recent_s
    by_event = sender_reports_events[sender] & is_recent & (rng.random(len(tickets)) < EVENT_TICKET_SHARE)
    is_amended = (tickets.amended_s > 0) & (tickets.amended_s + AMENDMENT_DELAY_S < cut_s) & ~by_event
    rows = np.arange(len(tickets))

    def part(
        told: Bools, event: int, load_m3: Floats, reported_s: Ints, updated_s: Ints, truth_m3: Floats, alone: bool
    ) -> pa.Table:
        chosen = rows[told & (reported_s < cut_s)]
        columns = {
            "load_m3": pa.array(load_m3[chosen]),
            "updated_at": instants(updated_s[chosen]),
            "known_at": instants(reported_s[chosen]),
            "_sender": pa.array(sender[chosen]),
            "_reported_s": pa.array(reported_s[chosen]),
            "_is_single": pa.array((~is_amended & ~by_event)[chosen]),
            "_is_older": pa.array((is_amended & (reported_s < tickets.amended_s))[chosen]),
            "_truth_m3": pa.array(truth_m3[chosen]),
        }
        table = _ticket_table(orders, tickets, plants, chosen, event, alone)
        for name, column in columns.items():
            table = table.append_column(name, column)
        return table

    first_m3 = np.where(by_event, tickets.load_m3, tickets.first_load_m3)
    first_truth_m3 = np.where(tickets.status == ticket_model.REJECTED, 0.0, first_m3 - tickets.returned_m3)
    first_truth_m3 = np.where(is_amended, 0.0, first_truth_m3)
    amended_s = tickets.amended_s + AMENDMENT_DELAY_S
    parts = [
        part(~by_event, 3, first_m3, tickets.reported_s, tickets.returned_s, first_truth_m3, False),
        part(is_amended, 3, tickets.load_m3, amended_s, tickets.amended_s, tickets.delivered_m3, False),
    ]
    moments = (tickets.departed_s, tickets.arrived_s, tickets.discharged_s, tickets.returned_s)
    for event, moment_s in enumerate(moments):
        is_last = (moments[event + 1] + EVENT_DELAY_S >= cut_s) if event < 3 else np.ones(len(tickets), dtype=bool)
        so_far_m3 = tickets.load_m3 if event < 2 else tickets.delivered_m3
        truth_m3 = np.where(is_last, so_far_m3, 0.0)  # the last event told carries the ticket's volume
        parts.append(part(by_event, event, tickets.load_m3, moment_s + EVENT_DELAY_S, moment_s, truth_m3, True))
    return pa.concat_tables(parts)


def _ticket_table(
    orders: Orders,
    tickets: Tickets,
    plants: Plants,
    rows: Ints,
    event: int,
    only_event: bool,
) -> pa.Table:
    """Ticket rows `rows`: everything known after `event`, or (`only_event`) what that event alone tells."""
    order = tickets.order[rows]
    order_id = _order_ids(orders, order, plants)
    size = len(rows)

    def told(at: int) -> Bools:
        return np.full(size, event == at if only_event else event >= at)

    status = tickets.status[rows] if event >= 2 else np.full(size, IN_TRANSIT)
    status_known = told(2) | told(0) if only_event else np.ones(size, dtype=bool)
    truck = (orders.plant[order] * 97 + tickets.truck[rows]) % 10_000
    driver = (orders.plant[order] * 53 + tickets.truck[rows] * 7) % 9_000
    is_rejected = told(2) & (tickets.status[rows] == ticket_model.REJECTED)
    on_site = told(2)
    return pa.table(
        {
            "ticket_id": numbered(order_id, tickets.sequence[rows], 3),
            "order_id": order_id,
            "plant_id": entries(orders.plant[order], plants.plant_id),
            "truck_id": entries(truck, PLATES),
            "driver_id": entries(driver, DRIVERS),
            DRIVER_NAME_HEADER: entries(driver % len(DRIVER_NAMES), DRIVER_NAMES),
            "grade": entries(orders.grade[order], GRADES),
            "cumulative_m3": tickets.cumulative_m3[rows],
            "batched_at": instants(tickets.batched_s[rows], told(0)),
            "departed_at": instants(tickets.departed_s[rows], told(0)),
            "arrived_at": instants(tickets.arrived_s[rows], told(1)),
            "discharge_started_at": instants(tickets.discharge_started_s[rows], on_site),
            "discharged_at": instants(tickets.discharged_s[rows], on_site),
            "returned_at": instants(tickets.returned_s[rows], told(3)),
            "slump_plant_mm": pa.array(tickets.slump_plant_mm[rows], mask=~told(0)),
            "slump_site_mm": pa.array(tickets.slump_site_mm[rows], mask=~on_site),
            "water_added_l": pa.array(tickets.water_added_l[rows], mask=~on_site),
            "haul_km": pa.array(tickets.haul_km[rows], mask=~told(1)),
            "status": pa.DictionaryArray.from_arrays(
                pa.array(status.astype(np.int32), mask=~status_known), pa.array(TICKET_STATUS_CODES)
            ),
            "rejected_reason": pa.DictionaryArray.from_arrays(
                pa.array(tickets.reason[rows].astype(np.int32), mask=~is_rejected), pa.array(REJECT_REASONS)
            ),
            "returned_m3": pa.array(tickets.returned_m3[rows], mask=~on_site),
            "_key": orders.number[order] * 1_000 + tickets.sequence[rows],
        }
    )
