"""What versions of orders and tickets add up to: the same whatever the order, the split or the repetition."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.live.books import OrderBook, deliver, reorder, settle
from pipelines.live.tables import STORE_TABLES
from pipelines.live.versions import (
    OrderVersion,
    Place,
    TicketVersion,
    Volumes,
    delivery,
    litres,
    newest_order,
    newest_ticket,
    remember,
)
from store.tables import comment

MINUTE_US = 60_000_000


def ticket(hash_: str = "h", at: int = 0, **values: object) -> TicketVersion:
    """A ticket of 8 m3 without any instant, changed by `values`."""
    plain = TicketVersion("T", at, hash_, "O", "c30_c35", 8.0, None, None, None, None, None, None)
    return plain._replace(**values)  # type: ignore[arg-type]


def order(hash_: str = "h", at: int = 0, **values: object) -> OrderVersion:
    """An order of 20 m3 in district A, changed by `values`."""
    plain = OrderVersion("O", at, hash_, "A", "c30_c35", 20.0, 0, False)
    return plain._replace(**values)  # type: ignore[arg-type]


def test_a_ticket_is_the_newest_known_value_of_every_column() -> None:
    versions = [
        ticket("b", 2, arrived_us=20, load_m3=9.0),
        ticket("a", 1, departed_us=10, returned_m3=0.5, is_delivered=True),
        ticket("d", 3, is_delivered=False),
        ticket("c", 3, is_delivered=True),  # same instant: the greater hash is newer
    ]
    merged = newest_ticket(versions)
    assert merged is not None
    assert (merged.departed_us, merged.arrived_us, merged.returned_m3) == (10, 20, 0.5)
    assert (merged.load_m3, merged.is_delivered) == (8.0, False)
    assert newest_ticket([]) is None


def test_an_order_is_its_newest_version() -> None:
    versions = [order("a", 5, ordered_m3=1.0), order("b", 5, ordered_m3=2.0), order("c", 4)]
    assert newest_order(versions) == versions[1]


def test_the_same_content_counts_from_when_it_was_first_said() -> None:
    known: dict[str, OrderVersion] = {}
    assert remember(known, order("a", 5))
    assert not remember(known, order("a", 7))
    assert remember(known, order("a", 3))
    assert known["a"].version_at_us == 3


@pytest.mark.parametrize(
    ("values", "delivered_l", "instant_us"),
    [
        ({"batched_us": 1}, 8000, 1),
        ({"batched_us": 1, "departed_us": 2}, 8000, 2),
        ({"batched_us": 1, "departed_us": 2, "arrived_us": 3, "discharged_us": 4}, 8000, 4),
        ({"arrived_us": 3, "returned_m3": 1.25, "is_delivered": True}, 6750, 3),
        ({"arrived_us": 3, "returned_m3": 9.0}, 0, 3),
        ({"arrived_us": 3, "is_delivered": False}, 0, 3),
    ],
)
def test_delivered_is_load_less_returned_at_the_first_known_instant(
    values: dict[str, object], delivered_l: int, instant_us: int
) -> None:
    settled = delivery(ticket(**values))
    assert settled is not None
    assert (settled.volumes.delivered_l, settled.volumes.tickets, settled.instant_us) == (delivered_l, 1, instant_us)


def test_a_ticket_without_an_instant_counts_nowhere_yet() -> None:
    assert delivery(ticket()) is None


def test_events_deliver_nothing_until_their_ticket_comes() -> None:
    known: dict[str, TicketVersion] = {}
    event = ticket("e", 2, order_id=None, grade_class=None, load_m3=None, arrived_us=7)
    assert list(settle(known, event)) == []
    assert [(each.instant_us, each.order_id) for each in settle(known, ticket("b", 1, batched_us=1))] == [(7, "O")]


def test_litres_round_halves_up() -> None:
    assert [litres(volume) for volume in (0.0, 8.0005, 7.0004, 1.005, 12.3456)] == [0, 8001, 7000, 1005, 12346]


def test_a_delivery_waits_in_district_unknown_until_its_order_is_known() -> None:
    book = OrderBook()
    [[place, _]] = deliver(book, delivery(ticket(batched_us=5)))  # type: ignore[arg-type]
    assert place == Place("unknown", "c30_c35", 5)
    moved = dict(reorder(book, order()))
    assert moved[Place("unknown", "c30_c35", 5)] == Volumes(tickets=-1, delivered_l=-8000)
    assert moved[Place("A", "c30_c35", 5)] == Volumes(tickets=1, delivered_l=8000)


instants = st.one_of(st.none(), st.integers(0, 6).map(lambda n: n * 10 * MINUTE_US))
ticket_versions = st.builds(
    TicketVersion,
    ticket_id=st.sampled_from(["T1", "T2"]),
    version_at_us=st.integers(0, 3),
    content_hash=st.uuids().map(str),
    order_id=st.sampled_from(["O1", "O2"]),
    grade_class=st.sampled_from(["c10_c25", "c30_c35"]),
    load_m3=st.integers(1, 100).map(lambda n: n / 8),
    returned_m3=st.one_of(st.none(), st.floats(0, 3)),
    is_delivered=st.sampled_from([None, True, False]),
    batched_us=instants,
    departed_us=instants,
    arrived_us=instants,
    discharged_us=instants,
)
events = ticket_versions.map(lambda ticket: ticket._replace(order_id=None, grade_class=None, load_m3=None))
order_versions = st.builds(
    OrderVersion,
    order_id=st.sampled_from(["O1", "O2"]),
    version_at_us=st.integers(0, 3),
    content_hash=st.uuids().map(str),
    district_code=st.sampled_from(["A", "B"]),
    grade_class=st.sampled_from(["c10_c25", "c30_c35"]),
    ordered_m3=st.floats(1, 50),
    pour_from_us=st.integers(0, 6).map(lambda n: n * 10 * MINUTE_US),
    is_cancelled=st.booleans(),
)


def add_up(versions: Sequence[OrderVersion | TicketVersion]) -> dict[Place, Volumes]:
    """Every signed change that the versions cause in this order, summed; places of nothing left out."""
    tickets: dict[str, dict[str, TicketVersion]] = defaultdict(dict)
    books: dict[str, OrderBook] = defaultdict(OrderBook)
    sums: dict[Place, Volumes] = defaultdict(Volumes)
    for version in versions:
        if isinstance(version, TicketVersion):
            settled = list(settle(tickets[version.ticket_id], version))
            changes = [change for each in settled for change in deliver(books[each.order_id], each)]
        else:
            changes = list(reorder(books[version.order_id], version))
        for place, volumes in changes:
            sums[place] = sums[place].plus(volumes)
    return {place: volumes for place, volumes in sums.items() if volumes != Volumes()}


@given(st.lists(st.one_of(ticket_versions, events, order_versions), max_size=12), st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_of_versions_gives_equal_sums(
    versions: list[OrderVersion | TicketVersion], chance: random.Random
) -> None:
    again = versions + [version for version in versions if chance.random() < 0.3]
    chance.shuffle(again)
    assert add_up(again) == add_up(versions)


def test_the_live_tables_speak_both_languages() -> None:
    for table in STORE_TABLES:
        for text in (table.text, *(column.text for column in table.columns)):
            zh, separator, en = comment(text).partition(" | ")
            assert separator
            assert not zh.isascii()
            assert en.isascii() or "m³" in en or "×" in en
