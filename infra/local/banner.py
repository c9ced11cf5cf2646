"""What the local run prints once it is up: what to open, and what to try."""

from infra.local.settings import LocalRun


def banner(run: LocalRun, *, filled: bool) -> str:
    """Return the text."""
    at = run.endpoints
    samples = (
        "sample data was added" if filled else "your data of last time (make reset empties it)"
    )
    stripe_note = "  (open it: sessions, events, deliveries)" if run.starts_stripe else ""
    mail_note = "  (open it: e-mails with tickets)" if run.starts_mail else ""
    token_note = "" if run.starts_issuer else "  (not available: JWT_ISSUER is not the local one)"
    throttled = "\nIt throttles as the deployed stack does (THROTTLE).\n" if run.throttles else ""
    return f"""
The Events API is up: {samples}.
{throttled}
  API        {at["api"]}
  Stripe     {at["stripe"]}{stripe_note}
  Issuer     {at["issuer"]}
  DynamoDB   {at["dynamodb"]}
  Mail       {at["mail"]}{mail_note}
  Webhook    {run.webhook_url}
  Health     {at["api"]}/health  (open it; numbers are at /metrics, with X-Api-Key)

Try:

  curl '{at["api"]}/api/events?limit=2'
  curl {at["api"]}/api/events/tech-conference
  curl -X POST {at["api"]}/api/payments/checkout -H 'Content-Type: application/json' -d '{{
    "eventSlug": "tech-conference", "quantity": 2, "unitPrice": 149.99, "totalAmount": 299.98,
    "successUrl": "http://localhost:3000/done", "cancelUrl": "http://localhost:3000/"}}'
  (open its checkoutUrl in a browser and press Pay)

  make -s token{token_note}
  curl {at["api"]}/api/auth/me -H "Authorization: Bearer $(make -s token)"

Ctrl-C stops everything.
"""
