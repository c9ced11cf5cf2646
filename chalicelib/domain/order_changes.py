"""What can become of an order: each change a function of the order and the news, without I/O.

A change that is made already returns the very same order, so that a repeat of any news is seen to
be one. `services.ports.OrderStore.replace` stores what comes out, and moves the seats with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.checkout_sessions import CheckoutSession
from chalicelib.domain.orders import Cause, HistoryEntry, MailStatus, Order, OrderStatus
from chalicelib.domain.refunds import Dispute, Refund, RefundStatus, Why
from chalicelib.domain.tickets import CheckIn

# Who decides on a refund carries it out at once. This is when the timer does, should they not have
# come to it.
LOOK_AGAIN_AFTER = timedelta(minutes=1)
# How long who sends a confirmation has for it before somebody else may.
MAIL_CLAIM = timedelta(minutes=2)
# How long an order waits that the timer could not bring to its end: half as long as it is old.
_SHORTEST_WAIT = timedelta(minutes=5)
_LONGEST_WAIT = timedelta(hours=6)


def with_session(order: Order, session_id: str, at: datetime) -> Order:
    """Note the checkout session that an order is paid by."""
    return replace(order, session_id=session_id, updated_at=at)


def await_payment(order: Order, until: datetime, at: datetime, cause: Cause) -> Order:
    """Keep a pending order's hold while its payment is on the way, and look again at `until`."""
    if order.awaiting_since is not None:
        return replace(order, due_at=until)
    waiting = replace(order, awaiting_since=at, due_at=until)
    return _changed(order, waiting, at, cause)


def release(order: Order, status: OrderStatus, at: datetime, cause: Cause) -> Order:
    """Give a pending order's seats back: it has expired or failed."""
    if order.status is not OrderStatus.PENDING:
        return order
    return _changed(order, replace(order, status=status, due_at=None), at, cause)


def pay(
    order: Order,
    session: CheckoutSession,
    new_secret: Callable[[], str],
    at: datetime,
    cause: Cause,
) -> Order:
    """Note that an order is paid, and make its tickets; its seats are sold to it."""
    if order.is_paid:
        return order
    secrets = tuple(new_secret() for _ in range(order.quantity))
    return _changed(order, replace(_with_payment(order, session, at), tickets=secrets), at, cause)


def pay_in_vain(
    order: Order, session: CheckoutSession, why: Why, at: datetime, cause: Cause
) -> Order:
    """Note that an order is paid for which there are no seats, and that its money goes back."""
    if order.is_paid:
        return order
    refund = Refund(
        key=why.value,
        amount=session.amount_total,
        status=RefundStatus.REQUESTED,
        at=at,
        reason=why.value,
    )
    paid = _with_payment(order, session, at)
    refunds = (refund,) if refund.amount else ()
    return _changed(order, replace(paid, refunds=refunds), at, Cause(f"{why.value} ({cause.text})"))


def _with_payment(order: Order, session: CheckoutSession, at: datetime) -> Order:
    return replace(
        order,
        status=OrderStatus.PAID,
        session_id=session.id,
        payment_intent_id=session.payment_intent_id,
        paid_at=at,
        amount_paid=session.amount_total,
        customer_email=order.customer_email or session.customer_email,
    )


def hear_of_refund(order: Order, news: Refund, at: datetime, cause: Cause) -> Order:
    """Bring an order in step with news of a refund of it, its own or one made in the dashboard."""
    known = order.refund(news.key)
    if known is None:
        return _with_refunds(order, (*order.refunds, news), at, _about(news, cause))
    if not news.outranks(known):
        return order
    # What was asked for stays as it was asked for; Stripe tells how it went.
    told = replace(
        known,
        status=news.status,
        amount=news.amount,
        stripe_id=news.stripe_id or known.stripe_id,
        failure=news.failure,
    )
    refunds = tuple(told if item.key == known.key else item for item in order.refunds)
    return _with_refunds(order, refunds, at, _about(told, cause))


def without_taking_seats(order: Order, before: Order) -> Order:
    """Return the change of an order as it is where seats that went back to stock are gone: its
    tickets stay void, and what they cost is owed.
    """
    voided = before.voided
    kept = replace(order, voided=voided, seats_returned=before.seats_returned)
    status = _status(kept)
    history = (*order.history[:-1], replace(order.history[-1], status=status))
    return replace(kept, status=status, history=history)


def hear_of_dispute(order: Order, news: Dispute, at: datetime, cause: Cause) -> Order:
    """Bring an order in step with news of a dispute about it."""
    known = next((dispute for dispute in order.disputes if dispute.id == news.id), None)
    if known is not None and not news.outranks(known):
        return order
    told = news if known is None else replace(news, at=known.at)
    others = [dispute for dispute in order.disputes if dispute.id != news.id]
    # By their ids, so that it does not matter which was heard of first.
    disputes = tuple(sorted((*others, told), key=lambda dispute: dispute.id))
    about = Cause(f"dispute {news.id} {news.status.value} ({cause.text})")
    return _changed(order, replace(order, disputes=disputes), at, about)


def check_in(order: Order, entry: CheckIn) -> Order:
    """Note that the holder of a ticket came in."""
    return replace(order, check_ins=(*order.check_ins, entry), updated_at=entry.at)


def ask_for_mail(order: Order, at: datetime) -> Order:
    """Have the confirmation of a just paid order sent, once, by the caller to begin with."""
    if order.mail is not MailStatus.NONE or not order.customer_email:
        return order
    claimed = at + MAIL_CLAIM
    return replace(order, mail=MailStatus.DUE, mail_claimed_until=claimed, due_at=claimed)


def claim_mail(order: Order, at: datetime) -> Order:
    """Take it on to send the confirmation; the same order where that is not for the caller."""
    is_claimed = order.mail_claimed_until is not None and at < order.mail_claimed_until
    if order.mail is not MailStatus.DUE or is_claimed:
        return order
    claimed = at + MAIL_CLAIM
    return replace(order, mail_claimed_until=claimed, due_at=claimed)


def mail_sent(order: Order, at: datetime) -> Order:
    """Note that the confirmation is sent."""
    if order.mail is not MailStatus.DUE:
        return order
    sent = replace(order, mail=MailStatus.SENT, mail_claimed_until=None, updated_at=at)
    return replace(sent, due_at=_due(sent, at))


def mail_needless(order: Order, at: datetime) -> Order:
    """Note that there is nothing to confirm, since no ticket is good. Should one be good again, a
    confirmation is due again (`_changed`).
    """
    if order.mail is not MailStatus.DUE:
        return order
    if order.good_tickets:
        return give_mail_back(order)
    without = replace(order, mail=MailStatus.NONE, mail_claimed_until=None, updated_at=at)
    return replace(without, due_at=_due(without, at))


def give_mail_up(order: Order, at: datetime) -> Order:
    """Note that the confirmation cannot be sent."""
    if order.mail is not MailStatus.DUE:
        return order
    given_up = replace(
        order, mail=MailStatus.GIVEN_UP, mail_claimed_until=None, updated_at=at, due_at=None
    )
    return replace(given_up, due_at=_due(given_up, at))


def give_mail_back(order: Order) -> Order:
    """Let somebody else send the confirmation: this time it could not be."""
    if order.mail_claimed_until is None:
        return order
    return replace(order, mail_claimed_until=None)


def postpone(order: Order, at: datetime) -> Order:
    """Have the timer look at an order later, so that one in trouble does not keep others."""
    wait = min(max((at - order.created_at) / 2, _SHORTEST_WAIT), _LONGEST_WAIT)
    return replace(order, due_at=at + wait)


def _with_refunds(order: Order, refunds: Sequence[Refund], at: datetime, cause: Cause) -> Order:
    # By their keys, so that it does not matter which was heard of first.
    refunds = tuple(sorted(refunds, key=lambda refund: refund.key))
    after = replace(order, refunds=refunds)
    # More tickets than that are void where a refund failed whose seats were gone. They can be good
    # again when money comes back, and never because more of it goes.
    least = 0 if _money_going(after) < _money_going(order) else len(order.voided)
    voided = _voided(after, max(_void_count(after), least))
    returned = max(_seats_returned(after, len(voided)), order.seats_returned if least else 0)
    return _changed(order, replace(after, voided=voided, seats_returned=returned), at, cause)


def _money_going(order: Order) -> int:
    return sum(refund.amount for refund in order.refunds if refund.counts)


def _voided(order: Order, wanted: int) -> tuple[int, ...]:
    """Return which tickets are void, so many. Those that went last come back first."""
    if not order.tickets:
        return ()
    voided = order.voided
    if wanted <= len(voided):
        return voided[:wanted]
    return (*voided, *order.not_void()[: wanted - len(voided)])


def _void_count(order: Order) -> int:
    """Return how many tickets are void for the money that goes back: one for each whole price."""
    counting = [refund for refund in order.refunds if refund.counts]
    return _tickets_worth(order, counting)


def _seats_returned(order: Order, voided: int) -> int:
    """Return how many seats are back in stock: those of the void tickets whose refund has succeeded
    and was not to keep them.
    """
    returning = [
        refund
        for refund in order.refunds
        if refund.status is RefundStatus.SUCCEEDED and refund.returns_seats
    ]
    return min(_tickets_worth(order, returning), voided)


def _tickets_worth(order: Order, refunds: Sequence[Refund]) -> int:
    """Return how many tickets these refunds are the price of, rounded down."""
    # Without money, tickets are given up by their number: those of a free order, or those whose
    # money the buyer's bank has for good.
    given_up = sum(refund.quantity for refund in refunds if not refund.amount)
    amount = sum(refund.amount for refund in refunds)
    if amount and amount >= order.amount_paid:
        return order.quantity
    paid_back = amount // order.unit_price if amount else 0
    return min(paid_back + given_up, order.quantity)


def _changed(before: Order, after: Order, at: datetime, cause: Cause) -> Order:
    status = _status(after)
    entry = HistoryEntry(at, status, cause.text)
    after = replace(after, status=status, updated_at=at, history=(*before.history, entry))
    if _is_good_again(before, after) and after.mail is MailStatus.NONE and after.customer_email:
        after = replace(after, mail=MailStatus.DUE)
    if status is OrderStatus.PENDING:
        return after
    # When a pending order was due says nothing about what is due of one that is paid.
    kept = after if before.status is not OrderStatus.PENDING else replace(after, due_at=None)
    return replace(kept, due_at=_due(kept, at))


def _is_good_again(before: Order, after: Order) -> bool:
    """Tell whether tickets are good of which none was: a dispute was won, or a refund failed."""
    return bool(before.tickets) and not before.good_tickets and after.good_tickets > 0


def _due(order: Order, at: datetime) -> datetime | None:
    if not order.requested_refunds and order.mail is not MailStatus.DUE:
        return None
    return order.due_at or at + LOOK_AGAIN_AFTER


def _status(order: Order) -> OrderStatus:
    """Return what the facts of an order add up to."""
    if not order.is_paid:
        return order.status
    if order.is_contested:
        return OrderStatus.DISPUTED
    if order.requested_refunds:
        return OrderStatus.REFUNDING
    if order.amount_paid:
        return _status_of_money(order)
    return OrderStatus.PAID if order.good_tickets else OrderStatus.CANCELLED


def _status_of_money(order: Order) -> OrderStatus:
    """Return what an order is by what of its money went back."""
    is_owed = order.owed_for is not None or not order.tickets
    if order.amount_refundable > 0 and (is_owed or len(order.voided) > _void_count(order)):
        return OrderStatus.REFUND_FAILED
    if order.is_disputed:
        return OrderStatus.DISPUTED
    if order.amount_returned >= order.amount_paid:
        return OrderStatus.REFUNDED
    return OrderStatus.PARTIALLY_REFUNDED if order.amount_returned else OrderStatus.PAID


def _about(refund: Refund, cause: Cause) -> Cause:
    return Cause(f"refund {refund.key} {refund.status.value} ({cause.text})")
