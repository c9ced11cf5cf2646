"""The API: every path and the module that has it, and nothing else. The other functions never
import this module.
"""

from importlib import import_module

from chalice.app import Blueprint

from chalicelib import wiring
from chalicelib.functions import guard, reconcile, stripe_webhook
from chalicelib.functions.init_phase import prepare
from chalicelib.http.lazy_app import LazyApp
from chalicelib.http.preflight import ANY_PATH

# Paths that the app answers preflights on, and nothing else.
PREFLIGHTS_ONLY = ""
# By the module of `chalicelib.routes` that is loaded when one of them is asked for.
PATHS = {
    "root": ("/",),
    "events": ("/api/events", "/api/events/{slug}"),
    "calendar": ("/api/events/{slug}/calendar.ics",),
    "cities": ("/api/cities", "/api/cities/{slug}"),
    "payments": (
        "/api/payments/checkout",
        "/api/payments/create-checkout-session",
        "/api/payments/verify/{session_id}",
        "/api/payments/verify-session/{session_id}",
    ),
    "orders": ("/api/orders", "/api/orders/{id}", "/api/orders/{id}/tickets"),
    "account": ("/api/auth/me",),
    "admin": (
        "/api/admin/events",
        "/api/admin/events/{id_or_slug}",
        "/api/admin/events/{id_or_slug}/cancel",
    ),
    "admin_cities": ("/api/admin/cities", "/api/admin/cities/{slug}"),
    "admin_transfer": ("/api/admin/events/export", "/api/admin/events/import"),
    "admin_orders": (
        "/api/admin/orders",
        "/api/admin/orders/{id}",
        "/api/admin/orders/{id}/refund",
    ),
    "check_in": ("/api/admin/tickets/{code}/check-in",),
    "admin_audit": ("/api/admin/audit",),
    "database": (
        "/admin/database/reset",
        "/api/admin/database/reset",
        "/admin/database/truncate",
        "/api/admin/database/truncate",
    ),
    "docs": ("/api/docs", "/api/docs/{asset}", "/api/openapi.json"),
    "health": ("/health", "/health/json", "/ready"),
    "metrics": ("/metrics",),
    PREFLIGHTS_ONLY: (stripe_webhook.PATH, ANY_PATH),
}


def _blueprint_of(name: str) -> Blueprint | None:
    if name == PREFLIGHTS_ONLY:
        return None
    blueprint: Blueprint = import_module(f"chalicelib.routes.{name}").blueprint
    return blueprint


app = LazyApp("events-api", PATHS, _blueprint_of)
# Everything that is sent is text. A binary media type would have API Gateway encode bodies, and
# with them what Stripe signed.
app.api.binary_types = []
# Not routes: registered so that they are deployed. Each starts from its own module.
for functions in (guard.blueprint, stripe_webhook.blueprint, reconcile.blueprint):
    app.register_blueprint(functions)

# A cold start is mostly somebody who looks at an event.
prepare(
    "app.app",
    lambda: app.routes["/api/events"],
    wiring.connect_catalogue,
    for_snapshots=(lambda: list(app.routes), wiring.connect_orders, wiring.load_payments),
)
