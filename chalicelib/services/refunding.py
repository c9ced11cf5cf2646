"""Refunds: decided, carried out at Stripe, and heard of from there.

A refund is stored before Stripe is asked for it, under a key that Stripe's idempotency key is made
of. So whoever finds one that Stripe has not confirmed can ask again, any number of times, and the
money goes back once.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, dropwhile, takewhile
from typing import TYPE_CHECKING

from chalicelib.domain.audit import AuditEntry, Change, Subject
from chalicelib.domain.clock import Clock
from chalicelib.domain.money import to_major
from chalicelib.domain.order_changes import hear_of_refund
from chalicelib.domain.orders import Cause, Order
from chalicelib.domain.refunds import Refund, RefundStatus, Why
from chalicelib.errors import KeyInUse, NotFound, PaymentProviderError, RefundRefused
from chalicelib.services.auditing import Auditor
from chalicelib.services.order_updates import ChangeOfOrder, update_keeping_seats

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog, Meter, OrderStore, PaymentGateway

_DIGITS = 16


# Stripe's words for a balance that does not cover a refund now ("Error codes"). What the program
# decided by itself waits until it does; an admin is told, and decides.
_PASSING = frozenset({"balance_insufficient", "insufficient_funds"})
# An order's item holds all of its refunds, and DynamoDB's items hold 400 kB. So many may be asked
# for, and so many more the program may try by itself: money that is owed waits for nobody's room.
_MOST_REFUNDS = 50


@dataclass(frozen=True, slots=True)
class RefundWish:
    """What an admin asks for: an `amount` in minor units, or a `quantity` of tickets, or, with
    neither, all that is left. `key` is the idempotency key, if one was sent.
    """

    amount: int | None = None
    quantity: int | None = None
    reason: str | None = None
    returns_seats: bool = True
    key: str | None = None

    def name(self) -> str:
        """Return what the refund is known by: without a key, the same wish is the same refund.

        Its second half is the wish, so that another wish under the same key is seen to be one.
        """
        own = repr((self.amount, self.quantity, self.reason, self.returns_seats))
        first = _digest(f"wish {own}" if self.key is None else f"key {self.key}")
        return f"r{first}{_digest(own)}"


class Refunding:
    """The use cases about money that goes back."""

    def __init__(
        self,
        *,
        orders: "OrderStore",
        payments: "PaymentGateway",
        auditor: Auditor,
        clock: Clock,
        log: "AuditLog",
        meter: "Meter",
    ) -> None:
        self._orders = orders
        self._payments = payments
        self._auditor = auditor
        self._clock = clock
        self._log = log
        self._meter = meter

    def request(self, order_id: str, wish: RefundWish, by: str) -> Order:
        """Refund all or part of an order as an admin wishes (`by` is the admin's id); a repeat of
        the same wish is the same refund.

        Raises `NotFound`, `RefundRefused`, `KeyInUse`, `PaymentProviderError` (it is decided, and
        will be carried out) or `Unavailable`.
        """
        order = self._orders.get(order_id)
        if order is None:
            raise NotFound("no such order")
        name, cause = wish.name(), Cause.admin(by)
        decided = update_keeping_seats(
            self._orders,
            order,
            lambda current: self._wish_decided(current, wish, cause),
            lambda before, after: self._noted(before, after, by),
        )
        key = _last_key(decided.order, name) or name
        if decided.made:
            self._log.audit(
                "refund_requested",
                {"orderId": order.id, "refund": key, "by": cause.text},
            )
        after = self.carry_out(decided.order, cause)
        refund = after.refund(key)
        if refund is not None and refund.status is RefundStatus.FAILED:
            raise RefundRefused(
                f"the payment provider refused the refund ({refund.failure})", refund.failure
            )
        return after

    def _noted(self, before: Order, after: Order, by: str) -> AuditEntry:
        """Return the audit entry of a refund that is decided. The reason is free text, and may be
        about the buyer: only the order has it.
        """
        refund = next(one for one in after.refunds if before.refund(one.key) is None)
        changes = {"status": Change(before.status.value, after.status.value)}
        details = {
            "refund": refund.key,
            "amount": to_major(refund.amount, after.currency),
            "currency": after.currency,
            "tickets": refund.quantity or None,
            "returnsSeats": refund.returns_seats,
        }
        return self._auditor.entry(
            "refund_requested",
            Subject.order(after.id),
            by,
            changes if before.status is not after.status else None,
            details,
        )

    def _wish_decided(self, order: Order, wish: RefundWish, cause: Cause) -> Order:
        """Return the order with the refund decided; the same where it is already."""
        name = wish.name()
        _ensure_same_wish(order, name)
        last = order.refund(_last_key(order, name) or name)
        if last is not None and last.counts:
            return order
        if sum(one.why is None for one in order.refunds) >= _MOST_REFUNDS:
            raise RefundRefused("this order has had too many refunds; make it at Stripe")
        return self._decided(order, _next_key(order, name), wish, cause)

    def return_all(self, order: Order, why: Why, cause: Cause) -> Order:
        """Refund what is left of an order, for a reason of the program's own.

        Where nothing is left, or a dispute about it is open, nothing new is decided.
        """
        decided = update_keeping_seats(
            self._orders, order, lambda current: self._all_decided(current, why, cause)
        )
        return self.carry_out(decided.order, cause)

    def _all_decided(self, order: Order, why: Why, cause: Cause) -> Order:
        """Return the order with the refund of what is left decided; the same if nothing can be."""
        is_left = order.good_tickets > 0 if order.is_free else order.amount_refundable > 0
        is_full = sum(one.why is not None for one in order.refunds) >= _MOST_REFUNDS
        if not order.is_paid or order.is_contested or not is_left or is_full:
            return order
        return self._decided(
            order, _next_key(order, why.value), RefundWish(reason=why.value), cause
        )

    def _decided(self, order: Order, key: str, wish: RefundWish, cause: Cause) -> Order:
        now = self._clock()
        amount, quantity = _worth(order, wish)
        status = RefundStatus.REQUESTED if amount else RefundStatus.SUCCEEDED
        refund = Refund(
            key=key,
            amount=amount,
            status=status,
            at=now,
            returns_seats=wish.returns_seats,
            quantity=quantity,
            reason=wish.reason,
        )
        return hear_of_refund(order, refund, now, cause)

    def carry_out(self, order: Order, cause: Cause) -> Order:
        """Have Stripe make the refunds that it has not confirmed; return the order afterwards.

        Raises `PaymentProviderError` or `Unavailable`; a repeat then does what is left.
        """
        tried: set[str] = set()
        while left := [one for one in order.requested_refunds if one.key not in tried]:
            tried.add(left[0].key)
            order = self._carried_out(order, left[0], cause)
        return order

    def _carried_out(self, order: Order, refund: Refund, cause: Cause) -> Order:
        try:
            told = self._payments.refund(order, refund)
        except RefundRefused as refused:
            if refund.why is not None and refused.code in _PASSING:
                self._log.error("refund_lacks_funds", {"orderId": order.id, "code": refused.code})
                self._meter.count("RefundLacksFunds")
                raise PaymentProviderError("the refund has to wait for funds") from refused
            return self._after_refusal(order, refund, refused, cause)
        return self.hear(order, told, cause)

    def _after_refusal(
        self, order: Order, refund: Refund, refused: RefundRefused, cause: Cause
    ) -> Order:
        """Note that a refund was refused, having learned what else was refunded: that is why, most
        of the time. Where it was the program that wanted all of the money to go back, what is left
        of it follows, in the same write.
        """
        self._log.error("refund_refused", {"orderId": order.id, "code": refused.code})
        order = self.hear_all(order, cause)
        now = self._clock()
        news = replace(refund, status=RefundStatus.FAILED, failure=refused.code or "refused")

        def note(current: Order) -> Order:
            after = hear_of_refund(current, news, now, cause)
            if after is current or refund.why is None:
                return after
            is_less = 0 < after.amount_refundable < refund.amount
            return self._all_decided(after, refund.why, cause) if is_less else after

        return self._heard(order, news, note)

    def hear(self, order: Order, news: Refund, cause: Cause) -> Order:
        """Bring an order in step with news of a refund, and tell of one that failed."""
        now = self._clock()
        return self._heard(order, news, lambda current: hear_of_refund(current, news, now, cause))

    def _heard(self, order: Order, news: Refund, change: ChangeOfOrder) -> Order:
        heard = update_keeping_seats(self._orders, order, change)
        if heard.made:
            self._tell(heard.order, news)
        return heard.order

    def _tell(self, order: Order, news: Refund) -> None:
        fields = {"orderId": order.id, "refund": news.key, "amount": news.amount}
        if news.counts:
            self._log.audit(f"refund_{news.status.value}", fields)
            if news.status is RefundStatus.SUCCEEDED:
                self._meter.count("Refund")
            return
        self._log.error("refund_failed", {**fields, "failure": news.failure})
        self._meter.count("RefundFailed")

    def hear_all(self, order: Order, cause: Cause) -> Order:
        """Bring an order in step with all refunds that Stripe knows of its payment."""
        if order.payment_intent_id is None:
            return order
        for refund in self._payments.refunds_of(order.payment_intent_id):
            order = self.hear(order, refund, cause)
        return order

    def try_to_carry_out(self, order: Order, cause: Cause) -> Order:
        """Carry out what is decided; what Stripe cannot do now is left for the timer."""
        try:
            return self.carry_out(order, cause)
        except PaymentProviderError:
            self._log.error("refund_left", {"orderId": order.id})
            return self._orders.get(order.id) or order


def _worth(order: Order, wish: RefundWish) -> tuple[int, int]:
    """Return how much money a wish is about, and how many tickets where it was tickets.

    Raises `RefundRefused`.
    """
    if not order.is_paid:
        raise RefundRefused("nothing was paid for this order")
    if order.is_contested:
        raise RefundRefused("the buyer's bank disputes the payment and has the money")
    left = order.amount_refundable
    if order.is_free or (order.is_disputed and not left):
        return 0, _tickets_without_money(order, wish)
    if not left:
        raise RefundRefused("all of the money has been refunded already")
    if wish.quantity is not None:
        # By their money: a ticket may be void whose refund failed, and is owed for.
        unrefunded = -(-left // order.unit_price)
        if wish.quantity > unrefunded:
            raise RefundRefused(f"the order has {unrefunded} tickets that are not refunded")
        return min(wish.quantity * order.unit_price, left), wish.quantity
    if wish.amount is None:
        return left, 0
    if wish.amount > left:
        raise RefundRefused("the amount is more than what is left to refund")
    return wish.amount, 0


def _tickets_without_money(order: Order, wish: RefundWish) -> int:
    """Return how many tickets are given up of an order that cost nothing, or whose money the
    buyer's bank has for good: only its seats can come back.
    """
    good = len(order.tickets) - len(order.voided)
    if wish.amount is not None:
        raise RefundRefused("there is no money of this order to refund")
    wanted = good if wish.quantity is None else wish.quantity
    if not good or wanted > good:
        raise RefundRefused(f"the order has {good} tickets that are not cancelled")
    return wanted


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _ensure_same_wish(order: Order, name: str) -> None:
    """Raise `KeyInUse` where a key comes back with another wish."""
    first = name[: 1 + _DIGITS]
    if any(one.key.startswith(first) and not one.key.startswith(name) for one in order.refunds):
        raise KeyInUse("this idempotency key belongs to another refund")


def _keys(name: str) -> Iterator[str]:
    """Yield the keys of the tries of a refund: one that failed may be asked for again."""
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def _last_key(order: Order, name: str) -> str | None:
    """Return the key of the latest try of a refund, or None before the first."""
    *_, last = (None, *takewhile(order.refund, _keys(name)))
    return last


def _next_key(order: Order, name: str) -> str:
    return next(dropwhile(order.refund, _keys(name)))
