"""What a checkout session says that follows from its order alone."""

from chalicelib.domain.checkout_sessions import CheckoutSession, PaymentStatus, SessionStatus
from chalicelib.domain.orders import Order


def session_metadata(order: Order) -> dict[str, str]:
    """Return what a session says about its order: Stripe's are made with the same."""
    return {
        "orderId": order.id,
        "eventSlug": order.event_slug,
        "eventName": order.event_name,
        "quantity": str(order.quantity),
    }


def settled_session(order: Order, session_id: str) -> CheckoutSession:
    """Return the session of an order for which nothing is owed: one that was paid in full, or that
    cost nothing.
    """
    return CheckoutSession(
        id=session_id,
        status=SessionStatus.COMPLETE,
        payment_status=PaymentStatus.NO_PAYMENT_REQUIRED if order.is_free else PaymentStatus.PAID,
        amount_total=order.amount_total,
        currency=order.currency,
        metadata=session_metadata(order),
        url=None,
        order_id=order.id,
        payment_intent_id=order.payment_intent_id,
        customer_email=order.customer_email,
    )
