"""Domain objects with defaults, so that a test names only what it is about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.audit import AuditEntry, Subject, entry_id
from chalicelib.domain.checkout_sessions import CheckoutSession, PaymentStatus, SessionStatus
from chalicelib.domain.cities import City
from chalicelib.domain.events import Event, EventStatus
from chalicelib.domain.orders import HOLD, HistoryEntry, Order, OrderStatus

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)

_EVENT = Event(
    id=1,
    name="Tech Conference",
    slug="tech-conference",
    city="London",
    city_slug="london",
    location="Dockside Halls",
    date=NOW + timedelta(days=30),
    organizer_name="TechEvents Ltd",
    image_url=None,
    alt="Tech Conference",
    description="<p>A day.</p>",
    price=14999,
    currency="usd",
    status=EventStatus.PUBLISHED,
    capacity=100,
    created_at=NOW,
    updated_at=NOW,
)
_CITY = City(
    id=1,
    name="London",
    slug="london",
    country="United Kingdom",
    image_url=None,
    alt="London",
    created_at=NOW,
    updated_at=NOW,
)
_ORDER = Order(
    id="01JNTEST0RDER0000000000000",
    event_id=1,
    event_slug="tech-conference",
    event_name="Tech Conference",
    quantity=2,
    unit_price=14999,
    amount_total=29998,
    currency="usd",
    status=OrderStatus.PENDING,
    created_at=NOW,
    updated_at=NOW,
    hold_expires_at=NOW + HOLD,
    due_at=NOW + HOLD,
    history=(HistoryEntry(NOW, OrderStatus.PENDING, "checkout"),),
)
_SESSION = CheckoutSession(
    id="cs_test_1",
    status=SessionStatus.OPEN,
    payment_status=PaymentStatus.UNPAID,
    amount_total=29998,
    currency="usd",
    metadata={"orderId": _ORDER.id, "eventSlug": "tech-conference"},
    url="http://stripe.test/c/pay/cs_test_1",
    order_id=_ORDER.id,
    payment_intent_id=None,
)


def an_event(**changes: Any) -> Event:
    """An event that is on sale: 100 seats at 149.99 usd, thirty days after `NOW`.

    Its city has the name that a seeded city of that slug has.
    """
    if "city_slug" in changes:
        changes = {"city": changes["city_slug"].replace("-", " ").title(), **changes}
    return replace(_EVENT, **changes)


def a_city(**changes: Any) -> City:
    """A city without events."""
    return replace(_CITY, **changes)


def an_entry(**changes: Any) -> AuditEntry:
    """An entry of the audit trail: an admin changed `an_event()`. One made `at` another time has
    an id of that time.
    """
    at = changes.get("at", NOW)
    entry = AuditEntry(
        id=entry_id(at, changes.pop("token", "0000000000000001")),
        at=at,
        actor="user_1",
        role="admin",
        action="event_changed",
        subject=Subject.event(1, "tech-conference"),
        request_id="req-1",
    )
    return replace(entry, **changes)


def an_order(**changes: Any) -> Order:
    """A pending order of two seats of `an_event()`."""
    order = replace(_ORDER, **changes)
    return replace(
        order, amount_total=changes.get("amount_total", order.unit_price * order.quantity)
    )


def a_session(**changes: Any) -> CheckoutSession:
    """An open checkout session of `an_order()`."""
    return replace(_SESSION, **changes)


def a_paid_session(**changes: Any) -> CheckoutSession:
    """The same session, paid."""
    paid = {
        "status": SessionStatus.COMPLETE,
        "payment_status": PaymentStatus.PAID,
        "payment_intent_id": "pi_1",
        "url": None,
    }
    return replace(_SESSION, **{**paid, **changes})
