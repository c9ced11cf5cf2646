"""Stripe's events of one session, in every order and more than once: the order ends in one state.

The events are those that the local Stripe makes when a session is paid, refunded in part and
disputed; each is read from the very text of its webhook.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import pytest

from chalicelib.domain.orders import Order, OrderStatus
from tests.support.builders import a_city, an_event
from tests.support.local_stripe import LocalStripe, WebhookEvent
from tests.support.shop import MovingClock, Shop
from tests.support.store_worlds import World, fake_world, real_world
from tests.support.tables import MotoTables

PRICE = 5000
QUANTITY = 3


@dataclass(frozen=True)
class Story:
    """A shop with one order, and what Stripe has to tell of it."""

    shop: Shop
    order_id: str
    events: Sequence[WebhookEvent]

    def told(self, events: Sequence[WebhookEvent]) -> dict[str, Any]:
        """Deliver events in this order; return what the order and the stock are afterwards."""
        for event in events:
            self.shop.hear(event.news())
        return self.state()

    def state(self) -> dict[str, Any]:
        """Return all that is to be the same: everything but when and in which order it was
        heard of.
        """
        order = self.shop.order(self.order_id)
        record = self.shop.stock(order.event_slug)
        return {
            "order": timeless(order),
            "refunds": sorted((one.key, one.status, one.amount) for one in order.refunds),
            "disputes": sorted((one.id, one.status, one.amount) for one in order.disputes),
            "stock": (record.free, record.held, record.sold),
            "mails": len(self.shop.mailer.sent),
            "good": order.good_tickets,
        }


def timeless(order: Order) -> Order:
    """Return an order without what tells when it heard of something."""
    never = order.created_at
    return replace(
        order,
        updated_at=never,
        paid_at=never if order.is_paid else None,
        version=0,
        history=(),
        # Each try of a story makes tickets of its own.
        tickets=tuple("secret" for _ in order.tickets),
        refunds=(),
        disputes=(),
    )


def tell_of_a_dispute_that_is(end: str, world: World) -> Story:
    """Sell three tickets, refund one in the dashboard, and have the rest disputed, or one."""
    clock = MovingClock()
    stripe = LocalStripe(lambda: clock.now)
    shop = Shop(world, stripe.gateway(), clock=clock)
    event = an_event(capacity=10, price=PRICE)
    world.cities.create(a_city())
    world.events.create(event)
    started = shop.buy(event, QUANTITY)
    stripe.pay(started.session_id)
    stripe.refund_in_dashboard(started.session_id, PRICE)
    how, _, part = end.partition(" ")
    dispute = stripe.dispute(started.session_id, PRICE if part else None)
    if how != "open":
        {"won": stripe.win_dispute, "lost": stripe.lose_dispute}[how](dispute)
    return Story(shop, started.order_id, stripe.events())


# One of each kind of news. Stripe has more types that say the same again.
KINDS = (
    "checkout.session.completed",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "charge.dispute.created",
    "charge.dispute.closed",
)


def distinct(story: Story) -> list[WebhookEvent]:
    """Return the story's events, one of each kind."""
    return [event for event in story.events if event.type in KINDS]


EXPECTED = {
    "open": (OrderStatus.DISPUTED, 0),
    "won": (OrderStatus.PARTIALLY_REFUNDED, QUANTITY - 1),
    "lost": (OrderStatus.DISPUTED, 0),
    "open in part": (OrderStatus.DISPUTED, QUANTITY - 2),
    "won in part": (OrderStatus.PARTIALLY_REFUNDED, QUANTITY - 1),
    "lost in part": (OrderStatus.DISPUTED, QUANTITY - 2),
}


def fresh(story: Story) -> Story:
    """Return the story with nothing told yet: the same Stripe, an order that is pending."""
    world = fake_world()
    event = an_event(capacity=10, price=PRICE)
    world.cities.create(a_city())
    world.events.create(event)
    shop = Shop(world, story.shop.payments, clock=story.shop.clock)
    first = story.shop.order(story.order_id)
    assert first.status is OrderStatus.PENDING
    world.orders.place(replace(first, version=1, session_id=None))
    placed = world.orders.get(first.id)
    assert placed is not None
    world.orders.replace(placed, replace(placed, session_id=first.session_id))
    return Story(shop, story.order_id, story.events)


@pytest.mark.parametrize("end", EXPECTED)
def test_every_order_of_the_events_each_of_them_twice_ends_in_the_same_state(end: str) -> None:
    story = tell_of_a_dispute_that_is(end, fake_world())
    events = distinct(story)
    assert len(events) == len(KINDS) - end.startswith("open")
    expected = fresh(story).told(story.events)

    for number, order in enumerate(permutations(events)):
        # Each a second time at once, or all of them a second time.
        told = [event for event in order for _ in range(2)] if number % 2 else [*order, *order]
        assert fresh(story).told(told) == expected, [event.type for event in told]

    status, good = EXPECTED[end]
    assert (expected["order"].status, expected["good"]) == (status, good)
    assert expected["stock"] == (10 - QUANTITY + 1, 0, QUANTITY - 1)
    assert expected["mails"] == 1


@pytest.mark.parametrize("end", EXPECTED)
def test_so_it_is_on_the_real_store_forwards_and_backwards(
    end: str, shared_tables: MotoTables
) -> None:
    states = []
    for turn in (1, -1):
        story = tell_of_a_dispute_that_is(end, real_world(shared_tables))
        state = story.told([*story.events, *story.events][::turn])
        # Each story is of another order, whose payments Stripe gave other ids.
        states.append((state["order"].status, state["stock"], state["good"], state["mails"]))

    assert states[0] == states[1]
    assert states[0][0] is EXPECTED[end][0]
