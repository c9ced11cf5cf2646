"""A crowd at an event whose stock is in several places, on engines that really run transactions
side by side: its first buyers, its last seats, an admin in the middle of it, and places in trouble.
"""

import random
import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.clock import utc_now
from chalicelib.domain.events import Event, EventStatus
from chalicelib.domain.stock_places import Spreading
from chalicelib.errors import Changed, EventsApiError, SalesClosed, SoldOut
from chalicelib.store import Stores
from tests.support.builders import a_city, an_event, an_order
from tests.support.crowds import CrowdClock, InBackground, at_once
from tests.support.fakes import FakePayments
from tests.support.ledger import assert_seats_add_up
from tests.support.shop import Shop
from tests.support.store_worlds import world_of
from tests.support.trouble import busy

BUYERS = 16
PLACES = 8


@pytest.fixture
def spreading() -> Spreading:
    return Spreading(from_seats=0, seats_a_place=1, most=PLACES)


@pytest.fixture
def shop(real_stores: Stores) -> Shop:
    real_stores.cities.create(a_city())
    return Shop(world_of(real_stores), FakePayments(), clock=CrowdClock(), event_ids=(1,))


def open_sale(shop: Shop, capacity: int | None) -> Event:
    event = an_event(capacity=capacity, date=shop.clock.now + timedelta(days=30))
    shop.world.events.create(event)
    return event


def check(shop: Shop, event: Event) -> None:
    """Check that no seat is lost or made, and none sold twice."""
    assert shop.stock(event.slug).places == PLACES
    assert_seats_add_up(shop, [event.slug])


def test_buyers_who_are_all_the_first_spread_the_stock_once(shop: Shop) -> None:
    event = open_sale(shop, capacity=40)
    bought: list[str] = []

    at_once(BUYERS, lambda _: bought.append(shop.buy(event, 2, email=None).order_id))

    check(shop, event)
    assert (shop.stock(event.slug).free, shop.stock(event.slug).held) == (8, 32)
    used = {place for order_id in bought for place, _ in shop.order(order_id).places}
    assert len(used) > PLACES // 2, "the crowd went to a few places only"


def test_the_last_seats_that_are_scattered_over_all_places_are_sold_to_the_last_one(
    shop: Shop,
) -> None:
    event = open_sale(shop, capacity=PLACES * 3 + 1)
    bought: Counter[int] = Counter()

    def buy_until_sold_out(buyer: int) -> None:
        # More than a place has: each sale takes from several.
        wanted = 4
        while wanted:
            try:
                shop.buy(event, wanted, email=None)
            except SoldOut as error:
                # Who was too late each time tries again; who is told how many are left is content
                # with fewer.
                wanted -= "moment ago" not in str(error)
            else:
                bought[buyer] += wanted

    at_once(BUYERS, buy_until_sold_out)

    check(shop, event)
    assert sum(bought.values()) == PLACES * 3 + 1
    assert shop.stock(event.slug).free == 0


def test_capacity_goes_up_and_down_under_a_crowd_and_no_seat_is_sold_twice(shop: Shop) -> None:
    event = open_sale(shop, capacity=60)
    shop.buy(event, 1)
    rng = random.Random(1)
    done: Counter[str] = Counter()

    def resize() -> None:
        record = shop.world.events.get(event.slug, consistent=True)
        assert record is not None
        before = record.described()
        later = max(utc_now(), before.updated_at + timedelta(milliseconds=1))
        after = replace(before, capacity=rng.choice([50, 60, 70, 90]), updated_at=later)
        try:
            shop.world.events.replace(record, after)
        except Changed:
            done["somebody else was faster"] += 1
        except EventsApiError as error:
            done[type(error).__name__] += 1
        else:
            done["resized"] += 1

    def buy(buyer: int) -> None:
        rng = random.Random(buyer)
        for _ in range(4):
            try:
                shop.buy(event, rng.randint(1, 3), email=None)
            except SoldOut:
                return

    with InBackground(resize, pause=0.005):
        at_once(BUYERS, buy)
    for _ in range(20):
        resize()

    assert done["resized"], done
    check(shop, event)


def test_nobody_buys_once_an_event_is_cancelled_and_every_place_knows(
    shop: Shop, real_stores: Stores
) -> None:
    event = open_sale(shop, capacity=None)
    shop.buy(event, 1)
    known = real_stores.events.get(event.slug, consistent=True)
    assert known is not None
    cancelled = threading.Event()
    late: list[str] = []

    def buy(buyer: int) -> None:
        for number in range(200):
            is_late = cancelled.is_set()
            order = an_order(
                id=f"01JN{buyer:02}{number:020}", created_at=shop.clock(), unit_price=event.price
            )
            try:
                # Of what was read before: only the places can tell.
                real_stores.orders.place(order, known)
            except SalesClosed:
                return
            late.extend([order.id] if is_late else [])

    def cancel() -> None:
        while not cancelled.wait(0.05):
            record = real_stores.events.get(event.slug, consistent=True)
            assert record is not None
            after = replace(
                record.described(), status=EventStatus.CANCELLED, updated_at=shop.clock()
            )
            real_stores.events.replace(record, after)
            cancelled.set()

    with InBackground(cancel):
        at_once(BUYERS, buy)

    assert cancelled.is_set()
    assert late == []
    assert shop.stock(event.slug).held == sum(order.seats_held for order in shop.orders()) > 1


def test_buyers_hear_nothing_of_places_that_are_busy(shop: Shop, real_stores: Stores) -> None:
    event = open_sale(shop, capacity=200)

    def buy_four_times(_buyer: int) -> None:
        for _ in range(4):
            shop.buy(event, 2, email=None)

    with busy(real_stores.orders._connection, 0.2) as trouble:
        at_once(BUYERS, buy_four_times)
    assert trouble.refused
    check(shop, event)
    assert shop.stock(event.slug).held == BUYERS * 8
