"""The composition root: every part is made here, once, on first use, and its third party is
imported then and not before. What is not used by a function is never loaded by it.
"""

import os
import time
from functools import cache
from typing import TYPE_CHECKING

from chalicelib.domain.clock import utc_now
from chalicelib.observability import StructuredLog
from chalicelib.settings import (
    AdminSettings,
    AuthorizerSettings,
    CheckoutSettings,
    HttpSettings,
    StoreSettings,
    StripeSettings,
)

if TYPE_CHECKING:
    from chalicelib.adapters.secrets import Secrets
    from chalicelib.adapters.stripe_gateway import StripeEvent, StripeGateway
    from chalicelib.adapters.tokens import TokenVerifier
    from chalicelib.domain.events import Event
    from chalicelib.services.catalogue import Catalogue
    from chalicelib.services.checkout import Checkout
    from chalicelib.services.editing_cities import CityEditor
    from chalicelib.services.editing_events import EventEditor
    from chalicelib.services.fulfilment import Fulfilment
    from chalicelib.services.reconciliation import Reconciliation
    from chalicelib.services.renames import Renames
    from chalicelib.services.samples import SampleData
    from chalicelib.services.transfer_import import EventImport
    from chalicelib.store import Stores

# Bringing a city's new name to an event is waiting for DynamoDB, so the timer does it side by side.
_TIMERS_WORKERS = 8


@cache
def http_settings() -> HttpSettings:
    """Return what every response needs to know."""
    return HttpSettings.read(os.environ)


@cache
def admin_settings() -> AdminSettings:
    """Return what this stage allows its admins."""
    return AdminSettings.read(os.environ)


@cache
def log() -> StructuredLog:
    """Return the log."""
    return StructuredLog()


@cache
def stores() -> "Stores":
    """Return the store's parts, over one connection."""
    from chalicelib.store import open_stores

    return open_stores(StoreSettings.read(os.environ))


@cache
def secrets() -> "Secrets":
    """Return the source of secrets."""
    from chalicelib.adapters.secrets import Secrets

    return Secrets(os.environ)


def payments() -> "StripeGateway":
    """Return Stripe, with the secret key as it is now."""
    return _gateway(secrets().get("STRIPE_SECRET_KEY"))


@cache
def _gateway(secret_key: str) -> "StripeGateway":
    from chalicelib.adapters.stripe_gateway import StripeGateway

    return StripeGateway(secret_key, StripeSettings.read(os.environ).api_base, log())


def verify_stripe_event(body: bytes, signature: str | None) -> "StripeEvent":
    """Return the event of a webhook's raw body; raises `InvalidSignature`."""
    from chalicelib.adapters.stripe_gateway import verify_event

    return verify_event(body, signature, secrets().get_list("STRIPE_WEBHOOK_SECRET"))


@cache
def token_verifier() -> "TokenVerifier":
    """Return what checks tokens, with its keys."""
    from chalicelib.adapters.tokens import TokenVerifier

    return TokenVerifier(AuthorizerSettings.read(os.environ))


@cache
def catalogue() -> "Catalogue":
    """Return the catalogue's use cases."""
    from chalicelib.services.catalogue import Catalogue

    return Catalogue(events=stores().events, cities=stores().cities)


@cache
def event_editor() -> "EventEditor":
    """Return what admins do with events."""
    from chalicelib.services.editing_events import EventEditor

    return EventEditor(events=stores().events, cities=stores().cities, clock=utc_now, log=log())


@cache
def event_import() -> "EventImport":
    """Return what takes files of events in."""
    from chalicelib.services.transfer_import import EventImport

    return EventImport(
        events=stores().events,
        cities=stores().cities,
        editor=event_editor(),
        clock=utc_now,
        timer=time.monotonic,
        log=log(),
    )


@cache
def city_editor() -> "CityEditor":
    """Return what admins do with cities."""
    from chalicelib.services.editing_cities import CityEditor

    return CityEditor(
        cities=stores().cities,
        renames=_renames(workers=1),
        clock=utc_now,
        stopwatch=time.monotonic,
        log=log(),
    )


def _renames(workers: int) -> "Renames":
    from chalicelib.services.renames import Renames

    parts = stores()
    return Renames(
        cities=parts.cities,
        events=parts.events,
        renames=parts.renames,
        clock=utc_now,
        workers=workers,
    )


@cache
def reconciliation() -> "Reconciliation":
    """Return what the timer does."""
    from chalicelib.services.reconciliation import Reconciliation, renames_chore, words_chore

    chores = (
        words_chore(stores().abandoned_words),
        renames_chore(_renames(_TIMERS_WORKERS)),
    )
    return Reconciliation(chores, log())


def event_calendar(event: "Event") -> str:
    """Return an event as an iCalendar file."""
    from chalicelib.adapters.calendar import event_calendar

    return event_calendar(event)


def checkout() -> "Checkout":
    """Return the use case that starts a sale."""
    from ulid import ULID

    from chalicelib.services.checkout import Checkout, RedirectPolicy

    settings = CheckoutSettings.read(os.environ)
    return Checkout(
        events=stores().events,
        orders=stores().orders,
        payments=payments(),
        redirects=RedirectPolicy(settings.allowed_origins, settings.allow_loopback),
        clock=utc_now,
        new_id=lambda: str(ULID()),
        log=log(),
    )


@cache
def fulfilment() -> "Fulfilment":
    """Return the use case that brings an order in step with its session."""
    from chalicelib.services.fulfilment import Fulfilment

    return Fulfilment(orders=stores().orders, clock=utc_now, log=log())


@cache
def sample_data() -> "SampleData":
    """Return what fills and empties a stage that allows it."""
    from chalicelib.services.samples import SampleData

    return SampleData(
        events=event_editor(),
        cities=city_editor(),
        eraser=stores().eraser,
        clock=utc_now,
        log=log(),
    )
