"""A small shop with fixed sample data, as it is wired in a deployed stage: its secrets in SSM, its
mail by SES, Stripe in this process.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

import boto3
import pytest
from pynamodb.connection.base import Connection

from chalicelib import wiring
from chalicelib.domain.checkout_sessions import RedirectUrls
from chalicelib.domain.clock import utc_now
from chalicelib.domain.events import Event
from chalicelib.domain.orders import Order
from chalicelib.functions.stripe_webhook import stripe_webhook
from chalicelib.services import reconciliation, samples
from chalicelib.services.checkout import CheckoutRequest
from chalicelib.services.sample_catalogue import EVENTS
from chalicelib.store import Stores
from tests.benchmarks.budgets.metering import Count, count
from tests.conftest import ENVIRONMENT, forget_parts
from tests.support.http_server import LocalServer, Reply, serving
from tests.support.local_stripe import KEY, WEBHOOK_SECRET, LocalStripe, WebhookEvent
from tests.support.routes import EMPTY_CITY, UNSOLD
from tests.support.seeding import seed_city, seed_event
from tests.support.stripe_objects import delivery
from tests.support.tables import moto_tables
from tests.support.tokens import jwks, rsa_key

_KEY_PARAMETER, _SECRET_PARAMETER = "/shop/key", "/shop/webhook"
_SENDER = "tickets@shop.example"
_BUYER = "ann@mail.example"
_USER = "user_1"
_URLS = RedirectUrls("http://localhost:3000/thanks", "http://localhost:3000/")
# About 500 characters, which is what an event's description has.
DESCRIPTION = "<p>A day of talks about how things are made, and by whom.</p>" * 8
# So many events are put in where the database is reset.
SAMPLES = 6
ENVIRONS = {
    **{name: value for name, value in ENVIRONMENT.items() if not name.startswith("STRIPE_")},
    "STAGE": "dev",
    "API_NAME": "events-api-dev",
    "STRIPE_SECRET_KEY_PARAMETER": _KEY_PARAMETER,
    "STRIPE_WEBHOOK_SECRET_PARAMETER": _SECRET_PARAMETER,
    "CHECKOUT_ALLOWED_ORIGINS": "http://localhost:3000",
    "MAIL_FROM": _SENDER,
}


@dataclass(frozen=True, slots=True)
class Sale:
    """An order: its id, the session it is paid in, and a ticket's code once it is paid."""

    order_id: str
    session_id: str
    ticket: str


@dataclass
class World:
    """The shop, just opened, and whom it calls."""

    stores: Stores
    stripe: LocalStripe
    issuer: LocalServer
    asked_reach: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for slug in ("london", EMPTY_CITY):
            seed_city(self.stores, slug)
        self.event = self.add_event("tech-conference")
        self.add_event(UNSOLD)

    def add_event(self, slug: str, **changes: Any) -> Event:
        """Put in an event of London."""
        return seed_event(self.stores, slug, description=DESCRIPTION, **changes)

    @property
    def connection(self) -> Connection:
        """The connection to DynamoDB."""
        return self.stores.orders._connection

    def free_event(self) -> Event:
        """Put in an event that costs nothing."""
        return self.add_event("open-day", price=0)

    def request(self, event: Event | None = None, *, user_id: str | None = None) -> CheckoutRequest:
        """Return a checkout of two tickets."""
        chosen = event or self.event
        price = Decimal(chosen.price) / 100
        return CheckoutRequest(chosen.slug, 2, price, price * 2, _URLS, _BUYER, user_id)

    def reserve(self) -> Sale:
        """Start a checkout of somebody who is signed in: two seats are held."""
        started = wiring.checkout().start(self.request(user_id=_USER))
        return Sale(started.order_id, started.session_id, "")

    def sell(self) -> Sale:
        """Sell two tickets: Stripe was paid, the webhook heard of it, the mail was sent."""
        reserved = self.reserve()
        self.stripe.pay(reserved.session_id)
        self.hear()
        ticket = str(self.order(reserved).ticket_codes()[0])
        return Sale(reserved.order_id, reserved.session_id, ticket)

    def order(self, sale: Sale) -> Order:
        """Return the order of a sale."""
        order = self.stores.orders.get(sale.order_id)
        assert order is not None
        return order

    def hear(self) -> None:
        """Deliver every webhook that was not."""
        for event in self.stripe.undelivered():
            self.deliver(event)

    def waiting(self, kind: str) -> WebhookEvent:
        """Return the latest event of a type that was not delivered."""
        return [event for event in self.stripe.undelivered() if event.type == kind][-1]

    def deliver(self, event: WebhookEvent) -> dict[str, Any]:
        """Call the webhook's function with an event, as API Gateway does."""
        answer: dict[str, Any] = stripe_webhook(delivery(event.payload), None)
        assert answer["statusCode"] == 200, answer
        self.stripe.deliver(event)
        return dict(json.loads(answer["body"]))

    def asked(self) -> Mapping[str, int]:
        """Return what was asked for since it was last asked, of whom no AWS client calls."""
        keys, self.issuer.received[:] = len(self.issuer.received), []
        reach, self.asked_reach = self.asked_reach, Counter()
        return {**reach, **({"JWKS": keys} if keys else {})}

    def count(self, work: Any) -> Count:
        """Do something and return what it asked of others."""
        self.asked()
        return count(self.connection, work, lambda: self.stripe.calls, self.asked)


@contextmanager
def wired(stores: Stores) -> Iterator[World]:
    """Open the shop on empty tables, wired for one stage of AWS; moto has to stand in for SSM, SES
    and CloudWatch.
    """
    stripe = LocalStripe(utc_now)
    with pytest.MonkeyPatch.context() as patch, serving(_keys) as issuer:
        for name in ENVIRONMENT:
            patch.delenv(name, raising=False)
        for name, value in {**ENVIRONS, "JWT_JWKS_URL": f"{issuer.url}/keys"}.items():
            patch.setenv(name, value)
        # Stand-ins of DynamoDB in this process cannot be asked by several threads at once.
        patch.setattr(wiring, "_TIMERS_WORKERS", 1)
        patch.setattr(reconciliation, "_WORKERS", 1)
        # All sixty would be counted for half a minute, and each costs what the others cost.
        patch.setattr(samples, "EVENTS", EVENTS[:SAMPLES])
        patch.setattr(wiring, "stores", cache(lambda: stores))
        patch.setattr(wiring, "_gateway", lambda key: stripe.gateway(api_key=key))
        forget_parts()
        world = World(stores, stripe, issuer)
        patch.setattr(wiring, "_check_payments", lambda: _reached(world))
        try:
            yield world
        finally:
            forget_parts()


@contextmanager
def moto_worlds() -> Iterator[Callable[[], AbstractContextManager[World]]]:
    """Start moto; yields what opens a shop with fresh data, as often as it is called."""
    with moto_tables() as tables:
        _prepare_account()

        @contextmanager
        def opened() -> Iterator[World]:
            tables.empty()
            with wired(tables.stores) as world:
                yield world

        yield opened


def _keys(_: object) -> Reply:
    return Reply(200, jwks(rsa_key()))


def _reached(world: World) -> float:
    world.asked_reach["Stripe's host, without the key"] += 1
    return 0.01


def _prepare_account() -> None:
    """Put the secrets into SSM, and have SES know the sender."""
    region = ENVIRONMENT["AWS_REGION"]
    ssm = boto3.client("ssm", region_name=region)
    for name, value in ((_KEY_PARAMETER, KEY), (_SECRET_PARAMETER, WEBHOOK_SECRET)):
        ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
    ses = boto3.client("sesv2", region_name=region)
    ses.create_email_identity(EmailIdentity=_SENDER)
