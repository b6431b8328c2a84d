"""Versions of orders and tickets, and what the known ones add up to, whatever the order they came in.

Belongs here: plain functions from versions to the newest state and its volumes. Does not belong here:
windows, state and timers (`windows`), storage (`store`).

A version is ordered by (version_at_us, content_hash), as in schema `raw`: an order is its newest version, a
ticket the newest known value of every column. Instants are microseconds since the epoch, volumes whole litres,
so that sums are exact whatever the order of their terms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple, TypeVar

UNKNOWN = "unknown"


class OrderVersion(NamedTuple):
    """One version of an order; `ordered_m3` counts at `pour_from_us`."""

    order_id: str
    version_at_us: int
    content_hash: str
    district_code: str
    grade_class: str
    ordered_m3: float
    pour_from_us: int
    is_cancelled: bool


class TicketVersion(NamedTuple):
    """One version of a delivery ticket; None means not known (yet)."""

    ticket_id: str
    version_at_us: int
    content_hash: str
    order_id: str | None
    grade_class: str | None
    load_m3: float | None
    returned_m3: float | None
    is_delivered: bool | None
    batched_us: int | None
    departed_us: int | None
    arrived_us: int | None
    discharged_us: int | None

    @property
    def delivered_us(self) -> int | None:
        """When the ticket counts: the first known of discharged, arrived, departed, batched."""
        instants = (self.discharged_us, self.arrived_us, self.departed_us, self.batched_us)
        return next((instant for instant in instants if instant is not None), None)


class Volumes(NamedTuple):
    """What is summed: litres ordered (cancelled ones among them), cancelled, delivered; and tickets."""

    ordered_l: int = 0
    cancelled_l: int = 0
    delivered_l: int = 0
    tickets: int = 0

    def plus(self, other: Volumes) -> Volumes:
        """Term by term."""
        return Volumes(*(mine + its for mine, its in zip(self, other, strict=True)))

    def negative(self) -> Volumes:
        """What takes these volumes back."""
        return Volumes(*(-quantity for quantity in self))


class Place(NamedTuple):
    """Where and when a volume counts."""

    district_code: str
    grade_class: str
    instant_us: int


class Delivery(NamedTuple):
    """A ticket's volumes on their way to the district of its order; a negative one takes an earlier one back."""

    order_id: str
    grade_class: str
    instant_us: int
    volumes: Volumes


Version = TypeVar("Version", OrderVersion, TicketVersion)


def litres(volume_m3: float) -> int:
    """m³ to whole litres, halves up: as the warehouse's DECIMAL(18,3) rounds."""
    return math.floor(volume_m3 * 1000 + 0.5 + 1e-9)


def remember(known: dict[str, Version], version: Version) -> bool:
    """Add `version` to the `known` ones by content hash; the same content counts from when it was first said.

    Returns whether that told anything new.
    """
    before = known.get(version.content_hash)
    if before is not None and before.version_at_us <= version.version_at_us:
        return False
    known[version.content_hash] = version
    return True


def newest_order(known: Iterable[OrderVersion]) -> OrderVersion | None:
    """The newest version."""
    return max(known, key=_rank, default=None)


def newest_ticket(known: Iterable[TicketVersion]) -> TicketVersion | None:
    """The newest known value of every column."""
    columns = zip(*sorted(known, key=_rank), strict=True)
    merged = [next((value for value in reversed(column) if value is not None), None) for column in columns]
    return TicketVersion._make(merged) if merged else None


def delivery(ticket: TicketVersion | None) -> Delivery | None:
    """What the ticket delivered: load − returned, nothing when rejected.

    None while it has no instant, or while only its events have come and not the row that says what it carries.
    """
    if ticket is None or (instant_us := ticket.delivered_us) is None:
        return None
    if ticket.order_id is None or ticket.grade_class is None or ticket.load_m3 is None:
        return None
    is_delivered = ticket.is_delivered is not False
    delivered_m3 = max(ticket.load_m3 - (ticket.returned_m3 or 0.0), 0.0) if is_delivered else 0.0
    volumes = Volumes(delivered_l=litres(delivered_m3), tickets=1)
    return Delivery(ticket.order_id, ticket.grade_class, instant_us, volumes)


def demand(order: OrderVersion) -> tuple[Place, Volumes]:
    """What the order asks for, where and when."""
    ordered_l = litres(order.ordered_m3)
    place = Place(order.district_code, order.grade_class, order.pour_from_us)
    return place, Volumes(ordered_l, ordered_l if order.is_cancelled else 0)


def _rank(version: OrderVersion | TicketVersion) -> tuple[int, str]:
    return version.version_at_us, version.content_hash
