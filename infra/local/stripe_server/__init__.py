"""A small Stripe for one machine: Checkout, refunds, disputes, events and webhooks, for the
official SDK.

There are no cards, customers, subscriptions, coupons or taxes. Run it with

    python -m infra.local.stripe_server --port 12111 --state-dir .local/stripe --webhook-url URL

with the secrets in STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET; in a test, use `running`.

A session's `url` is a page with buttons to pay, to pay later, to fail and to cancel; from a
script, `curl -X POST {url}/pay` does what its button does (see `checkout_page`). `/` lists what
has happened, and leads to what else can be made to happen: refunds made in the dashboard, refunds
that fail, disputes, webhooks that do not arrive (see `dashboard_page`). Parameters that Stripe
knows and this server would have to act on, but does not, are refused with the code
`not_modelled_locally`.
"""

from .app import create_app
from .config import Config
from .serving import running

__all__ = ["Config", "create_app", "running"]
