"""What must always add up: seats, orders, tickets and the money at Stripe."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from chalicelib.domain.orders import MailStatus, Order, OrderStatus
from chalicelib.domain.refunds import DisputeStatus
from chalicelib.services.port_types import AuditQuery
from tests.support.local_stripe import LocalStripe
from tests.support.shop import Shop


def assert_seats_add_up(shop: Shop, slugs: Iterable[str]) -> None:
    """Check that every seat is free, held or sold, and that orders say the same."""
    orders = shop.orders()
    for slug in slugs:
        record = shop.stock(slug)
        of_event = [order for order in orders if order.event_id == record.id]
        assert record.capacity is not None
        assert record.free + record.held + record.sold == record.capacity
        assert min(record.free, record.held, record.sold) >= 0
        assert record.held == sum(order.seats_held for order in of_event)
        assert record.sold == sum(order.seats_sold for order in of_event)


def assert_money_adds_up(shop: Shop, stripe: LocalStripe) -> None:
    """Check that what Stripe keeps of each payment is the price of the order's good tickets.

    For orders whose refunds were whole prices, once nothing is on its way any more.
    """
    kept = money_kept(stripe)
    orders = {order.payment_intent_id: order for order in shop.orders() if order.amount_paid}
    for intent, amount in kept.items():
        order = orders.get(intent)
        assert order is not None, "money was taken, and no order knows"
        assert amount == order.good_tickets * order.unit_price, order
    assert sum(kept.values()) == stripe.balance()


def money_kept(stripe: LocalStripe) -> Counter[str]:
    """Return what came in less what went back to buyers and banks, by payment."""
    kept: Counter[str] = Counter()
    for charge in stripe.charges():
        if charge["status"] == "succeeded":
            kept[charge["payment_intent"]] += charge["amount_captured"] - charge["amount_refunded"]
    withdrawn = {DisputeStatus.NEEDS_RESPONSE, DisputeStatus.UNDER_REVIEW, DisputeStatus.LOST}
    for dispute in stripe.disputes():
        if dispute["status"] in withdrawn:
            kept[dispute["payment_intent"]] -= dispute["amount"]
    return kept


def assert_all_ended(shop: Shop, stripe: LocalStripe) -> None:
    """Check that no order waits for anything, and that nothing can be paid any more."""
    for order in shop.orders():
        assert order.status not in {OrderStatus.PENDING, OrderStatus.REFUNDING}, order
        assert order.due_at is None, order
        assert order.mail is not MailStatus.DUE
    assert not [session for session in stripe.sessions() if session["status"] == "open"]
    assert not shop.world.cancellations.pending()


# How a refund is called that an admin asked for; those of the program and of Stripe's dashboard
# are called otherwise.
_ADMINS_REFUND = re.compile(r"r[0-9a-f]{32}(-\d+)?")


def assert_trail_adds_up(shop: Shop) -> None:
    """Check that each refund that an admin asked for, and each check-in, has one audit entry, and
    that there is no other entry about an order. Those of orders that were erased are left out: the
    trail outlives them.
    """
    orders = shop.orders()
    known = {order.id for order in orders}
    made = Counter(
        (order.id, deed)
        for order in orders
        for deed in (
            *(one.key for one in order.refunds if _ADMINS_REFUND.fullmatch(one.key)),
            *(entry.number for entry in order.check_ins),
        )
    )
    told = Counter(
        (entry["subject"]["id"], entry["details"].get("refund") or entry["details"].get("ticket"))
        for entry in _trail(shop)
        if entry["subject"]["kind"] == "order" and entry["subject"]["id"] in known
    )
    assert made == told


def _trail(shop: Shop) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        page = shop.world.audit_trail.find(AuditQuery(100, after))
        entries += [json.loads(text) for text in page.items]
        after = page.next_after
        if after is None:
            return entries


def mails(shop: Shop, order: Order) -> int:
    """Return how often an order was confirmed."""
    return sum(sent.id == order.id for sent in shop.mailer.sent)
