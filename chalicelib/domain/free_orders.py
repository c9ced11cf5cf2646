"""Orders of events that cost nothing: there is no checkout at Stripe, so the session is our own."""

from urllib.parse import urlsplit, urlunsplit

from chalicelib.domain.orders import FREE_SESSION_PREFIX

_ORDER_ID_LENGTH = 26
# What Stripe replaces by a session's id in a success URL.
SESSION_PLACEHOLDER = "{CHECKOUT_SESSION_ID}"


def free_session_id(order_id: str, secret: str) -> str:
    """Return the id of a free order's session; like Stripe's, it cannot be guessed."""
    return f"{FREE_SESSION_PREFIX}{order_id}{secret}"


def order_id_of(session_id: str) -> str | None:
    """Return the id of the order that a free session would be of, or None where it is no such."""
    if not session_id.startswith(FREE_SESSION_PREFIX):
        return None
    start = len(FREE_SESSION_PREFIX)
    return session_id[start : start + _ORDER_ID_LENGTH]


def with_session_id(success_url: str, session_id: str) -> str:
    """Add `session_id=…` to the URL's query, and put the id wherever the URL has a place for it.

    Source: Stripe's page "Customize redirect behavior".
    """
    added = f"session_id={SESSION_PLACEHOLDER}"
    if added not in success_url:
        parts = urlsplit(success_url)
        query = f"{parts.query}&{added}" if parts.query else added
        success_url = urlunsplit(parts._replace(query=query))
    return success_url.replace(SESSION_PLACEHOLDER, session_id)
