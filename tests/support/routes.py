"""The app's routes, a good request for each of them, and a way to send it straight to the handler.

The routes are the app's own, so that what is asserted of every route holds for a new one too.
"""

import json
from collections.abc import Mapping
from typing import Any

from app import app
from chalicelib.store import Stores
from tests.support.builders import a_paid_session
from tests.support.fakes import FakePayments
from tests.support.lambda_api import Answer, proxy_event, signed_in
from tests.support.seeding import (
    ORDER_ID,
    seed_city,
    seed_event,
    seed_paid_order,
    ticket_code,
)

Route = tuple[str, str]

ANY_PATH = "/{proxy+}"
ROUTES: list[Route] = sorted(
    (method, path)
    for path, methods in app.routes.items()
    for method in methods
    if method != "OPTIONS"
)
GUARDED: list[Route] = [
    (method, path) for method, path in ROUTES if app.routes[path][method].authorizer is not None
]
CHECKOUT = {
    "eventSlug": "tech-conference",
    "quantity": 1,
    "unitPrice": 149.99,
    "totalAmount": 149.99,
    "successUrl": "http://localhost:3000/thanks",
    "cancelUrl": "http://localhost:3000/",
}
EVENT = {
    "name": "Harbour Jazz",
    "date": "2099-07-01T18:00:00Z",
    "citySlug": "london",
    "location": "Quay 4",
    "organizerName": "Blue Notes",
    "price": 20,
}
EVENT_CHANGES = {"name": "Tech Congress", "price": 150}
# An event of which nothing is held or sold, for what cannot be done to one that is on its way.
UNSOLD = "quiet-evening"
REFUND = {"amount": 10}
CHECK_IN = {"door": "North"}
CITY = {"name": "Porto"}
CITY_CHANGES = {"country": "England"}
# A city that no event takes place in.
EMPTY_CITY = "quiet-town"

# A request of each route that goes well: its path parameters and its body.
GOOD: dict[Route, tuple[dict[str, str], Any]] = {
    ("GET", "/"): ({}, None),
    ("GET", "/api/events"): ({}, None),
    ("GET", "/api/events/{slug}"): ({"slug": "tech-conference"}, None),
    ("GET", "/api/events/{slug}/calendar.ics"): ({"slug": "tech-conference"}, None),
    ("GET", "/api/cities"): ({}, None),
    ("GET", "/api/cities/{slug}"): ({"slug": "london"}, None),
    ("POST", "/api/payments/checkout"): ({}, CHECKOUT),
    ("POST", "/api/payments/create-checkout-session"): ({}, CHECKOUT),
    ("GET", "/api/payments/verify/{session_id}"): ({"session_id": "cs_test_1"}, None),
    ("GET", "/api/payments/verify-session/{session_id}"): ({"session_id": "cs_test_1"}, None),
    ("GET", "/api/auth/me"): ({}, None),
    ("GET", "/api/orders"): ({}, None),
    ("GET", "/api/orders/{id}"): ({"id": "cs_test_1"}, None),
    ("GET", "/api/orders/{id}/tickets"): ({"id": "cs_test_1"}, None),
    ("GET", "/api/admin/events"): ({}, None),
    ("POST", "/api/admin/events"): ({}, EVENT),
    ("GET", "/api/admin/events/{id_or_slug}"): ({"id_or_slug": "tech-conference"}, None),
    ("PUT", "/api/admin/events/{id_or_slug}"): ({"id_or_slug": "1"}, EVENT_CHANGES),
    ("PATCH", "/api/admin/events/{id_or_slug}"): ({"id_or_slug": "1"}, EVENT_CHANGES),
    ("DELETE", "/api/admin/events/{id_or_slug}"): ({"id_or_slug": UNSOLD}, None),
    ("POST", "/api/admin/events/{id_or_slug}/cancel"): ({"id_or_slug": UNSOLD}, {}),
    ("GET", "/api/admin/orders"): ({}, None),
    ("GET", "/api/admin/orders/{id}"): ({"id": ORDER_ID}, None),
    ("POST", "/api/admin/orders/{id}/refund"): ({"id": ORDER_ID}, REFUND),
    ("POST", "/api/admin/tickets/{code}/check-in"): ({"code": ticket_code()}, CHECK_IN),
    ("GET", "/api/admin/audit"): ({}, None),
    ("GET", "/api/admin/events/export"): ({}, None),
    ("POST", "/api/admin/events/import"): ({}, EVENT),
    ("POST", "/api/admin/cities"): ({}, CITY),
    ("PUT", "/api/admin/cities/{slug}"): ({"slug": "london"}, CITY_CHANGES),
    ("PATCH", "/api/admin/cities/{slug}"): ({"slug": "london"}, CITY_CHANGES),
    ("DELETE", "/api/admin/cities/{slug}"): ({"slug": EMPTY_CITY}, None),
    ("POST", "/admin/database/reset"): ({}, None),
    ("POST", "/api/admin/database/reset"): ({}, None),
    ("DELETE", "/admin/database/truncate"): ({}, None),
    ("DELETE", "/api/admin/database/truncate"): ({}, None),
    ("GET", "/api/openapi.json"): ({}, None),
    ("GET", "/api/docs"): ({}, None),
    ("GET", "/api/docs/{asset}"): ({"asset": "swagger-ui.min.css"}, None),
    ("GET", "/health"): ({}, None),
    ("GET", "/health/json"): ({}, None),
    ("GET", "/ready"): ({}, None),
    ("GET", "/metrics"): ({}, None),
}
# What a body is, where a route takes other ones than JSON.
BODY_TYPES: dict[Route, str] = {
    ("POST", "/api/admin/events/import"): "application/x-ndjson",
}
# Of these no body is a good one too.
MAY_LACK_A_BODY = {
    ("POST", "/api/admin/tickets/{code}/check-in"),
    ("POST", "/api/admin/events/{id_or_slug}/cancel"),
}
# What the others answer with is JSON.
MEDIA_TYPES: dict[Route, str] = {
    ("GET", "/api/events/{slug}/calendar.ics"): "text/calendar; charset=utf-8",
    ("GET", "/api/admin/events/export"): "text/csv; charset=utf-8",
    ("GET", "/api/docs"): "text/html; charset=utf-8",
    ("GET", "/api/docs/{asset}"): "text/css; charset=utf-8",
    ("GET", "/health"): "text/html; charset=utf-8",
}
# Behind the authorizer, and for every caller.
FOR_ANY_CALLER = {("GET", "/api/auth/me"), ("GET", "/api/orders")}
# These need nothing that could fail.
WITHOUT_PARTS = {
    ("GET", "/"),
    ("GET", "/api/auth/me"),
    ("GET", "/api/openapi.json"),
    ("GET", "/api/docs"),
    ("GET", "/api/docs/{asset}"),
}
# These need no store.
WITHOUT_STORE = {*WITHOUT_PARTS, ("GET", "/metrics")}
# These tell what does not work, and do not fail with it.
ABOUT_PARTS = {("GET", "/health"), ("GET", "/health/json"), ("GET", "/ready")}
# What caches may do with an answer that is neither public JSON of the catalogue nor private.
KEPT: dict[Route, str] = {
    ("GET", "/api/openapi.json"): "no-cache",
    ("GET", "/api/docs/{asset}"): "public, max-age=31536000, immutable",
}


def open_shop(stores: Stores, payments: FakePayments, **event: Any) -> None:
    """Put in what the good requests are about: something to look at, to buy, to verify and to
    refund.
    """
    seed_city(stores)
    seed_city(stores, EMPTY_CITY)
    on_sale = seed_event(stores, **event)
    seed_event(stores, UNSOLD)
    order = seed_paid_order(stores, on_sale, user_id="user_1")
    payments.sessions["cs_test_1"] = a_paid_session(order_id=order.id)


def send(
    method: str,
    path: str,
    *,
    caller: dict[str, str] | None = None,
    parameters: dict[str, str] | None = None,
    **parts: Any,
) -> Answer:
    """Call the handler at a route, with nothing in between that could mend the answer.

    `parts` are more of what `proxy_event` takes.
    """
    event = proxy_event(method, path, path_parameters=parameters, authorizer=caller, **parts)
    result: dict[str, Any] = app(event, None)
    named = {name.lower(): value for name, value in result["headers"].items()}
    return Answer(result["statusCode"], named, result["body"])


def send_good(route: Route, headers: Mapping[str, str] | None = None) -> Answer:
    """Send a route's good request, as an admin."""
    parameters, body = GOOD[route]
    described = {"Content-Type": BODY_TYPES[route]} if route in BODY_TYPES else {}
    return send(
        *route,
        caller=signed_in(),
        headers={**described, **(headers or {})},
        parameters=parameters,
        body=None if body is None else json.dumps(body),
    )
