"""The composition root: every part is made here, once, on first use, and its third party is
imported then and not before. What is not used by a function is never loaded by it.
"""

import os
import threading
import time
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from chalicelib.domain.clock import utc_now
from chalicelib.errors import InvalidSignature
from chalicelib.log_context import bound
from chalicelib.observability import BusinessMetrics, StructuredLog
from chalicelib.settings import (
    LOCAL_STAGE,
    AdminSettings,
    CheckoutSettings,
    HttpSettings,
    MailSettings,
    MetricsSettings,
    StoreSettings,
    StripeSettings,
    stage_name,
)

if TYPE_CHECKING:
    from chalicelib.adapters.secrets import ParameterStore, Secrets
    from chalicelib.adapters.stripe_events import StripeEvent
    from chalicelib.adapters.stripe_gateway import StripeGateway
    from chalicelib.adapters.stripe_reach import StripeReach
    from chalicelib.domain.events import Event
    from chalicelib.services.auditing import Auditor
    from chalicelib.services.cancelling import Cancelling
    from chalicelib.services.catalogue import Catalogue
    from chalicelib.services.check_in import Doors
    from chalicelib.services.checkout import Checkout
    from chalicelib.services.confirmations import Confirmations
    from chalicelib.services.due_orders import DueOrders
    from chalicelib.services.editing_cities import CityEditor
    from chalicelib.services.editing_events import EventEditor
    from chalicelib.services.figures import FigureSource
    from chalicelib.services.finding_orders import OrderFinder
    from chalicelib.services.fulfilment import Fulfilment
    from chalicelib.services.health import Health
    from chalicelib.services.keyed_checkout import KeyedCheckout
    from chalicelib.services.payment_news import PaymentNewsDesk
    from chalicelib.services.ports import Mailer, Meter
    from chalicelib.services.process_figures import ProcessFigures
    from chalicelib.services.reconciliation import Reconciliation
    from chalicelib.services.refunding import Refunding
    from chalicelib.services.renames import Renames
    from chalicelib.services.samples import SampleData
    from chalicelib.services.transfer_import import EventImport
    from chalicelib.services.undelivered_news import UndeliveredNews
    from chalicelib.services.unfinished_orders import UnfinishedOrders
    from chalicelib.store import Stores

# Bringing a city's new name to an event, or ending an order, is waiting for DynamoDB and Stripe, so
# it is done side by side.
_TIMERS_WORKERS = 8
_REQUESTS_WORKERS = 4
# How long a check of the service's health is kept: Stripe is asked less often than our own store.
_DATABASE_CHECK_SECONDS = 5.0
_PAYMENTS_CHECK_SECONDS = 15.0
# Stripe refuses no key that works, so a refused one is looked up again almost at once. A signature
# that does not hold may be anybody's, so a stranger's requests have SSM asked once a minute.
_REFUSED_KEY_PAUSE_SECONDS = 5.0
_BAD_SIGNATURE_PAUSE_SECONDS = 60.0

_started = time.monotonic()


def uptime() -> float:
    """Return for how many seconds this process has been there."""
    return time.monotonic() - _started


def stage() -> str:
    """Return the stage's name, for show."""
    return stage_name(os.environ)


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

    # Whoever was first to make a client has read what botocore knows of AWS's endpoints.
    session = _parameters().session if _parameters.cache_info().currsize else None
    return open_stores(StoreSettings.read(os.environ), session)


def connect_catalogue() -> None:
    """Make all that the first page view needs: nothing is sent."""
    stores().connect()
    catalogue()


def connect_orders() -> None:
    """Make all that the first read of an order needs: nothing is sent."""
    stores().connect()
    _ = stores().orders


def load_payments() -> None:
    """Load what hears and asks Stripe: nothing is sent."""
    for part in ("adapters.stripe_gateway", "adapters.stripe_signatures", "services.payment_news"):
        import_module(f"chalicelib.{part}")


@cache
def _parameters() -> "ParameterStore":
    from chalicelib.adapters.secrets import ParameterStore

    return ParameterStore(lambda: stores().session if stores.cache_info().currsize else None)


@cache
def secrets() -> "Secrets":
    """Return the source of secrets."""
    from chalicelib.adapters.secrets import Secrets

    return Secrets(os.environ, _parameters().read)


def payments() -> "StripeGateway":
    """Return Stripe, with the secret key as it is now."""
    return _gateway(secrets().get("STRIPE_SECRET_KEY"))


def payments_are_live() -> bool:
    """Tell whether real money is paid, by the secret key (Stripe's page "API keys")."""
    return secrets().get("STRIPE_SECRET_KEY").startswith(("sk_live_", "rk_live_"))


@cache
def _gateway(secret_key: str) -> "StripeGateway":
    from chalicelib.adapters.stripe_gateway import StripeGateway

    return StripeGateway(
        secret_key,
        StripeSettings.read(os.environ).api_base,
        log(),
        renewed_key=lambda refused: secrets().renewed(
            "STRIPE_SECRET_KEY", refused, _REFUSED_KEY_PAUSE_SECONDS
        ),
    )


def verify_stripe_event(body: bytes, signature: str | None) -> "StripeEvent":
    """Return the event of a webhook's raw body; raises `InvalidSignature`."""
    from chalicelib.adapters.stripe_signatures import verify_event

    known = secrets().get_list("STRIPE_WEBHOOK_SECRET")
    try:
        return verify_event(body, signature, known)
    except InvalidSignature:
        others = secrets().renewed_list(
            "STRIPE_WEBHOOK_SECRET", known, _BAD_SIGNATURE_PAUSE_SECONDS
        )
        if others is None:
            raise
    return verify_event(body, signature, others)


@cache
def catalogue() -> "Catalogue":
    """Return the catalogue's use cases."""
    from chalicelib.services.catalogue import Catalogue

    return Catalogue(events=stores().event_reader, cities=stores().cities)


@cache
def event_editor() -> "EventEditor":
    """Return what admins do with events."""
    from chalicelib.services.editing_events import EventEditor

    return EventEditor(
        events=stores().events,
        cities=stores().cities,
        auditor=_auditor(),
        clock=utc_now,
        log=log(),
    )


def _auditor() -> "Auditor":
    from chalicelib.services.auditing import Auditor

    return Auditor(utc_now, bound)


@cache
def event_import() -> "EventImport":
    """Return what takes files of events in."""
    from chalicelib.services.transfer_import import EventImport

    return EventImport(
        events=stores().events,
        cities=stores().cities,
        editor=event_editor(),
        auditor=_auditor(),
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
        auditor=_auditor(),
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
def meter() -> "Meter":
    """Return where outcomes are counted: in CloudWatch, and in the local run in its process too."""
    return process_figures() if stage() == LOCAL_STAGE else BusinessMetrics()


@cache
def process_figures() -> "ProcessFigures":
    """Return what counts in the local run, where one process is all there is."""
    from chalicelib.services.process_figures import ProcessFigures

    return ProcessFigures(utc_now, BusinessMetrics())


@cache
def figures() -> "FigureSource":
    """Return where the service's numbers are kept."""
    if stage() == LOCAL_STAGE:
        return process_figures()
    from chalicelib.adapters.cloudwatch import CloudWatchFigures

    return CloudWatchFigures(MetricsSettings.read(os.environ), log())


_making_health = threading.Lock()


def health() -> "Health":
    """Return the checks of the service's health: the same for all, also for those who ask first
    and at once, or each would run checks of its own.
    """
    with _making_health:
        return _health()


@cache
def _health() -> "Health":
    """Make the checks. What they need they make themselves: a setting that is missing is ill
    health, not an error.
    """
    from chalicelib.adapters.memory import memory_use
    from chalicelib.services.health import Health, Probe

    # A cold start's imports are no part of the time that a check has.
    for part in ("chalicelib.store", "chalicelib.adapters.stripe_reach"):
        import_module(part)
    return Health(
        database=Probe(
            "database",
            _check_database,
            _DATABASE_CHECK_SECONDS,
            time.monotonic,
            log(),
        ),
        payments=Probe(
            "payments",
            _check_payments,
            _PAYMENTS_CHECK_SECONDS,
            time.monotonic,
            log(),
        ),
        memory=lambda: memory_use(os.environ),
    )


def _check_database() -> float:
    return stores().pulse.check()


def _check_payments() -> float:
    return _stripe_reach().check()


@cache
def _stripe_reach() -> "StripeReach":
    from chalicelib.adapters.stripe_reach import StripeReach

    return StripeReach(
        lambda: secrets().get("STRIPE_SECRET_KEY"), StripeSettings.read(os.environ).api_base
    )


def reconciliation() -> "Reconciliation":
    """Return what the timer does."""
    from chalicelib.services.reconciliation import (
        Reconciliation,
        cancellations_chore,
        due_orders_chore,
        measuring_chore,
        renames_chore,
        undelivered_news_chore,
        words_chore,
    )

    chores = (
        measuring_chore(_unfinished_orders()),
        due_orders_chore(due_orders()),
        undelivered_news_chore(_undelivered_news()),
        cancellations_chore(cancelling(_TIMERS_WORKERS)),
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
    from chalicelib.services.checkout import Checkout
    from chalicelib.services.redirects import RedirectPolicy

    settings = CheckoutSettings.read(os.environ)
    return Checkout(
        events=stores().event_reader,
        orders=stores().orders,
        payments=payments(),
        confirmations=confirmations(),
        redirects=RedirectPolicy(settings.allowed_origins, settings.allow_loopback),
        clock=utc_now,
        new_id=_new_id,
        new_secret=_new_secret,
        log=log(),
        meter=meter(),
    )


def keyed_checkout() -> "KeyedCheckout":
    """Return the use case that starts a sale once for each idempotency key."""
    from chalicelib.services.keyed_checkout import KeyedCheckout

    return KeyedCheckout(
        checkout=checkout(),
        requests=stores().keyed_requests,
        orders=stores().orders,
        payments=payments(),
        clock=utc_now,
        new_id=_new_id,
        log=log(),
    )


def _new_id() -> str:
    from ulid import ULID

    return str(ULID())


def _new_secret() -> str:
    from chalicelib.domain.tickets import ticket_secret

    return ticket_secret(os.urandom(10))


@cache
def _mailer() -> "Mailer | None":
    settings = MailSettings.read(os.environ)
    if not settings.enabled:
        return None
    from chalicelib.adapters.ses import SesMailer

    return SesMailer(settings, log(), stores().session)


@cache
def confirmations() -> "Confirmations":
    """Return what sends buyers their tickets."""
    from chalicelib.services.confirmations import Confirmations

    return Confirmations(
        orders=stores().orders,
        events=stores().event_reader,
        mailer=_mailer(),
        clock=utc_now,
        log=log(),
        meter=meter(),
    )


@cache
def order_finder() -> "OrderFinder":
    """Return what finds orders for those who may see them."""
    from chalicelib.services.finding_orders import OrderFinder

    return OrderFinder(orders=stores().orders, payments=payments, log=log())


def qr_pictures(code: str) -> dict[str, str]:
    """Return a ticket's QR code as pictures, `data:` URIs by their kind."""
    from chalicelib.adapters.qr import qr_png_uri, qr_svg_uri

    return {"svg": qr_svg_uri(code), "png": qr_png_uri(code)}


def refunding() -> "Refunding":
    """Return what gives money back."""
    from chalicelib.services.refunding import Refunding

    return Refunding(
        orders=stores().orders,
        payments=payments(),
        auditor=_auditor(),
        clock=utc_now,
        log=log(),
        meter=meter(),
    )


def fulfilment() -> "Fulfilment":
    """Return the use case that brings an order in step with its session."""
    from chalicelib.services.fulfilment import Fulfilment

    return Fulfilment(
        orders=stores().orders,
        refunding=refunding(),
        confirmations=confirmations(),
        new_secret=_new_secret,
        clock=utc_now,
        log=log(),
        meter=meter(),
    )


def payment_news() -> "PaymentNewsDesk":
    """Return what hears Stripe's events."""
    from chalicelib.services.payment_news import PaymentNewsDesk

    return PaymentNewsDesk(
        orders=stores().orders,
        events=stores().event_reader,
        payments=payments(),
        fulfilment=fulfilment(),
        refunding=refunding(),
        clock=utc_now,
        log=log(),
        meter=meter(),
    )


def due_orders() -> "DueOrders":
    """Return what ends orders that nobody else did."""
    from chalicelib.services.due_orders import DueOrders

    return DueOrders(
        orders=stores().orders,
        payments=payments(),
        fulfilment=fulfilment(),
        refunding=refunding(),
        confirmations=confirmations(),
        clock=utc_now,
        log=log(),
        meter=meter(),
    )


def _unfinished_orders() -> "UnfinishedOrders":
    from chalicelib.services.unfinished_orders import UnfinishedOrders

    return UnfinishedOrders(orders=stores().orders, clock=utc_now, log=log(), meter=meter())


def _undelivered_news() -> "UndeliveredNews":
    from chalicelib.services.undelivered_news import UndeliveredNews

    return UndeliveredNews(
        payments=payments(),
        desk=payment_news(),
        marker=stores().news_marker,
        clock=utc_now,
        log=log(),
        meter=meter(),
    )


def cancelling(workers: int = _REQUESTS_WORKERS) -> "Cancelling":
    """Return what ends the orders of cancelled events."""
    from chalicelib.services.cancelling import Cancelling

    return Cancelling(
        orders=stores().orders,
        cancellations=stores().cancellations,
        due_orders=due_orders(),
        refunding=refunding(),
        clock=utc_now,
        log=log(),
        workers=workers,
    )


def doors() -> "Doors":
    """Return what lets people in."""
    from chalicelib.services.check_in import Doors

    return Doors(
        orders=stores().orders,
        events=stores().event_reader,
        auditor=_auditor(),
        clock=utc_now,
        log=log(),
        meter=meter(),
    )


@cache
def sample_data() -> "SampleData":
    """Return what fills and empties a stage that allows it."""
    from chalicelib.services.samples import SampleData

    return SampleData(
        events=event_editor(),
        cities=city_editor(),
        eraser=stores().eraser,
        trail=stores().audit_trail,
        auditor=_auditor(),
        clock=utc_now,
        log=log(),
    )
