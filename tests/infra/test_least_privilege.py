"""Each function's role permits what the function does to DynamoDB, and nothing that it never does.

What a function does is not written down here: the functions are called as Lambda calls them, and
what they send is seen. A request that a policy lacks, and a permission that nothing needs, fail.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app import app
from chalicelib import wiring
from chalicelib.domain.checkout_sessions import CheckoutSession
from chalicelib.domain.clock import utc_now
from chalicelib.domain.events import Event, EventStatus
from chalicelib.domain.orders import Cause
from chalicelib.functions.reconcile import reconcile
from chalicelib.functions.stripe_webhook import stripe_webhook
from chalicelib.services import reconciliation
from chalicelib.store import Stores, word_index
from infra.local.timer import scheduled_event
from tests.infra.test_policies import statements
from tests.support.builders import a_city, a_paid_session, a_session, an_event, an_order
from tests.support.dynamodb_use import Use, permitted, uses
from tests.support.fakes import FakePayments
from tests.support.killing import is_killed_at
from tests.support.lambda_api import LambdaApi, signed_in
from tests.support.routes import CHECKOUT, ROUTES, UNSOLD, Route, open_shop, send_good
from tests.support.seeding import seed_city, seed_event, seed_order, seed_paid_order
from tests.support.stripe_objects import (
    a_paid_stripe_session,
    a_stripe_dispute,
    a_stripe_refund,
    a_stripe_session,
    delivery,
    event_text,
)
from tests.support.tables import MotoTables, moto_tables
from tests.support.traffic import watched

# An event's former slugs lead to it, but for the oldest.
FORMER_SLUGS = 10

ERASES = [route for route in ROUTES if "/database/" in route[1]]
LISTS = (
    "/api/events?city=london&limit=1",
    "/api/events?city=atlantis",
    "/api/events?search=tech",
    "/api/events?search=tech+lon",
    "/api/events?from=2099-06-15&city=london",
    "/api/events?from=2099-06-15T08:00:00Z",
    "/api/events?minPrice=1",
    "/api/events?minPrice=1&city=london",
    "/api/events?from=2099-06-15&orderBy=name",
    "/api/events/1",
    "/api/cities?search=lon",
    "/api/cities?includeEventCount=true",
    "/api/cities/atlantis",
)
ORDERS = ("date", "name", "price", "city", "createdAt", "updatedAt")


@pytest.fixture(scope="module")
def shared_tables() -> Iterator[MotoTables]:
    with moto_tables() as tables:
        yield tables


class Shop:
    """A shop on real tables; what is done `by` somebody is what their role has to permit."""

    def __init__(
        self, tables: MotoTables, payments: FakePayments, environment: pytest.MonkeyPatch
    ) -> None:
        self.tables = tables
        self.stores: Stores = tables.stores
        self.payments = payments
        self._environment = environment
        self.seen: set[Use] = set()

    def opened(self) -> None:
        """Begin with what the good requests are about, and nothing else."""
        self.tables.empty()
        self.payments.__init__()  # type: ignore[misc]
        open_shop(self.stores, self.payments)

    def watch(self, act: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Have a function called, and note what it needed."""
        with watched(self.stores.orders._connection) as traffic:
            done = act(*args, **kwargs)
        self.seen |= uses(traffic.calls)
        return done

    def set(self, target: object, name: str, value: object) -> None:
        """Change a part of the program for this test."""
        self._environment.setattr(target, name, value)


@pytest.fixture
def shop(shared_tables: MotoTables, monkeypatch: pytest.MonkeyPatch) -> Shop:
    payments = FakePayments()
    monkeypatch.setattr(wiring, "stores", lambda: shared_tables.stores)
    monkeypatch.setattr(wiring, "payments", lambda: payments)
    # Nobody asks the real Stripe whether it is there.
    monkeypatch.setattr(wiring, "_check_payments", lambda: 0.012)
    shared_tables.empty()
    return Shop(shared_tables, payments, monkeypatch)


def check(stack: dict[str, Any], role: str, seen: set[Use]) -> None:
    """Compare what was done with what the role permits, both ways."""
    allowed = permitted(statements(stack, role))
    missing, unused = seen - allowed, allowed - seen
    assert not missing, f"{role} lacks {', '.join(map(str, sorted_uses(missing)))}"
    assert not unused, f"{role} never does {', '.join(map(str, sorted_uses(unused)))}"


def sorted_uses(found: set[Use]) -> list[Use]:
    return sorted(found, key=str)


def use_the_api(shop: Shop, routes: list[Route]) -> None:
    """Send every route its good request, then what lists, editors and buyers do besides."""
    for route in routes:
        shop.opened()
        answer = shop.watch(send_good, route)
        assert answer.status < 300, (route, answer.text)
    api = LambdaApi(app)
    admin = {"caller": signed_in()}
    shop.opened()
    for url in (*LISTS, *(f"/api/events?orderBy={order}" for order in ORDERS)):
        shop.watch(api.get, url)
    for order in ORDERS:
        shop.watch(api.get, f"/api/events?city=london&orderBy={order}")
    for url in ("/api/admin/events/1", "/api/admin/orders?event=tech-conference"):
        assert shop.watch(api.get, url, **admin).status == 200
    _edit(shop, api, admin)
    _buy(shop, api, admin)


def _edit(shop: Shop, api: LambdaApi, admin: dict[str, Any]) -> None:
    """Rename and move what there is, so that everything follows."""
    for url, body in (
        ("/api/admin/cities/london", {"name": "Londinium", "slug": "londinium"}),
        (f"/api/admin/events/{UNSOLD}", {"citySlug": "quiet-town", "slug": "calm-evening"}),
        ("/api/admin/events/tech-conference", {"name": "Something Else Entirely"}),
    ):
        answer = shop.watch(api.request, "PATCH", url, json_body=body, **admin)
        assert answer.status == 200, answer.text
    # Its former slug is known, and its orders find it.
    shop.watch(api.get, f"/api/events/{UNSOLD}")
    # And all of it can be asked for: who did it, and to what.
    for asked in ("actor=user_1", "subject=event:tech-conference"):
        answer = shop.watch(api.get, f"/api/admin/audit?{asked}", **admin)
        assert answer.json["entries"], asked


def _buy(shop: Shop, api: LambdaApi, admin: dict[str, Any]) -> None:
    """Buy with a key, buy what is free, and have an event cancelled that somebody has paid for."""
    shop.opened()
    seed_event(shop.stores, "open-day", price=0)
    free = {**CHECKOUT, "eventSlug": "open-day", "unitPrice": 0, "totalAmount": 0}
    for body in (CHECKOUT, {**free, "customerEmail": "ann@example.org"}):
        headers = {"Idempotency-Key": f"key-{body['eventSlug']}"}
        for _ in range(2):
            answer = shop.watch(api.post, "/api/payments/checkout", body, headers=headers)
            assert answer.status == 201, answer.text
    cancel = "/api/admin/events/tech-conference/cancel"
    assert shop.watch(api.post, cancel, **admin).status == 200


def test_the_api_may_do_what_its_routes_do_and_no_more(
    stack: dict[str, Any], stage: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    resets = stage == "dev"
    monkeypatch.setenv("ALLOW_DATABASE_RESET", str(resets).lower())
    use_the_api(shop, [route for route in ROUTES if resets or route not in ERASES])
    check(stack, "ApiHandlerRole", shop.seen)


def hear(shop: Shop, event_type: str, subject: dict[str, Any], event_id: str = "evt_1") -> None:
    """Have the webhook's function called with a delivery of Stripe's."""
    text = event_text(event_type, subject, event_id)
    answer = shop.watch(stripe_webhook, delivery(text), None)
    assert answer["statusCode"] == 200, answer


def test_the_webhook_may_do_what_stripes_news_leads_to_and_no_more(
    stack: dict[str, Any], shop: Shop
) -> None:
    completed, paid = "checkout.session.completed", a_paid_stripe_session()
    for subject in (a_stripe_refund(), a_stripe_dispute()):
        _sell(shop)
        hear(shop, completed, paid)
        kind = "charge.dispute.created" if subject["object"] == "dispute" else "refund.created"
        hear(shop, kind, subject, "evt_2")
    _pay_late_for_seats_of_several_places(shop)
    # Its seats go back, and it is paid all the same; then the same of an event that has moved.
    for moved in (False, True):
        event = _sell(shop)
        if moved:
            _move_far(shop, event)
        hear(shop, "checkout.session.expired", a_stripe_session(status="expired", url=None))
        hear(shop, completed, paid, "evt_2")
    check(stack, "StripeWebhookRole", shop.seen)


def _sell(shop: Shop) -> Event:
    shop.tables.empty()
    seed_city(shop.stores)
    event = seed_event(shop.stores)
    seed_order(shop.stores, event, id=an_order().id, session_id="cs_test_1")
    return event


def _pay_late_for_seats_of_several_places(shop: Shop) -> None:
    """Have an order expire, and then paid, of an event that is spread: its seats are looked for."""
    shop.tables.empty()
    seed_city(shop.stores)
    event = seed_event(shop.stores, capacity=400)
    known = shop.stores.events.get(event.slug, consistent=True)
    order = an_order(
        event_id=event.id, unit_price=event.price, session_id="cs_test_1", created_at=utc_now()
    )
    assert shop.stores.orders.place(order, known).places
    hear(shop, "checkout.session.expired", a_stripe_session(status="expired", url=None))
    hear(shop, "checkout.session.completed", a_paid_stripe_session(), "evt_2")
    paid = shop.stores.orders.get(order.id)
    assert paid is not None
    assert paid.seats_sold == order.quantity


def _move_far(shop: Shop, event: Event) -> None:
    """Give an event so many slugs that the one that its orders know leads nowhere."""
    slug = event.slug
    for number in range(FORMER_SLUGS + 1):
        record = shop.stores.events.get(slug, consistent=True)
        assert record is not None
        slug = f"moved-{number}x"
        shop.stores.events.replace(
            record, replace(event, slug=slug, updated_at=event.updated_at + timedelta(days=number))
        )
    assert shop.stores.events.get(event.slug, consistent=True) is None


def tick(shop: Shop) -> None:
    """Have the timer's function called as EventBridge calls it."""
    shop.watch(reconcile, scheduled_event(), None)


def test_the_timer_may_do_what_is_left_to_it_and_no_more(stack: dict[str, Any], shop: Shop) -> None:
    for module, name in ((wiring, "_TIMERS_WORKERS"), (reconciliation, "_WORKERS")):
        shop.set(module, name, 1)
    shop.set(word_index, "TAKEN_OVER_AFTER", timedelta())
    for scene in (_renamed_city, _words_half_written, _holds_that_are_over, _cancelled_event):
        shop.tables.empty()
        scene(shop)
        for _ in range(2):
            tick(shop)
    check(stack, "ReconcileRole", shop.seen)


def _renamed_city(shop: Shop) -> None:
    seed_city(shop.stores)
    seed_event(shop.stores)
    seed_event(shop.stores, UNSOLD, status=EventStatus.DRAFT)
    before = shop.stores.cities.get("london", consistent=True)
    assert before is not None
    long_ago = utc_now() - timedelta(days=1)
    shop.stores.cities.replace(
        before, a_city(slug="londinium", name="Londinium", updated_at=long_ago)
    )


def _words_half_written(shop: Shop) -> None:
    seed_city(shop.stores)
    event = seed_event(shop.stores)
    before = shop.stores.events.get(event.slug)
    assert before is not None
    after = an_event(id=event.id, slug=event.slug, name="Jazz", updated_at=utc_now())
    assert is_killed_at(
        shop.stores, 1, lambda: shop.stores.events.replace(before, after), after_effect=False
    )


def _holds_that_are_over(shop: Shop) -> None:
    """One was paid, one is open, and one is of an event that has moved since."""
    seed_city(shop.stores)
    _held_for_hours(shop, 0, a_paid_session)
    _held_for_hours(shop, 1, a_session)
    _move_far(shop, _held_for_hours(shop, 2, a_session))


def _held_for_hours(shop: Shop, number: int, session: Callable[..., CheckoutSession]) -> Event:
    """Seats of an event of their own, whose hold is over; Stripe's session is what is given."""
    event = seed_event(shop.stores, f"event-{number}x")
    order_id, session_id = f"01JZX5K7Q8M9N0P1R2S3T4V5W{number}", f"cs_test_{number}"
    long_ago = utc_now() - timedelta(hours=2)
    times = {"created_at": long_ago, "updated_at": long_ago, "due_at": long_ago}
    seed_order(shop.stores, event, id=order_id, session_id=session_id, **times)
    shop.payments.sessions[session_id] = session(id=session_id, order_id=order_id)
    return event


def _cancelled_event(shop: Shop) -> None:
    seed_city(shop.stores)
    event = seed_event(shop.stores)
    order = seed_paid_order(shop.stores, event)
    shop.payments.sessions["cs_test_1"] = a_paid_session(order_id=order.id)
    wiring.fulfilment().settle(shop.payments.sessions["cs_test_1"], Cause("evt_1"))
    record = shop.stores.events.get(event.slug)
    assert record is not None
    long_ago = event.updated_at + timedelta(milliseconds=1)
    shop.stores.events.replace(
        record,
        an_event(id=event.id, slug=event.slug, status=EventStatus.CANCELLED, updated_at=long_ago),
    )


def test_the_authorizer_may_do_nothing_to_data(stack: dict[str, Any]) -> None:
    text = json.dumps(statements(stack, "JwtAuthorizerRole"))
    assert permitted(statements(stack, "JwtAuthorizerRole")) == set()
    assert not [service for service in ("dynamodb:", "ssm:", "ses:", "kms:") if service in text]


def test_a_permission_that_is_missing_would_be_found(stack: dict[str, Any]) -> None:
    seen = permitted(statements(stack, "StripeWebhookRole"))
    check(stack, "StripeWebhookRole", seen)
    with pytest.raises(AssertionError, match="lacks dynamodb:Scan on OrdersTable"):
        check(stack, "StripeWebhookRole", {*seen, Use("OrdersTable", None, "dynamodb:Scan")})
    with pytest.raises(AssertionError, match="never does dynamodb:UpdateItem on EventsTable"):
        check(stack, "StripeWebhookRole", seen - {Use("EventsTable", None, "dynamodb:UpdateItem")})
