"""What is counted: a good request of every route, every kind of news from Stripe, the timer and the
authorizer. Each case begins with a shop that has just opened.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

import pytest

from app import app
from chalicelib import sign_in, wiring
from chalicelib.domain.clock import utc_now
from chalicelib.functions.authorizer import jwt_authorizer
from chalicelib.functions.reconcile import reconcile
from chalicelib.functions.stripe_webhook import stripe_webhook
from infra.local.timer import scheduled_event
from tests.benchmarks.budgets.metering import Count
from tests.benchmarks.budgets.world import Sale, World
from tests.support.lambda_api import signed_in
from tests.support.routes import BODY_TYPES, CHECKOUT, GOOD, ROUTES, Route, send
from tests.support.stripe_objects import delivery, event_text
from tests.support.tokens import a_token, rsa_key

API: Final = "API"
WEBHOOK: Final = "webhook"
TIMER: Final = "timer"
AUTHORIZER: Final = "authorizer"
FUNCTIONS: Final = (API, WEBHOOK, TIMER, AUTHORIZER)

_ABOUT_SALES = ("orders", "verify", "tickets")
_NO_SALE = Sale("", "", "")
# As long as a page is, and longer than the shop's own.
PAGE_OF_50: Final = "a page of 50 events"

# So many that many may buy at once.
MANY_SEATS: Final = 1_600

_OK = 300
_METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:abc123/dev/GET/api/auth/me"

Work = Callable[[], object]
Opened = Callable[[], AbstractContextManager[World]]


@dataclass(frozen=True)
class Case:
    """Something a function does. `prepare` returns what is counted; `also` are other routes that
    do the same; `cold` says that the function has just started, and knows neither secrets nor keys.
    """

    function: str
    name: str
    prepare: Callable[[World], Work]
    also: tuple[str, ...] = ()
    cold: bool = False


def counted(opened: Opened, case: Case) -> Count:
    """Return what a case asks of others, in a shop of its own."""
    with opened() as world:
        work = case.prepare(world)
        (_forget_secrets if case.cold else _know_secrets)()
        return world.count(work)


def all_cases() -> list[Case]:
    """Return every case, in the order in which they are shown."""
    return [
        *_of_routes(),
        *_of_variants(),
        *_of_webhook(),
        *_of_timer(),
        *_of_authorizer(),
        *_cold(),
    ]


def _forget_secrets() -> None:
    wiring.secrets.cache_clear()
    sign_in.token_verifier.cache_clear()


def _know_secrets() -> None:
    wiring.payments()
    wiring.secrets().get_list("STRIPE_WEBHOOK_SECRET")


def _of_routes() -> Iterator[Case]:
    for routes in _by_view():
        first, *others = routes
        yield Case(API, " ".join(first), partial(_route, route=first), tuple(map(" ".join, others)))


def _by_view() -> Iterable[list[Route]]:
    """Return the routes, those that have one view together."""
    found: dict[object, list[Route]] = {}
    for method, path in ROUTES:
        found.setdefault(app.routes[path][method].view_function, []).append((method, path))
    return found.values()


def _route(world: World, route: Route) -> Work:
    _, path = route
    sale = world.sell() if any(part in path for part in _ABOUT_SALES) else _NO_SALE
    return lambda: _send(route, sale)


def _send(route: Route, sale: Sale) -> None:
    parameters, body = GOOD[route]
    described = {"Content-Type": BODY_TYPES[route]} if route in BODY_TYPES else {}
    answer = send(
        *route,
        caller=signed_in(),
        headers=described,
        parameters=_of_sale(route, parameters, sale),
        body=None if body is None else json.dumps(body),
    )
    assert answer.status < _OK, answer.text


def _of_sale(route: Route, parameters: Mapping[str, str], sale: Sale) -> dict[str, str]:
    """Return a route's parameters, with those that name an order."""
    _, path = route
    ours = {"session_id": sale.session_id, "code": sale.ticket}
    if "orders" in path:
        ours["id"] = sale.order_id if "admin" in path else sale.session_id
    return {name: ours.get(name, value) for name, value in parameters.items()}


def _of_variants() -> Iterator[Case]:
    """Yield what else a list and a checkout may be."""
    yield Case(API, PAGE_OF_50, _full_page)
    yield Case(API, f"an event of {MANY_SEATS:,} seats", _large_event)
    yield Case(API, f"checkout of an event of {MANY_SEATS:,} seats", _large_checkout)
    yield Case(API, "checkout, signed in", _signed_in_checkout)
    yield Case(API, "checkout under an Idempotency-Key", _keyed_checkout)
    yield Case(API, "the same checkout again", _repeated_checkout)
    yield Case(API, "checkout of free tickets", _free_checkout)
    yield Case(API, "checkout of a sold-out event", _sold_out_checkout)
    yield Case(API, f"checkout of {MANY_SEATS:,} seats that are sold out", _large_sold_out)
    yield Case(API, "verify, before the webhook came", _early_verify)


def _full_page(world: World) -> Work:
    for number in range(50):
        world.add_event(f"event-{number}x")
    return lambda: send("GET", "/api/events")


def _large_event(world: World) -> Work:
    slug = _on_sale(world)
    return lambda: send("GET", "/api/events/{slug}", parameters={"slug": slug})


def _large_checkout(world: World) -> Work:
    slug = _on_sale(world)
    return lambda: _expect(201, _buy(eventSlug=slug))


def _on_sale(world: World) -> str:
    """Put in an event with many seats, of which some were sold; return its slug."""
    event = world.add_event("arena", capacity=MANY_SEATS)
    _expect(201, _buy(eventSlug=event.slug))
    return event.slug


def _buy(headers: Mapping[str, str] | None = None, **changes: object) -> int:
    answer = send(
        "POST",
        "/api/payments/checkout",
        headers=dict(headers or {}),
        body=json.dumps({**CHECKOUT, **changes}),
    )
    return answer.status


def _signed_in_checkout(world: World) -> Work:
    headers = {"Authorization": f"Bearer {a_token(rsa_key())}"}
    # Its keys are known: the API has looked at a token before.
    assert _buy(headers) == 201
    return lambda: _expect(201, _buy(headers))


def _keyed_checkout(world: World) -> Work:
    return lambda: _expect(201, _buy({"Idempotency-Key": "a-key"}))


def _repeated_checkout(world: World) -> Work:
    _expect(201, _buy({"Idempotency-Key": "a-key"}))
    return lambda: _expect(201, _buy({"Idempotency-Key": "a-key"}))


def _free_checkout(world: World) -> Work:
    event = world.free_event()
    wanted: dict[str, Any] = {"eventSlug": event.slug, "unitPrice": 0, "totalAmount": 0}
    return lambda: _expect(201, _buy(**wanted, customerEmail="ann@mail.example"))


def _sold_out_checkout(world: World) -> Work:
    event = world.event
    record = world.stores.events.get(event.slug, consistent=True)
    assert record is not None
    world.stores.events.replace(record, replace(event, capacity=0))
    return lambda: _expect(409, _buy())


def _large_sold_out(world: World) -> Work:
    slug = _on_sale(world)
    record = world.stores.events.get(slug, consistent=True)
    assert record is not None
    whole = world.stores.events.whole(record, consistent=True)
    world.stores.events.replace(whole, replace(whole.described(), capacity=whole.held))
    return lambda: _expect(409, _buy(eventSlug=slug))


def _early_verify(world: World) -> Work:
    sale = world.reserve()
    world.stripe.pay(sale.session_id)
    return lambda: _send(("GET", "/api/payments/verify/{session_id}"), sale)


def _expect(wanted: int, status: int) -> None:
    assert status == wanted, status


def _of_webhook() -> Iterator[Case]:
    """Yield every kind of news, and what is no news."""
    for name, happens in _NEWS.items():
        yield Case(WEBHOOK, name, partial(_news, name=name, happens=happens))
    yield Case(WEBHOOK, "the same event again", _repeat)
    yield Case(WEBHOOK, "an event of a type that is not ours", _not_ours)
    yield Case(WEBHOOK, "a bad signature", _bad_signature)


def _news(world: World, name: str, happens: Callable[[World], None]) -> Work:
    happens(world)
    event = world.waiting(name.partition(" ")[0])
    return lambda: world.deliver(event)


def _paid(world: World) -> None:
    world.stripe.pay(world.reserve().session_id)


def _promised(world: World) -> None:
    world.stripe.promise(world.reserve().session_id)


def _arrived(world: World) -> None:
    session_id = world.reserve().session_id
    world.stripe.promise(session_id)
    world.hear()
    world.stripe.arrive(session_id)


def _bounced(world: World) -> None:
    session_id = world.reserve().session_id
    world.stripe.promise(session_id)
    world.hear()
    world.stripe.bounce(session_id)


def _expired(world: World) -> None:
    world.stripe.expire_in_dashboard(world.reserve().session_id)


def _refunded(world: World) -> None:
    world.stripe.refund_in_dashboard(world.sell().session_id)


def _refund_pending(world: World) -> None:
    world.stripe.next_refund("pending")
    refund = world.stripe.refund_in_dashboard(world.sell().session_id)
    world.hear()
    world.stripe.finish_refund(refund)


def _refund_failed(world: World) -> None:
    refund = world.stripe.refund_in_dashboard(world.sell().session_id)
    world.hear()
    world.stripe.fail_refund(refund)


def _disputed(world: World) -> None:
    world.stripe.dispute(world.sell().session_id)


def _won(world: World) -> None:
    dispute = world.stripe.dispute(world.sell().session_id)
    world.hear()
    world.stripe.win_dispute(dispute)


_NEWS: Final = {
    "checkout.session.completed (paid)": _paid,
    "checkout.session.completed (money comes later)": _promised,
    "checkout.session.async_payment_succeeded": _arrived,
    "checkout.session.async_payment_failed": _bounced,
    "checkout.session.expired": _expired,
    "charge.refunded (first to be heard)": _refunded,
    "refund.created (first to be heard)": _refunded,
    "refund.updated": _refund_pending,
    "refund.failed": _refund_failed,
    "charge.dispute.created": _disputed,
    "charge.dispute.closed": _won,
}


def _repeat(world: World) -> Work:
    _paid(world)
    event = world.waiting("checkout.session.completed")
    world.deliver(event)
    return lambda: world.deliver(event)


def _not_ours(world: World) -> Work:
    request = delivery(event_text("product.created", {"id": "prod_1", "object": "product"}))
    return lambda: stripe_webhook(request, None)


def _bad_signature(world: World) -> Work:
    # The first one has SSM asked again, as once a minute at the most.
    request = delivery(event_text("product.created", {}), signed="t=1,v1=0")
    stripe_webhook(request, None)
    return lambda: stripe_webhook(request, None)


def _of_timer() -> Iterator[Case]:
    yield Case(TIMER, "nothing to do", _idle)
    yield Case(TIMER, "a hold that is over (Stripe's webhook lost)", _overdue)
    yield Case(TIMER, "a paid order whose webhook was lost", _lost)


def _tick() -> None:
    reconcile(scheduled_event(), None)


def _idle(world: World) -> Work:
    world.sell()
    _tick()
    return _tick


def _overdue(world: World) -> Work:
    _tick()
    _make_due(world, world.reserve())
    return _tick


def _lost(world: World) -> Work:
    _tick()
    sale = world.reserve()
    world.stripe.pay(sale.session_id)
    _make_due(world, sale)
    return _tick


def _make_due(world: World, sale: Sale) -> None:
    order = world.order(sale)
    world.stores.orders.replace(order, replace(order, due_at=utc_now() - timedelta(minutes=1)))


def _of_authorizer() -> Iterator[Case]:
    yield Case(AUTHORIZER, "a good token, keys known", _known_keys)
    yield Case(AUTHORIZER, "a token that is refused, keys known", _refused)


def _authorize(token: str) -> dict[str, Any]:
    event = {"type": "TOKEN", "authorizationToken": f"Bearer {token}", "methodArn": _METHOD_ARN}
    admitted: dict[str, Any] = jwt_authorizer(event, None)
    return admitted


def _known_keys(world: World) -> Work:
    _authorize(a_token(rsa_key()))
    return lambda: _authorize(a_token(rsa_key(), sub="user_2"))


def _refused(world: World) -> Work:
    _authorize(a_token(rsa_key()))

    def refused() -> None:
        # Lambda knows no types of errors, only texts.
        with pytest.raises(Exception, match="Unauthorized"):
            _authorize(a_token(rsa_key(), exp=1))

    return refused


def _cold() -> Iterator[Case]:
    """Yield what is asked for besides where a function has just started."""
    yield Case(API, "POST /api/payments/checkout, just started", _first_checkout, cold=True)
    yield Case(WEBHOOK, "checkout.session.completed (paid), just started", _first_news, cold=True)
    yield Case(TIMER, "nothing to do, just started", _first_tick, cold=True)
    yield Case(AUTHORIZER, "a good token, just started", _first_token, cold=True)


def _first_checkout(world: World) -> Work:
    return lambda: _expect(201, _buy())


def _first_news(world: World) -> Work:
    return _news(world, "checkout.session.completed", _paid)


def _first_tick(world: World) -> Work:
    return _idle(world)


def _first_token(world: World) -> Work:
    token = a_token(rsa_key())
    return lambda: _authorize(token)
