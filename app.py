"""The API: every blueprint, and nothing else. The other functions never import this module."""

from chalice.app import Chalice

from chalicelib.functions import authorizer, reconcile, stripe_webhook
from chalicelib.http.preflight import add_preflights
from chalicelib.routes import (
    account,
    admin,
    admin_audit,
    admin_cities,
    admin_orders,
    admin_transfer,
    calendar,
    check_in,
    cities,
    database,
    docs,
    events,
    health,
    metrics,
    orders,
    payments,
    root,
)

app = Chalice(app_name="events-api", configure_logs=False)
# Everything that is sent is text. A binary media type would have API Gateway encode bodies, and
# with them what Stripe signed.
app.api.binary_types = []

for blueprint in (
    # Not routes: registered so that they are deployed. Each starts from its own module.
    authorizer.blueprint,
    stripe_webhook.blueprint,
    reconcile.blueprint,
    # Routes.
    root.blueprint,
    events.blueprint,
    calendar.blueprint,
    cities.blueprint,
    payments.blueprint,
    orders.blueprint,
    account.blueprint,
    admin.blueprint,
    admin_cities.blueprint,
    admin_transfer.blueprint,
    admin_orders.blueprint,
    check_in.blueprint,
    admin_audit.blueprint,
    database.blueprint,
    docs.blueprint,
    health.blueprint,
    metrics.blueprint,
):
    app.register_blueprint(blueprint)
add_preflights(app, stripe_webhook.PATH)
