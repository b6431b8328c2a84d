"""What a new version changes: signed volumes, to be added to the sums that hold so far.

Belongs here: the differences between what was known before a version and after it. Does not belong here: what
a version means (`versions`), how differences are windowed and summed (`windows`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipelines.live.versions import (
    UNKNOWN,
    Delivery,
    OrderVersion,
    Place,
    TicketVersion,
    Volumes,
    delivery,
    demand,
    newest_order,
    newest_ticket,
    remember,
)


@dataclass
class OrderBook:
    """What is known of one order: its versions, and net volumes delivered per (instant_us, grade_class)."""

    orders: dict[str, OrderVersion] = field(default_factory=dict)
    delivered: dict[tuple[int, str], Volumes] = field(default_factory=dict)
    last_us: int = 0


def settle(known: dict[str, TicketVersion], version: TicketVersion) -> Iterator[Delivery]:
    """Enter a version of a ticket among the `known` ones; yields what is taken back and what holds instead."""
    before = delivery(newest_ticket(known.values()))
    remember(known, version)
    after = delivery(newest_ticket(known.values()))
    if before == after:
        return
    if before is not None:
        yield before._replace(volumes=before.volumes.negative())
    if after is not None:
        yield after


def deliver(book: OrderBook, change: Delivery) -> Iterator[tuple[Place, Volumes]]:
    """Enter a signed delivery into the order's book; yields where it counts."""
    cell = (change.instant_us, change.grade_class)
    net = book.delivered.pop(cell, Volumes()).plus(change.volumes)
    if net != Volumes():
        book.delivered[cell] = net
    book.last_us = max(book.last_us, change.instant_us)
    order = newest_order(book.orders.values())
    yield Place(order.district_code if order else UNKNOWN, change.grade_class, change.instant_us), change.volumes


def reorder(book: OrderBook, version: OrderVersion) -> Iterator[tuple[Place, Volumes]]:
    """Enter a version of the order; yields its demand, and its deliveries when the district is another one now."""
    before = newest_order(book.orders.values())
    remember(book.orders, version)
    after = newest_order(book.orders.values())
    book.last_us = max(book.last_us, version.pour_from_us)
    if after is None or before == after:
        return
    if before is not None:
        place, volumes = demand(before)
        yield place, volumes.negative()
    yield demand(after)
    left = before.district_code if before else UNKNOWN
    if left != after.district_code:
        for (instant_us, grade_class), volumes in book.delivered.items():
            yield Place(left, grade_class, instant_us), volumes.negative()
            yield Place(after.district_code, grade_class, instant_us), volumes
