"""Stripe's API, through its official SDK: every call, its time limit, and its errors as ours."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import stripe

from chalicelib.adapters.deadline import DeadlineExceeded, within
from chalicelib.adapters.stripe_connections import shared_session
from chalicelib.adapters.stripe_errors import buyer_error, failed, is_missing, refusal, unreachable
from chalicelib.adapters.stripe_events import HANDLED_EVENTS, StripeEvent, event_from
from chalicelib.adapters.stripe_objects import REFUND_KEY, refund_from, session_from
from chalicelib.adapters.stripe_requests import refund_params, session_params
from chalicelib.domain.checkout_sessions import CheckoutSession, RedirectUrls
from chalicelib.domain.clock import Clock, utc_now
from chalicelib.domain.orders import Order
from chalicelib.domain.payment_news import PaymentNews
from chalicelib.domain.refunds import Refund, RefundStatus
from chalicelib.errors import InvalidSession, RefundRefused, TooBroad

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog

_T = TypeVar("_T", bound=stripe.StripeObject)
_Result = TypeVar("_Result")

# A buyer gets an answer within ten seconds: what Stripe's six leave of them is for the store.
# A second try is for a connection that was kept open while Lambda froze the function, and is
# gone; the idempotency key makes it safe.
_CONNECT_TIMEOUT_SECONDS = 1.0
_READ_TIMEOUT_SECONDS = 5.0
_DEADLINE_SECONDS = 6.0
_RETRIES = 1
_PAGE = 100
_SESSION_ID = re.compile(r"cs_[A-Za-z0-9_]{1,250}")
# The session of an order is made within six seconds of it, as a rule. A request that was given up
# may still arrive later, up to a minute: it asks for a session that ends 31 minutes after the
# order was made, and Stripe makes none that lives less than 30. So there can be no later one, by
# Stripe's clock, and the seconds before are for ours being ahead of it.
_EARLIEST_SESSION = timedelta(seconds=-5)
_LATEST_SESSION = timedelta(seconds=60)
# Stripe answers a repeat under an idempotency key as it did the first time, even if that was an
# error of its own, and may forget a key once it is a day old ("Idempotent requests"). So a refund
# that is still not made has another key every hour, and is looked for before it is asked for under
# that.
_KEY_KEPT = timedelta(hours=1)
# No request takes that long to arrive.
_STILL_ON_ITS_WAY = timedelta(minutes=1)


class StripeGateway:
    """`services.ports.PaymentGateway` on Stripe Checkout.

    Without an `http_client` it speaks to Stripe over the network, at `api_base` or where Stripe
    is. `renewed_key` is asked for another secret key where Stripe takes the one that it is given
    no more; it returns None where there is no other one.
    """

    def __init__(
        self,
        secret_key: str,
        api_base: str | None,
        log: "AuditLog",
        http_client: stripe.HTTPClient | None = None,
        clock: Clock = utc_now,
        renewed_key: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._api_base = api_base
        self._http_client = http_client or _over_network()
        self._log = log
        self._clock = clock
        self._renewed_key = renewed_key
        self._use(secret_key)

    def _use(self, secret_key: str) -> None:
        """Make calls with this key from now on."""
        self._key = secret_key
        self._v1 = stripe.StripeClient(
            secret_key,
            base_addresses={"api": self._api_base} if self._api_base else None,
            max_network_retries=_RETRIES,
            http_client=self._http_client,
        ).v1

    def create_session(
        self, order: Order, urls: RedirectUrls, expires_at: datetime
    ) -> CheckoutSession:
        """Open a session for the order; repeating it for the same order gives the same session.

        Raises `PaymentProviderError`, or `InvalidInput` for what only Stripe can tell is wrong.
        """
        with self._mapped_errors("create_session"):
            try:
                session = self._in_time(
                    lambda: self._v1.checkout.sessions.create(
                        session_params(order, urls, expires_at),
                        {"idempotency_key": f"{order.id}-checkout-1"},
                    )
                )
            except stripe.InvalidRequestError as error:
                wrong = buyer_error(error)
                if wrong is None:
                    raise
                raise wrong from None
        return session_from(session.to_dict())

    def retrieve_session(self, session_id: str) -> CheckoutSession:
        """Return the session, with whether its payment failed.

        Raises `InvalidSession` or `PaymentProviderError`.
        """
        if _SESSION_ID.fullmatch(session_id) is None:
            raise InvalidSession("no such checkout session")
        with self._mapped_errors("retrieve_session"):
            try:
                session = self._in_time(lambda: self._retrieve(session_id))
            except stripe.InvalidRequestError as error:
                if not is_missing(error):
                    raise
                raise InvalidSession("no such checkout session") from None
        return session_from(session.to_dict())

    def find_session(self, order: Order) -> CheckoutSession | None:
        """Return the session that was made for an order on which none is noted, if one was.

        Raises `PaymentProviderError`.
        """
        made = order.created_at
        sessions = self._all(
            "find_session",
            lambda: self._v1.checkout.sessions.list(
                {
                    "created": {
                        "gte": int((made + _EARLIEST_SESSION).timestamp()),
                        "lte": int((made + _LATEST_SESSION).timestamp()),
                    },
                    "expand": ["data.payment_intent"],
                    "limit": _PAGE,
                }
            ),
        )
        for session in sessions:
            found = session_from(session.to_dict())
            if found.order_id == order.id:
                return found
        return None

    def session_of_payment(self, payment_intent_id: str) -> CheckoutSession | None:
        """Return the session that a payment was made in, if one of ours.

        Raises `PaymentProviderError`.
        """
        with self._mapped_errors("session_of_payment"):
            try:
                found = self._in_time(
                    lambda: self._v1.checkout.sessions.list(
                        {"payment_intent": payment_intent_id, "limit": 1}
                    )
                )
            except stripe.InvalidRequestError as error:
                if not is_missing(error):
                    raise
                return None
        sessions = [session_from(session.to_dict()) for session in found.data]
        return next((session for session in sessions if session.order_id is not None), None)

    def expire_session(self, session_id: str) -> bool:
        """End a session, so that it cannot be paid; False where it had ended before.

        Raises `PaymentProviderError`.
        """
        with self._mapped_errors("expire_session"):
            try:
                self._in_time(lambda: self._v1.checkout.sessions.expire(session_id))
            except stripe.InvalidRequestError:
                # Stripe has no code for a session that is not open any more, and its texts may
                # change; the session itself tells whether that was it.
                if self._in_time(lambda: self._retrieve(session_id)).status == "open":
                    raise
                return False
        return True

    def refund(self, order: Order, refund: Refund) -> Refund:
        """Give money back, once for each order and key of a refund; return it as Stripe tells.

        Raises `RefundRefused`, with Stripe's code, or `PaymentProviderError`.
        """
        payment = order.payment_intent_id
        if payment is None:
            raise RefundRefused("there is no payment to refund")
        hours, since = divmod(self._clock() - refund.at, _KEY_KEPT)
        known = self._made_before(payment, refund) if hours > 0 else None
        if known is not None:
            return known
        if hours > 0 and since < _STILL_ON_ITS_WAY:
            # What was asked for under the key of the hour before may arrive yet.
            raise unreachable()
        try:
            return self._make_refund(payment, order, refund, max(hours, 0))
        except RefundRefused:
            # A repeat may be refused just because the first time was not: all is refunded by it.
            known = self._made_before(payment, refund)
            if known is None:
                raise
            return known

    def refunds_of(self, payment_intent_id: str) -> Sequence[Refund]:
        """Return all refunds of a payment, as they are now, but those in a status new to us.

        Raises `PaymentProviderError`.
        """
        refunds = [refund_from(made) for made in self._list_refunds(payment_intent_id)]
        return [refund for refund in refunds if refund is not None]

    def undelivered_news(
        self, since: datetime, until: datetime, limit: int | None = None
    ) -> Sequence[PaymentNews]:
        """Return what our webhook was not told of the events between two times, oldest first.

        Stripe's times are whole seconds: the second of `since` belongs to it as a whole, that of
        `until` not at all. Raises `PaymentProviderError`, or `TooBroad` where there are more than
        `limit`.
        """
        listed = self._all(
            "undelivered_news",
            lambda: self._v1.events.list(
                {
                    "delivery_success": False,
                    "types": list(HANDLED_EVENTS),
                    "created": {"gte": int(since.timestamp()), "lt": int(until.timestamp())},
                    "limit": _PAGE,
                }
            ),
        )
        # Stripe lists the latest first, so that all have to be read before the oldest is known.
        found = list(listed if limit is None else islice(listed, limit + 1))
        if limit is not None and len(found) > limit:
            raise TooBroad("more events than that were not delivered")
        events = [event_from(event.to_dict()) for event in found]
        news = [self._news(event) for event in reversed(events)]
        return [item for item in news if item is not None]

    def _news(self, event: StripeEvent) -> PaymentNews | None:
        try:
            return event.news()
        except (KeyError, TypeError, ValueError) as error:
            # One event that cannot be read must not keep all others from being handled.
            self._log.error(
                "stripe_event_unreadable",
                {"event": event.id, "eventType": event.type, "type": type(error).__name__},
            )
            return None

    def _retrieve(self, session_id: str) -> stripe.checkout.Session:
        # A session does not show by itself that its payment failed; the payment does.
        return self._v1.checkout.sessions.retrieve(session_id, {"expand": ["payment_intent"]})

    def _list_refunds(self, payment_intent_id: str) -> Iterator[Mapping[str, Any]]:
        found = self._all(
            "refunds_of",
            lambda: self._v1.refunds.list({"payment_intent": payment_intent_id, "limit": _PAGE}),
        )
        for refund in found:
            yield refund.to_dict()

    def _made_before(self, payment_intent_id: str, refund: Refund) -> Refund | None:
        for made in self._list_refunds(payment_intent_id):
            if (made.get("metadata") or {}).get(REFUND_KEY) == refund.key:
                return _as_told(refund, made)
        return None

    def _make_refund(
        self, payment_intent_id: str, order: Order, refund: Refund, hours: int
    ) -> Refund:
        key = f"{order.id}-refund-{refund.key}" + (f"-{hours}" if hours else "")
        with self._mapped_errors("refund"):
            try:
                made = self._in_time(
                    lambda: self._v1.refunds.create(
                        refund_params(payment_intent_id, order, refund),
                        {"idempotency_key": key},
                    )
                ).to_dict()
            except (stripe.InvalidRequestError, stripe.IdempotencyError) as error:
                if error.http_status == HTTPStatus.CONFLICT:
                    # The same refund is being made by somebody else this very moment
                    # (`idempotency_key_in_use`): that is no refusal.
                    raise
                raise refusal(error) from None
        return _as_told(refund, made)

    def _all(self, call: str, first: Callable[[], stripe.ListObject[_T]]) -> Iterator[_T]:
        """Yield what is listed, page by page; each page has the whole of the time limit."""
        fetch = first
        while True:
            with self._mapped_errors(call):
                page = self._in_time(fetch)
            yield from page.data
            if not page.has_more:
                return
            fetch = page.next_page

    def _in_time(self, work: Callable[[], _Result]) -> _Result:
        """Return what a call returns, made once more with the key that took the place of ours if
        Stripe says that ours is none: an operator rolls it, and nothing is deployed for that.
        """
        key = self._key
        try:
            return within(_DEADLINE_SECONDS, work)
        except stripe.AuthenticationError:
            other = self._renewed_key(key)
            if other is None:
                raise
            self._use(other)
        return within(_DEADLINE_SECONDS, work)

    @contextmanager
    def _mapped_errors(self, call: str) -> Iterator[None]:
        try:
            yield
        except DeadlineExceeded:
            self._log.error("stripe_failed", {"call": call, "type": "DeadlineExceeded"})
            raise unreachable() from None
        except stripe.StripeError as error:
            # The message may quote what was sent, such as an e-mail address, so it reaches no log,
            # as a trace's cause neither; type, code and request id are enough to find the rest in
            # Stripe's dashboard.
            self._log.error(
                "stripe_failed",
                {
                    "call": call,
                    "type": type(error).__name__,
                    "code": error.code,
                    "httpStatus": error.http_status,
                    "stripeRequestId": error.request_id,
                },
            )
            raise failed(error) from None


def _over_network() -> stripe.HTTPClient:
    """Return what calls Stripe over the network.

    Each call is made in a thread of its own, and a session of the SDK's own is its thread's only:
    each call would open a connection anew.
    """
    return stripe.RequestsClient(
        timeout=(_CONNECT_TIMEOUT_SECONDS, _READ_TIMEOUT_SECONDS), session=shared_session()
    )


def _as_told(refund: Refund, made: Mapping[str, Any]) -> Refund:
    """Return a refund of ours as Stripe tells of it.

    Stripe has taken it: in a status that is new to us, it is on its way until we hear more.
    """
    told = refund_from(made)
    return told or replace(refund, status=RefundStatus.PENDING, stripe_id=made["id"])
